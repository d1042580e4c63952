import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLevelStore } from '../../../src/adapters/store/index.ts';
import { numberKey, put } from './suite.ts';

/** Rows of two kinds, as a node has them: with a value, and with nothing but a key. */
const ROWS = 3_000;
const FLIPS = 100;
/** Flips that may end the process. Each costs a new one, so this bounds the time of the test. */
const MAX_ENDS = 20;
let root = '';
let intact = '';

interface Told {
  readonly flip: number;
  readonly where: string;
  readonly event: 'flipped' | 'read';
  readonly wrong?: readonly string[];
  readonly missing?: readonly string[];
  readonly files?: string;
}

function flipFrom(directory: string, first: number): Told[] {
  const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  const script = ['--import', new URL('../../support/ts-loader.mjs', import.meta.url).href, here('flips-child.ts')];
  const child = spawnSync(process.execPath, [...script, intact, directory, String(FLIPS), String(first)], {
    encoding: 'utf8',
  });
  return child.stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Told]));
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'lattice-flips-'));
  intact = join(root, 'intact');
  const store = await openLevelStore(intact);
  await store.batch(
    Array.from({ length: ROWS }, (_, n) =>
      put(numberKey(n), n % 2 === 0 ? new Uint8Array(0) : new TextEncoder().encode(`pay ${n * 7919} to ${n}`)),
    ),
  );
  await store.close();
  // Opening moves the write-ahead log into a table.
  await (await openLevelStore(intact)).close();
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('one flipped bit anywhere in a table', () => {
  test(`gives no row another content, and is found in ${FLIPS} places out of ${FLIPS} [N14]`, async () => {
    const directory = join(root, 'flipped');
    let found = 0;
    let ends = 0;
    for (let first = 0; first < FLIPS; ) {
      await rm(directory, { recursive: true, force: true });
      await cp(intact, directory, { recursive: true });
      const told = flipFrom(directory, first);
      for (const { event, where, wrong, missing, files } of told) {
        if (event === 'flipped') continue;
        expect(wrong, where).toEqual([]);
        // LevelDB may take a row for a deleted one, or pass over a block. The check of the files tells of it.
        if (missing?.length !== 0) expect(files, where).toBe('store-damaged');
        if (files === 'store-damaged') found++;
      }
      const last = told.at(-1);
      if (last === undefined) throw new Error('the process said nothing');
      first = last.flip + 1;
      if (last.event === 'read') continue;
      // LevelDB trusts its blocks, and ended the process. The next start says why, before LevelDB reads the file.
      expect(++ends, last.where).toBeLessThanOrEqual(MAX_ENDS);
      await expect(openLevelStore(directory), last.where).rejects.toMatchObject({
        code: 'store-damaged',
        message: expect.stringMatching(/\.ldb: .*checksum/) as string,
      });
      found++;
    }
    expect(found).toBe(FLIPS);
  });
});
