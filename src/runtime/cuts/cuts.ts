import { hlcMs } from '../../core/clock/index.ts';
import { agreesWithLive, type Cut, CutTracker, MAX_PENDING_OPERATIONS } from '../../core/cut/index.ts';
import type { Replica } from '../../core/replica/index.ts';
import { mayAttest } from '../../core/roster/index.ts';
import { type Author, type Bytes, bytesToHex, type Hasher, LatticeError } from '../../core/types/index.ts';
import {
  createSignedAttestation,
  decodeSignedAttestation,
  type SignedAttestation,
  type SyncMessage,
} from '../../core/wire/index.ts';
import type { Clock, Log, Signer, Timer, Verdict } from '../../ports/index.ts';
import { every, type Repetition, sleep } from '../../timing/index.ts';
import type { Applied } from '../commit/applied.ts';
import type { Writer } from '../commit/writer.ts';
import type { NodeStatus } from '../facade/index.ts';
import type { KnownRoster, Roster } from '../fleet/roster.ts';
import type { LungName } from '../peers/link.ts';
import type { AttestationBook } from './attestation-book.ts';
import type { AttestedMark } from './attested.ts';
import type { CurrentCut } from './current.ts';
import { type CutCellsKeeper, createCutCells } from './cut-cells.ts';
import { appliedToStep } from './cut-steps.ts';
import type { AttestationWays, StreamlessPeer } from './spread.ts';

// Longer than other files, because one clockwork owns the trailing tree: what moves it, attests its root and drops it
// goes by the same few variables.

/** The times of cuts are whole multiples of this, in ms. */
export const CUT_PERIOD_MS = 10_000;
/** For how long, in ms, operations from before a cut may still be on their way. */
export const CUT_SETTLE_MS = 5_000;
/** How many keys are moved at one go: about a millisecond's work, after which others have their turn. */
const SLICE = 256;
/** Peers without streams are asked this long after our own attestation, when they have theirs. */
const EXCHANGE_AFTER_MS = 1_000;
const LOOK_EVERY_MS = 250;
/**
 * How far the wall clock and the monotonic clock may drift apart between two looks. The guard judges a larger jump
 * first.
 */
const MAX_DRIFT_MS = 1_000;

export interface Cuts {
  start(): void;
  stop(): void;
  /** To be called in order for every step that was made durable or left the state as it was. */
  applied(applied: Applied): void;
  /**
   * The newest cut. Undefined before the first cut, while the tree moves to the next one (well under a second), and
   * while the tracker is dropped.
   */
  current(): CurrentCut | undefined;
  /**
   * Drops the tracker until `resume`, with the reason that status shows, so that a bulk load maintains only one tree.
   */
  pause(reason: string): void;
  /** Begins again from a copy of the present tree, as a start does. */
  resume(): void;
  /**
   * How many milliseconds it takes until the next cut should be attested, at least 0. A reader that found a key changed
   * since the cut waits for that.
   */
  nextInMs(): number;
  /** Takes an attestation that came unasked by gossip or on a stream. */
  onAttestation(signed: SignedAttestation, lung: LungName, from: Author | undefined): Promise<Verdict>;
  /** Answers an `attest` request. Rejects with LatticeError `bad-signature` when one of its attestations is forged. */
  onAttest(from: Author, attestations: readonly Bytes[], lung: LungName): Promise<SyncMessage>;
  /** The coded symbols of the newest certified cuts. */
  readonly cells: Pick<CutCellsKeeper, 'find'>;
  status(): NonNullable<NodeStatus['cuts']>;
}

export interface CutsDeps {
  readonly replica: Replica;
  readonly writer: Pick<Writer, 'read'>;
  readonly hasher: Hasher;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly log: Log;
  readonly network: string;
  readonly roster: Pick<Roster, 'present' | 'votes' | 'onChange'>;
  readonly book: AttestationBook;
  /** Up to when, Unix ms, the state is closed once the cut at this time is complete (SPEC FL6). */
  readonly closes: (at: number) => number;
  /** What this node has attested so far. */
  readonly attested: Pick<AttestedMark, 'advance' | 'newest'>;
  readonly periodMs: number;
  readonly settleMs: number;
  /** Whether the wall clock can be relied on to say what time has passed. */
  readonly clockIsGood: () => boolean;
  /** Whether this node may attest whatever the roster says: it has verified every signature, and knows of no twin. */
  readonly mayAttest: () => boolean;
  readonly ways: AttestationWays;
  /** Called when this node has fixed a cut, and when a cut has got its certificate. */
  readonly onCut: (cut: { readonly at: number; readonly root: string; readonly certified: boolean }) => void;
  /** Called when the tree of the cuts did not agree with the live one, and is made anew. */
  readonly onMismatch: (cut: { readonly at: number; readonly root: string }) => void;
}

