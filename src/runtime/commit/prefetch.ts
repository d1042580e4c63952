import type { FoundEntry, Replica } from '../../core/replica/index.ts';
import type { Bytes, Entry, Hasher } from '../../core/types/index.ts';
import { keyHashInto } from '../../core/wire/index.ts';
import { type Entries, HERE } from '../storage/entries.ts';
import type { Batch } from './jobs.ts';

/**
 * How many entries one call reads. Several of the store's threads then read a large batch, and the first entries are
 * decoded while the rest is read.
 */
const READ_CHUNK = 256;

/** A key whose entry a step needs. */
export interface NeededKey {
  readonly key: string;
  /** Given where it is known, because it saves a hash. */
  readonly keyHash?: Bytes;
}

export interface PrefetchDeps {
  readonly replica: Pick<Replica, 'tree'>;
  readonly hasher: Hasher;
  readonly entries: Pick<Entries, 'isPresent' | 'many'>;
  /**
   * What is newer than the store, or known without reading it: the entries of the batch in flight, and those in the
   * cache.
   */
  readonly known: (key: string) => Entry | undefined;
}

/**
 * Names a key that a step needs. `keyHash` is given where it is known, because it saves a hash, and `found` where the
 * entry was read before, because that may still be it.
 */
type Want = (key: string, keyHash?: Bytes, found?: FoundEntry) => void;

/** Names every key of a batch. */
export function keysOf({ fragments, writes }: Batch): (want: Want) => void {
  return (want) => {
    for (const { fragment } of fragments) for (const { operation } of fragment.operations) want(operation.key);
    for (const { intent } of writes) for (const { key, found } of intent.operations) want(key, found?.keyHash, found);
  };
}

/** The entries of these keys as a step sees them. They are read before the step, so that the step needs no I/O. */
export async function prefetch(deps: PrefetchDeps, needed: (want: Want) => void): Promise<ReadonlyMap<string, Entry>> {
  const view = new Map<string, Entry>();
  const missing = new Map<string, Bytes>();
  const hashed = new Uint8Array(32);
  needed((key, known, found) => {
    if (view.has(key) || missing.has(key)) return;
    if (found !== undefined && deps.entries.isPresent(found)) return void view.set(key, found.entry);
    const held = deps.known(key);
    if (held !== undefined) return void view.set(key, held);
    // Nothing of what a client sent has been checked at this point.
    if (typeof key !== 'string') return;
    if (known === undefined) keyHashInto(key, deps.hasher, hashed);
    // The tree knows which keys exist, so a new key needs no read.
    if (deps.replica.tree.get(known ?? hashed) !== undefined) missing.set(key, known ?? hashed.slice());
  });
  if (missing.size === 0) return view;
  const wanted = Array.from(missing, ([key, keyHash]) => ({ key, keyHash }));
  const chunks = Array.from({ length: Math.ceil(wanted.length / READ_CHUNK) }, (_, i) =>
    wanted.slice(i * READ_CHUNK, (i + 1) * READ_CHUNK),
  );
  await Promise.all(
    chunks.map(async (chunk) => {
      // None of these keys is in the batch in flight, so the store's rows of them do not change meanwhile.
      const entries = await deps.entries.many(chunk, HERE);
      chunk.forEach(({ key }, i) => {
        const entry = entries[i];
        if (entry !== undefined) view.set(key, entry);
      });
    }),
  );
  return view;
}
