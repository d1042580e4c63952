import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../../../src/adapters/store/index.ts';
import { decodeKnownAuthors, KNOWN_AUTHORS } from '../../../../src/core/rows/index.ts';
import { type Author, MAX_KNOWN_AUTHORS, MAX_TRUSTED } from '../../../../src/core/types/index.ts';
import { loadKnownAuthors } from '../../../../src/runtime/fleet/known-authors.ts';
import { gateStore, type LogLine, recordingLog } from '../support.ts';

const author = (n: number): Author => n.toString(16).padStart(64, '0') as Author;
const list = (from: number, count: number): Author[] => Array.from({ length: count }, (_, i) => author(from + i));

/** Starts with a trust list: the known authors, and what was logged. */
async function start(store: ReturnType<typeof createMemoryStore>, trusted: readonly Author[]) {
  const lines: LogLine[] = [];
  const known = await loadKnownAuthors({ store, log: recordingLog(lines) }, trusted);
  await known.save((make) => store.batch(make()));
  return { known, lines };
}

describe('known authors', () => {
  it('are those of the trust list and of every earlier one [R5]', async () => {
    const store = createMemoryStore();
    await start(store, list(1, 3));
    const { known, lines } = await start(store, list(2, 3));
    expect([0, 1, 2, 3, 4, 5].map((n) => known.has(author(n)))).toEqual([false, true, true, true, true, false]);
    expect(decodeKnownAuthors((await store.get(KNOWN_AUTHORS)) as Uint8Array)).toEqual(list(1, 4));
    expect(lines).toEqual([]);
  });

  it('are written only when they change, so a start with the same list writes nothing', async () => {
    const store = gateStore();
    await start(store, list(1, 3));
    expect(store.batches).toBe(1);
    await start(store, list(2, 2));
    expect(store.batches).toBe(1);
  });

  it('are bounded: the oldest that are no longer trusted are forgotten, and the log says how many [L2]', async () => {
    const store = createMemoryStore();
    for (let from = 0; from < MAX_KNOWN_AUTHORS; from += MAX_TRUSTED) await start(store, list(from, MAX_TRUSTED));
    const { known, lines } = await start(store, [author(0), ...list(MAX_KNOWN_AUTHORS, 10)]);
    expect(lines.map(({ fields }) => fields.forgotten)).toEqual([10]);
    expect(known.has(author(0))).toBe(true);
    expect(list(1, 10).map(known.has)).not.toContain(true);
    expect(known.has(author(11))).toBe(true);
    expect(decodeKnownAuthors((await store.get(KNOWN_AUTHORS)) as Uint8Array)).toHaveLength(MAX_KNOWN_AUTHORS);
  });

  it('fall back to the trust list where the row is damaged, and say so', async () => {
    const store = createMemoryStore();
    await store.batch([{ type: 'put', key: KNOWN_AUTHORS, value: Uint8Array.of(0x81, 0x42, 1, 2) }]);
    const { known, lines } = await start(store, list(1, 2));
    expect(lines).toHaveLength(1);
    expect(known.has(author(2))).toBe(true);
  });
});
