import { expect, it } from 'vitest';
import { createPageText } from '../../../../src/api/http/pages.ts';
import { createAuthor } from '../../runtime/support.ts';
import { friend, startLattice } from '../live-lattice.ts';
import { startApi } from '../support.ts';

const MIB = 1024 * 1024;
/** JSON writes each of these characters with six, so that a value is six times as long as it is stored. */
const ESCAPED = '\u0001'.repeat(16_000);

it('a page of entries ends at 1 MiB with a cursor, and the pages have every entry once [A4]', async () => {
  const { ask, lattice } = await startApi();
  for (let i = 0; i < 100; i++)
    await lattice.write([{ op: 'put', key: `key-${String(i).padStart(3, '0')}`, value: i % 2 === 0 ? ESCAPED : i }]);
  const keys: string[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const { text } = await ask(`/api/v1/state?limit=1000${cursor === undefined ? '' : `&cursor=${cursor}`}`);
    expect(text.length).toBeLessThan(MIB + 1000);
    const page = JSON.parse(text) as { entries: { key: string }[]; cursor?: string };
    keys.push(...page.entries.map(({ key }) => key));
    cursor = page.cursor;
    pages++;
  } while (cursor !== undefined);
  expect(keys).toEqual(Array.from({ length: 100 }, (_, i) => `key-${String(i).padStart(3, '0')}`));
  expect(pages).toBe(5);
});

it('a page of conflicts ends at 1 MiB with a cursor, and the pages have every conflict once [A7]', async () => {
  const others = [friend, createAuthor(3), createAuthor(4)];
  const lattice = await startLattice({ trusted: [createAuthor(1).author, ...others.map(({ author }) => author)] });
  const { ask } = await startApi({ lattice });
  for (let i = 0; i < 12; i++) await lattice.take(others.map((author) => author.commit({ [`key-${i}`]: ESCAPED })));
  const keys: string[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const { text } = await ask(`/api/v1/conflicts?limit=1000${cursor === undefined ? '' : `&cursor=${cursor}`}`);
    expect(text.length).toBeLessThan(MIB + 1000);
    const page = JSON.parse(text) as { conflicts: { key: string; siblings: unknown[] }[]; cursor?: string };
    keys.push(...page.conflicts.map(({ key }) => key));
    for (const { siblings } of page.conflicts) expect(siblings).toHaveLength(3);
    cursor = page.cursor;
    pages++;
  } while (cursor !== undefined);
  expect(keys.toSorted()).toEqual(Array.from({ length: 12 }, (_, i) => `key-${i}`).toSorted());
  expect(new Set(keys).size).toBe(12);
  expect(pages).toBeGreaterThan(3);
});

it('an item that is larger than a page makes one of its own', () => {
  const page = createPageText<string>();
  expect(page.fits('x'.repeat(2 * MIB))).toBe(true);
  expect(page.fits('y')).toBe(false);
  expect(JSON.parse(page.finish('items', 'c'))).toEqual({ items: ['x'.repeat(2 * MIB)], cursor: 'c' });
});
