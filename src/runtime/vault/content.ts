import { type Bytes, concatBytes, type Hasher, hexToBytes, LatticeError } from '../../core/types/index.ts';
import { BLOCK_BYTES, blockLength, verifyBlock, verifyLeaves } from '../../core/vault/index.ts';
import type { VaultStore } from '../../ports/index.ts';

/** Bytes of verified leaf hashes that are kept: those of the largest content, or of eighty objects of 1 GiB. */
const MAX_CACHED_LEAVES = 40 * 1024 * 1024;

/** What tells a content and lets its bytes be verified: what its entry says of it. */
export interface Named {
  readonly hash: string;
  readonly size: number;
  /** 64 hex digits. */
  readonly root: string;
}

export interface ContentDeps {
  readonly store: Pick<VaultStore, 'leaves' | 'read' | 'stat'>;
  readonly hasher: Hasher;
  /** Told once for each read that met bytes which are not what the entry names. */
  readonly onDamaged: (hash: string, text: string) => void;
  /** Told when the store has no such object, though it had one. */
  readonly onGone: (hash: string) => void;
}

/** The way to the bytes of the vault: what it hands out leads to the root of the entry. */
export interface Content {
  /** The leaf hashes, verified. Rejects with LatticeError `object-missing` or `object-damaged`. */
  leaves(object: Named): Promise<Bytes>;
  /**
   * The bytes from `start` on and before `end`, in pieces of whole blocks as far as the range has whole ones. It throws
   * LatticeError `object-damaged` before the first byte of a block that is not what the leaves say.
   */
  read(object: Named, start: number, end: number): AsyncGenerator<Bytes, void>;
  /** Looks whether the bytes are here and their leaves are good. Rejects as `leaves` does. */
  check(object: Named): Promise<void>;
  /** Forgets what is kept of the object. */
  forget(hash: string): void;
}

export function createContent(deps: ContentDeps): Content {
  const { store, hasher } = deps;
  /** Verified leaf hashes by hash and root, the one that was used last at the end. */
  const cache = new Map<string, Bytes>();
  let cached = 0;

  const cacheKey = ({ hash, root, size }: Named): string => `${hash} ${root} ${size}`;

  function keep(key: string, leaves: Bytes): void {
    cache.set(key, leaves);
    cached += leaves.length;
    for (const [oldest, { length }] of cache) {
      if (cached <= MAX_CACHED_LEAVES || oldest === key) break;
      cache.delete(oldest);
      cached -= length;
    }
  }

  function forget(hash: string): void {
    for (const [key, { length }] of cache) {
      if (!key.startsWith(hash)) continue;
      cache.delete(key);
      cached -= length;
    }
  }

  function gone(hash: string): LatticeError {
    forget(hash);
    deps.onGone(hash);
    return new LatticeError('object-missing', `The bytes of object ${hash} are not here any more.`, {
      next: 'Try again later: the node looks for them at its peers.',
    });
  }

  function damaged(hash: string, what: string): LatticeError {
    forget(hash);
    const text = `Object ${hash} is damaged: ${what}.`;
    deps.onDamaged(hash, text);
    return new LatticeError('object-damaged', text, {
      next: 'The node looks for whole bytes at its peers; check the disk on which its vault lies.',
      details: { hash },
    });
  }

  async function leaves(object: Named): Promise<Bytes> {
    const key = cacheKey(object);
    const known = cache.get(key);
    if (known !== undefined) {
      cache.delete(key);
      cache.set(key, known);
      return known;
    }
    const found = await storedLeaves(object.hash);
    if (found === undefined) throw gone(object.hash);
    const root = hexToBytes(object.root);
    if (root === undefined || !verifyLeaves(found, object.size, root, hasher))
      throw damaged(object.hash, 'its leaf hashes do not lead to the root that its entry names');
    keep(key, found);
    return found;
  }

  async function storedLeaves(hash: string): Promise<Bytes | undefined> {
    try {
      return await store.leaves(hash);
    } catch (error) {
      if (error instanceof LatticeError && error.code === 'object-damaged') throw damaged(hash, whatOf(error, hash));
      throw error;
    }
  }

  async function* read(object: Named, start: number, end: number): AsyncGenerator<Bytes, void> {
    const { hash, size } = object;
    if (start === end) return;
    const verified = await leaves(object);
    let index = Math.floor(start / BLOCK_BYTES);
    const last = Math.ceil(end / BLOCK_BYTES);
    const readEnd = Math.min(size, last * BLOCK_BYTES);
    const pieces = await opened(object, index * BLOCK_BYTES, readEnd);
    if (pieces === undefined) throw gone(hash);
    let pending: Bytes[] = [];
    let length = 0;
    for await (const piece of told(hash, pieces)) {
      pending.push(piece);
      length += piece.length;
      const whole = wholeBlocks(index, length, size);
      if (whole === 0) continue;
      const joined = pending.length === 1 ? piece : concatBytes(...pending);
      const from = index * BLOCK_BYTES;
      for (let at = 0; at < whole; index++) {
        const block = joined.subarray(at, at + blockLength(size, index));
        if (!verifyBlock(block, index, size, verified, hasher))
          throw damaged(hash, `block ${index} (bytes ${from + at} to ${from + at + block.length - 1}) was changed`);
        at += block.length;
      }
      yield joined.subarray(Math.max(0, start - from), Math.min(whole, end - from));
      pending = whole === length ? [] : [joined.subarray(whole)];
      length -= whole;
    }
    if (index < last) throw damaged(hash, `its bytes end within block ${index}`);
  }

  /** Size and bytes in one call of the store: each of its looks at a disk or bucket takes its time. */
  async function opened({ hash, size }: Named, start: number, end: number): Promise<AsyncIterable<Bytes> | undefined> {
    try {
      return await store.read(hash, start, end, size);
    } catch (error) {
      if (error instanceof LatticeError && error.code === 'object-damaged') throw damaged(hash, whatOf(error, hash));
      throw error;
    }
  }

  async function checkSize({ hash, size }: Named): Promise<void> {
    const stored = await store.stat(hash);
    if (stored === undefined) throw gone(hash);
    if (stored.size !== size) throw damaged(hash, `it has ${stored.size} bytes instead of ${size}`);
  }

  /** The pieces of a store, whose failures that tell of the object are taken note of. */
  async function* told(hash: string, pieces: AsyncIterable<Bytes>): AsyncGenerator<Bytes, void> {
    try {
      yield* pieces;
    } catch (error) {
      if (error instanceof LatticeError && error.code === 'object-damaged') throw damaged(hash, whatOf(error, hash));
      if (error instanceof LatticeError && error.code === 'object-not-found') throw gone(hash);
      throw error;
    }
  }

  return {
    leaves,
    read,
    async check(object) {
      await checkSize(object);
      await leaves(object);
    },
    forget,
  };
}

/** What a store says of a damaged object, without the words that are put before it here. */
const whatOf = ({ message }: Error, hash: string): string => message.replace(`Object ${hash} is damaged: `, '');

/** How many of `length` bytes from block `index` on make whole blocks. */
function wholeBlocks(index: number, length: number, size: number): number {
  const ends = Math.min(size, index * BLOCK_BYTES + length);
  return ends === size ? size - index * BLOCK_BYTES : length - (length % BLOCK_BYTES);
}
