import { nodeHasher } from '../../src/adapters/system/hasher.ts';
import { type Bytes, LatticeError } from '../../src/core/types/index.ts';
import { BLOCK_BYTES, createContentHash, isObjectName, isObjectType } from '../../src/core/vault/index.ts';
import type { VaultObject, VaultService, VaultStatus } from '../../src/runtime/facade/index.ts';

interface Held {
  object: VaultObject;
  readonly content: Uint8Array<ArrayBuffer>;
  readonly leaves: Bytes;
}

/** A vault whose content lies in memory, and the ways in which a test brings it into a state. */
export interface MemoryVault extends VaultService {
  /** Bytes that unfinished uploads hold. */
  taken(): number;
  /** Uploads and reads that somebody has begun and not ended. */
  readonly underWay: { puts: number; reads: number };
  /** Leaves the entry and takes the bytes away, until somebody fetches them. */
  lose(hash: string): void;
  /** Changes one byte of the content, which no entry tells. */
  damage(hash: string, at: number): void;
  /** Lets every put wait with its bytes until the promise resolves. */
  hold: Promise<void> | undefined;
}

const refuse = (
  code: ConstructorParameters<typeof LatticeError>[0],
  text: string,
  options: { next?: string; details?: Record<string, unknown> } = {},
): LatticeError => new LatticeError(code, text, options);

/** Keeps content by the contract of VaultService for tests of what stands before it. */
export function createMemoryVault(options: { maxObjectBytes?: number; author?: string } = {}): MemoryVault {
  const { maxObjectBytes = 64 * 1024 * 1024, author = 'aa'.repeat(32) } = options;
  const hasher = nodeHasher();
  const all = new Map<string, Held>();
  const lost = new Set<string>();
  let taken = 0;
  let clock = 1_700_000_000_000;

  function found(hash: string): Held {
    const held = all.get(hash);
    if (held === undefined) throw refuse('object-not-found', 'the vault has no object of this hash');
    return held;
  }
  const shown = ({ object }: Held): VaultObject =>
    lost.has(object.hash) ? { ...object, here: 'missing', bytesHere: 0 } : object;
  const isDamaged = ({ object, content }: Held): boolean => {
    const hash = createContentHash(hasher);
    hash.update(content);
    return hash.digest().hash !== object.hash;
  };

  const vault: MemoryVault = {
    hold: undefined,
    underWay: { puts: 0, reads: 0 },
    taken: () => taken,
    lose: (hash) => void lost.add(hash),
    damage(hash, at) {
      const { content } = found(hash);
      content[at] = (content[at] ?? 0) ^ 1;
    },
    async put(given, { name = '', type = '', pin = false, expect, signal } = {}) {
      if (!isObjectName(name)) throw refuse('invalid-value', 'this is no file name');
      if (!isObjectType(type)) throw refuse('invalid-value', 'this is no media type');
      const hash = createContentHash(hasher);
      const chunks: Bytes[] = [];
      let mine = 0;
      vault.underWay.puts++;
      try {
        for await (const chunk of given) {
          signal?.throwIfAborted();
          if (vault.hold !== undefined) await vault.hold;
          if (hash.size + chunk.length > maxObjectBytes)
            throw refuse('object-too-large', `an object has at most ${maxObjectBytes} bytes`);
          hash.update(chunk);
          chunks.push(Uint8Array.from(chunk));
          mine += chunk.length;
          taken += chunk.length;
        }
      } finally {
        vault.underWay.puts--;
        taken -= mine;
      }
      const { hash: digest, size, root, leaves } = hash.digest();
      if (expect !== undefined && expect !== digest)
        throw refuse('hash-mismatch', `the content has the hash ${digest}`, { next: 'send it again' });
      const known = all.get(digest);
      if (known !== undefined) return { object: shown(known), created: false };
      const object: VaultObject = {
        hash: digest,
        size,
        root,
        type,
        name,
        pinned: pin,
        at: clock++,
        author,
        here: 'whole',
        bytesHere: size,
      };
      all.set(digest, { object, content: Uint8Array.from(Buffer.concat(chunks)), leaves });
      return { object, created: true };
    },
    stat: async (hash) => {
      const held = all.get(hash);
      return held === undefined ? undefined : shown(held);
    },
    async open(hash, range) {
      const held = found(hash);
      const { start, end } = range ?? { start: 0, end: held.object.size };
      if (start < 0 || end > held.object.size || start > end) throw refuse('invalid-range', 'there are fewer bytes');
      if (lost.has(hash))
        throw refuse('object-missing', 'the bytes are not here', {
          next: 'the node fetches them',
          details: { retryAfterMs: 5000 },
        });
      async function* pieces(): AsyncGenerator<Bytes> {
        vault.underWay.reads++;
        try {
          for (let at = start; at < end; ) {
            const until = Math.min(end, (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES);
            const block = Math.floor(at / BLOCK_BYTES) * BLOCK_BYTES;
            const leaf = createContentHash(hasher);
            leaf.update(held.content.subarray(block, block + BLOCK_BYTES));
            const mine = leaf.digest().leaves;
            const theirs = held.leaves.subarray((block / BLOCK_BYTES) * 32, (block / BLOCK_BYTES + 1) * 32);
            if (Buffer.compare(mine, theirs) !== 0) throw refuse('object-damaged', 'a block is not what it was');
            yield held.content.slice(at, until);
            at = until;
          }
        } finally {
          vault.underWay.reads--;
        }
      }
      return { object: shown(held), bytes: pieces() };
    },
    leaves: async (hash) => found(hash).leaves,
    async list({ limit = 100, cursor = '', fits = () => true } = {}) {
      const items: VaultObject[] = [];
      const rest = [...all.keys()].sort().filter((hash) => hash > cursor);
      for (const hash of rest) {
        const item = shown(found(hash));
        if (items.length >= limit || !fits(item)) break;
        items.push(item);
      }
      const last = items.at(-1)?.hash;
      return last === undefined || items.length === rest.length ? { items } : { items, cursor: last };
    },
    async pin(hash, pinned) {
      const held = found(hash);
      held.object = { ...held.object, pinned };
      return shown(held);
    },
    async remove(hash) {
      found(hash);
      all.delete(hash);
    },
    holders: async (hash) => [{ author, label: 'node1', has: all.has(hash) && !lost.has(hash) }],
    async fetch(hash) {
      const held = found(hash);
      lost.delete(hash);
      return shown(held);
    },
    async *verify(hash) {
      for (const held of hash === undefined ? all.values() : [found(hash)]) {
        const { size } = held.object;
        if (!lost.has(held.object.hash))
          yield { hash: held.object.hash, size, fault: isDamaged(held) ? 'a block is not what it was' : undefined };
      }
    },
    collect: async ({ dryRun = false } = {}) => ({ dryRun, removed: [], bytes: 0, kept: [] }),
    status(): VaultStatus {
      const objects = [...all.values()].map(({ object }) => object);
      const amount = (some: readonly VaultObject[]) => ({
        objects: some.length,
        bytes: some.reduce((sum, { size }) => sum + size, 0),
      });
      return {
        policy: 'all',
        store: 'files',
        maxObjectBytes,
        ...amount(objects),
        here: amount(objects.filter(({ hash }) => !lost.has(hash))),
        missing: amount(objects.filter(({ hash }) => lost.has(hash))),
        fetching: [],
        damaged: [],
        leftOut: [],
        odd: 0,
        starting: false,
      };
    },
  };
  return vault;
}
