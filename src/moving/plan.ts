import type { AuditKind, AuditRecord } from '../core/original/audit.ts';
import type { ErrorCode, Hasher, JsonValue } from '../core/types/index.ts';
import type { Verifier } from '../ports/index.ts';

export type { AuditRecord } from '../core/original/audit.ts';

/** What can be found at a path or an address. Each kind has one reader. */
const SOURCE_KINDS = [
  'snapshot', // snapshot.json: state, merkle_root, timestamp
  'older-snapshot', // the older form of snapshot.json: accounts, root_hash, no state
  'wal', // wal.log: one JSON object a line
  'vault', // a directory of function entries, with bundles/ and certificates/
  'vault-index', // index.json alone
  'function',
  'bundle',
  'certificate',
  'telemetry', // telemetry.db: executions and attacks
  'live', // a running node of the original
  'ndjson', // an export: one JSON object with key and value a line
  'csv', // an export: a table with the columns key and value
] as const;
export type SourceKind = (typeof SOURCE_KINDS)[number];

/** What can be imported by itself: keys and values, what lies in the vault, executions and attacks. */
export const PARTS = ['state', 'vault', 'audit'] as const;
export type Part = (typeof PARTS)[number];
export const ALL_PARTS: ReadonlySet<Part> = new Set(PARTS);

/** One file, vault directory or running node of the original. Nothing in it is ever changed. */
export interface Source {
  readonly kind: SourceKind;
  /** The absolute path of the file or directory, or the base URL without a slash at its end. */
  readonly at: string;
}

/**
 * How far something was checked. `by` is a phrase that says against what (`its own Merkle root 5df3…`), and `because`
 * one that says why it could not be checked, or in what it differs.
 */
export type Verification =
  | { readonly verified: true; readonly by: string }
  | { readonly verified: false; readonly because: string };

/** One part of what a source holds, which is taken whole or not at all. */
export type PlanItem = EntriesItem | ObjectItem | RecordsItem;

/** A key with its value, and when that ends (Unix ms) where it does. */
export type KeyedEntry = readonly [key: string, value: JsonValue, expires?: number];

/** Keys and values for the replicated state. */
export interface EntriesItem {
  readonly kind: 'entries';
  readonly source: Source;
  readonly checked: Verification;
  /** Each key once, in the order of the source. */
  readonly entries: readonly KeyedEntry[];
  /** The original's root of these entries, 64 hex digits, where there is one. */
  readonly root?: string | undefined;
  /** When the source was written, seconds since the Unix epoch. */
  readonly timestamp?: number | undefined;
}

/** Content for the vault, in exactly the bytes of the source. */
export interface ObjectItem {
  readonly kind: 'object';
  readonly source: Source;
  readonly checked: Verification;
  /** What people call it, in a plan and in the vault. */
  readonly name: string;
  /** The media type under which it is kept. */
  readonly type: string;
  /** Bytes of the content. */
  readonly size: number;
  /** SHA-256 of the content, 64 hex digits. What is put in the vault must have it. */
  readonly hash: string;
  /** Opens the content, which is read once for each call. */
  content(): AsyncIterable<Uint8Array>;
}

/** Executions and attacks that the original noted. */
export interface RecordsItem {
  readonly kind: 'records';
  readonly source: Source;
  readonly checked: Verification;
  readonly records: readonly AuditRecord[];
}

/** What is not taken from a source, and why. */
export interface Refusal {
  readonly source: Source;
  /** The key, file or line that is refused; absent where it is the whole source. */
  readonly what?: string | undefined;
  readonly code: ErrorCode;
  /** A sentence without its full stop. */
  readonly reason: string;
  /** The single keys or files that are the reason, where there are several. */
  readonly each?: readonly { readonly what: string; readonly reason: string }[] | undefined;
  /** What to do about it, as whole sentences. */
  readonly next?: string | undefined;
  /** The digest that the source claims, and the one that its content has, where they differ. */
  readonly stored?: string | undefined;
  readonly computed?: string | undefined;
  /** Whether the same import with `--unverified` would take it. */
  readonly takenUnverified: boolean;
}

