import { type Author, type Bytes, hexToBytes, LatticeError } from '../../core/types/index.ts';
import { VAULT_PREFIX, vaultKey, vaultValue } from '../../core/vault/index.ts';
import type { Lattice, Page, VaultObject, VaultService } from '../facade/index.ts';
import type { Peer } from '../peers/peers.ts';
import type { Collector } from './collect.ts';
import type { Content } from './content.ts';
import type { Fetches } from './fetches.ts';
import type { Inventory } from './inventory.ts';
import { viewToObject } from './names.ts';
import { checkHash, type createPut } from './put.ts';
import type { Sources } from './sources.ts';
import { type VerifyDeps, verifyStored } from './verify.ts';

/** How often a change of an entry is made anew that another write came before. */
const MAX_ATTEMPTS = 4;
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;

export interface ServiceDeps {
  readonly inventory: Inventory;
  readonly content: Content;
  readonly fetches: Fetches;
  readonly sources: Sources;
  readonly collector: Pick<Collector, 'collect'>;
  readonly verifying: VerifyDeps;
  readonly put: ReturnType<typeof createPut>['put'];
  readonly get: Lattice['get'];
  readonly list: Lattice['list'];
  readonly write: Lattice['write'];
  readonly nameOf: (author: Author) => string;
  readonly self: Author;
  readonly status: VaultService['status'];
}

export function notFound(hash: string): LatticeError {
  return new LatticeError('object-not-found', `The vault has no object ${hash}.`, {
    next: 'Check the hash; an object that was removed can be put again.',
    details: { hash },
  });
}

/** What the state says of one object at present. */
export async function statOf(
  hash: string,
  { get, inventory }: Pick<ServiceDeps, 'get' | 'inventory'>,
): Promise<{ readonly object: VaultObject; readonly version: string } | undefined> {
  const view = await get(vaultKey(hash));
  const object = view === undefined ? undefined : viewToObject(view, inventory);
  return view === undefined || object === undefined ? undefined : { object, version: view.version };
}

/** Changes whether an object is pinned. The entry is written only as it was read, and read again where it was not. */
export async function setPinned(
  hash: string,
  pinned: boolean,
  deps: Pick<ServiceDeps, 'get' | 'inventory' | 'write'>,
): Promise<VaultObject> {
  for (let attempt = 1; ; attempt++) {
    const found = await statOf(hash, deps);
    if (found === undefined) throw notFound(hash);
    const { object, version } = found;
    if (object.pinned === pinned) return object;
    const { size, root, type, name } = object;
    try {
      const value = vaultValue({ size, root, type, name, pinned });
      await deps.write([{ op: 'put', key: vaultKey(hash), value, ifMatch: version }]);
    } catch (error) {
      const isStale = error instanceof LatticeError && error.code === 'precondition-failed';
      if (!isStale || attempt >= MAX_ATTEMPTS) throw error;
    }
  }
}

