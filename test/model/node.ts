import { createHash } from 'node:crypto';
import { nodeHasher } from '../../src/adapters/system/index.ts';
import { hlcMs, ZERO_HLC } from '../../src/core/clock/index.ts';
import { agreesWithLive, type Cut, CutTracker } from '../../src/core/cut/index.ts';
import {
  createReplica,
  type Replica,
  type RowWrite,
  type Step,
  type WriteIntent,
} from '../../src/core/replica/index.ts';
import { BUCKETS, decodeOwnCommit, decodeOwnSince, OWN_SINCE } from '../../src/core/rows/index.ts';
import { createChunkCheck } from '../../src/core/snapshot/index.ts';
import { covers, type Versioned } from '../../src/core/state/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  concatBytes,
  type Entry,
  equalBytes,
  type Fragment,
  type FragmentOperation,
  type Hlc,
  type Operation,
} from '../../src/core/types/index.ts';
import { encodeEntry, keyHash } from '../../src/core/wire/index.ts';
import type { Log } from '../../src/ports/index.ts';
import { type Covering, createCovering } from '../../src/runtime/commit/covering.ts';
import { createGuard, type Guard } from '../../src/runtime/commit/guard.ts';
import type { Origin } from '../../src/runtime/commit/origin.ts';
import { appliedToStep } from '../../src/runtime/cuts/cut-steps.ts';
import { createFanOut, type FanOut } from '../../src/runtime/streams/fan-out.ts';

export const hasher = nodeHasher();
export const NETWORK = 'test/model';
export const PERIOD_MS = 1_000;

const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

/** The author with this number. */
export function authorOf(id: number): Author {
  return bytesToHex(new Uint8Array(32).fill(id)) as Author;
}

export const nameOf = ({ commit, index }: Versioned): string => `${bytesToHex(commit)}.${index}`;

/** Stands in for Ed25519, because the door, which checks signatures, has no part in the model. */
export function sign(message: Bytes): Bytes {
  return new Uint8Array(createHash('sha512').update(message).digest());
}

const FOUND: Origin = { lung: 'http', peer: undefined, live: false };

/**
 * One honest node: the real replica, trailing tree, guard and fan-out over a map of entries. Everything between them is
 * synchronous, so a step is durable at once.
 */
export class ModelNode {
  readonly author: Author;
  readonly trusted: Set<Author>;
  /** Whoever was trusted at any time. */
  readonly #known: ReadonlySet<Author>;
  replica: Replica;
  tracker: CutTracker;
  guard: Guard;
  #fanOut: FanOut;
  readonly #now: () => number;
  /** By key hash, hex. */
  readonly #entries = new Map<string, Entry>();
  /** What the node has kept of its own history, by the row's key in hex. */
  readonly #history = new Map<string, Bytes>();
  readonly covering: Covering;
  /** The authors that the node accuses of contradicting themselves. */
  readonly accused = new Set<Author>();
  /** For each key, what the operations that the node has taken since its start are and name: its own next ones too. */
  readonly #met = new Map<string, Map<Author, Hlc>>();
  /** A write of the node's own that names less than that. */
  forgetful: string | undefined;
  /** What the node had written itself and has seen replaced: `<commit id>.<index>`. */
  readonly #replaced = new Set<string>();
  /** The newest fixed cut. */
  cut: Cut | undefined;