/** What a reader may know beside its source. */
export interface ReadContext {
  readonly hasher: Hasher;
  /** Checks the signatures of nodes in bundles. Without it they are left unchecked. */
  readonly verifier?: Verifier | undefined;
  /** Whether to take what does not verify, or has no rule by which it could. Broken content is refused all the same. */
  readonly unverified: boolean;
  /** Whether a line of an export is passed over, by what it says of its author (hex) and time (RFC 3339). */
  leavesOut?(line: { readonly author?: unknown; readonly time?: unknown }): boolean;
  readonly signal?: AbortSignal | undefined;
  /** Called now and then in long work. `done` and `total` count what `step` names; `total` is absent where unknown. */
  progress?(step: string, done: number, total?: number): void;
}

export interface Reading {
  readonly items: readonly PlanItem[];
  readonly refused: readonly Refusal[];
  /** What an operator should know of the source that is neither taken nor refused, as whole sentences. */
  readonly remarks?: readonly string[] | undefined;
}

/**
 * Reads one source into parts of a plan. Content that is bad is a refusal; it rejects only where the source cannot be
 * read at all (LatticeError `file-unreadable` or one of the client's codes) or the signal was aborted.
 */
export type Reader = (source: Source, context: ReadContext) => Promise<Reading>;

/** What is read from where, before anything is written. */
export interface Plan {
  /** The path or URL that was asked for. */
  readonly from: string;
  readonly sources: readonly Source[];
  readonly items: readonly PlanItem[];
  readonly refused: readonly Refusal[];
  readonly remarks: readonly string[];
}

/** A write of one key, with what it presumes of the key's version, as `Lattice.write` takes it. */
export interface ImportOperation {
  readonly op: 'put' | 'delete';
  readonly key: string;
  readonly value?: JsonValue;
  readonly expires?: number;
  readonly ifMatch?: string;
  readonly ifNoneMatch?: '*';
}

/** What a key shows at the target. */
export interface ImportedEntry {
  readonly value: JsonValue;
  readonly version: string;
  readonly author: string;
  /** When it ends, Unix ms; absent where it has no end. */
  readonly expires?: number | undefined;
  /** How many values of others stand beside it. A write settles them too. */
  readonly conflicts?: number | undefined;
}

/** Where a plan is carried out: a running node over its API, or the node that imports by itself. */
export interface ImportTarget {
  /** One atomic commit, durable when it resolves. Rejects as `Lattice.write` does. */
  write(
    operations: readonly ImportOperation[],
    options: { readonly idempotencyKey: string },
  ): Promise<{ readonly results: readonly { readonly key: string; readonly version: string }[] }>;
  /** What the key shows; undefined where it shows nothing. */
  get(key: string): Promise<ImportedEntry | undefined>;
  /** Every entry, in the order of keys; cheaper than `get` where many keys are looked up. */
  entries(): AsyncIterable<ImportedEntry & { readonly key: string }>;
  /** The author of what `write` writes. */
  author(): Promise<string>;
  /**
   * Puts content in the vault, which must have this hash; `known` where it is there already. Rejects with LatticeError
   * `hash-mismatch`, or `object-too-large` where it is larger than the vault takes. Absent where there is no vault.
   */
  putObject?(
    content: AsyncIterable<Uint8Array>,
    about: { readonly name: string; readonly type: string; readonly hash: string },
  ): Promise<{ readonly known: boolean }>;
  /**
   * Adds executions and attacks, each id once: all of them, or none where it rejects with LatticeError `audit-full`,
   * `record-differs` or `invalid-record`. Absent where the node keeps none.
   */
  addRecords?(records: readonly AuditRecord[]): Promise<{ readonly added: number; readonly known: number }>;
  /** The ids of all records of one kind that are there. */
  recordIds?(kind: AuditKind): AsyncIterable<string>;
}

/** What became of one item of a plan. All numbers count keys, objects or records. */
export interface ItemReport {
  readonly kind: PlanItem['kind'];
  readonly source: Source;
  readonly checked: Verification;
  /** What was written, or would be in a dry run. */
  readonly taken: number;
  /** What the target had already, with the same content. */
  readonly known: number;
  /** What was deleted, because the source deleted it after an earlier round had taken it. */
  readonly deleted: number;
  /** Keys that show another value at the target, which was left alone. */
  readonly differing: readonly string[];
}

/** What an import did, or would do in a dry run. */
export interface Report {
  readonly from: string;
  readonly dryRun: boolean;
  readonly items: readonly ItemReport[];
  readonly refused: readonly Refusal[];
  readonly remarks: readonly string[];
}
