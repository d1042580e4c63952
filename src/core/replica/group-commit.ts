import { checkKey } from '../cbor/index.ts';
import { hlcMs } from '../clock/index.ts';
import { checkConditions, contextOf, isLive, winner } from '../state/index.ts';
import {
  type Author,
  type Bytes,
  duration,
  type Entry,
  EXPIRY_VERSION,
  equalBytes,
  type Fragment,
  type Hasher,
  type JsonValue,
  LatticeError,
  MAX_COMMIT_BYTES,
  MAX_OPERATIONS,
  MAX_TTL_SECONDS,
  MAX_WRITTEN_EXPIRY,
  type Operation,
  PROTOCOL_VERSION,
  type Sibling,
} from '../types/index.ts';
import { createCommit, fragmentToSiblings, type PreparedOperation, prepareOperation } from '../wire/index.ts';
import type { Clocks } from './clocks.ts';
import type { Forgotten } from './forgotten.ts';
import type { EntryView, RowWrite, WriteIntent, WriteOutcome } from './step.ts';

export interface GroupCommitDeps {
  readonly hasher: Hasher;
  readonly network: string;
  readonly self: Author;
  /** Whether contexts keep the author's dots (SPEC R5). */
  readonly isKnown: (author: Author) => boolean;
  readonly clocks: Pick<Clocks, 'tick'>;
  readonly forgotten: Pick<Forgotten, 'of'>;
  /** The entry as the step has left it so far. */
  readonly read: EntryView;
  /** Adds an operation of a commit that is made here to the step. */
  readonly merge: (sibling: Sibling) => void;
  /** Unix ms. */
  readonly now: number;
  /** Unix ms: no own commit may be later, because this node's key is retired then (SPEC RO8). */
  readonly lastMs: number;
  readonly sign: (message: Bytes) => Bytes;
}

interface GroupCommit {
  /** The outcome of each intent, in their order. */
  readonly writes: readonly WriteOutcome[];
  readonly commits: readonly Fragment[];
  /** The rows that the intents themselves want to have written. */
  readonly rows: readonly RowWrite[];
}

/** An intent that has passed every check. */
interface PreparedIntent {
  readonly operations: readonly PreparedOperation[];
  /** For each operation, whether readers saw no value of its key before. */
  readonly created: readonly boolean[];
  readonly bytes: number;
}

/** The commit being filled. */
interface OpenCommit {
  readonly operations: PreparedOperation[];
  readonly keys: Set<string>;
  /**
   * The intents in the commit: `at` is the place of an intent among those given, and `first` the index of its first
   * operation in the commit.
   */
  readonly parts: {
    readonly intent: WriteIntent;
    readonly at: number;
    readonly first: number;
    readonly created: readonly boolean[];
  }[];
  bytes: number;
}

const openCommit = (): OpenCommit => ({ operations: [], keys: new Set(), parts: [], bytes: 0 });

/**
 * Makes signed commits of local writes (SPEC R8). Intents share a commit while they fit in it and touch different keys.
 */
