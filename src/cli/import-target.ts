import type { ImportTarget } from '../moving/plan.ts';
import type { ApiClient } from './client.ts';

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
    author: async () => (await client.getStatus()).author,
  };
}