export function createVaultService(deps: ServiceDeps): VaultService {
  const { inventory, content, fetches, sources } = deps;

  async function named(hash: string): Promise<VaultObject> {
    checkHash(hash);
    const found = await statOf(hash, deps);
    if (found === undefined) throw notFound(hash);
    return found.object;
  }

  /** An object whose bytes are here. */
  async function here(hash: string): Promise<VaultObject> {
    const object = await named(hash);
    if (object.here === 'whole') return object;
    const comes = inventory.wants(hash);
    throw new LatticeError('object-missing', `The bytes of object ${hash} are not on this node.`, {
      next: comes
        ? 'This node is fetching them: try again in some seconds.'
        : 'Its policy is not to fetch them: have it fetch this object, or ask a node that holds it.',
      details: { hash, bytesHere: object.bytesHere, ...(comes ? { retryAfterMs: 2000 } : {}) },
    });
  }

  async function asks(peer: Peer, hash: Bytes): Promise<boolean> {
    try {
      const answer = await sources.request(peer, { type: 'have', hashes: [hash] });
      return answer.type === 'held' && answer.holdings[0] === 'whole';
    } catch {
      // Who does not answer is no holder at present.
      return false;
    }
  }

  return {
    put: deps.put,
    async stat(hash) {
      checkHash(hash);
      return (await statOf(hash, deps))?.object;
    },
    async open(hash, range) {
      const object = await here(hash);
      const { start, end } = range ?? { start: 0, end: object.size };
      if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end < start || end > object.size)
        throw new LatticeError(
          'invalid-range',
          `Bytes ${start} to ${end} are not within the ${object.size} bytes of the object.`,
          {
            next: 'Ask for bytes from 0 to the size of the object.',
            details: { size: object.size },
          },
        );
      // What can be known before the first byte is told by a rejection.
      await content.check(object);
      return { object, bytes: content.read(object, start, end) };
    },
    async leaves(hash) {
      return (await content.leaves(await here(hash))).slice();
    },
    async list({ limit = DEFAULT_PAGE, cursor, fits } = {}) {
      if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE)
        throw new LatticeError('invalid-limit', `limit is a whole number from 1 to ${MAX_PAGE}`, {
          next: 'give such a number, or leave the limit out',
        });
      return pageOf(deps, limit, cursor, fits);
    },
    async pin(hash, pinned) {
      checkHash(hash);
      return setPinned(hash, pinned, deps);
    },
    async remove(hash) {
      checkHash(hash);
      for (let attempt = 1; ; attempt++) {
        const view = await deps.get(vaultKey(hash));
        // An entry in another form names nothing, and can be taken away all the same.
        if (view === undefined) throw notFound(hash);
        try {
          await deps.write([{ op: 'delete', key: vaultKey(hash), ifMatch: view.version }]);
          return;
        } catch (error) {
          const isStale = error instanceof LatticeError && error.code === 'precondition-failed';
          if (!isStale || attempt >= MAX_ATTEMPTS) throw error;
        }
      }
    },
    async holders(hash) {
      const object = await named(hash);
      const bytes = hexToBytes(hash) ?? new Uint8Array(0);
      const others = await Promise.all(
        sources.reachable().map(async (peer) => ({
          author: peer.author,
          label: deps.nameOf(peer.author),
          has: await asks(peer, bytes),
        })),
      );
      return [{ author: deps.self, label: deps.nameOf(deps.self), has: object.here === 'whole' }, ...others];
    },
    async fetch(hash, { signal } = {}) {
      const object = await named(hash);
      if (object.here === 'whole') return object;
      await fetches.fetch(hash, signal);
      return named(hash);
    },
    async *verify(hash) {
      if (hash !== undefined) {
        await here(hash);
        const stored = inventory.held(hash);
        if (stored !== undefined) yield* verifyStored(stored, deps.verifying);
        return;
      }
      for (const stored of [...inventory.allHeld()].sort((a, b) => (a.hash < b.hash ? -1 : 1)))
        yield* verifyStored(stored, deps.verifying);
    },
    collect: ({ dryRun = false } = {}) => deps.collector.collect({ dryRun }),
    status: deps.status,
  };
}

/**
 * One page of objects. Entries in another form are passed over; a page that has nothing else goes on with the next, and
 * so only the last page can be empty.
 */
async function pageOf(
  { list, inventory }: Pick<ServiceDeps, 'list' | 'inventory'>,
  limit: number,
  from: string | undefined,
  fits: ((item: VaultObject) => boolean) | undefined,
): Promise<Page<VaultObject>> {
  let cursor = from;
  for (;;) {
    const page = await list({
      prefix: VAULT_PREFIX,
      limit,
      ...(cursor === undefined ? {} : { cursor }),
      fits(view) {
        const object = viewToObject(view, inventory);
        return object === undefined || fits === undefined || fits(object);
      },
    });
    const items = page.items.flatMap((view) => viewToObject(view, inventory) ?? []);
    if (items.length > 0 || page.cursor === undefined)
      return { items, ...(page.cursor === undefined ? {} : { cursor: page.cursor }) };
    ({ cursor } = page);
  }
}