/** The clockwork of cuts: it moves the trailing tree, attests its root, and takes in what others attest. */
export function createCuts(deps: CutsDeps): Cuts {
  const { clock, log, book, periodMs, settleMs } = deps;
  let tracker: CutTracker | undefined;
  /** The cut at which the tree is; undefined before the first cut and while the tree moves. */
  let fixed: Cut | undefined;
  let newest: Cut | undefined;
  /** The greatest time that was announced as certified, so that each cut is announced once. */
  let certifiedAt = 0;
  let lagging: string | undefined = 'starting';
  let paused = false;
  /** Cuts don't begin again before this time, in monotonic ms. */
  let startAt = 0;
  let busy = false;
  let stopped = true;
  let looks: Repetition | undefined;
  let exchange: Timer | undefined;
  let drift = 0;
  const cells = createCutCells({ writer: deps.writer, cut: current });

  deps.roster.onChange(() => void takeWaiting());

  const dueAt = (): number => Math.floor((clock.now() - settleMs) / periodMs) * periodMs;

  function drop(reason: string): void {
    tracker = undefined;
    fixed = undefined;
    lagging = reason;
  }

  function look(): void {
    const apart = clock.now() - clock.monotonic();
    const jumped = Math.abs(apart - drift) > MAX_DRIFT_MS;
    drift = apart;
    if (jumped || busy || paused || !deps.clockIsGood()) return;
    if (tracker === undefined) {
      if (clock.monotonic() >= startAt) run(begin);
      return;
    }
    const at = dueAt();
    const held = tracker;
    if (at > held.at) run(() => move(held, at));
  }

  function run(work: () => Promise<void>): void {
    busy = true;
    work()
      // The writer refuses reads once the store has failed, which ends the process elsewhere.
      .catch((error: unknown) => log.debug({ error: String(error) }, 'cut left'))
      .finally(() => void (busy = false));
  }

  /** Only times later than both clocks become cuts, because what came before is in the tree without its times. */
  async function begin(): Promise<void> {
    await deps.writer.read(() => {
      if (stopped || paused) return;
      const { replica } = deps;
      const at = Math.max(hlcMs(replica.meta.hlc), clock.now());
      tracker = new CutTracker({
        hasher: deps.hasher,
        periodMs,
        tree: replica.tree.copy(),
        cells: replica.cells.copy(),
        at,
      });
      lagging = undefined;
    });
  }

  async function move(moving: CutTracker, at: number): Promise<void> {
    const under = deps.roster.present;
    const isOurs = allows(under, at, deps.attested.newest) && (await deps.attested.advance(at, under.state.hash));
    // Between batches: whatever was prepared before is in the trailing tree by then.
    await deps.writer.read(() => deps.replica.late.fixing(at, deps.closes(at)));
    if (stopped || tracker !== moving) return;
    fixed = undefined;
    moving.begin(at);
    let cut = moving.advance(SLICE);
    while (cut === undefined) {
      await sleep(clock, 0);
      if (stopped || tracker !== moving) return;
      cut = moving.advance(SLICE);
    }
    // Between batches the live tree is what the tracker was told of last.
    const agrees = await deps.writer.read(() => {
      deps.replica.late.fixed(at);
      return agreesWithLive(moving, deps.replica);
    });
    if (stopped || tracker !== moving) return;
    if (agrees === false) return distrust(cut);
    fixed = cut;
    newest = cut;
    attest(cut, isOurs ? under : undefined);
  }

  /** Whether this node may attest `at` under this roster, with `attested` as the newest time that it attested. */
  function allows({ state, start }: KnownRoster, at: number, attested: number): boolean {
    return deps.mayAttest() && mayAttest(deps.signer.author, state, deps.roster.votes, { at, attested, start });
  }

  /** Never attests what the state cannot have been: the tree of the cuts is made anew from the live one (SPEC Z2). */
  function distrust({ at, root }: Cut): void {
    drop('the tree of the cuts did not agree with the state: it is made anew');
    deps.onMismatch({ at, root: bytesToHex(root) });
  }

  /** `under`: it is durable that this node attests this time under this roster. */
  function attest(cut: Cut, under: KnownRoster | undefined): void {
    const { network, roster, signer } = deps;
    // A twin may have shown meanwhile, the clock may have turned out wrong, or another roster have begun. A vote that
    // was given meanwhile has named this time.
    const signs = under === roster.present && deps.mayAttest() && deps.clockIsGood();
    const signed = signs
      ? createSignedAttestation({ network, author: signer.author, trustHash: under.state.hash, ...cut }, (message) =>
          signer.sign(message),
        )
      : undefined;
    book.ours(cut, signed);
    deps.onCut({ at: cut.at, root: bytesToHex(cut.root), certified: false });
    if (signed !== undefined) deps.ways.spread(signed, undefined, undefined);
    announce();
    exchange?.cancel();
    exchange = clock.after(Math.min(EXCHANGE_AFTER_MS, periodMs / 4), () => {
      for (const peer of deps.ways.streamless())
        void trade(peer).catch((error: unknown) => log.debug({ error: String(error) }, 'no attestations'));
    });
  }

  /** Sends our newest attestations to a peer that no stream reaches, and takes in those that it answers with. */
  async function trade({ author, ask }: StreamlessPeer): Promise<void> {
    const reply = await ask({ type: 'attest', attestations: book.newest() });
    if (reply.type !== 'attested')
      throw new LatticeError('malformed', `expected attested, the peer answered ${reply.type}`);
    await takeAll(reply.attestations, 'http', author);
    if (reply.certificate.length === 0) return;
    for (const signed of await book.hearCertificate(reply.certificate)) deps.ways.spread(signed, 'http', author);
    announce();
  }

  function announce(): void {
    const { certified } = book.summary();
    if (certified === undefined || certified.at <= certifiedAt) return;
    certifiedAt = certified.at;
    cells.keep();
    deps.onCut({ at: certified.at, root: certified.root, certified: true });
  }

  async function onAttestation(signed: SignedAttestation, lung: LungName, from: Author | undefined): Promise<Verdict> {
    const heard = await book.hear(signed);
    if (heard === 'forged') return 'reject';
    if (heard === 'known') return 'ignore';
    deps.ways.spread(signed, lung, from);
    announce();
    return 'accept';
  }

  /** Takes in what came under a roster that was not known then. */
  async function takeWaiting(): Promise<void> {
    for (const signed of book.waiting())
      if ((await book.hear(signed)) === 'new') deps.ways.spread(signed, undefined, undefined);
    announce();
  }

  async function takeAll(attestations: readonly Bytes[], lung: LungName, from: Author): Promise<void> {
    for (const bytes of attestations) {
      let signed: SignedAttestation;
      try {
        signed = decodeSignedAttestation(bytes);
      } catch (error) {
        // An attestation of a later version is left alone.
        if (error instanceof LatticeError && error.code === 'unknown-version') continue;
        throw error;
      }
      if ((await onAttestation(signed, lung, from)) === 'reject')
        throw new LatticeError('bad-signature', 'an attestation has a bad signature');
    }
  }

  function current(): CurrentCut | undefined {
    if (tracker === undefined || fixed === undefined) return undefined;
    const [held, { at }] = [tracker, fixed];
    const { tree, cells } = held;
    // Operations from before the cut may have come late. The root is then another than the attested one, and has no
    // certificate.
    const root = tree.root();
    const certificate = book.certificate({ at, root });
    return {
      at,
      root,
      entries: tree.size,
      tree,
      cells,
      isPending: (keyHash) => held.isPending(keyHash),
      pendingKeys: () => held.pendingKeys(),
      refsOf: (keyHash) => held.refsOf(keyHash),
      ...(certificate === undefined ? {} : { certificate: certificate.bytes }),
    };
  }

  return {
    start() {
      stopped = false;
      drift = clock.now() - clock.monotonic();
      looks = every(clock, Math.min(LOOK_EVERY_MS, periodMs / 4), look, {
        firstMs: 0,
        onError: (err) => log.error({ err }, 'looking for the next cut failed'),
      });
    },
    stop() {
      stopped = true;
      looks?.stop();
      exchange?.cancel();
    },
    applied(applied) {
      if (applied.amended) {
        // An amendment names no operations from which the tree could follow. Amendments come by the hundred, so the
        // tracker begins again only when they have ended.
        if (!paused) drop('the state was changed without commits');
        startAt = clock.monotonic() + periodMs;
        return;
      }
      if (tracker === undefined) return;
      try {
        tracker.apply(appliedToStep(applied));
      } catch (error) {
        // An error here must not take the batch back, because it is durable.
        drop(`the tracker failed: ${String(error)}`);
        startAt = clock.monotonic() + periodMs;
        log.error({ error: String(error) }, 'cuts start over');
        return;
      }
      if (tracker.operations <= MAX_PENDING_OPERATIONS) return;
      drop(`more than ${MAX_PENDING_OPERATIONS} operations came between two cuts`);
      startAt = clock.monotonic() + periodMs;
      log.warn({ operations: MAX_PENDING_OPERATIONS }, 'cuts start over: too many operations between two of them');
    },
    current,
    cells,
    pause(reason) {
      paused = true;
      drop(reason);
    },
    resume() {
      paused = false;
      startAt = 0;
    },
    nextInMs() {
      // Moving the tree and gathering attestations takes at most about a second, which EXCHANGE_AFTER_MS allows for.
      const base = Math.max(dueAt(), tracker?.at ?? clock.now());
      return Math.max(0, (Math.floor(base / periodMs) + 1) * periodMs + settleMs + EXCHANGE_AFTER_MS - clock.now());
    },
    onAttestation,
    async onAttest(from, attestations, lung) {
      await takeAll(attestations, lung, from);
      return {
        type: 'attested',
        certificate: book.certificate()?.bytes ?? new Uint8Array(0),
        attestations: book.newest(),
      };
    },
    status() {
      return {
        ...(newest === undefined
          ? {}
          : { newest: { at: newest.at, root: bytesToHex(newest.root), entries: newest.entries } }),
        ...(lagging === undefined ? {} : { lagging }),
        ...book.summary(),
      };
    },
  };
}
