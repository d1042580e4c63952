import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../../../src/adapters/store/index.ts';
import { encodeJournal, journalKey } from '../../../../src/core/rows/index.ts';
import type { Store } from '../../../../src/ports/index.ts';
import { createCursors, replayJournal } from '../../../../src/runtime/streams/replay.ts';

const cursors = createCursors('ab');

describe('a cursor', () => {
  it('names a sequence of this store [X8]', () => {
    expect(cursors.at(7)).toBe('ab.7');
    expect(cursors.resolve(cursors.at(7), 9)).toBe(7);
    expect(cursors.resolve(cursors.at(9), 9)).toBe(9);
    expect(cursors.resolve(cursors.at(0), 9)).toBe(0);
  });

  it('that cannot be resumed says why [X8]', () => {
    expect(cursors.resolve('00.3', 5)).toBe('the cursor belongs to another store');
    for (const cursor of [
      'ab.6',
      'ab',
      'ab.',
      'ab.x',
      'ab.-1',
      'ab.1e0',
      'ab.1234567890123456',
      'ab.3.1',
      'ab.3.',
      'ab.3.x.y',
    ])
      expect(cursors.resolve(cursor, 5), cursor).toBe('the cursor is not one of this store');
    expect(cursors.resolve('ab.0', 10_000)).toBe(0);
    expect(cursors.resolve('ab.0', 10_001)).toBe('the cursor is too far behind');
  });
});

describe('the journal', () => {
  let store: Store;

  const forget = (...sequences: readonly number[]): Promise<void> =>
    store.batch(sequences.map((n) => ({ type: 'del' as const, key: journalKey(n) })));

  async function replayed(from: number, to: number, room = Number.POSITIVE_INFINITY): Promise<[string, number[]]> {
    const seen: number[] = [];
    const ended = await replayJournal(store, from, to, async (sequence, { root }) => {
      if (seen.length >= room) return false;
      // Each record comes with what it holds.
      seen.push(sequence === root[0] ? sequence : Number.NaN);
      return true;
    });
    return [ended, seen];
  }

  const span = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

  beforeEach(async () => {
    store = createMemoryStore();
    for (const sequence of span(1, 9)) {
      const journal = { root: new Uint8Array(32).fill(sequence), clocks: [], changes: [] };
      await store.batch([{ type: 'put', key: journalKey(sequence), value: encodeJournal(journal) }]);
    }
  });

  it('is read record by record from after the cursor to where it was asked to end [X8]', async () => {
    expect(await replayed(0, 9)).toEqual(['sent', span(1, 9)]);
    expect(await replayed(3, 5)).toEqual(['sent', [4, 5]]);
    expect(await replayed(5, 5)).toEqual(['sent', []]);
  });

  it('is read to its end however long it is', async () => {
    const value = (sequence: number) =>
      encodeJournal({ root: new Uint8Array(32).fill(sequence % 256), clocks: [], changes: [] });
    await store.batch(span(1, 700).map((n) => ({ type: 'put' as const, key: journalKey(n), value: value(n) })));
    let last = 0;
    let count = 0;
    const ended = await replayJournal(store, 0, 700, async (sequence) => {
      expect(sequence).toBe(last + 1);
      last = sequence;
      return ++count > 0;
    });
    expect([ended, count]).toEqual(['sent', 700]);
  });

  it('that lacks a record says so, and goes no further [X8]', async () => {
    await forget(5);
    expect(await replayed(2, 9)).toEqual(['lost', [3, 4]]);
    expect(await replayed(4, 9)).toEqual(['lost', []]);
    expect(await replayed(5, 9)).toEqual(['sent', span(6, 9)]);
    await forget(6, 7, 8, 9);
    expect(await replayed(5, 9)).toEqual(['lost', []]);
  });

  it('stops where no more is taken', async () => {
    expect(await replayed(0, 9, 4)).toEqual(['full', [1, 2, 3, 4]]);
  });
});
