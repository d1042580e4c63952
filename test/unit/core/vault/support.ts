import { createHash } from 'node:crypto';
import { nodeHasher } from '../../../../src/adapters/system/hasher.ts';
import { BLOCK_BYTES } from '../../../../src/core/vault/index.ts';

export const hasher = nodeHasher();
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** Content of `size` bytes in which no two blocks are equal, always the same. */
export function contentOf(size: number): Uint8Array {
  const out = new Uint8Array(size);
  let state = 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    out[i] = state >>> 24;
  }
  return out;
}

/** The blocks of a content by the definition. */
export function blocksOf(content: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.ceil(content.length / BLOCK_BYTES) }, (_, i) =>
    content.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES),
  );
}

const sha256 = (...parts: Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

const split = (count: number): number => {
  let half = 1;
  while (half * 2 < count) half *= 2;
  return half;
};

/** The Merkle tree hash of RFC 6962 §2.1, as it is written there. */
export function referenceRoot(blocks: readonly Uint8Array[]): Uint8Array {
  const [only] = blocks;
  if (only === undefined) return sha256();
  if (blocks.length === 1) return sha256(Uint8Array.of(0), only);
  const half = split(blocks.length);
  return sha256(Uint8Array.of(1), referenceRoot(blocks.slice(0, half)), referenceRoot(blocks.slice(half)));
}

/** The audit path of RFC 6962 §2.1.1, as it is written there. */
export function referencePath(index: number, blocks: readonly Uint8Array[]): Uint8Array[] {
  if (blocks.length <= 1) return [];
  const half = split(blocks.length);
  return index < half
    ? [...referencePath(index, blocks.slice(0, half)), referenceRoot(blocks.slice(half))]
    : [...referencePath(index - half, blocks.slice(half)), referenceRoot(blocks.slice(0, half))];
}
