import { type Bytes, giveBack } from '../../core/types/index.ts';
import { MAX_BLOCKS_ANSWER } from '../../core/wire/index.ts';

/** Answers that are read before anyone asks: one for each that is made at a time. Each has up to 1 MiB. */
const MAX_AHEAD = 4;
/** Objects of which it is remembered where the last answer ended. */
const MAX_OBJECTS = 16;

/**
 * Reads the next blocks of an object while the answer before them is on its way. Whoever fetches an object asks for one
 * part after the other, and would wait for the disk each time.
 */
export interface ReadAhead {
  /**
   * The blocks from `first` on, `count` of them, of the content of so many `blocks` that `key` names: read before, or by
   * `read`, which takes a first block and a number of blocks. Rejects as it does.
   */
  take(
    key: string,
    part: { readonly first: number; readonly count: number; readonly blocks: number },
    read: (first: number, count: number) => Promise<Bytes>,
  ): Promise<Bytes>;
}

export function createReadAhead(): ReadAhead {
  /** What was read and not asked for so far, the oldest first. */
  const ahead = new Map<string, Promise<Bytes>>();
  /** Where the last answer of an object ended, the one that was asked for last at the end. */
  const ends = new Map<string, number>();
  const placeOf = (key: string, first: number, count: number): string => `${key} ${first} ${count}`;

  function forgetOldest(): void {
    const [oldest] = ahead.keys();
    if (oldest === undefined) return;
    const bytes = ahead.get(oldest);
    ahead.delete(oldest);
    bytes?.then(giveBack, () => undefined);
  }

  return {
    take(key, { first, count, blocks }, read) {
      const place = placeOf(key, first, count);
      const found = ahead.get(place);
      ahead.delete(place);
      const goesOn = ends.get(key) === first;
      const end = first + count;
      ends.delete(key);
      ends.set(key, end);
      const [oldest] = ends.keys();
      if (ends.size > MAX_OBJECTS && oldest !== undefined) ends.delete(oldest);
      const bytes = found ?? read(first, count);
      const next = placeOf(key, end, count);
      // Who asks for parts here and there, because others give the rest, is not helped by it; nor is who asks for few
      // blocks yet, and for twice as many next.
      if (goesOn && count === MAX_BLOCKS_ANSWER && end + count <= blocks && !ahead.has(next)) {
        while (ahead.size >= MAX_AHEAD) forgetOldest();
        const coming = read(end, count);
        // Whoever asks for it is told.
        coming.catch(() => undefined);
        ahead.set(next, coming);
      }
      return bytes;
    },
  };
}
