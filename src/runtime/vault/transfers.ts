import { type Author, equalBytes, giveBack, type Hasher, hexToBytes, LatticeError } from '../../core/types/index.ts';
import { blockCount } from '../../core/vault/index.ts';
import type { BlocksAnswer, LeavesAnswer } from '../../core/wire/index.ts';
import type { Clock, Log, Metrics, VaultStore } from '../../ports/index.ts';
import type { Peer } from '../peers/peers.ts';
import type { Book } from './book.ts';
import type { Named } from './content.ts';
import type { Inventory } from './inventory.ts';
import { type Offers, unexpected } from './offers.ts';
import type { Room } from './room.ts';
import { createSingleBlock } from './single-block.ts';
import type { HeldPlace, Sources } from './sources.ts';
import { createTransfer, type Part, type Transfer } from './transfer.ts';
import type { Turns } from './turns.ts';
import { wholeDigest } from './verify.ts';
import type { Wanted } from './wanted.ts';

/** The rest after bytes that lead to the root and have another SHA-256: only another entry mends that. */
const FALSE_ENTRY_FAILURES = 7;

/**
 * Answers that are verified and written at a time, beyond which no peer is asked for more: a disk that is slower than
 * the network must not fill the memory. Each has up to 1 MiB.
 */
const MAX_WRITING = 8;

export interface TransfersDeps {
  readonly store: Pick<VaultStore, 'begin' | 'resume' | 'remove' | 'stat' | 'read' | 'leaves'>;
  readonly book: Book;
  readonly offers: Offers;
  readonly room: Room;
  readonly inventory: Inventory;
  readonly turns: Turns;
  readonly sources: Sources;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nameOf: (author: Author) => string;
  /** What the state says of an object at present. */
  readonly entry: (hash: string) => Promise<Named | undefined>;
  readonly onHeld: (hash: string) => Promise<void>;
  readonly onDamaged: (hash: string, text: string) => void;
  readonly isStopped: () => boolean;
  /** Aborts when the node stops. */
  readonly ending: AbortSignal;
  /** Told when an answer was found right, before it is written: its sender may be asked for more meanwhile. */
  readonly onRight: () => void;
}

/** Brings the bytes of wanted objects: opens what is here of them, asks peers for the rest, and makes them whole. */
export interface Transfers {
  /** Begins with an object. Never called while it is under way. */
  open(wanted: Wanted): Promise<void>;
  /** Reads what is stored of a damaged object, which is not fetched anew where it is whole or only its entry is wrong. */
  readAgain(hash: string): Promise<void>;
  /** Asks the peer for a part of the object; undefined when there is nothing to ask it for. */
  ask(peer: Peer, wanted: Wanted): Promise<void> | undefined;
  /** Makes an object whole of which every block is here; undefined when it is not so far. */
  end(wanted: Wanted): Promise<void> | undefined;
  /** Lets go of an object and keeps what was written of it. */
  close(wanted: Wanted): Promise<void>;
}

