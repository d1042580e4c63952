import { createHash } from 'node:crypto';
import type { Hasher } from '../../../core/types/index.ts';

const digest = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());
/** Files of the original are small, so that it does not matter that this is not the fastest. */
export const hasher: Hasher = {
  hash: (bytes) => Uint8Array.from(digest(bytes)),
  hashInto: (bytes, out, offset) => out.set(digest(bytes), offset),
  running() {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), digest: () => Uint8Array.from(hash.digest()) };
  },
};
