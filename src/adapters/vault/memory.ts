import { type Bytes, concatBytes, equalBytes, type Hasher } from '../../core/types/index.ts';
import { blockCount, blockLength, blocksOf, createContentHash } from '../../core/vault/index.ts';
import type { Clock, PartialObject, StoredObject, VaultStore } from '../../ports/index.ts';
import { closedError, damagedError, removedError } from './errors.ts';
import { LIST_CHUNK, requireHash, requireRange, requireSize } from './forms.ts';
import { PIECE_BYTES } from './pieces.ts';

interface Held {
  readonly content: Bytes;
  readonly leaves: Bytes;
  readonly storedAt: number;
}

interface Begun {
  readonly size: number;
  readonly blocks: Map<number, Bytes>;
  at: number;
}

/**
 * A vault that ends with the process, for tests, simulations and programs that embed a node without a disk. All of its
 * content is in memory.
 */
export function createMemoryVault(deps: { readonly hasher: Hasher; readonly clock: Pick<Clock, 'now'> }): VaultStore {
  const { hasher, clock } = deps;
  const objects = new Map<string, Held>();
  const begun = new Map<string, Begun>();
  const open = new Map<string, { end: Error | undefined }>();
  let closed = false;

  const check = (): void => {
    if (closed) throw closedError();
  };
  const statOf = (hash: string, { content, storedAt }: Held): StoredObject => ({
    hash,
    size: content.length,
    storedAt,
  });

  function createPartial(hash: string, held: Begun, use: { end: Error | undefined }): PartialObject {
    const { size, blocks } = held;
    const usable = (): void => {
      check();
      if (use.end !== undefined) throw use.end;
    };
    const end = (): void => {
      use.end ??= closedError();
      if (open.get(hash) === use) open.delete(hash);
    };
    return {
      hash,
      size,
      has: (index) => blocks.has(index),
      async write(first, bytes) {
        const given = blocksOf(first, bytes, size);
        usable();
        for (const [i, block] of given.entries()) if (!blocks.has(first + i)) blocks.set(first + i, block.slice());
        held.at = clock.now();
      },
      async finish(leaves) {
        usable();
        const parts = Array.from({ length: blockCount(size) }, (_, index) => {
          const block = blocks.get(index);
          if (block === undefined) throw new RangeError(`Block ${index} of object ${hash} has not come.`);
          return block;
        });
        const running = createContentHash(hasher);
        for (const part of parts) running.update(part);
        const found = running.digest();
        if (found.hash !== hash || !equalBytes(found.leaves, leaves)) {
          blocks.clear();
          throw damagedError(hash, 'its blocks came with another SHA-256 than its name or other leaves than its tree');
        }
        objects.set(hash, { content: concatBytes(...parts), leaves: found.leaves, storedAt: clock.now() });
        begun.delete(hash);
        end();
      },
      async close() {
        end();
      },
    };
  }

  function forgetBegun(hash: string): boolean {
    const use = open.get(hash);
    if (use !== undefined) use.end = removedError(hash);
    open.delete(hash);
    return begun.delete(hash);
  }

  async function* read(hash: string, held: Held, start: number, end: number): AsyncGenerator<Bytes, void> {
    for (let at = start; at < end; at += PIECE_BYTES) {
      check();
      if (!objects.has(hash)) throw removedError(hash);
      yield held.content.slice(at, Math.min(end, at + PIECE_BYTES));
    }
  }

  return {
    async begin() {
      check();
      let parts: Bytes[] = [];
      let ended = false;
      const usable = (): void => {
        check();
        if (ended) throw closedError();
      };
      return {
        async write(bytes) {
          usable();
          parts.push(bytes);
        },
        async commit(hash, leaves) {
          usable();
          objects.set(requireHash(hash), { content: concatBytes(...parts), leaves, storedAt: clock.now() });
          forgetBegun(hash);
          ended = true;
        },
        async abort() {
          ended = true;
          parts = [];
        },
      };
    },
    async resume(hash, size) {
      check();
      blockCount(size);
      if (open.has(requireHash(hash))) throw new Error(`Object ${hash} is being taken in already.`);
      const before = begun.get(hash);
      const held = before?.size === size ? before : { size, blocks: new Map<number, Bytes>(), at: clock.now() };
      const use = { end: undefined };
      begun.set(hash, held);
      open.set(hash, use);
      return createPartial(hash, held, use);
    },
    async stat(hash) {
      check();
      const held = objects.get(requireHash(hash));
      return held === undefined ? undefined : statOf(hash, held);
    },
    async leaves(hash) {
      check();
      return objects.get(requireHash(hash))?.leaves;
    },
    async read(hash, start, end, size) {
      check();
      const held = objects.get(requireHash(hash));
      if (held === undefined) return undefined;
      requireSize({ hash, size: held.content.length }, size);
      requireRange(start, end, held.content.length);
      return read(hash, held, start, end);
    },
    async *list() {
      check();
      const all = Array.from(objects, ([hash, held]) => statOf(hash, held));
      for (let at = 0; at < all.length; at += LIST_CHUNK) yield all.slice(at, at + LIST_CHUNK);
    },
    async partials() {
      check();
      return Array.from(begun, ([hash, { size, blocks, at }]) => ({
        hash,
        size: Array.from(blocks.keys()).reduce((sum, index) => sum + blockLength(size, index), 0),
        storedAt: at,
      }));
    },
    async remove(hash) {
      check();
      const wasBegun = forgetBegun(requireHash(hash));
      return objects.delete(hash) || wasBegun;
    },
    async close() {
      closed = true;
    },
  };
}
