import type { CborItem } from '../cbor/cbor.ts';
import { splitBytes } from '../cbor/reader.ts';
import { type Bytes, concatBytes, MAX_NOTICE_BYTES } from '../types/index.ts';
import type { WireReader } from './fields.ts';

const HASH_BYTES = 32;
/** (wire) First bytes of a notice's hash by which members tell which notices they have. */
export const NOTICE_ID_BYTES = 8;
/** (wire) Most notices that one message names or carries: those of a decision by a full roster, and open changes. */
export const MAX_NOTICES = 1024;

/**
 * Tells which roster the sender goes by and which notices it has, and brings what the receiver lacks as far as the
 * sender knows. `news` is the request and `newsback` the answer (SPEC RO7).
 */
export interface RosterNews {
  readonly type: 'news' | 'newsback';
  readonly epoch: number;
  /** The hash of the sender's present roster. */
  readonly roster: Bytes;
  /** The first NOTICE_ID_BYTES of the hash of each notice that the sender has, up to MAX_NOTICES. */
  readonly has: readonly Bytes[];
  /** Encoded notices, left for `decodeNotice`. */
  readonly notices: readonly Bytes[];
}

export const newsFields = ({ epoch, roster, has, notices }: RosterNews): CborItem[] => [
  epoch,
  roster,
  concatBytes(...has),
  notices,
];

export function readNews(reader: WireReader, type: RosterNews['type']): RosterNews {
  const epoch = reader.uint('epoch');
  const roster = reader.bytes('roster', HASH_BYTES);
  const has = splitBytes(reader.bytes('notices known', 0, MAX_NOTICES * NOTICE_ID_BYTES), NOTICE_ID_BYTES);
  const count = reader.array('notices', 0, MAX_NOTICES);
  const notices = Array.from({ length: count }, () => reader.bytes('notice', 1, MAX_NOTICE_BYTES));
  return { type, epoch, roster, has, notices };
}
