import type { Replica } from '../../core/replica/index.ts';
import type { Bytes, Entry, Hasher } from '../../core/types/index.ts';
import { keyHashInto } from '../../core/wire/index.ts';
import { type Entries, HERE } from '../storage/entries.ts';
import type { Batch } from './jobs.ts';

/** Entries read by one call: a large batch is read by several of the store's threads, and decoded while the rest is read. */
const READ_CHUNK = 256;

/** A key that a step needs the entry of. */
export interface NeededKey {
  readonly key: string;
  /** Saves a hash where it is known. */
  readonly keyHash?: Bytes;
}

export interface PrefetchDeps {
  readonly replica: Pick<Replica, 'tree'>;
  readonly hasher: Hasher;
  readonly entries: Pick<Entries, 'many'>;
  /** What is newer than the store, or known without it: the batch in flight, and the cache. */
  readonly known: (key: string) => Entry | undefined;
}

/** Names a key that a step needs; `keyHash` saves a hash where it is known. */
type Want = (key: string, keyHash?: Bytes) => void;

/** Names every key of a batch. */
export function keysOf({ fragments, writes }: Batch): (want: Want) => void {
  return (want) => {
    for (const { fragment } of fragments) for (const { operation } of fragment.operations) want(operation.key);
    for (const { intent } of writes) for (const { key } of intent.operations) want(key);
  };
}

/** The entries of these keys as a step sees them: read before it, so that it needs no I/O. */
export async function prefetch(deps: PrefetchDeps, needed: (want: Want) => void): Promise<ReadonlyMap<string, Entry>> {
  const view = new Map<string, Entry>();
  const missing = new Map<string, Bytes>();
  const hashed = new Uint8Array(32);
  needed((key, known) => {
    if (view.has(key) || missing.has(key)) return;
    const held = deps.known(key);
    if (held !== undefined) return void view.set(key, held);
    // What a client sent has not been checked yet.
    if (typeof key !== 'string') return;
    if (known === undefined) keyHashInto(key, deps.hasher, hashed);
    // The tree knows which keys exist: a new key costs no read.
    if (deps.replica.tree.get(known ?? hashed) !== undefined) missing.set(key, known ?? hashed.slice());
  });
  if (missing.size === 0) return view;
  const wanted = Array.from(missing, ([key, keyHash]) => ({ key, keyHash }));
  const chunks = Array.from({ length: Math.ceil(wanted.length / READ_CHUNK) }, (_, i) =>
    wanted.slice(i * READ_CHUNK, (i + 1) * READ_CHUNK),
  );
  await Promise.all(
    chunks.map(async (chunk) => {
      // None of them is in the batch on its way: what the store has of them stays as it is.
      const entries = await deps.entries.many(chunk, HERE);
      chunk.forEach(({ key }, i) => {
        const entry = entries[i];
        if (entry !== undefined) view.set(key, entry);
      });
    }),
  );
  return view;
}
