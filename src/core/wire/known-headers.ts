import { malformed } from '../cbor/reader.ts';
import { type Bytes, equalBytes, type Hasher, type Header } from '../types/index.ts';
import { commitId, decodeHeader } from './header.ts';

/** Places of the table, a power of two: 700 KiB where all are taken. */
const PLACES = 1024;

/** A header that hashes to the commit id beside it. */
export interface CommitHeader {
  readonly commit: Bytes;
  readonly headerBytes: Bytes;
  readonly header: Header;
}

const known: (CommitHeader | undefined)[] = Array.from({ length: PLACES });
/** A part of the commit id that was asked for last at each place. */
const marks = new Uint32Array(PLACES);

/**
 * The header that `headerBytes` are, which must hash to `commit`: LatticeError `malformed`, or `unknown-version`. The
 * operations of a commit are often read one after the other, so a header that is asked for again is neither decoded nor
 * hashed again, and all of them share its memory: it is kept until another takes its place. Any other is a view.
 */
export function commitHeader(commit: Bytes, headerBytes: Bytes, hasher: Hasher): CommitHeader {
  const place = (((commit[0] as number) << 8) | (commit[1] as number)) % PLACES;
  const held = known[place];
  if (held !== undefined && equalBytes(held.commit, commit) && equalBytes(held.headerBytes, headerBytes)) return held;
  const header = decodeHeader(headerBytes);
  if (!equalBytes(commitId(headerBytes, hasher), commit)) throw malformed('a header does not hash to its commit id');
  const [, , a, b, c, d] = commit as unknown as readonly [number, number, number, number, number, number];
  const mark = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  if (marks[place] !== mark) {
    marks[place] = mark;
    return { commit, headerBytes, header };
  }
  const kept = headerBytes.slice();
  return (known[place] = { commit: commit.slice(), headerBytes: kept, header: decodeHeader(kept) });
}
