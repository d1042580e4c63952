import { createMemoryStore } from '../../../src/adapters/store/index.ts';
import { createSigner, createVerifier, nodeHasher } from '../../../src/adapters/system/index.ts';
import type { Replica, WriteIntent } from '../../../src/core/replica/index.ts';
import {
  type Author,
  type Bytes,
  type Context,
  EXPIRY_VERSION,
  type Fragment,
  type Hlc,
  type JsonValue,
  PROTOCOL_VERSION,
} from '../../../src/core/types/index.ts';
import {
  createCommit,
  createSignedHead,
  encodeFragment,
  encodeOperation,
  type Head,
  type SignedHead,
} from '../../../src/core/wire/index.ts';
import type { Log, Metrics, Random, Signer, Store, StoreOperation } from '../../../src/ports/index.ts';
import type { Applied } from '../../../src/runtime/commit/applied.ts';
import type { Origin } from '../../../src/runtime/commit/origin.ts';
import { createWriter, type Writer } from '../../../src/runtime/commit/writer.ts';
import type { Lattice } from '../../../src/runtime/facade/index.ts';
import { createRoster } from '../../../src/runtime/fleet/roster.ts';
import { createProofs } from '../../../src/runtime/read/prove.ts';
import { createReads } from '../../../src/runtime/read/reads.ts';
import { createWholeState } from '../../../src/runtime/read/whole-state.ts';
import { createEntries, type Entries } from '../../../src/runtime/storage/entries.ts';
import type { EntryRows } from '../../../src/runtime/storage/entry-rows.ts';
import { createHolds, type Holds } from '../../../src/runtime/storage/holds.ts';
import { openState } from '../../../src/runtime/storage/startup.ts';
import { createExpiry, type Expiry } from '../../../src/runtime/upkeep/expiry.ts';
import { createHandClock, EPOCH_MS, type HandClock, turns } from '../../support/clock.ts';
import { DEADLINE_MS } from '../../support/wait.ts';

export { createHandClock, EPOCH_MS, type HandClock, turns };

export const NETWORK = 'test/runtime';
export const hasher = nodeHasher();
export const verifier = createVerifier();
export const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
export const metrics: Metrics = { count() {}, gauge() {}, observe() {} };

export interface LogLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** Keeps what is logged. */
export function recordingLog(lines: LogLine[]): Log {
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields: fields as Record<string, unknown>, message });
  const recording: Log = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => recording,
  };
  return recording;
}

/** Resolves when `look` is true; rejects with `what` once the deadline of tests is over. */
export async function until(what: string, look: () => boolean): Promise<void> {
  for (const end = performance.now() + DEADLINE_MS; !look(); ) {
    if (performance.now() > end) throw new Error(`not within ${DEADLINE_MS / 1000} s: ${what}`);
    await turns(1);
  }
}

/** Jitter is whatever the test says; bytes differ from call to call. */
export function createRandom(fraction = 0.5): Random & { fractionIs: number } {
  let calls = 0;
  return {
    fractionIs: fraction,
    bytes: (length) => hasher.hash(Uint8Array.of(++calls >> 8, calls)).slice(0, length),
    fraction() {
      return this.fractionIs;
    },
  };
}

/** Found by repair, by whatever peer. */
export const FOUND: Origin = { lung: 'http', peer: undefined, live: false };

export interface TestAuthor extends Signer {
  /** A signed commit that puts `values`, at `ms` of wall time. */
  commit(
    /** A key without a value is deleted. */
    values: Readonly<Record<string, JsonValue | undefined>>,
    more?: { ms?: number; network?: string; context?: Context; expires?: number },
  ): Fragment;
  head(more?: Partial<Head>): SignedHead;
}

/** A key of its own for each id, and what it signs. */
export function createAuthor(id: number): TestAuthor {
  const signer = createSigner(new Uint8Array(32).fill(id));
  const { author, sign } = signer;
  let counter = 0n;
  return {
    ...signer,
    commit(values, { ms = EPOCH_MS, network = NETWORK, context = [], expires } = {}) {
      const hlc = ((BigInt(ms) << 16n) + ++counter) as Hlc;
      const end = expires === undefined ? {} : { expires };
      const operations = Object.entries(values).map(([key, value]) =>
        encodeOperation(
          value === undefined ? { kind: 'delete', key, context } : { kind: 'put', key, value, context, ...end },
        ),
      );
      const version = expires === undefined ? PROTOCOL_VERSION : EXPIRY_VERSION;
      return createCommit({ network, author, hlc, operations, version }, hasher, sign);
    },
    head: (more = {}) =>
      createSignedHead(
        {
          network: NETWORK,
          author,
          incarnation: new Uint8Array(8).fill(id),
          sequence: 1,
          hlc: 0n as Hlc,
          root: new Uint8Array(32).fill(id),
          entries: 0,
          trustHash: new Uint8Array(32),
          wallMs: EPOCH_MS,
          ...more,
        },
        sign,
      ),
  };
}

/** The same bytes but for one bit of the signature. */
export function withBadSignature(fragment: Fragment): Bytes {
  const signature = fragment.signature.slice();
  signature[0] = (signature[0] as number) ^ 1;
  return encodeFragment({ ...fragment, signature });
}

export function badHead(head: SignedHead): SignedHead {
  const bytes = head.bytes.slice();
  bytes[bytes.length - 40] = (bytes[bytes.length - 40] as number) ^ 1;
  const signature = bytes.slice(-64);
  return { ...head, bytes, signature };
}

export interface Held {
  readonly operations: readonly StoreOperation[];
  release(): void;
  fail(): void;
}

