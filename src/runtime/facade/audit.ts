import type { AttackRow, AuditKind, AuditRecord, ExecutionRow } from '../../core/original/audit.ts';
import type { Page } from './entries.ts';

export type { AttackRow, AuditKind, AuditRecord, ExecutionRow } from '../../core/original/audit.ts';

/** A record as the node keeps it. The kind says which row it has. */
export type AuditView =
  | { readonly kind: 'execution'; readonly id: string; readonly row: ExecutionRow }
  | { readonly kind: 'attack'; readonly id: string; readonly row: AttackRow };

/** What all records of a node come to. Words are in the order of their UTF-8 bytes. */
export interface AuditStats {
  readonly executions: {
    readonly count: number;
    /** How many executions have each status. */
    readonly statuses: ReadonlyMap<string, number>;
    /** The mean of `elapsed_ms` of those that have it; 0 where none has. */
    readonly meanElapsedMs: number;
  };
  readonly attacks: {
    readonly count: number;
    /** How many attacks have each type, and how many each layer has blocked. */
    readonly types: ReadonlyMap<string, number>;
    readonly layers: ReadonlyMap<string, number>;
  };
}

/**
 * Executions and attacks that this node took in (SPEC Q1). They are durable, belong to this node alone, and are never
 * changed.
 */
export interface AuditService {
  /**
   * Adds records, each id of a kind once: an id that is there with the same row is `known`. Up to 256 records are added
   * together or not at all; of more, those before an error may have been added, and the same call again adds the rest.
   * Rejects with LatticeError `invalid-record`, `record-differs`, `audit-full`, `disk-full` or `store-write-failed`.
   */
  add(records: readonly AuditRecord[]): Promise<{ readonly added: number; readonly known: number }>;
  /**
   * The newest executions by timestamp, in chunks: at most `limit` of them, 100 by default, and all where it is
   * negative. What is added meanwhile may be among them.
   */
  executions(limit?: number): AsyncIterable<readonly ExecutionRow[]>;
  /** The same of attacks. */
  attacks(limit?: number): AsyncIterable<readonly AttackRow[]>;
  /**
   * A page of one kind, newest first, with `fits` as in `Lattice.list`. Rejects with LatticeError `invalid-limit` or
   * `invalid-cursor`.
   */
  list(options: {
    readonly kind: AuditKind;
    readonly limit?: number;
    readonly cursor?: string;
    readonly fits?: (item: AuditView) => boolean;
  }): Promise<Page<AuditView>>;
  stats(): Promise<AuditStats>;
}