export function groupCommit(intents: readonly WriteIntent[], deps: GroupCommitDeps): GroupCommit {
  const { hasher, network, self, clocks, now, sign } = deps;
  const writes: WriteOutcome[] = [];
  const commits: Fragment[] = [];
  const rows: RowWrite[] = [];
  let open = openCommit();

  function close(): void {
    const { operations, parts } = open;
    if (operations.length === 0) return;
    open = openCommit();
    const refuse = (error: LatticeError): void => {
      for (const { at } of parts) writes[at] = { ok: false, error };
    };
    const ticked = clocks.tick(now);
    if (!ticked.ok) return refuse(clockAhead(ticked.aheadMs));
    if (hlcMs(ticked.hlc) > deps.lastMs) return refuse(retired());
    let commit: Fragment;
    try {
      // Whoever reads version 1 only takes every commit without ends.
      const version = operations.some((one) => one.operation.expires !== undefined) ? EXPIRY_VERSION : PROTOCOL_VERSION;
      commit = createCommit({ network, author: self, hlc: ticked.hlc, operations, version }, hasher, sign);
    } catch (error) {
      // What is stored under one of the keys must not end the node: the contexts are made of it.
      if (!(error instanceof LatticeError)) throw error;
      return refuse(error);
    }
    const siblings = fragmentToSiblings(commit, hasher);
    for (const sibling of siblings) deps.merge(sibling);
    commits.push(commit);
    for (const { intent, at, first, created } of parts) {
      const results = created.map((isNew, i) => {
        const sibling = siblings[first + i] as Sibling;
        const { key, expires } = sibling.operation;
        const written = { key, version: `${commit.id}.${sibling.index}`, created: isNew };
        return expires === undefined ? written : { ...written, expires };
      });
      writes[at] = { ok: true, commit, results };
      rows.push(...(intent.rows?.({ commit, first, created }) ?? []));
    }
  }

  intents.forEach((intent, at) => {
    try {
      checkCount(intent.operations.length);
      // The intent writes a key that the open commit has. The commit is closed, so that the conditions and contexts of
      // this intent see what the commit wrote.
      if (intent.operations.some(({ key }) => open.keys.has(key))) close();
      const { operations, created, bytes } = prepareIntent(intent, deps);
      if (open.operations.length + operations.length > MAX_OPERATIONS || open.bytes + bytes > MAX_COMMIT_BYTES) close();
      open.parts.push({ intent, at, first: open.operations.length, created });
      for (const prepared of operations) {
        open.operations.push(prepared);
        open.keys.add(prepared.operation.key);
      }
      open.bytes += bytes;
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      writes[at] = { ok: false, error };
    }
  });
  close();
  return { writes, commits, rows };
}

/**
 * Checks the keys, conditions and values of an intent against the state that earlier ones have left. Throws a
 * LatticeError that says what is wrong.
 */
function prepareIntent(intent: WriteIntent, deps: GroupCommitDeps): PreparedIntent {
  const { read, self, isKnown, forgotten, now } = deps;
  const keys = new Set<string>();
  const created: boolean[] = [];
  let bytes = 0;
  const operations = intent.operations.map((wanted) => {
    const key = checkKey(wanted.key);
    if (keys.has(key)) throw new LatticeError('duplicate-key', `a key stands once in a commit: ${JSON.stringify(key)}`);
    keys.add(key);
    const entry = read(key);
    checkConditions(key, entry, wanted, now);
    if (wanted.found !== undefined && !isSameEntry(wanted.found.entry, entry)) throw changed(key);
    if (wanted.kind === 'renew') {
      const prepared = prepareOperation(renewed(key, entry, wanted.inPlaceOf, deps));
      bytes += prepared.bytes.length;
      created.push(false);
      return prepared;
    }
    const context = contextOf(entry, self, isKnown, forgotten.of(key));
    const expires = endOf(wanted, now);
    const operation: Operation =
      wanted.kind === 'delete'
        ? { kind: 'delete', key, context }
        : {
            kind: 'put',
            key,
            value: wanted.value as JsonValue,
            context,
            ...(expires === undefined ? {} : { expires }),
          };
    // This checks the value too. The operation is encoded once, and the commit is made of these very bytes.
    const prepared = prepareOperation(operation);
    bytes += prepared.bytes.length;
    created.push(!isLive(entry, now));
    return prepared;
  });
  if (bytes > MAX_COMMIT_BYTES) {
    throw new LatticeError(
      'commit-too-large',
      `a commit's operations take at most ${MAX_COMMIT_BYTES} bytes, these ${bytes}`,
    );
  }
  return { operations, created, bytes };
}

/**
 * When a put ends, Unix ms; undefined when it has no end. LatticeError `invalid-expiry`. A write that waited until its
 * end had come is refused as well: nobody would ever see it.
 */
