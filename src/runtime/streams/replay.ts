import { decodeJournal, type Journal, journalKeyToSequence, journalRange } from '../../core/rows/index.ts';
import type { Store } from '../../ports/index.ts';

/**
 * How many journal records are replayed to one consumer. One that is further behind starts over, because a repair is
 * cheaper.
 */
export const MAX_REPLAY = 10_000;
/** How many journal records one read takes while replaying. */
const REPLAY_CHUNK = 256;

/**
 * Cursors, which name places in the durable local sequence: `<store incarnation>.<sequence>` (SPEC X8). The incarnation
 * is in hex.
 */
export interface Cursors {
  at(sequence: number): string;
  /** The sequence that a cursor names, or a sentence that says why no stream can go on from it. */
  resolve(cursor: string, newest: number): number | string;
}

export function createCursors(incarnation: string): Cursors {
  return {
    at: (sequence) => `${incarnation}.${sequence}`,
    resolve(cursor, newest) {
      const [of, text, ...more] = cursor.split('.', 3);
      const sequence = Number(text);
      if (of !== incarnation) return 'the cursor belongs to another store';
      if (text === undefined || more.length > 0 || !/^\d{1,15}$/.test(text) || sequence > newest)
        return 'the cursor is not one of this store';
      if (newest - sequence > MAX_REPLAY) return 'the cursor is too far behind';
      return sequence;
    },
  };
}

/**
 * Reads the journal after `from`, up to `to`, and calls `replay` with each record. Resolves to `lost` when records are
 * missing, and to `full` when `replay` returned false.
 */
export async function replayJournal(
  store: Pick<Store, 'iterate'>,
  from: number,
  to: number,
  replay: (sequence: number, journal: Journal) => Promise<boolean>,
): Promise<'sent' | 'lost' | 'full'> {
  let expected = from + 1;
  while (expected <= to) {
    const rows = [];
    for await (const chunk of store.iterate({ ...journalRange(expected - 1), limit: REPLAY_CHUNK }))
      rows.push(...chunk);
    if (rows.length === 0) return 'lost';
    for (const [key, value] of rows) {
      const sequence = journalKeyToSequence(key);
      if (sequence !== expected) return 'lost';
      if (sequence > to) return 'sent';
      if (!(await replay(sequence, decodeJournal(value)))) return 'full';
      expected++;
    }
  }
  return 'sent';
}
