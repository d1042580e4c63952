import { type Bytes, equalBytes, type Hasher, LatticeError } from '../../core/types/index.ts';
import { type ContentDigest, createContentHash } from '../../core/vault/index.ts';
import type { StoredObject, VaultStore } from '../../ports/index.ts';
import type { VaultChecked, VaultReading } from '../facade/index.ts';
import type { Named } from './content.ts';

/** After so many bytes it is told how far a reading is: within seconds, on a slow disk too. */
const TELL_EVERY_BYTES = 16 * 1024 * 1024;

export interface VerifyDeps {
  readonly store: Pick<VaultStore, 'stat' | 'read' | 'leaves'>;
  readonly hasher: Hasher;
  /** What the state says of the object; undefined when nothing names it. */
  readonly entry: (hash: string) => Promise<Named | undefined>;
  readonly onDamaged: (hash: string, text: string) => void;
  /** Told of what is whole and fits its entry. */
  readonly onWhole: (hash: string) => void;
}

/**
 * Root and leaf hashes of the bytes that are stored, where their SHA-256 is their name, whatever any entry says of
 * them. Rejects with LatticeError `stopping` where the node stops meanwhile, and with what the store rejects with.
 */
export async function wholeDigest(
  hash: string,
  {
    store,
    hasher,
    isStopped,
  }: Pick<VerifyDeps, 'hasher'> & {
    readonly store: Pick<VaultStore, 'stat' | 'read'>;
    readonly isStopped: () => boolean;
  },
): Promise<ContentDigest | undefined> {
  const stored = await store.stat(hash);
  const pieces = stored === undefined ? undefined : await store.read(hash, 0, stored.size);
  if (pieces === undefined) return undefined;
  const running = createContentHash(hasher);
  try {
    for await (const piece of pieces) {
      if (isStopped()) throw new LatticeError('stopping', 'the node is stopping');
      running.update(piece);
    }
  } catch (error) {
    if (error instanceof LatticeError && error.code === 'object-damaged') return undefined;
    throw error;
  }
  const digest = running.digest();
  return digest.hash === hash ? digest : undefined;
}

const isForbidden = (error: unknown): error is LatticeError =>
  error instanceof LatticeError &&
  error.code === 'vault-store-failed' &&
  (error.details['reason'] === 'EACCES' || error.details['reason'] === 'EPERM');

/**
 * Reads every byte of what is stored, and compares hash, block tree and stored leaf hashes with what names them. The
 * outcome comes last; of an object that was removed meanwhile there is none.
 */
export async function* verifyStored(
  { hash }: StoredObject,
  { store, hasher, entry, onDamaged, onWhole }: VerifyDeps,
): AsyncGenerator<VaultChecked | VaultReading, void> {
  const stored = await store.stat(hash);
  if (stored === undefined) return;
  const { size } = stored;
  const digest = createContentHash(hasher);
  let leaves: Bytes | undefined;
  let cut: string | undefined;
  try {
    let told = 0;
    const pieces = await store.read(hash, 0, size);
    leaves = await store.leaves(hash);
    // It was removed since it was listed.
    if (pieces === undefined || leaves === undefined) return;
    for await (const piece of pieces) {
      digest.update(piece);
      if (digest.size - told < TELL_EVERY_BYTES) continue;
      told = digest.size;
      yield { reading: hash, size, read: told };
    }
  } catch (error) {
    // A file that this process may not read says nothing of its bytes, and nothing of the others.
    if (isForbidden(error)) return yield { hash, size, fault: error.message };
    if (!(error instanceof LatticeError) || error.code !== 'object-damaged') throw error;
    cut = error.message;
  }
  const found = digest.digest();
  const named = await entry(hash);
  const changed =
    found.hash !== hash
      ? (cut ?? `Its ${size} bytes have the SHA-256 ${found.hash}.`)
      : leaves !== undefined && equalBytes(found.leaves, leaves)
        ? undefined
        : 'Its bytes are whole, and the leaf hashes beside them are not those of its blocks.';
  if (changed !== undefined) {
    if (named !== undefined) onDamaged(hash, `Object ${hash} is damaged: ${changed}`);
    yield { hash, size, fault: changed };
    return;
  }
  const isFalse = named !== undefined && (named.root !== found.root || named.size !== found.size);
  // No other node can have bytes that fit such an entry.
  if (!isFalse) onWhole(hash);
  const fault = isFalse
    ? 'Its bytes are whole, and its entry names another size or root: remove the object and put it again.'
    : undefined;
  yield { hash, size, fault };
}
