import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  BLOCK_BYTES,
  blockPath,
  createContentHash,
  vaultKey,
  vaultValue,
  verifyBlockByPath,
  verifyLeaves,
} from '../../src/core/vault/index.ts';
import { blocksOf, contentOf, hasher, hex, referencePath, referenceRoot, unhex } from '../unit/core/vault/support.ts';

/** Contents and their trees, pinned. UPDATE_VECTORS=1 writes the file anew: only for a new version of the protocol. */
const FILE = new URL('vault.json', import.meta.url);

interface ContentText {
  readonly size: number;
  readonly hash: string;
  readonly root: string;
  readonly leaves: readonly string[];
  /** The audit path of every block, each with its hashes from the leaf to the root. */
  readonly paths: readonly (readonly string[])[];
}
interface File {
  readonly format: string;
  /** How the bytes of each content are made: the high byte of x after each step, which begins with x = 1. */
  readonly content: string;
  readonly contents: readonly ContentText[];
  readonly entry: { readonly key: string; readonly value: unknown };
}

const SIZES = [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1, 5 * BLOCK_BYTES, 6 * BLOCK_BYTES + 4321];

const hashesOf = (bytes: Uint8Array): string[] =>
  Array.from({ length: bytes.length / 32 }, (_, i) => hex(bytes.subarray(32 * i, 32 * i + 32)));

function describeContent(size: number): ContentText {
  const running = createContentHash(hasher);
  running.update(contentOf(size));
  const { hash, root, leaves } = running.digest();
  return {
    size,
    hash,
    root,
    leaves: hashesOf(leaves),
    paths: hashesOf(leaves).map((_, i) => hashesOf(blockPath(leaves, i, hasher))),
  };
}

function describeAll(): File {
  const contents = SIZES.map(describeContent);
  const last = contents.at(-1) as ContentText;
  return {
    format: 'diotec360-lattice-vault/1',
    content: 'x = (1103515245 * x + 12345) mod 2^32',
    contents,
    entry: {
      key: vaultKey(last.hash),
      value: vaultValue({ size: last.size, root: last.root, type: 'text/plain', name: 'Zürich.txt', pinned: true }),
    },
  };
}

if (process.env['UPDATE_VECTORS'] === '1') writeFileSync(FILE, `${JSON.stringify(describeAll(), null, 2)}\n`);
const file = JSON.parse(readFileSync(FILE, 'utf8')) as File;

describe('vault vectors', () => {
  it('are made again as they stand [U1, U2, U3]', () => {
    expect(describeAll()).toEqual(file);
    expect(file.contents.map(({ size }) => size)).toEqual(SIZES);
  });

  it.each(file.contents.map((content) => [content.size, content] as const))(
    'a content of %i bytes agrees with the definition [U1, U2]',
    (size, { hash, root, leaves, paths }) => {
      const bytes = contentOf(size);
      const blocks = blocksOf(bytes);
      expect(hex(hasher.hash(bytes))).toBe(hash);
      expect(hex(referenceRoot(blocks))).toBe(root);
      expect(paths).toEqual(blocks.map((_, i) => referencePath(i, blocks).map(hex)));
      expect(verifyLeaves(unhex(leaves.join('')), size, unhex(root), hasher)).toBe(true);
      blocks.forEach((block, i) => {
        const path = unhex((paths[i] ?? []).join(''));
        expect(verifyBlockByPath(block, i, size, unhex(root), path, hasher)).toBe(true);
      });
    },
  );
});