function endOf(
  { kind, key, expires, ttl }: Pick<WriteIntent['operations'][number], 'kind' | 'key' | 'expires' | 'ttl'>,
  now: number,
): number | undefined {
  if (expires === undefined && ttl === undefined) return undefined;
  const refuse = (rule: string): LatticeError =>
    new LatticeError('invalid-expiry', `${JSON.stringify(key)}: ${rule}`, { details: { key } });
  if (kind !== 'put') throw refuse('only a put can have an end');
  if (ttl === undefined) {
    if (expires !== undefined && Number.isSafeInteger(expires) && expires > now && expires <= MAX_WRITTEN_EXPIRY)
      return expires;
    const past = expires !== undefined && expires <= now ? `${expires} was ${duration(now - expires)} ago; ` : '';
    const latest = `${MAX_WRITTEN_EXPIRY}, the end of the year 9999`;
    throw refuse(`${past}expires is a whole number of Unix ms in the future, and at most ${latest}`);
  }
  if (expires !== undefined) throw refuse('a put has expires or ttl, not both');
  if (!Number.isSafeInteger(ttl) || ttl < 1 || ttl > MAX_TTL_SECONDS)
    throw refuse(`ttl is a whole number of seconds from 1 to ${MAX_TTL_SECONDS}`);
  return Math.ceil(now) + 1000 * ttl;
}

/**
 * What readers see of the key, as an operation that replaces nothing else than that and all that was this node's own;
 * or what an author wrote there, in place of its operation.
 */
function renewed(
  key: string,
  entry: Entry | undefined,
  inPlaceOf: Author | undefined,
  { self, isKnown }: GroupCommitDeps,
): Operation {
  if (entry === undefined) throw new LatticeError('not-found', `no such key: ${JSON.stringify(key)}`);
  const shown = inPlaceOf === undefined ? winner(entry) : entry.siblings.find(({ author }) => author === inPlaceOf);
  if (shown === undefined) throw new LatticeError('not-found', `${inPlaceOf} has nothing under ${JSON.stringify(key)}`);
  // A sibling of this node's own beside the winner is replaced too, and what it had replaced must not come back.
  const siblings = entry.siblings.filter((sibling) => sibling === shown || sibling.author === self);
  const context = contextOf({ siblings }, self, isKnown);
  const own = inPlaceOf === undefined ? undefined : entry.siblings.find(({ author }) => author === self);
  return { ...(own ?? shown).operation, context };
}

function checkCount(operations: number): void {
  if (operations === 0) throw new LatticeError('invalid-commit', 'a commit needs at least one operation');
  if (operations > MAX_OPERATIONS) {
    throw new LatticeError(
      'commit-too-large',
      `a commit has at most ${MAX_OPERATIONS} operations, this one ${operations}`,
    );
  }
}

/** Whether both have the same siblings: an entry is nothing else. */
function isSameEntry({ siblings }: Entry, entry: Entry | undefined): boolean {
  const others = entry?.siblings;
  if (siblings === others) return true;
  return (
    siblings.length === others?.length &&
    siblings.every(({ commit, index }, i) => {
      const other = others[i] as Sibling;
      return index === other.index && equalBytes(commit, other.commit);
    })
  );
}

function changed(key: string): LatticeError {
  return new LatticeError('precondition-failed', `${JSON.stringify(key)} was written meanwhile`, {
    next: 'read the key again, and decide anew',
    details: { key },
  });
}

function retired(): LatticeError {
  return new LatticeError('read-only', "this node's key is retired, and its last moment has passed", {
    next: 'write to another node; a key that is retired never writes again',
  });
}

function clockAhead(aheadMs: number): LatticeError {
  return new LatticeError('clock-ahead', `the state's clock is ${duration(aheadMs)} ahead of this machine's`, {
    next: 'check the clocks of all nodes (NTP); writes go on when this clock has caught up',
  });
}
