import { type Bytes, bytesToHex, type Hasher, LatticeError } from '../../core/types/index.ts';
import type { PartialObject, VaultStore } from '../../ports/index.ts';

/**
 * What is here of a content of one block or none, in memory until it is whole. Files of marks and parts would cost it
 * several times what its own file costs, and there may be ten thousands of such objects.
 */
export function createSingleBlock(
  store: Pick<VaultStore, 'begin'>,
  { hash, size }: { readonly hash: string; readonly size: number },
  hasher: Hasher,
): PartialObject {
  let content: Bytes | undefined = size === 0 ? new Uint8Array(0) : undefined;
  let isClosed = false;
  const usable = (): void => {
    if (isClosed) throw new LatticeError('object-missing', `object ${hash} is not taken in any more`);
  };

  return {
    hash,
    size,
    has: () => false,
    async write(_first, bytes) {
      usable();
      content = bytes.slice();
    },
    async finish(leaves) {
      usable();
      if (content === undefined) throw new RangeError(`The block of object ${hash} has not come.`);
      if (bytesToHex(hasher.hash(content)) !== hash) {
        content = undefined;
        throw new LatticeError('object-damaged', `the block of object ${hash} has another SHA-256 than its name`);
      }
      const upload = await store.begin();
      try {
        await upload.write(content);
        await upload.commit(hash, leaves);
      } catch (error) {
        await upload.abort();
        throw error;
      }
      isClosed = true;
    },
    async close() {
      isClosed = true;
    },
  };
}
