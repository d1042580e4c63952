import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checkContent, checkRange } from '../../../src/audit/index.ts';

const content = new Uint8Array(randomBytes(200_000));
const hash = createHash('sha256').update(content).digest('hex');

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const changed = (at: number): Uint8Array => {
  const copy = Uint8Array.from(content);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

describe('content of the vault, checked offline', () => {
  it('is what its hash and its proven entry name, in pieces of any size [U1, U2]', async () => {
    const digest = await checkContent(content, { hash });
    expect([digest.hash, digest.size, digest.leaves.length]).toEqual([hash, 200_000, 4 * 32]);
    expect(await checkContent(inPieces(content, 1013), digest)).toEqual(digest);
    const codes = await Promise.all(
      [
        checkContent(changed(199_999), { hash }),
        checkContent(content.subarray(1), { hash }),
        checkContent(content, { hash, size: 1 }),
        checkContent(content, { hash, root: '0'.repeat(64) }),
      ].map((check) => check.catch((error: unknown) => (error as { code: string }).code)),
    );
    expect(codes).toEqual(Array.from({ length: 4 }, () => 'hash-mismatch'));
  });

  it('is checked block by block with leaf hashes from anybody [U2]', async () => {
    const blocks = await checkContent(content, { hash });
    const part = (bytes: Uint8Array, from: number, to: number): void =>
      checkRange(bytes.subarray(from, to), from, blocks);
    for (const [from, to] of [
      [0, 65_536],
      [65_536, 196_608],
      [196_608, 200_000],
      [0, 200_000],
    ] as const)
      part(content, from, to);
    expect(() => part(changed(70_000), 0, 200_000)).toThrow('block 1 is not');
    part(changed(70_000), 0, 65_536);
    const leaves = Uint8Array.from(blocks.leaves);
    leaves[40] = (leaves[40] ?? 0) ^ 1;
    expect(() => checkRange(content.subarray(0, 65_536), 0, { ...blocks, leaves })).toThrow('do not lead to the root');
    for (const [from, to] of [
      [1, 65_536],
      [0, 65_535],
      [196_608, 200_001],
    ] as const)
      expect(() => checkRange(new Uint8Array(to - from), from, blocks)).toThrow('whole blocks');
  });
});
