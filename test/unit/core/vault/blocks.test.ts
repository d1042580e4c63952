import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bundledCrypto } from '../../../../src/audit/index.ts';
import {
  BLOCK_BYTES,
  blockCount,
  blockLeaf,
  blockLength,
  blockPath,
  blockRoot,
  type ContentDigest,
  createContentHash,
  isContentSize,
  leafAt,
  MAX_CONTENT_BYTES,
  verifyBlock,
  verifyBlockByPath,
  verifyLeaves,
} from '../../../../src/core/vault/index.ts';
import { blocksOf, contentOf, hasher, hex, referencePath, referenceRoot, unhex } from './support.ts';

const SIZES = [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES, 7 * BLOCK_BYTES + 5];

function digestOf(content: Uint8Array, piece = content.length, by = hasher): ContentDigest {
  const hash = createContentHash(by);
  for (let at = 0; at < content.length; at += piece) hash.update(content.subarray(at, at + piece));
  return hash.digest();
}

describe('the hash of a content', () => {
  it.each(SIZES)('of %i bytes is SHA-256 and the tree of RFC 6962 over its blocks [U1, U2]', (size) => {
    const content = contentOf(size);
    const blocks = blocksOf(content);
    expect(digestOf(content)).toEqual({
      hash: createHash('sha256').update(content).digest('hex'),
      size,
      root: hex(referenceRoot(blocks)),
      leaves: unhex(blocks.map((block) => hex(blockLeaf(block, hasher))).join('')),
    });
    expect(blockCount(size)).toBe(blocks.length);
    expect(blocks.map((_, i) => blockLength(size, i))).toEqual(blocks.map((block) => block.length));
  });

  it('does not depend on the pieces in which the content comes, nor on who computes SHA-256 [U2]', () => {
    const content = contentOf(5 * BLOCK_BYTES + 17);
    const expected = digestOf(content);
    for (const piece of [1009, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])
      expect(digestOf(content, piece)).toEqual(expected);
    const withEmpty = createContentHash(hasher);
    withEmpty.update(new Uint8Array(0));
    withEmpty.update(content);
    withEmpty.update(new Uint8Array(0));
    expect(withEmpty.size).toBe(content.length);
    expect(withEmpty.digest()).toEqual(expected);
    expect(digestOf(content, 50_000, bundledCrypto().hasher)).toEqual(expected);
  });

  it('keeps the leaves of many blocks', () => {
    const content = new Uint8Array(200 * BLOCK_BYTES);
    const { leaves, root } = digestOf(content, BLOCK_BYTES);
    expect(leaves).toEqual(unhex(hex(blockLeaf(content.subarray(0, BLOCK_BYTES), hasher)).repeat(200)));
    expect(root).toBe(hex(referenceRoot(blocksOf(content))));
  });
});

describe('a block tree', () => {
  const content = contentOf(4 * BLOCK_BYTES + 100);
  const blocks = blocksOf(content);
  const { leaves, size, root } = digestOf(content);

  it('verifies leaves by the root, and takes no others [U2]', () => {
    expect(verifyLeaves(leaves, size, unhex(root), hasher)).toBe(true);
    for (let i = 0; i < leaves.length; i += 31) {
      const changed = leaves.slice();
      changed[i] = (changed[i] as number) ^ 1;
      expect(verifyLeaves(changed, size, unhex(root), hasher)).toBe(false);
    }
    expect(verifyLeaves(leaves.subarray(32), size, unhex(root), hasher)).toBe(false);
    expect(verifyLeaves(leaves.subarray(1), size, unhex(root), hasher)).toBe(false);
    expect(verifyLeaves(leaves, size + BLOCK_BYTES, unhex(root), hasher)).toBe(false);
  });

  it('does not take an inner node for a leaf: a tree of two blocks is none of one [U2]', () => {
    const two = digestOf(content.subarray(0, 2 * BLOCK_BYTES));
    expect(verifyLeaves(unhex(two.root), BLOCK_BYTES, unhex(two.root), hasher)).toBe(true);
    expect(verifyBlock(two.leaves, 0, 64, unhex(two.root), hasher)).toBe(false);
  });

  it('verifies each block by its leaf, at its place and with its length only [U2]', () => {
    blocks.forEach((block, i) => {
      expect(verifyBlock(block, i, size, leaves, hasher)).toBe(true);
      expect(verifyBlock(block, (i + 1) % blocks.length, size, leaves, hasher)).toBe(false);
      expect(verifyBlock(block.subarray(1), i, size, leaves, hasher)).toBe(false);
      const changed = block.slice();
      changed[block.length - 1] = (changed[block.length - 1] as number) ^ 0x80;
      expect(verifyBlock(changed, i, size, leaves, hasher)).toBe(false);
    });
  });

  it('verifies a block by its audit path and the root alone [U2]', () => {
    for (let count = 1; count <= 9; count++) {
      const whole = contentOf((count - 1) * BLOCK_BYTES + 7);
      const digest = digestOf(whole);
      blocksOf(whole).forEach((block, i) => {
        const path = blockPath(digest.leaves, i, hasher);
        expect(hex(path)).toBe(referencePath(i, blocksOf(whole)).map(hex).join(''));
        const verify = (bytes: Uint8Array, index = i, proof = path): boolean =>
          verifyBlockByPath(bytes, index, digest.size, unhex(digest.root), proof, hasher);
        expect(verify(block)).toBe(true);
        const changed = block.slice();
        changed[0] = (changed[0] as number) ^ 1;
        expect(verify(changed)).toBe(false);
        if (count > 1) {
          expect(verify(block, (i + 1) % count)).toBe(false);
          expect(verify(block, i, path.subarray(32))).toBe(false);
          const other = path.slice();
          other[path.length - 1] = (other[path.length - 1] as number) ^ 1;
          expect(verify(block, i, other)).toBe(false);
        }
      });
    }
  });

  it('asks for sizes and places that exist', () => {
    expect([0, 1, MAX_CONTENT_BYTES].map(isContentSize)).toEqual([true, true, true]);
    expect([-1, 0.5, Number.NaN, MAX_CONTENT_BYTES + 1].some(isContentSize)).toBe(false);
    expect(() => blockCount(-1)).toThrow(RangeError);
    expect(() => blockLength(BLOCK_BYTES, 1)).toThrow(RangeError);
    expect(() => blockLength(0, 0)).toThrow(RangeError);
    expect(() => blockRoot(new Uint8Array(33), hasher)).toThrow(RangeError);
    expect(() => blockPath(leaves, blocks.length, hasher)).toThrow(RangeError);
    expect(leafAt(leaves, 1)).toEqual(leaves.slice(32, 64));
  });
});