/** A store whose batches wait for the test while it holds them. */
export interface GatedStore extends Store {
  readonly held: Held[];
  /** Batches that were handed over so far. */
  readonly batches: number;
  hold(): void;
  /** Lets go of those held, oldest first, and holds no more. */
  open(): void;
}

export function gateStore(inner: Store = createMemoryStore()): GatedStore {
  const held: Held[] = [];
  let holding = false;
  let batches = 0;
  return {
    ...inner,
    held,
    get batches() {
      return batches;
    },
    hold() {
      holding = true;
    },
    open() {
      holding = false;
      for (const one of held.splice(0)) one.release();
    },
    async batch(operations) {
      batches++;
      if (holding) {
        await new Promise<void>((resolve, reject) =>
          held.push({ operations, release: resolve, fail: () => reject(new Error('no space left on device')) }),
        );
      }
      await inner.batch(operations);
    },
  };
}

export interface TestState {
  readonly self: TestAuthor;
  readonly hasher: typeof hasher;
  readonly store: GatedStore;
  readonly replica: Replica;
  readonly entries: Entries;
  readonly rows: EntryRows;
  readonly holds: Holds;
  readonly incarnation: Bytes;
  /** The newest attested time that the store names. */
  readonly attested: number;
  readonly writer: Writer;
  readonly clock: HandClock;
  readonly applied: Applied[];
  readonly fatal: unknown[];
  /** Not started: it tells of ends only when a test asks it to. */
  readonly expiry: Expiry;
  readonly settled: Expiry['settled'];
  readonly now: () => number;
}

/** A replica and its writer over a memory store: all of a node that is not a network. Trusts every author. */
export async function openTestState(
  options: {
    readonly id?: number;
    readonly clock?: HandClock;
    readonly store?: GatedStore;
    readonly onApplied?: (applied: Applied) => void;
    readonly onUnchanged?: (applied: Applied) => void;
    readonly sign?: Signer['sign'];
    readonly maxHeldBytes?: number;
    readonly log?: Log;
    readonly isAfterEnd?: (author: Author, ms: number) => boolean;
  } = {},
): Promise<TestState> {
  const self = createAuthor(options.id ?? 1);
  const store = options.store ?? gateStore();
  const clock = options.clock ?? createHandClock();
  const { replica, rows, incarnation, attested } = await openState({
    store,
    hasher,
    random: createRandom(),
    network: NETWORK,
    self: self.author,
    isKnown: () => true,
    isAfterEnd: options.isAfterEnd,
    directory: 'memory',
  });
  const applied: Applied[] = [];
  const fatal: unknown[] = [];
  const entries = createEntries({ rows, hasher, replica });
  const holds = createHolds({
    hasher,
    ...(options.maxHeldBytes === undefined ? {} : { maxBytes: options.maxHeldBytes }),
  });
  const writer = createWriter({
    replica,
    store,
    hasher,
    entries,
    onStep(step) {
      holds.stepped(step);
      expiry.stepped(step);
    },
    signer: { ...self, sign: options.sign ?? self.sign },
    clock,
    log: options.log ?? log,
    onDurable(step) {
      applied.push(step);
      options.onApplied?.(step);
    },
    ...(options.onUnchanged === undefined ? {} : { onUnchanged: options.onUnchanged }),
    onFatal: (error) => fatal.push(error),
  });
  const expiry = createExpiry({ replica, store, writer, clock, log: options.log ?? log });
  return {
    expiry,
    settled: expiry.settled,
    now: () => clock.now(),
    self,
    hasher,
    store,
    replica,
    entries,
    rows,
    holds,
    incarnation,
    attested,
    writer,
    clock,
    applied,
    fatal,
  };
}

/** All reads of a node over the parts of a state, or over others in their place. */
export function readsOf(
  state: TestState,
  over: Partial<Pick<TestState, 'store' | 'entries' | 'rows'>> & { readonly ownHead?: () => SignedHead } = {},
): Pick<Lattice, 'get' | 'list' | 'conflicts' | 'wholeState' | 'verifyIntegrity' | 'prove' | 'certificate'> {
  const roster = createRoster([], state.self.author, hasher);
  const ownHead = (): SignedHead => state.self.head();
  const deps = { ownHead, ...state, ...over, hasher, network: NETWORK, ...noCuts, roster };
  return { ...createReads(deps), ...createWholeState(deps), ...createProofs(deps) };
}

export function put(
  key: string,
  value: JsonValue,
  conditions: { ifMatch?: string; ifNoneMatch?: '*' } = {},
): WriteIntent {
  return { operations: [{ kind: 'put', key, value, ...conditions }] };
}

/** `count` puts of new keys: a full commit's worth keeps the writer busy. */
export function puts(prefix: string, count: number): WriteIntent {
  return {
    operations: Array.from({ length: count }, (_, i) => ({ kind: 'put' as const, key: `${prefix}/${i}`, value: i })),
  };
}

/** For reads that are not asked about cuts. */
const noCuts = {
  cuts: { current: () => undefined, nextInMs: () => 0 },
  book: { certificate: () => undefined },
} as const;

/** How a promise stands now. */
export function outcomeOf(promise: Promise<unknown>): { state: 'pending' | 'fulfilled' | 'rejected'; code?: string } {
  const outcome: { state: 'pending' | 'fulfilled' | 'rejected'; code?: string } = { state: 'pending' };
  promise.then(
    () => (outcome.state = 'fulfilled'),
    (error: { code?: string }) => {
      outcome.state = 'rejected';
      if (error.code !== undefined) outcome.code = error.code;
    },
  );
  return outcome;
}

/** A promise and the handle that ends it. */
export function deferred<T>(): { readonly promise: Promise<T>; resolve(value: T): void; reject(error: Error): void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

export type { Author };
