import { isFuture, observe, tick } from '../clock/index.ts';
import {
  checkKey,
  conflictKey,
  createCommit,
  encodeEntry,
  encodeJournal,
  encodeOperation,
  encodeStateMeta,
  entryKey,
  fragmentToSiblings,
  journalKey,
  keyByHashKey,
  keyHashInto,
  metaKey,
  type StateMeta,
} from '../codec/index.ts';
import { createMerkleTree, createTreeLoader, leafHashInto, type MerkleTree, type TreeLoader } from '../merkle/index.ts';
import { LiveCells } from '../reconcile/index.ts';
import { type Conditions, checkConditions, contextOf, isLive, mergeSibling, winner } from '../state/index.ts';
import {
  type Author,
  type Bytes,
  type Entry,
  type Fragment,
  type Hasher,
  type Hlc,
  type JsonValue,
  LatticeError,
  MAX_COMMIT_BYTES,
  MAX_OPERATIONS,
  type Operation,
  type Sibling,
} from '../types/index.ts';

/** A row written or deleted by a step. The shape of the store port's operations. */
export type RowWrite = { readonly type: 'put'; readonly key: Bytes; readonly value: Bytes } | { readonly type: 'del'; readonly key: Bytes };

/** One client's write: all of it in one commit, or none. */
export interface WriteIntent {
  readonly operations: readonly (Conditions & { readonly kind: 'put' | 'delete'; readonly key: string; readonly value?: unknown })[];
}

export type WriteOutcome =
  | {
      readonly ok: true;
      readonly commit: Fragment;
      readonly results: readonly { readonly key: string; readonly version: string; readonly created: boolean }[];
    }
  | { readonly ok: false; readonly error: LatticeError };

/** What became of each operation of a fragment. `future`: the whole fragment is to be deferred. */
export type OperationOutcome = 'added' | 'held' | 'superseded' | 'future';

/** What readers see of a key after a step, for events. */
export interface Change {
  readonly key: string;
  readonly winner: Sibling;
}

export interface Step {
  /** To be made durable as one batch; nothing of this step may be seen before. Empty when nothing changed. */
  readonly rows: readonly RowWrite[];
  /** For each fragment given, the outcome of each of its operations. */
  readonly outcomes: readonly (readonly OperationOutcome[])[];
  readonly writes: readonly WriteOutcome[];
  /** Own commits made by this step, to be published once durable. */
  readonly commits: readonly Fragment[];
  readonly changes: readonly Change[];
  /** Every entry that the step changed, as it is after it. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly root: Bytes;
  readonly sequence: number;
  /** The state after this step: what is durable once its rows are. */
  readonly meta: StateMeta;
}

/** Reads the current entry of a key. Every key of a step's input must be answerable without I/O. */
export type EntryView = (key: string) => Entry | undefined;

export interface ReplicaOptions {
  readonly hasher: Hasher;
  readonly network: string;
  readonly self: Author;
  readonly isTrusted: (author: Author) => boolean;
  /** The journal keeps this many records; older cursors are answered with a reset. */
  readonly journalLength: number;
  /** Names this store's life: cursors of another life are answered with a reset. 8 bytes. */
  readonly incarnation: Bytes;
}

export const STATE_META = metaKey('state');

/**
 * The replicated state without its I/O: Merkle tree, clock and counters in memory, entries through a view. One step
 * at a time; a step's rows must be durable before the next reader looks at the tree.
 */
