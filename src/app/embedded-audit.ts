import type { AuditKind, AuditRecord, AuditStats, AuditView, Page } from '../runtime/facade/index.ts';
import type { EmbeddedCall, EmbeddedPage } from './embedded-call.ts';

/**
 * Executions and attacks that an embedded node keeps for a program of the original. They are durable, belong to this
 * node alone, and are never changed. Every method ends as those of `EmbeddedLattice` do.
 */
export interface EmbeddedAudit {
  /**
   * Adds records, each id of a kind once: an id that is there with the same row is `known`. Up to 256 records are added
   * together or not at all; of more, those before an error may have been added, and the same call again adds the rest.
   *
   * @throws `invalid-record`, `record-differs`, `audit-full`, `disk-full`, `store-write-failed`
   * @example
   * const row = { tx_id: 'tx-1', intent_name: 'pay', status: 'PROVED', timestamp: Date.now() / 1000 };
   * console.log(await lattice.audit.add([{ kind: 'execution', id: 'tx-1', row }]));
   */
  add(
    records: readonly AuditRecord[],
    options?: EmbeddedCall,
  ): Promise<{ readonly added: number; readonly known: number }>;

  /**
   * Reads one page of one kind, newest first.
   *
   * @throws `invalid-limit`, `invalid-cursor`
   * @example
   * const { items, cursor } = await lattice.audit.list({ kind: 'attack', limit: 50 });
   * console.log(items.map(({ id }) => id), cursor);
   */
  list(options: EmbeddedPage & { readonly kind: AuditKind }): Promise<Page<AuditView>>;

  /**
   * Tells what all records come to.
   *
   * @throws `store-read-failed`
   * @example
   * const { executions, attacks } = await lattice.audit.stats();
   * console.log(executions.count, attacks.count);
   */
  stats(options?: EmbeddedCall): Promise<AuditStats>;
}
