import { malformed } from '../cbor/reader.ts';
import { hlcAt, hlcInto } from '../clock/hlc.ts';
import type { Author, Bytes, Hlc } from '../types/index.ts';
import { authorAt } from '../wire/author.ts';
import { authorInto } from '../wire/operation.ts';

/** The bytes of an author and two HLCs. */
const CLOCK_BYTES = 48;

/**
 * What was seen of one author: the greatest HLC in any operation or context (`seen`), and the greatest one in a commit
 * that the author signed (`committed`).
 */
export interface AuthorClock {
  readonly author: Author;
  readonly seen: Hlc;
  readonly committed: Hlc;
}

/** The bytes of clocks: n × (author ‖ seen ‖ committed). */
export function clocksToBytes(clocks: readonly AuthorClock[]): Bytes {
  const bytes = new Uint8Array(clocks.length * CLOCK_BYTES);
  clocks.forEach(({ author, seen, committed }, i) => {
    authorInto(author, bytes, i * CLOCK_BYTES);
    hlcInto(seen, bytes, i * CLOCK_BYTES + 32);
    hlcInto(committed, bytes, i * CLOCK_BYTES + 40);
  });
  return bytes;
}

/** Reads the bytes of clocks. LatticeError `malformed`. */
export function bytesToClocks(bytes: Bytes): AuthorClock[] {
  if (bytes.length % CLOCK_BYTES !== 0) throw malformed('the clocks of authors are not a whole number of them');
  const clocks: AuthorClock[] = [];
  for (let at = 0; at < bytes.length; at += CLOCK_BYTES) {
    clocks.push({ author: authorAt(bytes, at), seen: hlcAt(bytes, at + 32), committed: hlcAt(bytes, at + 40) });
  }
  return clocks;
}