export class Replica {
  readonly #options: ReplicaOptions;
  #tree: MerkleTree;
  /** Coded symbols of the leaves in the tree. */
  readonly cells: LiveCells;
  #loader: TreeLoader | undefined;
  #clock: { readonly last: Hlc } = { last: 0n as Hlc };
  readonly #seen = new Map<Author, Hlc>();
  readonly #committed = new Map<Author, Hlc>();
  /** Scratch: hashes of the key at hand, of its leaf and of the leaf before. What they are handed to copies them. */
  readonly #keyHash = new Uint8Array(32);
  readonly #leaf = new Uint8Array(32);
  readonly #leafBefore = new Uint8Array(32);
  #live = 0;
  #conflicts = 0;
  #sequence = 0;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#tree = createMerkleTree(options.hasher);
    this.cells = new LiveCells(options);
  }

  get tree(): MerkleTree {
    return this.#tree;
  }

  get meta(): StateMeta {
    return {
      format: 1,
      incarnation: this.#options.incarnation,
      network: this.#options.network,
      root: this.#tree.root(),
      entries: this.#tree.size,
      live: this.#live,
      conflicts: this.#conflicts,
      sequence: this.#sequence,
      hlc: this.#clock.last,
    };
  }

  /** The greatest HLC of `author` seen in any operation or context; zero when none. */
  seen(author: Author): Hlc {
    return this.#seen.get(author) ?? (0n as Hlc);
  }

  /** The greatest HLC of a commit signed by `author` that was applied here; zero when none. Contexts are hearsay, signatures are not. */
  committed(author: Author): Hlc {
    return this.#committed.get(author) ?? (0n as Hlc);
  }

  /** Persisted clock and sequence of an earlier run. */
  restore(meta: StateMeta): void {
    this.#clock = observe(this.#clock, meta.hlc);
    this.#sequence = meta.sequence;
  }

  /** Takes in an entry read at start; `loaded` builds the tree of all of them at once. */
  load(entry: Entry): void {
    this.#loader ??= createTreeLoader(this.#options.hasher);
    for (const sibling of entry.siblings) this.#observe(sibling);
    if (isLive(entry)) this.#live++;
    if (entry.siblings.length > 1) this.#conflicts++;
    this.#hash(entry);
    this.#loader.add(this.#keyHash, this.#leaf);
    this.cells.replace(this.#keyHash, undefined, this.#leaf);
  }

  /** Ends loading: the tree is the one of the loaded entries. */
  loaded(): void {
    if (this.#loader !== undefined) this.#tree = this.#loader.finish();
    this.#loader = undefined;
  }

  /** Applies verified fragments, then local writes as signed commits. */
  step(
    input: { readonly fragments: readonly Fragment[]; readonly writes: readonly WriteIntent[] },
    view: EntryView,
    now: number,
    sign: (message: Bytes) => Bytes,
  ): Step {
    const current = new Map<string, Entry>();
    /** What the keys of `current` had before, in its order. */
    const before: (Entry | undefined)[] = [];
    const read: EntryView = (key) => current.get(key) ?? view(key);

    const merge = (sibling: Sibling): OperationOutcome => {
      this.#observe(sibling);
      const key = sibling.operation.key;
      const changed = current.get(key);
      const entry = changed ?? view(key);
      const merged = mergeSibling(entry, sibling);
      if (merged.outcome !== 'added') return merged.outcome;
      if (changed === undefined) before.push(entry);
      current.set(key, merged.entry);
      return 'added';
    };

    const outcomes = input.fragments.map((fragment) => {
      if (isFuture(fragment.header.hlc, now)) return fragment.operations.map(() => 'future' as const);
      return fragmentToSiblings(fragment, this.#options.hasher).map(merge);
    });
    const { writes, commits } = this.#write(input.writes, read, merge, now, sign);

    if (current.size === 0) {
      const { meta } = this;
      return { rows: [], outcomes, writes, commits, changes: [], entries: current, root: meta.root, sequence: meta.sequence, meta };
    }
    return { ...this.#commitRows(before, current), entries: current, outcomes, writes, commits };
  }

  /** Group commit: intents share a commit while they fit in it and touch different keys. */
  #write(
    intents: readonly WriteIntent[],
    read: EntryView,
    merge: (sibling: Sibling) => OperationOutcome,
    now: number,
    sign: (message: Bytes) => Bytes,
  ): { readonly writes: readonly WriteOutcome[]; readonly commits: readonly Fragment[] } {
    const { hasher, network, self, isTrusted } = this.#options;
    const writes: WriteOutcome[] = [];
    const commits: Fragment[] = [];
    let open: { readonly intent: number; readonly first: number; readonly created: readonly boolean[] }[] = [];
    let operations: { readonly key: string; readonly encoded: Bytes }[] = [];
    let bytes = 0;
    const keys = new Set<string>();

    const close = (): void => {
      if (operations.length === 0) return;
      const ticked = tick(this.#clock, now);
      if (!ticked.ok) {
        const error = new LatticeError(
          'clock-ahead',
          `the state's clock is ${Math.round(ticked.aheadMs / 1000)} s ahead of this machine's`,
          {
            next: 'check the clocks of all nodes (NTP); writes go on when this clock has caught up',
          },
        );
        for (const { intent } of open) writes[intent] = { ok: false, error };
      } else {
        this.#clock = ticked.state;
        const commit = createCommit({ network, author: self, hlc: ticked.hlc, operations: operations.map((o) => o.encoded) }, hasher, sign);
        const siblings = fragmentToSiblings(commit, hasher);
        for (const sibling of siblings) merge(sibling);
        commits.push(commit);
        for (const { intent, first, created } of open) {
          const results = created.map((isNew, i) => {
            const sibling = siblings[first + i] as Sibling;
            return { key: sibling.operation.key, version: `${commit.id}.${sibling.index}`, created: isNew };
          });
          writes[intent] = { ok: true, commit, results };
        }
      }
      open = [];
      operations = [];
      bytes = 0;
      keys.clear();
    };

    intents.forEach((intent, at) => {
      try {
        if (intent.operations.length === 0) throw new LatticeError('invalid-commit', 'a commit needs at least one operation');
        if (intent.operations.length > MAX_OPERATIONS) {
          throw new LatticeError(
            'commit-too-large',
            `a commit has at most ${MAX_OPERATIONS} operations, this one ${intent.operations.length}`,
          );
        }
        // A key of the open commit: close it, so that this intent's conditions and contexts see what it wrote.
        if (intent.operations.some((o) => keys.has(o.key))) close();
        const own = new Set<string>();
        let size = 0;
        const prepared = intent.operations.map((o) => {
          const key = checkKey(o.key);
          if (own.has(key)) throw new LatticeError('duplicate-key', `a key stands once in a commit: ${JSON.stringify(key)}`);
          own.add(key);
          const entry = read(key);
          checkConditions(key, entry, o);
          const context = contextOf(entry, self, isTrusted);
          const operation: Operation =
            o.kind === 'put' ? { kind: 'put', key, value: o.value as JsonValue, context } : { kind: 'delete', key, context };
          // Checks the value too. Encoded once: the commit is made of these very bytes.
          const encoded = encodeOperation(operation);
          size += encoded.length;
          return { key, encoded, created: !isLive(entry) };
        });
        if (size > MAX_COMMIT_BYTES) {
          throw new LatticeError('commit-too-large', `a commit's operations take at most ${MAX_COMMIT_BYTES} bytes, these ${size}`);
        }
        if (operations.length + prepared.length > MAX_OPERATIONS || bytes + size > MAX_COMMIT_BYTES) close();
        open.push({ intent: at, first: operations.length, created: prepared.map((p) => p.created) });
        for (const p of prepared) {
          operations.push(p);
          keys.add(p.key);
        }
        bytes += size;
      } catch (error) {
        if (!(error instanceof LatticeError)) throw error;
        writes[at] = { ok: false, error };
      }
    });
    close();
    return { writes, commits };
  }

  #commitRows(
    before: readonly (Entry | undefined)[],
    current: ReadonlyMap<string, Entry>,
  ): Pick<Step, 'rows' | 'changes' | 'root' | 'sequence' | 'meta'> {
    const { journalLength } = this.#options;
    const rows: RowWrite[] = [];
    const changes: Change[] = [];
    let at = 0;
    for (const [key, entry] of current) {
      const old = before[at++];
      this.#hash(entry);
      const row = entryKey(key);
      rows.push({ type: 'put', key: row, value: encodeEntry(entry) });
      if (old === undefined) rows.push({ type: 'put', key: keyByHashKey(this.#keyHash), value: row.subarray(1) });
      this.#live += Number(isLive(entry)) - Number(isLive(old));
      const conflict = entry.siblings.length > 1;
      if (conflict !== (old !== undefined && old.siblings.length > 1)) {
        this.#conflicts += conflict ? 1 : -1;
        rows.push(conflict ? { type: 'put', key: conflictKey(key), value: new Uint8Array(0) } : { type: 'del', key: conflictKey(key) });
      }
      const replaced = this.#tree.set(this.#keyHash, this.#leaf, this.#leafBefore);
      this.cells.replace(this.#keyHash, replaced ? this.#leafBefore : undefined, this.#leaf);
      changes.push({ key, winner: winner(entry) });
    }
    this.#sequence++;
    const root = this.#tree.root();
    const journal = changes.map(({ key, winner: w }) => ({
      key,
      commit: w.commit,
      index: w.index,
      deleted: w.operation.kind === 'delete',
    }));
    rows.push({ type: 'put', key: journalKey(this.#sequence), value: encodeJournal({ root, changes: journal }) });
    if (this.#sequence > journalLength) rows.push({ type: 'del', key: journalKey(this.#sequence - journalLength) });
    const { meta } = this;
    rows.push({ type: 'put', key: STATE_META, value: encodeStateMeta(meta) });
    return { rows, changes, root, sequence: this.#sequence, meta };
  }

  /** Leaves the hashes of the entry's key and leaf in the scratch. */
  #hash(entry: Entry): void {
    const { hasher } = this.#options;
    keyHashInto(entry.key, hasher, this.#keyHash);
    leafHashInto(this.#keyHash, entry.siblings, hasher, this.#leaf);
  }

  #observe(sibling: Sibling): void {
    this.#clock = observe(this.#clock, sibling.hlc);
    raise(this.#committed, sibling.author, sibling.hlc);
    raise(this.#seen, sibling.author, sibling.hlc);
    for (const dot of sibling.operation.context) raise(this.#seen, dot.author, dot.hlc);
  }
}

function raise(greatest: Map<Author, Hlc>, author: Author, hlc: Hlc): void {
  const known = greatest.get(author);
  if (known === undefined || known < hlc) greatest.set(author, hlc);
}
