import { openLevelStore } from '../../src/adapters/store/index.ts';
import { createSigner, nodeHasher, systemRandom } from '../../src/adapters/system/index.ts';
import { createCommit, createReplica, encodeFragment, type Fragment, makeHlc } from '../../src/core/index.ts';
import { hexToBytes, MAX_OPERATIONS } from '../../src/core/types/index.ts';
import { valueOf } from './commits.ts';

/** Operations of one step, and of one durable batch, while a store is filled. */
const STEP = 2000;
/** Steps of this size give key numbers in another order than that of the keys. It is coprime to powers of ten. */
const STRIDE = 7919;

export interface Filled {
  /** Bytes of all fragments of one operation each, which is the least that any transport must carry. */
  readonly payload: number;
  readonly seconds: number;
}

/**
 * Makes the store of a node that has written `entries` keys in commits of `commit` operations, with all rows that a
 * node writes.
 */
export async function fillStore(
  directory: string,
  options: {
    readonly seedHex: string;
    readonly network: string;
    readonly entries: number;
    readonly commit: number;
    readonly prefix: string;
    /** So many of the keys, the first by number, are deleted again. Default: none. */
    readonly deleted?: number;
  },
): Promise<Filled> {
  const { network, entries, commit, prefix, deleted = 0 } = options;
  const signer = createSigner(hexToBytes(options.seedHex) as Uint8Array);
  const hasher = nodeHasher();
  const store = await openLevelStore(directory);
  const replica = createReplica({
    hasher,
    network,
    self: signer.author,
    isKnown: () => true,
    journalLength: 16_384,
    incarnation: systemRandom().bytes(8),
  });
  const from = performance.now();
  const now = Date.now();
  const began = now - 3_600_000;
  let payload = 0;
  const takeIn = async (fragments: readonly Fragment[]): Promise<void> => {
    const { rows } = replica.step(
      { fragments, writes: [] },
      () => undefined,
      now,
      () => new Uint8Array(64),
    );
    await store.batch(rows);
  };
  for (let first = 0; first < entries; first += STEP) {
    const count = Math.min(STEP, entries - first);
    const fragments = Array.from({ length: Math.ceil(count / commit) }, (_, c) =>
      createCommit(
        {
          network,
          author: signer.author,
          hlc: makeHlc(began + Math.floor(first / STEP), c),
          operations: Array.from({ length: Math.min(commit, count - c * commit) }, (_, i) => {
            const n = ((first + c * commit + i) * STRIDE) % entries;
            return { kind: 'put' as const, key: `${prefix}/${n}`, value: valueOf(n, 0), context: [] };
          }),
        },
        hasher,
        (message) => signer.sign(message),
      ),
    );
    for (const fragment of fragments) payload += encodeFragment(fragment).length;
    await takeIn(fragments);
  }
  for (let first = 0; first < deleted; first += MAX_OPERATIONS) {
    const keys = Array.from({ length: Math.min(MAX_OPERATIONS, deleted - first) }, (_, i) => `${prefix}/${first + i}`);
    await takeIn([
      createCommit(
        {
          network,
          author: signer.author,
          hlc: makeHlc(began + 60_000 + first, 0),
          operations: keys.map((key) => ({ kind: 'delete' as const, key, context: [] })),
        },
        hasher,
        (message) => signer.sign(message),
      ),
    ]);
  }
  if (replica.tree.size !== entries) throw new Error(`${replica.tree.size} entries instead of ${entries}`);
  await store.close();
  return { payload, seconds: (performance.now() - from) / 1000 };
}
