import { hlcMs } from '../../core/clock/index.ts';
import { type Cut, CutTracker, MAX_PENDING_OPERATIONS } from '../../core/cut/index.ts';
import type { Replica } from '../../core/replica/index.ts';
import { type Author, type Bytes, bytesToHex, type Hasher, LatticeError } from '../../core/types/index.ts';
import {
  createSignedAttestation,
  decodeSignedAttestation,
  type SignedAttestation,
  type SyncMessage,
} from '../../core/wire/index.ts';
import type { Clock, Log, Signer, Timer, Verdict } from '../../ports/index.ts';
import { every, type Repetition, sleep } from '../../timing/index.ts';
import type { Applied, Writer } from '../commit/writer.ts';
import type { NodeStatus } from '../facade/index.ts';
import type { LungName } from '../peers/link.ts';
import type { AttestationBook } from './attestations.ts';
import type { CurrentCut } from './current.ts';
import { type CutCellsKeeper, createCutCells } from './cut-cells.ts';
import { appliedToStep } from './cut-steps.ts';
import type { AttestationWays, StreamlessPeer } from './spread.ts';

/** Times of cuts are whole multiples of this, ms. */
export const CUT_PERIOD_MS = 10_000;
/** How long operations of the time before a cut may still be on their way, ms. */
export const CUT_SETTLE_MS = 5_000;
/** Keys moved at one go: about a millisecond, then others have their turn. */
const SLICE = 256;
/** Peers without streams are asked this long after our own attestation: theirs are there by then. */
const EXCHANGE_AFTER_MS = 1_000;
const LOOK_EVERY_MS = 250;
/** Wall and monotonic clock may part by this much between two looks; a jump beyond it is the guard's to judge first. */
const MAX_DRIFT_MS = 1_000;

export interface Cuts {
  start(): void;
  stop(): void;
  /** A step was made durable, or left the state as it was. Called in order, for every step. */
  applied(applied: Applied): void;
  /**
   * Undefined before the first cut, while the tree moves to the next one (well under a second), and while the tracker
   * lags.
   */
  current(): CurrentCut | undefined;
  /** Lets the tracker go, with the reason that status shows, until `resume`: a bulk load costs only one tree then. */
  pause(reason: string): void;
  /** Starts over from a copy of the live tree, as after a start. */
  resume(): void;
  /** Milliseconds until the next cut is to be attested, at least 0: what whoever found a key changed waits for. */
  nextInMs(): number;
  /** An attestation that came unasked over gossip or a stream. */
  onAttestation(signed: SignedAttestation, lung: LungName, from: Author | undefined): Promise<Verdict>;
  /** Answers an `attest` request. LatticeError `bad-signature` for a forgery among its attestations. */
  onAttest(from: Author, attestations: readonly Bytes[], lung: LungName): Promise<SyncMessage>;
  /** Coded symbols of one of the newest certified cuts. */
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
  readonly trustHash: Bytes;
  readonly book: AttestationBook;
  readonly periodMs: number;
  readonly settleMs: number;
  /** The wall clock is good enough to say what time has passed. */
  readonly clockIsGood: () => boolean;
  /** This node's word counts: it is trusted, has verified all that it holds, and no clone of it is known. */
  readonly mayAttest: () => boolean;
  readonly ways: AttestationWays;
  /** A cut of ours is fixed, or one has its certificate. */
  readonly onCut: (cut: { readonly at: number; readonly root: string; readonly certified: boolean }) => void;
}

/** The clockwork of cuts: moves the trailing tree, attests its root, and takes in what others attest. */
export function createCuts(deps: CutsDeps): Cuts {
  const { clock, log, book, periodMs, settleMs } = deps;
  let tracker: CutTracker | undefined;
  /** Where the tree stands; undefined before the first cut and while it moves. */
  let fixed: Cut | undefined;
  let newest: Cut | undefined;
  /** Greatest time announced as certified, so that each is announced once. */
  let certifiedAt = 0;
  let lagging: string | undefined = 'starting';
  let paused = false;
  /** Monotonic ms: not started over before. */
  let startAt = 0;
  let busy = false;
  let stopped = true;
  let looks: Repetition | undefined;
  let exchange: Timer | undefined;
  let drift = 0;
  const cells = createCutCells({ writer: deps.writer, cut: current });

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
      // The writer refuses reads once the store has failed: the process ends for that elsewhere.
      .catch((error: unknown) => log.debug({ error: String(error) }, 'cut left'))
      .finally(() => void (busy = false));
  }

  /** Only times after both clocks are cut: what came before is not told apart. */
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
    fixed = undefined;
    moving.begin(at);
    let cut = moving.advance(SLICE);
    while (cut === undefined) {
      await sleep(clock, 0);
      if (stopped || tracker !== moving) return;
      cut = moving.advance(SLICE);
    }
    fixed = cut;
    newest = cut;
    attest(cut);
  }

  function attest(cut: Cut): void {
    const { network, trustHash, signer } = deps;
    const claim = { network, author: signer.author, trustHash, ...cut };
    const signed = deps.mayAttest() ? createSignedAttestation(claim, (message) => signer.sign(message)) : undefined;
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

  /** Tells and asks a peer that no stream reaches. */
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

  async function takeAll(attestations: readonly Bytes[], lung: LungName, from: Author): Promise<void> {
    for (const bytes of attestations) {
      let signed: SignedAttestation;
      try {
        signed = decodeSignedAttestation(bytes);
      } catch (error) {
        // A later version is left alone, as everywhere.
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
    // Operations of before the cut may have come late: then this is no longer the root that was attested.
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
        // No operations tell what became of the keys. Amendments come by the hundred: the tracker waits until they have
        // ended.
        if (!paused) drop('the state was changed without commits');
        startAt = clock.monotonic() + periodMs;
        return;
      }
      if (tracker === undefined) return;
      try {
        tracker.apply(appliedToStep(applied));
      } catch (error) {
        // The batch is durable: whatever is wrong here must not take it back.
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
      // Late by the time that moving and gathering take, at most about a second.
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