  constructor(options: { readonly id: number; readonly trusted: Iterable<Author>; readonly now: () => number }) {
    this.author = authorOf(options.id);
    this.trusted = new Set(options.trusted);
    this.#known = new Set(options.trusted);
    this.#now = options.now;
    this.covering = createCovering({ monotonic: options.now });
    ({
      replica: this.replica,
      tracker: this.tracker,
      guard: this.guard,
      fanOut: this.#fanOut,
    } = this.#start(undefined));
  }

  #start(before: Replica | undefined) {
    const replica = createReplica({
      hasher,
      network: NETWORK,
      self: this.author,
      isKnown: (author) => this.#known.has(author),
      journalLength: 4,
      incarnation: new Uint8Array(8),
      cells: 2_048,
    });
    for (const entry of this.#entries.values()) replica.load(entry);
    replica.loaded();
    replica.cells.rebuild(replica.tree);
    if (before !== undefined) {
      replica.restore(before.meta);
      replica.loadClocks(before.authors());
      this.#loadHistory(replica);
    }
    this.#keep(replica.history.settle(ZERO_HLC, replica.seen(this.author)));
    const tracker = new CutTracker({
      hasher,
      periodMs: PERIOD_MS,
      tree: replica.tree.copy(),
      cells: replica.cells.copy(),
      at: Math.max(hlcMs(replica.meta.hlc), this.#now()),
    });
    const guard = createGuard({
      nameOf: (author) => author,
      clock: { now: this.#now, monotonic: this.#now, after: () => ({ cancel() {} }) },
      log,
      incarnation: new Uint8Array(8),
      ownSeen: () => replica.seen(this.author),
      dials: () => true,
      expectsOthers: () => false,
      onTwinGone: () => undefined,
      onCleared: () => undefined,
      agreesWith: () => false,
      onOpen: () => undefined,
      onClosed: () => undefined,
      peerClocks: () => [],
      members: () => 1,
      clockAheadMs: () => 0,
    });
    const fanOut = createFanOut({
      onOffered: () => undefined,
      self: this.author,
      own: { advance() {}, sawOwn() {} },
      guard,
      contradictions: {
        note: (found) => {
          for (const { siblings } of found) this.accused.add(siblings[0].author);
        },
      },
      onOwnFromElsewhere() {},
      covering: this.covering,
      cuts: { applied: (applied) => tracker.apply(appliedToStep(applied)) },
      awaits: { applied() {} },
      checkpoints: { applied() {} },
      outbox: { add() {} },
      gossips: () => false,
      streams: { publish() {} },
      push() {},
      metrics: { count() {}, gauge() {}, observe() {} },
      clock: { now: this.#now, monotonic: this.#now, after: () => ({ cancel() {} }) },
      log: { ...log, error: (fields) => this.faults.push(JSON.stringify(fields)) },
    });
    return { replica, tracker, guard, fanOut };
  }

  #keep(rows: readonly RowWrite[]): void {
    for (const row of rows) {
      const isHistory = row.key[0] === BUCKETS.own || equalBytes(row.key, OWN_SINCE);
      if (isHistory && row.type === 'put') this.#history.set(bytesToHex(row.key), row.value);
    }
  }

  #loadHistory(replica: Replica): void {
    const since = this.#history.get(bytesToHex(OWN_SINCE));
    const commits = [...this.#history.values()].flatMap((value) => decodeOwnCommit(value, hasher) ?? []);
    replica.history.load(
      since === undefined ? undefined : decodeOwnSince(since, hasher),
      commits,
      replica.committed(this.author),
    );
  }

  /** What threw where nothing may throw. */
  readonly faults: string[] = [];

  get root(): string {
    return bytesToHex(this.replica.tree.root());
  }

  entry(key: string): Entry | undefined {
    return this.entryByHash(keyHash(key, hasher));
  }

  readonly entryByHash = (hash: Bytes): Entry | undefined => this.#entries.get(bytesToHex(hash));

  readonly step = (
    input: { readonly fragments?: readonly Fragment[]; readonly writes?: readonly WriteIntent[] },
    _now = 0,
    origin: Origin = FOUND,
  ): Step => {
    const { fragments = [], writes = [] } = input;
    const step = this.replica.step({ fragments, writes }, (key) => this.entry(key), this.#now(), sign);
    for (const { keyHash: hash, before, after } of step.changed) {
      for (const one of before?.siblings ?? [])
        if (one.author === this.author && after?.siblings.includes(one) !== true) this.#replaced.add(nameOf(one));
      if (after === undefined) this.#entries.delete(bytesToHex(hash));
      else this.#entries.set(bytesToHex(hash), after);
    }
    for (const { fragment, outcomes } of step.applied)
      for (const [i, { operation }] of fragment.operations.entries())
        if (outcomes[i] === 'added' || outcomes[i] === 'superseded') this.#meet(fragment, operation);
    this.#keep(step.rows);
    const applied = { step, taken: step.applied.map((one) => ({ ...one, origin })), amended: false };
    if (step.rows.length > 0) this.#fanOut.durable(applied);
    else this.#fanOut.unchanged(applied);
    return step;
  };

  /** Takes a commit live, or refuses it for its author. */
  take(fragment: Fragment): void {
    if (this.trusted.has(fragment.header.author)) this.step({ fragments: [fragment] }, 0, { ...FOUND, live: true });
  }

  write(key: string, value: number | undefined): Fragment | undefined {
    if (this.guard.reasons().length > 0) return undefined;
    const operation = value === undefined ? { kind: 'delete' as const, key } : { kind: 'put' as const, key, value };
    const [commit] = this.step({ writes: [{ operations: [operation] }] }).commits;
    if (commit !== undefined) this.#checkContext(commit);
    return commit;
  }

  #meet({ header }: Fragment, { key, context }: Operation): void {
    const met = this.#met.get(key) ?? new Map<Author, Hlc>();
    this.#met.set(key, met);
    for (const { author, hlc } of [header, ...context]) if (hlc > (met.get(author) ?? 0n)) met.set(author, hlc);
  }

  #checkContext({ operations: [first] }: Fragment): void {
    const { key, context } = (first as FragmentOperation).operation;
    for (const [author, hlc] of this.#met.get(key) ?? [])
      if (author !== this.author && !covers(context, author, hlc)) this.forgetful = key;
  }

  /** Writes once more what a peer still shows though it had been replaced here. */
  cover(): Fragment | undefined {
    const keys = this.covering.take();
    if (keys.length === 0 || this.guard.reasons().length > 0) return undefined;
    return this.step({ writes: [{ operations: keys.map((key) => ({ kind: 'renew', key })) }] }).commits[0];
  }

  restart(): void {
    this.#met.clear();
    const { replica, tracker, guard, fanOut } = this.#start(this.replica);
    this.replica = replica;
    this.tracker = tracker;
    this.guard = guard;
    this.#fanOut = fanOut;
    this.cut = undefined;
  }

  /** Moves the trailing tree to the cut at `at`, in slices of one key. */
  fix(at: number): Cut | undefined {
    if (at <= this.tracker.at) return undefined;
    this.tracker.begin(at);
    for (;;) {
      const cut = this.tracker.advance(1);
      if (cut !== undefined) return (this.cut = cut);
    }
  }

  /** Whether the trailing tree is what it has to be beside the live one. */
  get agrees(): boolean {
    return agreesWithLive(this.tracker, this.replica) !== false;
  }

  /** An operation of the node's own that it had seen replaced, and that is here again. */
  get revenant(): string | undefined {
    return this.entries()
      .flatMap(({ siblings }) => siblings.map(nameOf))
      .find((one) => this.#replaced.has(one));
  }

  entries(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  /** Whether an operation later than `at` (Unix ms) is held. */
  holdsLaterThan(at: number): boolean {
    return this.entries().some(({ siblings }) => siblings.some(({ hlc }) => hlcMs(hlc) > at));
  }
}

/** Why a node that is `taker` would call the snapshot of `source` at its newest cut a lie; undefined when it would not. */
export function faultOfSnapshot(source: ModelNode, taker: ModelNode): string | undefined {
  const { cut, tracker } = source;
  if (cut === undefined) return undefined;
  const { tree } = tracker;
  const root = tree.root();
  const none = tree.size === 0;
  const check = createChunkCheck({
    plan: {
      certificate: undefined as never,
      certificateBytes: new Uint8Array(0),
      at: cut.at,
      root,
      entries: tree.size,
      bits: 0,
      hashes: none ? new Uint8Array(32) : root,
    },
    index: 0,
    network: NETWORK,
    isTrusted: (author) => taker.trusted.has(author),
    hasher,
  });
  const entries: Bytes[] = [];
  const leaves: Bytes[] = [];
  for (const { keyHash: hash } of source.replica.tree.eachLeaf(new Uint8Array(0), 0)) {
    if (!tracker.isPending(hash)) entries.push(encodeEntry(source.entryByHash(hash) as Entry));
    else {
      const leaf = tree.get(hash);
      if (leaf !== undefined) leaves.push(concatBytes(hash, leaf));
    }
  }
  try {
    check.add({ type: 'part', next: new Uint8Array(0), entries, leaves: concatBytes(...leaves) });
    check.finish();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
