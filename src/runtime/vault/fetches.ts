import { type Author, type Hasher, LatticeError } from '../../core/types/index.ts';
import type { Clock, Log, Metrics, Random, Timer, VaultStore } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { VaultFetch } from '../facade/index.ts';
import type { Peer } from '../peers/peers.ts';
import { createBook } from './book.ts';
import type { Named } from './content.ts';
import { shownFetches } from './fetch-list.ts';
import type { Inventory } from './inventory.ts';
import { createOffers } from './offers.ts';
import { createRoom } from './room.ts';
import type { Sources } from './sources.ts';
import { createTransfers } from './transfers.ts';
import type { Turns } from './turns.ts';
import { isUnderWay, type Wanted } from './wanted.ts';

/** Objects whose bytes are fetched at a time: enough to hide the disk behind the network, few enough to end soon. */
const MAX_ACTIVE = 8;
const LOOK_EVERY_MS = 250;
/** How long news of many objects are gathered before they are looked at together. */
const SOON_MS = 10;
/** A caller who asked for an object gets an answer when nothing of it has come for this long. */
const PATIENCE_MS = 15_000;

export interface FetchesDeps {
  readonly store: Pick<VaultStore, 'begin' | 'resume' | 'remove' | 'stat' | 'read' | 'leaves'>;
  readonly inventory: Inventory;
  readonly turns: Turns;
  readonly sources: Sources;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nameOf: (author: Author) => string;
  /** What the state says of an object at present. */
  readonly entry: (hash: string) => Promise<Named | undefined>;
  /** Why nothing may be fetched at present, as a sentence with the next step. */
  readonly pause: () => string | undefined;
  readonly capacityBytes: () => number | undefined;
  readonly onHeld: (hash: string) => Promise<void>;
  readonly onDamaged: (hash: string, text: string) => void;
  readonly onWrong: (hash: string, peer: Author, text: string) => void;
}

export interface Fetches {
  start(): void;
  /** Ends everything that runs and keeps what was written. */
  stop(): Promise<void>;
  /** Looks at once, because something may be fetched that could not be before. */
  wake(): void;
  /** Has the object fetched whatever the policy is; resolves when it is here whole. */
  fetch(hash: string, signal: AbortSignal | undefined): Promise<void>;
  /** Has a damaged object fetched anew as soon as a peer is known to have it. */
  mend(hash: string): void;
  /** Reads what is stored of a damaged object, and mends nothing where it is whole: the disk may have failed once. */
  readAgain(hash: string): void;
  /** Lets go of an object that is here by another way, or that nothing names any more. */
  drop(hash: string, error: LatticeError | undefined): Promise<void>;
  /** Asks after an object again that rested, because its entry was written or a peer came. */
  stir(hash: string | undefined): void;
  shown(): readonly VaultFetch[];
  /** Why fetches wait for room, as a sentence. */
  full(): string | undefined;
}

/**
 * Decides which object, which peer and which part come next. What is wanted is kept by the book, who has it by the
 * offers, and its bytes by the transfers.
 */
