import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openLevelStore } from '../../../src/adapters/store/index.ts';
import { LatticeError } from '../../../src/core/types/index.ts';
import type { Row, Store } from '../../../src/ports/index.ts';
import { tell } from '../tell.ts';

// A process that flips one bit of a table after the other, because LevelDB may end it:
// `flips-child.ts <intact> <directory> <flips> <first flip>`. One JSON line per flip.
const [intact = '', directory = '', flips = '0', first = '0'] = process.argv.slice(2);
const EVERYTHING = { gte: new Uint8Array(0), lt: new Uint8Array(40).fill(0xff) };

const codeOf = (error: unknown): string => (error instanceof LatticeError ? error.code : String(error));
const textOf = (key: Uint8Array, value: Uint8Array): string =>
  `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString()}`;

async function rowsOf(store: Store, range: { reverse?: boolean; limit?: number }): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const chunk of store.iterate({ ...EVERYTHING, ...range })) rows.push(...chunk);
  return rows;
}

/** What each way of reading gives: rows as text, or the code of its error. */
async function readings(
  store: Store,
  keys: readonly Uint8Array[],
): Promise<Record<string, readonly string[] | string>> {
  const iterated = async (range: { reverse?: boolean; limit?: number }): Promise<string[]> =>
    (await rowsOf(store, range)).map((row) => textOf(...row));
  const ways: Record<string, () => Promise<string[]>> = {
    all: () => iterated({}),
    first: () => iterated({ limit: 700 }),
    last: () => iterated({ reverse: true, limit: 700 }),
    keys: async () => {
      const values = await store.getMany(keys);
      return keys.flatMap((key, i) => (values[i] === undefined ? [] : [textOf(key, values[i])]));
    },
  };
  const seen: Record<string, readonly string[] | string> = {};
  for (const [name, read] of Object.entries(ways)) seen[name] = await read().catch(codeOf);
  return seen;
}

async function filesOf(store: Store): Promise<string> {
  try {
    for await (const _ of store.checkFiles?.() ?? []);
    return 'good';
  } catch (error) {
    return codeOf(error);
  }
}

const store = await openLevelStore(directory);
const keys = (await rowsOf(store, {})).map(([key]) => key);
const expected = await readings(store, keys);
const written = new Set(expected['all']);
if ((await filesOf(store)) !== 'good') throw new Error('the intact store is not found good');
await store.close();

for (let flip = Number(first); flip < Number(flips); flip++) {
  await rm(directory, { recursive: true });
  await cp(intact, directory, { recursive: true });
  const table = (await readdir(directory)).find((name) => name.endsWith('.ldb')) ?? '';
  const bytes = await readFile(join(directory, table));
  const at = Math.floor(((flip + 0.5) * bytes.length) / Number(flips));
  bytes[at] = (bytes[at] as number) ^ (1 << (flip % 8));
  await writeFile(join(directory, table), bytes);
  const where = `bit ${flip % 8} of byte ${at} of ${bytes.length}`;
  tell({ flip, where, event: 'flipped' });
  const flipped = await openLevelStore(directory);
  const seen = await readings(flipped, keys);
  const files = await filesOf(flipped);
  await flipped.close();
  const wrong: string[] = [];
  const missing: string[] = [];
  for (const [name, rows] of Object.entries(seen)) {
    if (rows === 'store-damaged' || rows === 'store-read-failed' || String(rows) === String(expected[name])) continue;
    if (typeof rows === 'string' || rows.some((row) => !written.has(row))) wrong.push(name);
    else missing.push(name);
  }
  tell({ flip, where, event: 'read', wrong, missing, files });
}
