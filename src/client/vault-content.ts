import { bytesToHex, hexToBytes } from '../core/types/bytes.ts';
import { LatticeError } from '../core/types/errors.ts';
import type { Hasher } from '../core/types/hash.ts';
import { BLOCK_BYTES, blockLength, verifyBlock, verifyLeaves } from '../core/vault/blocks.ts';
import { streamOf } from '../timing/stream.ts';
import { cutShort, notOurs } from './errors.ts';
import { contentHasher } from './hasher.ts';
import { withinEach } from './idle.ts';
import type { CallOptions, OpenAnswer, Requests } from './request.ts';
import type { VaultClient, VaultContent, VaultGetOptions } from './vault-client.ts';

/** LatticeError `hash-mismatch`, for bytes that are not those that were asked for. */
const mismatch = (what: string): LatticeError =>
  new LatticeError('hash-mismatch', what, {
    next: 'Throw away what came. Read it from another node, and run lattice vault verify on this one.',
  });

/** The file name of a Content-Disposition (RFC 6266) as nodes write it; empty where there is none. */
function nameIn(disposition: string | null): string {
  const exact = /;\s*filename\*=UTF-8''([^;\s]+)/i.exec(disposition ?? '')?.[1];
  if (exact !== undefined) {
    try {
      return decodeURIComponent(exact);
    } catch {
      return '';
    }
  }
  return /;\s*filename="([^"\\]*)"/i.exec(disposition ?? '')?.[1] ?? '';
}

/** The pieces, of which the last one is handed out only when the hash over all of them is `hash`. */
async function* whole(
  pieces: AsyncIterable<Uint8Array>,
  { hash, size }: { readonly hash: string; readonly size: number },
  hasher: Hasher | undefined,
  url: string,
): AsyncGenerator<Uint8Array, void> {
  const run = hasher?.running();
  let held: Uint8Array | undefined;
  let length = 0;
  for await (const piece of pieces) {
    run?.update(piece);
    length += piece.length;
    if (length > size) throw notOurs(`${url} sent more than the ${size} bytes that it announced`);
    if (held !== undefined) yield held;
    held = piece;
  }
  if (length < size) throw cutShort(url, `the content ended after ${length} of ${size} bytes`);
  if (run !== undefined && bytesToHex(run.digest()) !== hash)
    throw mismatch(`what ${url} sent as ${hash} has another hash`);
  if (held !== undefined) yield held;
}

/** What verifies blocks of an object. */
interface Blocks {
  readonly size: number;
  readonly leaves: Uint8Array;
  readonly hasher: Hasher;
}

/** The bytes [start, end) of pieces that begin with the first byte of a block, each block verified before it is used. */
async function* blocksOf(
  pieces: AsyncIterable<Uint8Array>,
  { start, end }: { readonly start: number; readonly end: number },
  { size, leaves, hasher }: Blocks,
  url: string,
): AsyncGenerator<Uint8Array, void> {
  let index = Math.floor(start / BLOCK_BYTES);
  let block = new Uint8Array(blockLength(size, index));
  let filled = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + block.length - filled);
      block.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < block.length) continue;
      if (!verifyBlock(block, index, size, leaves, hasher))
        throw mismatch(`block ${index} that ${url} sent is not the one that its hash names`);
      const first = index * BLOCK_BYTES;
      yield block.subarray(Math.max(0, start - first), end - first);
      index++;
      if (index * BLOCK_BYTES >= end) return;
      block = new Uint8Array(blockLength(size, index));
      filled = 0;
    }
  }
  throw cutShort(url, 'the content ended too early');
}

/** Memory that is taken before any byte has come: more only follows what is really sent, whatever length is named. */
const FIRST_BYTES = 1024 * 1024;

/** Opens the content of an object: the whole of it, verified by its hash, or a range, verified block by block. */
export async function openContent(
  { requests, stat, leaves }: { readonly requests: Requests } & Pick<VaultClient, 'stat' | 'leaves'>,
  hash: string,
  { range, verify = true, root, signal, timeoutMs }: VaultGetOptions,
): Promise<VaultContent> {
  const { url } = requests;
  const call: CallOptions = { signal, timeoutMs };
  const hasher = verify ? await contentHasher() : undefined;
  const open = (bytes?: string): Promise<OpenAnswer> =>
    requests.transfer(`/api/v1/vault/${encodeURIComponent(hash)}`, { headers: { range: bytes }, ...call });

  function contentOf(
    answer: OpenAnswer,
    size: number,
    length: number,
    pieces: (given: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array, void>,
  ): VaultContent {
    const stream = streamOf((ending) => {
      // A stream that is ended before anybody reads it does not run its generator, which would end the connection.
      ending.addEventListener('abort', () => void answer.reader.cancel().catch(() => undefined), { once: true });
      return pieces(withinEach(answer.reader, url, timeoutMs));
    }, signal);
    return {
      hash,
      size,
      length,
      type: answer.header('content-type') ?? 'application/octet-stream',
      name: nameIn(answer.header('content-disposition')),
      stream,
      async bytes() {
        let all = new Uint8Array(Math.min(length, FIRST_BYTES));
        let at = 0;
        for await (const piece of stream) {
          const end = at + piece.length;
          if (end > all.length) {
            const larger = new Uint8Array(Math.min(length, Math.max(2 * all.length, end)));
            larger.set(all);
            all = larger;
          }
          all.set(piece, at);
          at = end;
        }
        return all;
      },
    };
  }

  if (range === undefined) {
    const answer = await open();
    const size = Number(answer.header('content-length') ?? Number.NaN);
    if (!Number.isSafeInteger(size)) {
      await answer.reader.cancel().catch(() => undefined);
      throw notOurs(`${url} does not say how long the content is`);
    }
    return contentOf(answer, size, size, (pieces) => whole(pieces, { hash, size }, hasher, url));
  }

  const object = await stat(hash, call);
  if (object === undefined) throw new LatticeError('object-not-found', `the vault of ${url} has no object ${hash}`);
  const { size } = object;
  const { start } = range;
  const end = Math.min(size, range.end ?? size);
  if (!Number.isSafeInteger(start) || start < 0 || start >= end)
    throw new LatticeError('range-not-satisfiable', `the object has ${size} bytes`);
  if (hasher === undefined) {
    const answer = await open(`bytes=${start}-${end - 1}`);
    return contentOf(answer, size, end - start, (pieces) => whole(pieces, { hash, size: end - start }, undefined, url));
  }
  const known = await leaves(hash, call);
  const expected = hexToBytes(root ?? object.root);
  if (expected === undefined || !verifyLeaves(known, size, expected, hasher))
    throw mismatch(`the leaf hashes that ${url} sent do not lead to the root of ${hash}`);
  const first = Math.floor(start / BLOCK_BYTES) * BLOCK_BYTES;
  const last = Math.min(size, Math.ceil(end / BLOCK_BYTES) * BLOCK_BYTES);
  const answer = await open(`bytes=${first}-${last - 1}`);
  if (answer.status !== 206) {
    await answer.reader.cancel().catch(() => undefined);
    throw notOurs(`${url} answered status ${answer.status} where a node answers 206`);
  }
  return contentOf(answer, size, end - start, (pieces) =>
    blocksOf(pieces, { start, end }, { size, leaves: known, hasher }, url),
  );
}
