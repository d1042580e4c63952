import { type Bytes, bytesToHex, concatBytes, LatticeError } from '../../core/types/index.ts';
import { BLOCK_BYTES, BLOCK_HASH_BYTES, blockCount } from '../../core/vault/index.ts';
import type { BlocksRequest, HaveRequest, Holding, LeavesRequest, SyncMessage } from '../../core/wire/index.ts';
import type { Metrics } from '../../ports/index.ts';
import type { Content, Named } from './content.ts';
import type { Inventory } from './inventory.ts';
import { createReadAhead } from './read-ahead.ts';

/**
 * Answers with bytes that are made at a time, whoever asks. Each keeps up to 2 MiB and takes a few milliseconds of the
 * event loop, so that writes and heads between two of them wait for no more than that.
 */
const MAX_SERVED = 4;
/**
 * Requests that wait for their turn. Several members that fetch at once send more than are answered at a time, and each
 * that is refused leaves this node alone for longer than its turn would take to come. A waiting one keeps a place among
 * the requests that the node answers at all (SPEC X6), of which these are a quarter: the rest is for the state.
 */
const MAX_WAITING = 16;
/** Operations that wait for the disk, beyond which the vault serves nothing: the state comes first. */
const MAX_QUEUED_WRITES = 1024;
const BUSY_MS = 250;

export interface VaultServerDeps {
  readonly inventory: Inventory;
  readonly content: Content;
  readonly entry: (hash: string) => Promise<Named | undefined>;
  /** Whether bytes that are here were found damaged, and have not been fetched anew. */
  readonly isDamaged: (hash: string) => boolean;
  /** How many operations wait for the disk. */
  readonly queuedWrites: () => number;
  readonly metrics: Metrics;
}

/** The answering side of fetches, the same for both lungs. The responder calls it for members only. */
export interface VaultServer {
  /** What is here of each object; partly, too, what is not whole yet and therefore not served. */
  have(request: HaveRequest): SyncMessage;
  /**
   * Leaf hashes and blocks of what is here whole and named by the state. Both reject with LatticeError `object-missing`,
   * `object-damaged`, `overloaded` or `malformed` (there is no such leaf or block).
   */
  leaves(request: LeavesRequest): Promise<SyncMessage>;
  blocks(request: BlocksRequest): Promise<SyncMessage>;
}

export function createVaultServer(deps: VaultServerDeps): VaultServer {
  const { inventory, content } = deps;
  const ahead = createReadAhead();
  let serving = 0;
  /** Requests that wait, in the order in which they came; each is called when it may go on. */
  const waiting: (() => void)[] = [];

  const isBusy = (): boolean => deps.queuedWrites() > MAX_QUEUED_WRITES;
  const busy = (): LatticeError =>
    new LatticeError('overloaded', 'this node serves as much of its vault as it can at present', {
      details: { retryAfterMs: BUSY_MS },
    });

  /** Resolves when the request may be answered, whose place is taken then. */
  async function myTurn(): Promise<void> {
    if (serving < MAX_SERVED) serving++;
    else if (waiting.length < MAX_WAITING) await new Promise<void>((resolve) => waiting.push(resolve));
    else throw busy();
  }

  /** Gives the place to the next one. */
  function done(): void {
    const next = waiting.shift();
    if (next === undefined) serving--;
    else next();
  }

  async function serve<T>(hashBytes: Bytes, work: (object: Named) => Promise<T>): Promise<T> {
    if (isBusy()) throw busy();
    await myTurn();
    try {
      if (isBusy()) throw busy();
      const hash = bytesToHex(hashBytes);
      const object = inventory.held(hash) === undefined ? undefined : await deps.entry(hash);
      if (object === undefined) throw new LatticeError('object-missing', `object ${hash} is not here`);
      return await work(object);
    } finally {
      done();
    }
  }

  function within(first: number, count: number, size: number): number {
    const total = blockCount(size);
    if (first >= total) throw new LatticeError('malformed', `there is no block ${first} of ${total}`);
    return Math.min(total, first + count);
  }

  async function read(object: Named, first: number, count: number): Promise<Bytes> {
    const pieces: Bytes[] = [];
    const last = Math.min(object.size, (first + count) * BLOCK_BYTES);
    for await (const piece of content.read(object, first * BLOCK_BYTES, last)) pieces.push(piece);
    const [only] = pieces;
    return only !== undefined && pieces.length === 1 ? only : concatBytes(...pieces);
  }

  return {
    have({ hashes }) {
      const holdings = hashes.map((bytes): Holding => {
        const hash = bytesToHex(bytes);
        // Whoever is told that damaged bytes are whole may let go of the rest of them.
        if (inventory.held(hash) !== undefined) return deps.isDamaged(hash) ? 'partly' : 'whole';
        return inventory.partialBytes(hash) > 0 ? 'partly' : 'none';
      });
      return { type: 'held', holdings };
    },
    leaves: ({ hash, first, count }) =>
      serve(hash, async (object) => {
        const end = within(first, count, object.size);
        const leaves = await content.leaves(object);
        return { type: 'leaf-hashes', leaves: leaves.subarray(first * BLOCK_HASH_BYTES, end * BLOCK_HASH_BYTES) };
      }),
    blocks: ({ hash, first, count }) =>
      serve(hash, async (object) => {
        const end = within(first, count, object.size);
        const part = { first, count: end - first, blocks: blockCount(object.size) };
        const bytes = await ahead.take(`${object.hash} ${object.root}`, part, (from, of) => read(object, from, of));
        deps.metrics.count('lattice_vault_blocks_total', { outcome: 'served' }, end - first);
        return { type: 'block-bytes', bytes };
      }),
  };
}