export function createFetches(deps: FetchesDeps): Fetches {
  const { inventory, sources, clock, log } = deps;
  let looks: Repetition | undefined;
  const ending = new AbortController();
  const isStopped = (): boolean => ending.signal.aborted;
  let hurry: Timer | undefined;
  let known = new Set<Author>();
  const running = new Set<Promise<unknown>>();
  /** What is to be read again, one object after the other: each may be large. */
  const unread = new Set<string>();
  let isReading = false;
  const book = createBook({
    ...deps,
    onDone(hash) {
      offers.forget(hash);
      if (book.hasPlaces) soon();
    },
  });
  const offers = createOffers({ ...deps, book });
  const room = createRoom(deps);
  const transfers = createTransfers({
    ...deps,
    book,
    offers,
    room,
    isStopped,
    ending: ending.signal,
    onRight: () => pump(),
  });

  const now = (): number => clock.monotonic();
  const active = (): Wanted[] => [...book.all()].filter(({ transfer }) => transfer !== undefined);

  function track(work: Promise<unknown> | undefined): boolean {
    if (work === undefined) return false;
    const done = work
      .catch((err: unknown) => {
        if (!isStopped()) log.error({ err }, 'a fetch of the vault failed');
      })
      .finally(() => {
        running.delete(done);
        pump();
      });
    running.add(done);
    return true;
  }

  /** Whether the bytes of an object may be fetched besides what is here and on its way. */
  function fits(wanted: Wanted, size: number): boolean {
    const capacity = deps.capacityBytes();
    if (capacity === undefined || wanted.mends || wanted.waiters.size > 0) return true;
    let underWay = 0;
    for (const one of book.all()) if (isUnderWay(one)) underWay += inventory.named(one.hash)?.size ?? 0;
    if (inventory.heldBytes() + underWay + size <= capacity) return true;
    wanted.reason = `the capacity of ${capacity} bytes is used up: raise DIOTEC360_VAULT_CAPACITY, or remove objects`;
    return false;
  }

  /** Begins to fetch what a peer is known to have. */
  function activate(free: readonly Peer[]): void {
    let places = MAX_ACTIVE - [...book.all()].filter(isUnderWay).length;
    for (const wanted of book.all()) {
      if (places <= 0) return;
      if (isUnderWay(wanted) || !free.some(({ author }) => offers.gives(wanted, author))) continue;
      const size = inventory.named(wanted.hash)?.size ?? 0;
      if (!fits(wanted, size)) {
        // It gives its place to others, which may fit.
        book.rest(wanted, 'it does not fit into the capacity of this vault');
        continue;
      }
      const error = room.lacks(size - inventory.partialBytes(wanted.hash));
      if (error !== undefined) {
        book.rest(wanted, error.message, { error });
        continue;
      }
      places--;
      track(transfers.open(wanted));
    }
  }

  async function drop(hash: string, error: LatticeError | undefined): Promise<void> {
    const wanted = book.drop(hash, error);
    if (wanted !== undefined) await transfers.close(wanted);
  }

  /** Takes from the book what nobody asks for any more, and lets rest what no peer has. */
  function sweep(reachable: readonly Peer[]): void {
    for (const wanted of book.all()) {
      const isAsked = inventory.wants(wanted.hash) || wanted.mends || wanted.waiters.size > 0;
      if (wanted.busy || wanted.inFlight > 0) continue;
      if (!isAsked) track(drop(wanted.hash, undefined));
      else if (!wanted.mends && inventory.held(wanted.hash) !== undefined) book.arrived(wanted.hash);
      else restIfNobodyHas(wanted, reachable);
    }
  }

  function restIfNobodyHas(wanted: Wanted, reachable: readonly Peer[]): void {
    const isSlow = now() - wanted.lastProgressAt > PATIENCE_MS;
    if (wanted.transfer !== undefined && !isSlow) return;
    const isLate = isSlow && wanted.waiters.size > 0;
    // A peer that says it has an object and does not give it must not keep the place of others for ever.
    const isStuck = wanted.transfer !== undefined && book.size > MAX_ACTIVE;
    if (reachable.some(({ author }) => offers.mayGive(wanted, author)) && !isLate && !isStuck) return;
    if (reachable.length === 0 && !isLate) {
      wanted.reason = noSource(0);
      return;
    }
    track(transfers.close(wanted));
    book.rest(wanted, wanted.reason ?? noSource(reachable.length));
  }

  async function readUnread(): Promise<void> {
    if (isReading) return;
    isReading = true;
    try {
      for (const hash of unread) {
        unread.delete(hash);
        if (!isStopped()) await transfers.readAgain(hash);
      }
    } finally {
      isReading = false;
    }
  }

  /** Looks once within SOON_MS, however often it is asked to. */
  function soon(): void {
    if (looks === undefined || isStopped()) return;
    hurry ??= clock.after(SOON_MS, () => {
      hurry = undefined;
      look();
    });
  }

  let turn = 0;
  function pump(): void {
    if (isStopped() || looks === undefined || (deps.pause() ?? room.full()) !== undefined) return;
    const free = sources.free();
    for (const peer of free) track(offers.askAfter(peer));
    activate(free);
    // Each round begins with another object, so that a large one does not hold up those beside it.
    const objects = active();
    let sent = true;
    while (sent) {
      sent = false;
      for (const peer of sources.free()) {
        turn++;
        for (let i = 0; i < objects.length; i++) {
          const wanted = objects[(turn + i) % objects.length];
          if (wanted === undefined || !track(transfers.ask(peer, wanted))) continue;
          sent = true;
          break;
        }
      }
    }
    for (const wanted of objects) track(transfers.end(wanted));
  }

  function look(): void {
    const reachable = sources.reachable();
    // What nobody had may be what a peer brings that was not there before.
    if (reachable.some(({ author }) => !known.has(author))) book.stir(undefined);
    known = new Set(reachable.map(({ author }) => author));
    sweep(reachable);
    book.fill();
    pump();
  }

  return {
    start() {
      looks = every(clock, LOOK_EVERY_MS, look, {
        onError: (err) => log.error({ err }, 'the fetches of the vault failed'),
      });
    },
    async stop() {
      const reason = new LatticeError('stopping', 'the node is stopping');
      ending.abort(reason);
      looks?.stop();
      hurry?.cancel();
      await Promise.allSettled(running);
      const open = active();
      book.close(reason);
      await Promise.allSettled(open.map(transfers.close));
    },
    wake: look,
    fetch(hash, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason);
        const done = (): void => signal?.removeEventListener('abort', onAbort);
        const waiter = {
          resolve() {
            done();
            resolve();
          },
          reject(error: unknown) {
            done();
            reject(error);
          },
        };
        const onAbort = (): void => {
          book.get(hash)?.waiters.delete(waiter);
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        book.wait(hash, waiter);
        soon();
      });
    },
    mend(hash) {
      book.mend(hash);
      soon();
    },
    readAgain(hash) {
      if (isStopped()) return;
      unread.add(hash);
      track(readUnread());
    },
    drop,
    stir(hash) {
      book.stir(hash);
      soon();
    },
    full: room.full,
    shown: () => shownFetches({ book, inventory, clock, pause: () => deps.pause() ?? room.full() }),
  };
}

function noSource(reachable: number): string {
  return reachable === 0
    ? 'no member that has a vault is reachable: check the peers of this node and their versions'
    : 'no reachable member has the bytes: start a node that holds them, or put the content again';
}
