import type { ImportTarget } from '../moving/plan.ts';
import type { AuditService, Lattice, VaultService } from '../runtime/index.ts';

/** Entries of one page. */
const PAGE = 1_000;

/** A node of this process, as what an import writes to. A face without a vault or an audit record takes none. */
export function importTarget(
  lattice: Pick<Lattice, 'write' | 'get' | 'list' | 'status'> & {
    readonly audit?: Pick<AuditService, 'add'>;
    readonly vault?: Pick<VaultService, 'put'>;
  },
): ImportTarget {
  const { audit, vault } = lattice;
  return {
    write: (operations, options) => lattice.write(operations, options),
    get: (key) => lattice.get(key),
    async *entries() {
      for (let cursor: string | undefined; ; ) {
        const page = await lattice.list({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
        yield* page.items;
        if (page.cursor === undefined) return;
        ({ cursor } = page);
      }
    },
    ...(audit === undefined ? {} : { addRecords: (records) => audit.add(records) }),
    ...(vault === undefined
      ? {}
      : {
          async putObject(content, { name, type, hash }) {
            const { created } = await vault.put(content, { name, type, expect: hash });
            return { known: !created };
          },
        }),
    author: async () => lattice.status().author,
  };
}
