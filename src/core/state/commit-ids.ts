import { type Bytes, equalBytes } from '../types/index.ts';

/** Places of the table, a power of two: 512 KiB of ids at most. */
const PLACES = 2048;

/**
 * Copies of commit ids for whoever keeps an operation without the row or message that it is a part of. Operations of one
 * commit share a copy, also where they come one by one, as long as no other commit has taken its place in the table:
 * a copy for each would be the largest part of what is kept of a small operation.
 */
export function createCommitIds(): (id: Bytes) => Bytes {
  const copies: (Bytes | undefined)[] = Array.from({ length: PLACES });
  return (id) => {
    const place = (((id[0] as number) << 8) | (id[1] as number)) % PLACES;
    const held = copies[place];
    if (held !== undefined && equalBytes(held, id)) return held;
    return (copies[place] = id.slice());
  };
}
