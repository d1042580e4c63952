import { checkKey } from '../cbor/index.ts';
import { isFuture, observe, tick } from '../clock/index.ts';
import { createMerkleTree, createTreeLoader, leafHashInto, type MerkleTree, type TreeLoader } from '../merkle/index.ts';
import { LiveCells } from '../reconcile/index.ts';
import {
  type AuthorClock,
  conflictKey,
  encodeJournal,
  encodeStateMeta,
  entryKey,
  journalKey,
  listedKey,
  metaKey,
  STATE_FORMAT,
  type StateMeta,
} from '../rows/index.ts';
import type { AttestedEntry } from '../snapshot/index.ts';
import { type Conditions, checkConditions, contextOf, isLive, mergeSibling, winner } from '../state/index.ts';
import {
  type Author,
  type Bytes,
  type Entry,
  equalBytes,
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
import {
  createCommit,
  encodeEntry,
  fragmentToSiblings,
  keyHashInto,
  type PreparedOperation,
  prepareOperation,
} from '../wire/index.ts';

/** A row written or deleted by a step. The shape of the store port's operations. */
export type RowWrite =
  | { readonly type: 'put'; readonly key: Bytes; readonly value: Bytes }
  | { readonly type: 'del'; readonly key: Bytes };

/** One client's write: all of it in one commit, or none. */
export interface WriteIntent {
  readonly operations: readonly (Conditions & {
    readonly kind: 'put' | 'delete';
    readonly key: string;
    readonly value?: unknown;
  })[];
  /**
   * Rows of the writer's own, durable with the commit: asked for once when it is made. Its operations begin at `first`.
   */
  readonly rows?: (made: {
    readonly commit: Fragment;
    readonly first: number;
    readonly created: readonly boolean[];
  }) => readonly RowWrite[];
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
  /**
   * The hashes of the keys of `entries`, in their order. Memory that they share with nothing else: they may be kept.
   */
  readonly keyHashes: readonly Bytes[];
  /** What the keys of `entries` had before the step, in their order. */
  readonly before: readonly (Entry | undefined)[];
  /** How many keys the step took out of the state; they are not in `entries`. */
  readonly removed: number;
  readonly root: Bytes;
  readonly sequence: number;
  /** The state after this step: what is durable once its rows are. */
  readonly meta: StateMeta;
}

/** What is to become of one operation of the state whose signature proved bad. */
export interface Correction {
  readonly key: string;
  /** Commit id, 32 bytes, and index of the operation. */
  readonly commit: Bytes;
  readonly index: number;
  /** The author's real signature of that very commit; absent: the operation is taken out. */
  readonly signature?: Bytes;
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
const NOTHING: Bytes = new Uint8Array(0);
const HASH_BYTES = 32;

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
  /** Authors of whom something newer was seen since the last journal record. */
  readonly #raised = new Set<Author>();
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
      format: STATE_FORMAT,
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

  /**
   * The greatest HLC of a commit signed by `author` that was applied here; zero when none. Contexts are hearsay,
   * signatures are not.
   */
  committed(author: Author): Hlc {
    return this.#committed.get(author) ?? (0n as Hlc);
  }

  /** Persisted clock and sequence of an earlier run. */
  restore(meta: StateMeta): void {
    this.#clock = observe(this.#clock, meta.hlc);
    this.#sequence = meta.sequence;
  }

  /**
   * Takes in an entry read at start; `loaded` builds the tree of all of them at once. The cells are the caller's to
   * load.
   */
  load(entry: Entry): void {
    this.#loader ??= createTreeLoader(this.#options.hasher);
    for (const sibling of entry.siblings) this.#observe(sibling);
    if (isLive(entry)) this.#live++;
    if (entry.siblings.length > 1) this.#conflicts++;
    this.#hash(entry);
    this.#loader.add(this.#keyHash, this.#leaf);
  }

  /** Takes in a leaf that a checkpoint holds in place of its entry. 32 bytes each, copied. */
  loadLeaf(keyHash: Bytes, leaf: Bytes): void {
    this.#loader ??= createTreeLoader(this.#options.hasher);
    this.#loader.add(keyHash, leaf);
  }

  /** What a checkpoint and the state record say of leaves taken in without their entries. */
  loadCounts({ live, conflicts }: Pick<StateMeta, 'live' | 'conflicts'>, authors: readonly AuthorClock[]): void {
    this.#live = live;
    this.#conflicts = conflicts;
    this.loadClocks(authors);
  }

  /** What a checkpoint, or the journal after it, says was seen of authors. */
  loadClocks(authors: readonly AuthorClock[]): void {
    for (const { author, seen, committed } of authors) {
      if (seen > 0n) raise(this.#seen, author, seen);
      if (committed > 0n) raise(this.#committed, author, committed);
    }
  }

  /** The hashes of an entry's key and leaf, for `loadLeaf`; its clocks are noted. */
  leafOf(entry: Entry): { readonly keyHash: Bytes; readonly leaf: Bytes } {
    for (const sibling of entry.siblings) this.#observe(sibling);
    this.#hash(entry);
    return { keyHash: this.#keyHash.slice(), leaf: this.#leaf.slice() };
  }

  /** What was seen of every author, for a checkpoint. */
  authors(): AuthorClock[] {
    return Array.from(this.#seen, ([author, seen]) => ({ author, seen, committed: this.committed(author) }));
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
    const { writes, commits, rows } = this.#write(input.writes, read, merge, now, sign);

    if (current.size === 0) {
      const { meta } = this;
      return {
        rows: [],
        outcomes,
        writes,
        commits,
        changes: [],
        entries: current,
        keyHashes: [],
        before,
        removed: 0,
        root: meta.root,
        sequence: meta.sequence,
        meta,
      };
    }
    const changed = this.#commitRows(before, current);
    return {
      ...changed,
      rows: rows.length === 0 ? changed.rows : [...changed.rows, ...rows],
      entries: current,
      before,
      removed: 0,
      outcomes,
      writes,
      commits,
    };
  }

  /**
   * Takes over entries of a cut that a quorum attested, merged with what is here. Their signatures are somebody else's
   * to check.
   */
  adopt(entries: readonly AttestedEntry[], view: EntryView): Step {
    const current = new Map<string, Entry>();
    const before: (Entry | undefined)[] = [];
    const ready = new Map<string, AttestedEntry>();
    for (const attested of entries) {
      const { key, siblings } = attested.entry;
      for (const sibling of siblings) this.#observe(sibling);
      const held = view(key);
      let entry = held ?? attested.entry;
      if (held === undefined) ready.set(key, attested);
      else for (const sibling of siblings) entry = mergeSibling(entry, sibling).entry;
      if (entry === held) continue;
      before.push(held);
      current.set(key, entry);
    }
    return this.#changed(before, current, ready);
  }

  /** Mends or takes out operations whose signatures proved bad. What is not here any more is left alone. */
  correct(corrections: readonly Correction[], view: EntryView): Step {
    const current = new Map<string, Entry>();
    const before: (Entry | undefined)[] = [];
    for (const { key, commit, index, signature } of corrections) {
      const entry = current.get(key) ?? view(key);
      const is = (s: Sibling): boolean => s.index === index && equalBytes(s.commit, commit);
      if (entry === undefined || !entry.siblings.some(is)) continue;
      if (!current.has(key)) before.push(entry);
      const siblings = entry.siblings.flatMap((s) =>
        !is(s) ? [s] : signature === undefined ? [] : [{ ...s, signature }],
      );
      current.set(key, { key, siblings });
    }
    const step = this.#changed(before, current, new Map());
    // Nobody is to take an entry without siblings for one.
    const left = Array.from(current)
      .map(([key, entry], i) => ({ key, entry, keyHash: step.keyHashes[i] as Bytes, was: before[i] }))
      .filter(({ entry }) => entry.siblings.length > 0);
    const entries = new Map(left.map(({ key, entry }) => [key, entry]));
    return {
      ...step,
      entries,
      keyHashes: left.map(({ keyHash }) => keyHash),
      before: left.map(({ was }) => was),
      removed: current.size - entries.size,
    };
  }

  #changed(
    before: readonly (Entry | undefined)[],
    current: ReadonlyMap<string, Entry>,
    ready: ReadonlyMap<string, AttestedEntry>,
  ): Step {
    const { meta } = this;
    const changed =
      current.size === 0
        ? { rows: [], keyHashes: [], changes: [], root: meta.root, sequence: meta.sequence, meta }
        : this.#commitRows(before, current, ready);
    return { ...changed, entries: current, before, removed: 0, outcomes: [], writes: [], commits: [] };
  }

  /** Group commit: intents share a commit while they fit in it and touch different keys. */
  #write(
    intents: readonly WriteIntent[],
    read: EntryView,
    merge: (sibling: Sibling) => OperationOutcome,
    now: number,
    sign: (message: Bytes) => Bytes,
  ): {
    readonly writes: readonly WriteOutcome[];
    readonly commits: readonly Fragment[];
    readonly rows: readonly RowWrite[];
  } {
    const { hasher, network, self, isTrusted } = this.#options;
    const writes: WriteOutcome[] = [];
    const commits: Fragment[] = [];
    const rows: RowWrite[] = [];
    let open: { readonly intent: number; readonly first: number; readonly created: readonly boolean[] }[] = [];
    let operations: PreparedOperation[] = [];
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
        const commit = createCommit({ network, author: self, hlc: ticked.hlc, operations }, hasher, sign);
        const siblings = fragmentToSiblings(commit, hasher);
        for (const sibling of siblings) merge(sibling);
        commits.push(commit);
        for (const { intent, first, created } of open) {
          const results = created.map((isNew, i) => {
            const sibling = siblings[first + i] as Sibling;
            return { key: sibling.operation.key, version: `${commit.id}.${sibling.index}`, created: isNew };
          });
          writes[intent] = { ok: true, commit, results };
          rows.push(...(intents[intent]?.rows?.({ commit, first, created }) ?? []));
        }
      }
      open = [];
      operations = [];
      bytes = 0;
      keys.clear();
    };

    intents.forEach((intent, at) => {
      try {
        if (intent.operations.length === 0)
          throw new LatticeError('invalid-commit', 'a commit needs at least one operation');
        if (intent.operations.length > MAX_OPERATIONS) {
          throw new LatticeError(
            'commit-too-large',
            `a commit has at most ${MAX_OPERATIONS} operations, this one ${intent.operations.length}`,
          );
        }
        // A key of the open commit: close it, so that this intent's conditions and contexts see what it wrote.
        if (intent.operations.some((o) => keys.has(o.key))) close();
        const own = new Set<string>();
        const created: boolean[] = [];
        let size = 0;
        const prepared = intent.operations.map((o) => {
          const key = checkKey(o.key);
          if (own.has(key))
            throw new LatticeError('duplicate-key', `a key stands once in a commit: ${JSON.stringify(key)}`);
          own.add(key);
          const entry = read(key);
          checkConditions(key, entry, o);
          const context = contextOf(entry, self, isTrusted);
          const operation: Operation =
            o.kind === 'put'
              ? { kind: 'put', key, value: o.value as JsonValue, context }
              : { kind: 'delete', key, context };
          // Checks the value too. Encoded once: the commit is made of these very bytes.
          const made = prepareOperation(operation);
          size += made.bytes.length;
          created.push(!isLive(entry));
          return made;
        });
        if (size > MAX_COMMIT_BYTES) {
          throw new LatticeError(
            'commit-too-large',
            `a commit's operations take at most ${MAX_COMMIT_BYTES} bytes, these ${size}`,
          );
        }
        if (operations.length + prepared.length > MAX_OPERATIONS || bytes + size > MAX_COMMIT_BYTES) close();
        open.push({ intent: at, first: operations.length, created });
        for (const p of prepared) {
          operations.push(p);
          keys.add(p.operation.key);
        }
        bytes += size;
      } catch (error) {
        if (!(error instanceof LatticeError)) throw error;
        writes[at] = { ok: false, error };
      }
    });
    close();
    return { writes, commits, rows };
  }

  #commitRows(
    before: readonly (Entry | undefined)[],
    current: ReadonlyMap<string, Entry>,
    ready?: ReadonlyMap<string, AttestedEntry>,
  ): Pick<Step, 'rows' | 'keyHashes' | 'changes' | 'root' | 'sequence' | 'meta'> {
    const { journalLength } = this.#options;
    const rows: RowWrite[] = [];
    const changes: Change[] = [];
    const keyHashes: Bytes[] = [];
    // Of all side by side: a view costs a tenth of memory of its own.
    const block = new Uint8Array(HASH_BYTES * current.size);
    const keep = (at: number): void => {
      block.set(this.#keyHash, HASH_BYTES * at);
      keyHashes.push(block.subarray(HASH_BYTES * at, HASH_BYTES * (at + 1)));
    };
    let at = 0;
    for (const [key, entry] of current) {
      const old = before[at];
      if (entry.siblings.length === 0) {
        changes.push(this.#remove(old as Entry, rows));
        keep(at++);
        continue;
      }
      const attested = ready?.get(key);
      if (attested === undefined) this.#hash(entry);
      else {
        this.#keyHash.set(attested.keyHash);
        this.#leaf.set(attested.leaf);
      }
      keep(at++);
      rows.push({ type: 'put', key: entryKey(this.#keyHash), value: attested?.bytes ?? encodeEntry(entry) });
      if (old === undefined) rows.push({ type: 'put', key: listedKey(key), value: NOTHING });
      this.#live += Number(isLive(entry)) - Number(isLive(old));
      const conflict = entry.siblings.length > 1;
      if (conflict !== (old !== undefined && old.siblings.length > 1)) {
        this.#conflicts += conflict ? 1 : -1;
        rows.push(
          conflict ? { type: 'put', key: conflictKey(key), value: NOTHING } : { type: 'del', key: conflictKey(key) },
        );
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
      alone: current.get(key)?.siblings.length === 1,
      author: w.author,
      hlc: w.hlc,
    }));
    const clocks = Array.from(this.#raised, (author) => ({
      author,
      seen: this.seen(author),
      committed: this.committed(author),
    }));
    this.#raised.clear();
    rows.push({
      type: 'put',
      key: journalKey(this.#sequence),
      value: encodeJournal({ root, clocks, changes: journal }),
    });
    if (this.#sequence > journalLength) rows.push({ type: 'del', key: journalKey(this.#sequence - journalLength) });
    const { meta } = this;
    rows.push({ type: 'put', key: STATE_META, value: encodeStateMeta(meta) });
    return { rows, keyHashes, changes, root, sequence: this.#sequence, meta };
  }

  /** Takes a key out of the state. What is left of it in the journal is a deletion of what was shown. */
  #remove(entry: Entry, rows: RowWrite[]): Change {
    this.#hash(entry);
    rows.push({ type: 'del', key: entryKey(this.#keyHash) }, { type: 'del', key: listedKey(entry.key) });
    this.#live -= Number(isLive(entry));
    if (entry.siblings.length > 1) {
      this.#conflicts--;
      rows.push({ type: 'del', key: conflictKey(entry.key) });
    }
    if (this.#tree.remove(this.#keyHash, this.#leafBefore))
      this.cells.replace(this.#keyHash, this.#leafBefore, undefined);
    const shown = winner(entry);
    return {
      key: entry.key,
      winner: { ...shown, operation: { kind: 'delete', key: entry.key, context: shown.operation.context } },
    };
  }

  /** Leaves the hashes of the entry's key and leaf in the scratch. */
  #hash(entry: Entry): void {
    const { hasher } = this.#options;
    keyHashInto(entry.key, hasher, this.#keyHash);
    leafHashInto(this.#keyHash, entry.siblings, hasher, this.#leaf);
  }

  #observe(sibling: Sibling): void {
    const { author, hlc } = sibling;
    this.#clock = observe(this.#clock, hlc);
    if (raise(this.#committed, author, hlc)) this.#raised.add(author);
    if (raise(this.#seen, author, hlc)) this.#raised.add(author);
    for (const dot of sibling.operation.context)
      if (raise(this.#seen, dot.author, dot.hlc)) this.#raised.add(dot.author);
  }
}

/** Whether that was news. */
function raise(greatest: Map<Author, Hlc>, author: Author, hlc: Hlc): boolean {
  const known = greatest.get(author);
  if (known !== undefined && known >= hlc) return false;
  greatest.set(author, hlc);
  return true;
}