export function createTransfers(deps: TransfersDeps): Transfers {
  const { store, book, offers, room, inventory, sources, log, metrics } = deps;
  let writing = 0;
  const isCurrent = (wanted: Wanted): boolean => book.get(wanted.hash) === wanted;

  async function open(wanted: Wanted): Promise<void> {
    const { hash } = wanted;
    wanted.busy = true;
    try {
      const object = await deps.entry(hash);
      if (object === undefined || deps.isStopped()) return void book.drop(hash, undefined);
      await deps.turns.run(hash, () => openIn(wanted, object));
    } catch (error) {
      if (error instanceof LatticeError && error.code === 'disk-full') {
        // The others may fit all the same.
        room.lacked(lackOf(wanted), error);
        book.rest(wanted, error.message, { error });
      } else if (error instanceof LatticeError && room.failed(hash, error))
        // It rests for longer and longer, so that one file that cannot be opened does not stop all others for ever.
        book.rest(wanted, error.message, { error });
      else throw error;
    } finally {
      wanted.busy = false;
    }
  }

  /** To be called in the turn of the object. */
  async function openIn(wanted: Wanted, object: Named): Promise<void> {
    const { hash } = wanted;
    if (wanted.mends) {
      const found = await examined(object);
      // A false entry makes good bytes look damaged, and whoever believed it would delete them.
      if (found !== 'damaged') return keep(hash, found);
      await store.remove(hash);
      inventory.setHeld(hash, undefined);
      wanted.mends = false;
    }
    if (inventory.held(hash) !== undefined) return book.arrived(hash);
    const partial =
      blockCount(object.size) <= 1
        ? createSingleBlock(store, object, deps.hasher)
        : await store.resume(hash, object.size, deps.ending);
    const transfer = createTransfer(object, partial, deps.hasher);
    if (deps.isStopped() || !isCurrent(wanted)) return transfer.close();
    wanted.transfer = transfer;
    wanted.lastProgressAt = deps.clock.monotonic();
    wanted.reason = undefined;
  }

  /** What lies there of an object that was found damaged. */
  async function examined(object: Named): Promise<'damaged' | 'whole' | 'of a false entry'> {
    const whole = await wholeDigest(object.hash, deps);
    if (whole === undefined) return 'damaged';
    if (whole.root !== object.root || whole.size !== object.size) return 'of a false entry';
    const leaves = await store.leaves(object.hash);
    return leaves !== undefined && equalBytes(leaves, whole.leaves) ? 'whole' : 'damaged';
  }

  /** Keeps what was found damaged and has the right SHA-256. To be called in the turn of the object. */
  async function keep(hash: string, found: 'whole' | 'of a false entry'): Promise<void> {
    if (found === 'whole') {
      log.info({ hash }, 'an object that could not be read for a while is whole');
      await deps.onHeld(hash);
    } else log.error({ hash }, 'the bytes of an object are whole, and its entry names another size or root');
    book.arrived(hash);
  }

  async function readAgain(hash: string): Promise<void> {
    try {
      const object = await deps.entry(hash);
      if (object === undefined || inventory.held(hash) === undefined) return;
      // In no turn of the object: a put of it, which mends it too, waits for no long reading.
      const found = await examined(object);
      if (found === 'damaged') return;
      await deps.turns.run(hash, async () => {
        if (inventory.held(hash) !== undefined) await keep(hash, found);
      });
    } catch (error) {
      // It was removed meanwhile, the store fails or the node stops: it is read before it is fetched anew in any case.
      if (!(error instanceof LatticeError)) throw error;
      log.debug({ hash, error: error.message }, 'a damaged object could not be read again');
    }
  }

  const lackOf = ({ hash }: Wanted): number => (inventory.named(hash)?.size ?? 0) - inventory.partialBytes(hash);

  const canGive = (wanted: Wanted, author: Author): boolean =>
    offers.gives(wanted, author) && sources.reachable().some((peer) => peer.author === author);

  async function bring(peer: Peer, wanted: Wanted, part: Part, type: 'leaves' | 'blocks'): Promise<void> {
    const { hash, transfer } = wanted;
    if (transfer === undefined) return;
    wanted.inFlight++;
    let release = (): void => undefined;
    try {
      const asked = await requested(peer, hash, transfer, part, type);
      const { answer } = asked;
      release = asked.release;
      if (deps.isStopped() || !isCurrent(wanted)) return;
      if (answer.type === 'leaf-hashes') transfer.takeLeaves(part, answer.leaves);
      else {
        const isRight = (): void => {
          release();
          deps.onRight();
        };
        await write(peer, wanted, transfer.takeBlocks(part, answer.bytes, isRight));
        giveBack(answer.bytes);
      }
      wanted.lastProgressAt = deps.clock.monotonic();
      wanted.reason = undefined;
      inventory.setPartial(hash, transfer.bytesHere);
    } catch (error) {
      if (room.failed(hash, error)) wanted.reason = messageOf(error);
      else offers.failed(wanted, peer, error);
    } finally {
      release();
      wanted.inFlight--;
    }
    await end(wanted);
  }

  async function write(peer: Peer, wanted: Wanted, taking: Promise<number>): Promise<void> {
    writing++;
    try {
      const taken = await taking;
      metrics.count('lattice_vault_blocks_total', { outcome: 'fetched' }, taken);
      wanted.from.add(deps.nameOf(peer.author));
    } finally {
      writing--;
    }
  }

  /** The answer of the peer. A part that does not come is free again when this rejects, and only then, as its place is. */
  async function requested(
    peer: Peer,
    hash: string,
    transfer: Transfer,
    part: Part,
    type: 'leaves' | 'blocks',
  ): Promise<{ readonly answer: LeavesAnswer | BlocksAnswer } & HeldPlace> {
    try {
      const message = { type, hash: hexToBytes(hash) ?? new Uint8Array(0), ...part };
      const { answer, release } = await sources.requestHeld(peer, message);
      if (type === 'leaves' && answer.type === 'leaf-hashes') return { answer, release };
      if (type === 'blocks' && answer.type === 'block-bytes') return { answer, release };
      release();
      throw unexpected(answer, type);
    } catch (error) {
      transfer.giveBack(part, type);
      throw error;
    }
  }

  function end(wanted: Wanted): Promise<void> | undefined {
    const { transfer, inFlight, busy } = wanted;
    if (transfer?.isComplete() !== true || inFlight > 0 || busy || !isCurrent(wanted)) return undefined;
    return finish(wanted, transfer);
  }

  async function finish(wanted: Wanted, transfer: Transfer): Promise<void> {
    const { hash } = wanted;
    wanted.busy = true;
    try {
      await deps.turns.run(hash, async () => {
        try {
          await transfer.finish();
        } catch (error) {
          // A store that failed in the midst of it is asked anew, because the content may be in its place already.
          await transfer.close();
          if (!isFailureOfStore(error) || (await store.stat(hash)) === undefined) throw error;
        }
        await deps.onHeld(hash);
      });
      metrics.count('lattice_vault_fetches_total', { outcome: 'fetched' });
      log.info({ hash, bytes: transfer.object.size, from: [...wanted.from] }, 'object fetched');
      if (isCurrent(wanted)) book.arrived(hash);
    } catch (error) {
      unfinished(wanted, error);
    } finally {
      wanted.transfer = undefined;
      wanted.busy = false;
    }
  }

  function unfinished(wanted: Wanted, error: unknown): void {
    if (!(error instanceof LatticeError)) throw error;
    const { hash } = wanted;
    // It came by a put meanwhile, or nothing names it any more.
    if (!isCurrent(wanted)) return;
    if (room.failed(hash, error)) return book.rest(wanted, error.message, { error });
    if (error.code !== 'object-damaged') return book.rest(wanted, error.message);
    inventory.setPartial(hash, 0);
    metrics.count('lattice_vault_fetches_total', { outcome: 'damaged' });
    const text = `The blocks of object ${hash} lead to the root that its entry names, and have another SHA-256: the entry is false, or the disk changed them.`;
    deps.onDamaged(hash, text);
    book.rest(wanted, text, { atLeast: FALSE_ENTRY_FAILURES });
  }

  return {
    open,
    readAgain,
    ask(peer, wanted) {
      const { transfer } = wanted;
      if (transfer === undefined || wanted.busy || writing >= MAX_WRITING) return undefined;
      if (!offers.gives(wanted, peer.author)) return undefined;
      const leaves = transfer.nextLeaves(peer.author, (author) => canGive(wanted, author));
      const part = leaves ?? transfer.nextBlocks(sources.blocksFor(peer));
      return part === undefined ? undefined : bring(peer, wanted, part, leaves === undefined ? 'blocks' : 'leaves');
    },
    end,
    async close(wanted) {
      const { transfer } = wanted;
      wanted.transfer = undefined;
      await transfer?.close();
    },
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const isFailureOfStore = (error: unknown): boolean =>
  error instanceof LatticeError && (error.code === 'disk-full' || error.code === 'vault-store-failed');
