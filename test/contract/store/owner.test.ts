import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimStore, ownerOf } from '../../../src/adapters/store/index.ts';
import type { Author } from '../../../src/core/types/index.ts';
import { authorToPeerId } from '../../../src/core/wire/peer-id.ts';

const [oslo, bergen] = ['a1'.repeat(32), 'b2'.repeat(32)] as [Author, Author];
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-owner-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('a store', () => {
  it('belongs to the first key that opens it, and to no other [N1]', async () => {
    expect(await ownerOf(directory)).toBeUndefined();
    await claimStore(directory, oslo);
    await claimStore(directory, oslo);
    expect(await ownerOf(directory)).toBe(oslo);
    await expect(claimStore(directory, bergen)).rejects.toMatchObject({
      code: 'other-author',
      message: expect.stringContaining(authorToPeerId(oslo)) as string,
      next: expect.stringContaining(join(directory, 'author')) as string,
    });
    expect(await ownerOf(directory)).toBe(oslo);
  });

  it('that cannot be marked is told as one that cannot be opened, so that the exit code says what helps [N9]', async () => {
    const missing = join(directory, 'missing');
    await expect(claimStore(missing, oslo)).rejects.toMatchObject({
      code: 'store-open-failed',
      message: expect.stringContaining(missing) as string,
    });
  });

  it('is given to another key by removing the file, and to none while the file names nobody [N1]', async () => {
    await claimStore(directory, oslo);
    const path = join(directory, 'author');
    rmSync(path);
    await claimStore(directory, bergen);
    expect(await ownerOf(directory)).toBe(bergen);
    for (const damaged of ['', 'nobody', oslo.slice(1)]) {
      writeFileSync(path, damaged);
      await expect(claimStore(directory, bergen)).rejects.toMatchObject({
        code: 'store-open-failed',
        next: expect.stringContaining(`remove ${path}`) as string,
      });
    }
  });

  it('whose file cannot be read is not opened [N1]', async () => {
    mkdirSync(join(directory, 'author'));
    await expect(claimStore(directory, oslo)).rejects.toMatchObject({ code: 'store-open-failed' });
  });
});
