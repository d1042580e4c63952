import { malformed } from '../cbor/reader.ts';
import { type Bytes, equalBytes, type Hasher, type Header } from '../types/index.ts';
import { type CheckedPaths, createCheckedPaths } from './checked-paths.ts';
import { commitId, decodeHeader } from './header.ts';

/** Places of the table, a power of two: 9 MiB where commits of the most operations have taken all. */
const PLACES = 512;

/** A header that hashes to the commit id beside it. */
export interface KnownCommit {
  readonly commit: Bytes;
  readonly headerBytes: Bytes;
  readonly header: Header;
  /** What was checked of its operations; undefined where that is not kept. */
  readonly paths: CheckedPaths | undefined;
}

const known: (KnownCommit | undefined)[] = Array.from({ length: PLACES });
/** A part of the commit id that was asked for last at each place. */
const marks = new Uint32Array(PLACES);

/** A copy that keeps nothing else in memory. */
function toKeep(commit: Bytes, headerBytes: Bytes): KnownCommit {
  const copy = headerBytes.slice();
  const header = decodeHeader(copy);
  return { commit: commit.slice(), headerBytes: copy, header, paths: createCheckedPaths(header) };
}

/**
 * The commit whose header `headerBytes` are, which must hash to `commit`: LatticeError `malformed`, or
 * `unknown-version`. The operations of a commit are often read one after the other, so that what is asked for again is
 * neither decoded nor hashed again; it is kept until another takes its place. Of any other the bytes are views.
 */
export function knownCommit(commit: Bytes, headerBytes: Bytes, hasher: Hasher): KnownCommit {
  const place = (((commit[0] as number) << 8) | (commit[1] as number)) % PLACES;
  const held = known[place];
  if (held !== undefined && equalBytes(held.commit, commit) && equalBytes(held.headerBytes, headerBytes)) return held;
  const header = decodeHeader(headerBytes);
  if (!equalBytes(commitId(headerBytes, hasher), commit)) throw malformed('a header does not hash to its commit id');
  const [, , a, b, c, d] = commit as unknown as readonly [number, number, number, number, number, number];
  const mark = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  if (marks[place] === mark) return (known[place] = toKeep(commit, headerBytes));
  marks[place] = mark;
  return { commit, headerBytes, header, paths: undefined };
}
