import type { ImportTarget } from '../moving/plan.ts';
import type { ApiClient } from './client.ts';

/** Records of one page. */
const PAGE = 1000;

/** A running node over its API, as what an import writes to. */
export function importTarget(client: ApiClient): ImportTarget {
  return {
    write: (operations, { idempotencyKey }) => client.commit(operations, { idempotencyKey }),
    get: (key) => client.getEntry(key),
    entries: () => client.entries(),
    async putObject(content, { name, type, hash }) {
      const { created } = await client.vault.put(content, { name, type, expect: hash });
      return { known: !created };
    },
    addRecords: (records) => client.addAuditRecords(records),
    async *recordIds(kind) {
      for (let cursor: string | undefined; ; ) {
        const page = await client.listAuditRecords({ kind, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
        for (const { id } of page.records) yield id;
        if (page.cursor === undefined) return;
        ({ cursor } = page);
      }
    },
    author: async () => (await client.getStatus()).author,
  };
}
