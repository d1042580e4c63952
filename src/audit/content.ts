import { type Bytes, hexToBytes, LatticeError } from '../core/types/index.ts';
import {
  BLOCK_BYTES,
  blockLength,
  type ContentDigest,
  createContentHash,
  verifyBlock,
  verifyLeaves,
} from '../core/vault/index.ts';
import { bundledCrypto } from './bundled.ts';

/** What content must be: the hash of an object, and what the proven entry `vault/<hash>` says of it. */
export interface ExpectedContent {
  /** SHA-256, 64 lower-case hex digits. */
  readonly hash: string;
  readonly size?: number | undefined;
  /** Root of the block tree, 64 lower-case hex digits. */
  readonly root?: string | undefined;
}

/** What verifies a range of an object: its proven size and root, and the leaf hashes from anybody. */
export interface ExpectedBlocks {
  readonly size: number;
  /** Root of the block tree, 64 lower-case hex digits. */
  readonly root: string;
  /** The leaf hashes, 32 bytes each, in order: GET /api/v1/vault/<hash>/leaves. */
  readonly leaves: Uint8Array;
}

const mismatch = (what: string): LatticeError =>
  new LatticeError('hash-mismatch', what, { next: 'Throw it away, and get it from another node.' });

/**
 * Checks content of any length as it goes by, without any network: its SHA-256, and, where the proven entry of the
 * object is at hand, its size and its block tree (RFC 6962 over blocks of 64 KiB; SPEC U1, U2). Resolves to what it was
 * found to be. It runs in browsers.
 *
 * @throws `hash-mismatch`, which names what differs
 * @example
 * const { size } = await checkContent(bytes, { hash });
 * console.log(size);
 */
export async function checkContent(
  content: Bytes | AsyncIterable<Bytes>,
  expected: ExpectedContent,
): Promise<ContentDigest> {
  const run = createContentHash(bundledCrypto().hasher);
  if (content instanceof Uint8Array) run.update(content);
  else for await (const piece of content) run.update(piece);
  const digest = run.digest();
  for (const name of ['hash', 'size', 'root'] as const) {
    const wanted = expected[name];
    if (wanted !== undefined && wanted !== digest[name])
      throw mismatch(`the ${name} of the content is ${digest[name]} and not ${wanted}`);
  }
  return digest;
}

/**
 * Checks a range of an object that begins with the first byte of a block, `start`, and ends with the last byte of one:
 * the leaf hashes must lead to the proven root, and each block to its leaf (SPEC U2). It runs in browsers.
 *
 * @throws `hash-mismatch`, which names the block; `range-not-satisfiable` for a range that is not made of whole blocks
 * @example
 * checkRange(bytes, 65_536, { size, root, leaves });
 */
export function checkRange(bytes: Bytes, start: number, { size, root, leaves }: ExpectedBlocks): void {
  const { hasher } = bundledCrypto();
  const end = start + bytes.length;
  const isWhole = start % BLOCK_BYTES === 0 && start >= 0 && end <= size && (end === size || end % BLOCK_BYTES === 0);
  if (!isWhole) throw new LatticeError('range-not-satisfiable', `bytes ${start} to ${end} are not whole blocks`);
  const proven = hexToBytes(root);
  if (proven === undefined || !verifyLeaves(leaves, size, proven, hasher))
    throw mismatch('the leaf hashes do not lead to the root');
  for (let at = start; at < end; ) {
    const index = at / BLOCK_BYTES;
    const length = blockLength(size, index);
    if (!verifyBlock(bytes.subarray(at - start, at - start + length), index, size, leaves, hasher))
      throw mismatch(`block ${index} is not the one that its leaf names`);
    at += length;
  }
}
