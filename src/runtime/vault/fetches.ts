// The scheduler of all fetches: one file, because which object, which peer and which block come next is one decision.
import { type Author, type Hasher, hexToBytes, LatticeError } from '../../core/types/index.ts';
import { MAX_HAVE, type SyncMessage } from '../../core/wire/index.ts';
import type { Clock, Log, Metrics, Random, Timer, VaultStore } from '../../ports/index.ts';
import { backoff, every, type Repetition } from '../../timing/index.ts';
import type { VaultFetch } from '../facade/index.ts';
import type { Peer } from '../peers/peers.ts';
import type { Named } from './content.ts';
import type { Inventory } from './inventory.ts';
import type { Sources } from './sources.ts';
import { createTransfer, type Part, type Transfer } from './transfer.ts';
import type { Turns } from './turns.ts';
import { isWhole } from './verify.ts';
import { createWanted, offerOf, offers, type Wanted } from './wanted.ts';

/** Objects whose bytes are fetched at a time: enough to hide the disk behind the network, few enough to end soon. */
const MAX_ACTIVE = 8;
/** Objects that peers are asked after at a time, which is one message to each peer. */
const MAX_WINDOW = MAX_HAVE;
const LOOK_EVERY_MS = 250;
/** How long news of many objects are gathered before they are looked at together. */
const SOON_MS = 10;
/** A caller who asked for an object gets an answer when nothing of it has come for this long. */
const PATIENCE_MS = 15_000;
/** How long the vault waits after the disk had no room. */
const FULL_MS = 30_000;
const MAX_SHOWN = 64;
/** How long an object rests, and how long a peer is not asked after one that it did not have. */
const restAfter = backoff({ minMs: 1_000, maxMs: 60_000, jitter: 'equal' });
/** The rest after bytes that lead to the root and have another SHA-256: only another entry mends that. */
const FALSE_ENTRY_FAILURES = 7;

export interface FetchesDeps {
  readonly store: Pick<VaultStore, 'resume' | 'remove' | 'stat' | 'read'>;
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
  /** Lets go of an object that is here by another way, or that nothing names any more. */
  drop(hash: string, error: LatticeError | undefined): Promise<void>;
  /** Asks after an object again that rested, because its entry was written or a peer came. */
  stir(hash: string | undefined): void;
  shown(): readonly VaultFetch[];
  /** Why fetches wait for room, as a sentence. */
  full(): string | undefined;
}

export function createFetches(deps: FetchesDeps): Fetches {
  const { inventory, sources, clock, log, metrics } = deps;
  /** What peers are asked after. */
  const window = new Map<string, Wanted>();
  /** What no peer had: until when it rests (monotonic ms), and how often it did. */
  const rests = new Map<string, { until: number; failures: number; reason: string }>();
  /** What is here and damaged, until it has been fetched anew. */
  const mending = new Set<string>();
  let looks: Repetition | undefined;
  let stopped = false;
  let hurry: Timer | undefined;
  let fullUntil = 0;
  let fullReason: string | undefined;
  let known = new Set<Author>();
  const running = new Set<Promise<unknown>>();

  const now = (): number => clock.monotonic();
  const active = (): Wanted[] => [...window.values()].filter(({ transfer }) => transfer !== undefined);

  function track(work: Promise<unknown>): void {
    const done = work
      .catch((err: unknown) => log.error({ err }, 'a fetch of the vault failed'))
      .finally(() => {
        running.delete(done);
        pump();
      });
    running.add(done);
  }

  function want(hash: string, mends = false): Wanted {
    let wanted = window.get(hash);
    if (wanted === undefined) window.set(hash, (wanted = createWanted(hash, now(), mends)));
    return wanted;
  }

  /** Fills the window with what the policy asks for. */
  function fill(): void {
    const rested = (hash: string): boolean => (rests.get(hash)?.until ?? 0) <= now();
    for (const hash of mending) if (window.size < MAX_WINDOW && rested(hash)) want(hash).mends = true;
    if (window.size >= MAX_WINDOW) return;
    for (const hash of inventory.missing()) {
      if (window.size >= MAX_WINDOW) return;
      if (rested(hash)) want(hash);
    }
  }

  /** Lets an object rest that no peer has at present. */
  function rest(wanted: Wanted, reason: string, atLeast = 0): void {
    window.delete(wanted.hash);
    const failures = Math.max(atLeast, (rests.get(wanted.hash)?.failures ?? 0) + 1);
    rests.set(wanted.hash, { until: now() + restAfter(failures, deps.random.fraction()), failures, reason });
    for (const waiter of wanted.waiters)
      waiter.reject(
        new LatticeError('object-missing', `Object ${wanted.hash} could not be fetched: ${reason}`, {
          next: 'Try again later, or put the content at this node.',
        }),
      );
    wanted.waiters.clear();
  }

  function stir(hash: string | undefined): void {
    if (hash === undefined) rests.clear();
    else rests.delete(hash);
    soon();
  }

  /** Asks each free peer after what is wanted and of which it is not known whether the peer has it. */
  function askAfter(peer: Peer): void {
    const hashes: string[] = [];
    for (const wanted of window.values()) {
      const offer = offerOf(wanted, peer.author);
      const isDue = offer.has === 'unknown' || (offer.has === 'none' && now() >= offer.nextAt);
      if (isDue && !offer.leftOut && hashes.length < MAX_HAVE) hashes.push(wanted.hash);
    }
    if (hashes.length === 0) return;
    hashes.sort();
    for (const hash of hashes) offerOf(want(hash), peer.author).has = 'asking';
    track(
      have(peer, hashes).catch((error: unknown) => {
        for (const hash of hashes) setOffer(hash, peer.author, 'unknown');
        log.debug({ peer: peer.author, error: String(error) }, 'a peer did not tell what it has of the vault');
      }),
    );
  }

  async function have(peer: Peer, hashes: readonly string[]): Promise<void> {
    const asked = hashes.flatMap((hash) => hexToBytes(hash) ?? []);
    const answer = await sources.request(peer, { type: 'have', hashes: asked });
    if (answer.type !== 'held' || answer.holdings.length !== hashes.length) throw unexpected(answer, 'have');
    hashes.forEach((hash, i) => setOffer(hash, peer.author, answer.holdings[i] === 'whole' ? 'whole' : 'none'));
  }

  function setOffer(hash: string, author: Author, has: 'unknown' | 'none' | 'whole'): void {
    const wanted = window.get(hash);
    if (wanted === undefined) return;
    const offer = offerOf(wanted, author);
    offer.has = has;
    if (has === 'none') offer.nextAt = now() + restAfter(++offer.failures, deps.random.fraction());
    else if (has === 'whole') offer.failures = 0;
  }

  /** Whether the bytes of an object may be fetched besides what is here and on its way. */
  function hasRoom(wanted: Wanted, size: number): boolean {
    const capacity = deps.capacityBytes();
    if (capacity === undefined || wanted.mends || wanted.waiters.size > 0) return true;
    let underWay = 0;
    for (const { hash, transfer, busy } of window.values())
      if (transfer !== undefined || busy) underWay += inventory.named(hash)?.size ?? 0;
    if (inventory.heldBytes() + underWay + size <= capacity) return true;
    wanted.reason = `the capacity of ${capacity} bytes is used up: raise DIOTEC360_VAULT_CAPACITY, or remove objects`;
    return false;
  }

  /** Begins to fetch what a peer is known to have. */
  function activate(free: readonly Peer[]): void {
    let places =
      MAX_ACTIVE - [...window.values()].filter(({ transfer, busy }) => transfer !== undefined || busy).length;
    for (const wanted of window.values()) {
      if (places <= 0) return;
      if (wanted.transfer !== undefined || wanted.busy) continue;
      if (!free.some(({ author }) => offers(wanted, author, now()))) continue;
      if (!hasRoom(wanted, inventory.named(wanted.hash)?.size ?? 0)) continue;
      wanted.busy = true;
      places--;
      track(open(wanted));
    }
  }

  async function open(wanted: Wanted): Promise<void> {
    const { hash } = wanted;
    try {
      const object = await deps.entry(hash);
      if (object === undefined || stopped) return void window.delete(hash);
      await deps.turns.run(hash, async () => {
        if (wanted.mends) {
          // A false entry makes good bytes look damaged, and whoever believed it would delete them.
          if (await isWhole(hash, deps)) {
            log.error({ hash }, 'the bytes of an object are whole, and its entry names another size or root');
            return arrived(wanted);
          }
          await deps.store.remove(hash);
          inventory.setHeld(hash, undefined);
          wanted.mends = false;
        }
        if (inventory.held(hash) !== undefined) return arrived(wanted);
        const transfer = createTransfer(object, await deps.store.resume(hash, object.size), deps.hasher);
        if (stopped || window.get(hash) !== wanted) return transfer.close();
        wanted.transfer = transfer;
        wanted.lastProgressAt = now();
        wanted.reason = undefined;
      });
    } catch (error) {
      storeFailed(wanted, error);
    } finally {
      wanted.busy = false;
    }
  }

  /** The store has no room, or cannot be reached. What it has stays, and the vault tries again later. */
  function storeFailed(wanted: Wanted, error: unknown): void {
    if (error instanceof LatticeError && (error.code === 'disk-full' || error.code === 'vault-store-failed')) {
      if (now() >= fullUntil)
        log.warn({ hash: wanted.hash, code: error.code, reason: error.message }, 'vault waits for its store');
      fullUntil = now() + FULL_MS;
      fullReason = error.message;
      wanted.reason = error.message;
    } else throw error;
  }

  /** Sends as much as the peer has places for. Answers whether anything was sent. */
  function askFor(peer: Peer, wanted: Wanted): boolean {
    const { transfer } = wanted;
    if (transfer === undefined || wanted.busy || !offers(wanted, peer.author, now())) return false;
    const leaves = transfer.nextLeaves();
    const part = leaves ?? transfer.nextBlocks(sources.blocksFor(peer));
    if (part === undefined) return false;
    wanted.inFlight++;
    track(bring(peer, wanted, transfer, part, leaves === undefined ? 'blocks' : 'leaves'));
    return true;
  }

  async function bring(
    peer: Peer,
    wanted: Wanted,
    transfer: Transfer,
    part: Part,
    type: 'leaves' | 'blocks',
  ): Promise<void> {
    const { hash } = wanted;
    const hashBytes = hexToBytes(hash) ?? new Uint8Array(0);
    let answer: SyncMessage;
    try {
      answer = await sources.request(peer, { type, hash: hashBytes, ...part });
      if (stopped || window.get(hash) !== wanted) return;
      if (type === 'leaves') {
        if (answer.type !== 'leaf-hashes') throw unexpected(answer, type);
        transfer.takeLeaves(part, answer.leaves);
      } else {
        if (answer.type !== 'block-bytes') throw unexpected(answer, type);
        const taken = await transfer.takeBlocks(part, answer.bytes);
        metrics.count('lattice_vault_blocks_total', { outcome: 'fetched' }, taken);
        wanted.from.add(deps.nameOf(peer.author));
      }
      wanted.lastProgressAt = now();
      wanted.reason = undefined;
      inventory.setPartial(hash, transfer.bytesHere);
    } catch (error) {
      transfer.giveBack(part, type);
      if (error instanceof LatticeError && (error.code === 'disk-full' || error.code === 'vault-store-failed'))
        storeFailed(wanted, error);
      else blame(peer, wanted, error);
    } finally {
      wanted.inFlight--;
    }
    if (transfer.isComplete() && wanted.inFlight === 0 && window.get(hash) === wanted && !wanted.busy)
      await finish(wanted, transfer);
  }

  function blame(peer: Peer, wanted: Wanted, error: unknown): void {
    const offer = offerOf(wanted, peer.author);
    const failure = sources.failureOf(error);
    const reason = error instanceof Error ? error.message : String(error);
    if (failure === 'wrong') {
      // Several answers of one peer may be under way.
      if (offer.leftOut) return;
      offer.leftOut = true;
      metrics.count('lattice_vault_blocks_total', { outcome: 'wrong' });
      log.warn({ peer: peer.author, hash: wanted.hash, reason }, 'left out as a source of this object');
      deps.onWrong(wanted.hash, peer.author, reason);
    } else if (failure === 'not-here') setOffer(wanted.hash, peer.author, 'none');
    else offer.nextAt = now() + restAfter(++offer.failures, deps.random.fraction());
    wanted.reason = `${deps.nameOf(peer.author)}: ${reason}`;
  }

  async function finish(wanted: Wanted, transfer: Transfer): Promise<void> {
    const { hash } = wanted;
    wanted.busy = true;
    try {
      await deps.turns.run(hash, async () => {
        await transfer.finish();
        wanted.transfer = undefined;
        await deps.onHeld(hash);
      });
      metrics.count('lattice_vault_fetches_total', { outcome: 'fetched' });
      log.info({ hash, bytes: transfer.object.size, from: [...wanted.from] }, 'object fetched');
      arrived(wanted);
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      if (error.code === 'disk-full' || error.code === 'vault-store-failed') return storeFailed(wanted, error);
      // It came by a put meanwhile, or nothing names it any more.
      if (window.get(hash) !== wanted) return;
      wanted.transfer = undefined;
      if (error.code !== 'object-damaged') return rest(wanted, error.message);
      inventory.setPartial(hash, 0);
      metrics.count('lattice_vault_fetches_total', { outcome: 'damaged' });
      const text = `The blocks of object ${hash} lead to the root that its entry names, and have another SHA-256: the entry is false, or the disk changed them.`;
      deps.onDamaged(hash, text);
      rest(wanted, text, FALSE_ENTRY_FAILURES);
    } finally {
      wanted.busy = false;
    }
  }

  function arrived(wanted: Wanted): void {
    window.delete(wanted.hash);
    rests.delete(wanted.hash);
    mending.delete(wanted.hash);
    for (const waiter of wanted.waiters) waiter.resolve();
    wanted.waiters.clear();
    if (window.size < MAX_WINDOW / 2) soon();
  }

  async function drop(hash: string, error: LatticeError | undefined): Promise<void> {
    const wanted = window.get(hash);
    rests.delete(hash);
    mending.delete(hash);
    if (wanted === undefined) return;
    window.delete(hash);
    for (const waiter of wanted.waiters) {
      if (error === undefined) waiter.resolve();
      else waiter.reject(error);
    }
    wanted.waiters.clear();
    const { transfer } = wanted;
    wanted.transfer = undefined;
    await transfer?.close();
  }

  /** Takes from the window what nobody asks for any more, and what no peer has. */
  function sweep(reachable: readonly Peer[]): void {
    for (const wanted of window.values()) {
      const isAsked = inventory.wants(wanted.hash) || wanted.mends || wanted.waiters.size > 0;
      if (wanted.busy || wanted.inFlight > 0) continue;
      if (!isAsked) void drop(wanted.hash, undefined);
      else if (!wanted.mends && inventory.held(wanted.hash) !== undefined) arrived(wanted);
      else if (wanted.transfer === undefined || now() - wanted.lastProgressAt > PATIENCE_MS) {
        const isOpen = reachable.some(({ author }) => {
          const { has, leftOut } = offerOf(wanted, author);
          return !leftOut && has !== 'none';
        });
        const isLate = now() - wanted.lastProgressAt > PATIENCE_MS && wanted.waiters.size > 0;
        // A peer that says it has an object and does not give it must not keep the place of others for ever.
        const isStuck = wanted.transfer !== undefined && window.size > MAX_ACTIVE;
        if (isOpen && !isLate && !isStuck) continue;
        if (reachable.length === 0 && !isLate) {
          wanted.reason = noSource(0);
          continue;
        }
        const { transfer } = wanted;
        wanted.transfer = undefined;
        if (transfer !== undefined) track(transfer.close());
        rest(wanted, wanted.reason ?? noSource(reachable.length));
      }
    }
  }

  /** Looks once within SOON_MS, however often it is asked to. */
  function soon(): void {
    if (looks === undefined || stopped) return;
    hurry ??= clock.after(SOON_MS, () => {
      hurry = undefined;
      look();
    });
  }

  let turn = 0;
  function pump(): void {
    if (stopped || looks === undefined) return;
    const pause = deps.pause() ?? full();
    if (pause !== undefined) return;
    const free = sources.free();
    for (const peer of free) askAfter(peer);
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
          if (wanted === undefined || !askFor(peer, wanted)) continue;
          sent = true;
          break;
        }
      }
    }
    for (const wanted of objects)
      if (wanted.transfer?.isComplete() === true && wanted.inFlight === 0 && !wanted.busy)
        track(finish(wanted, wanted.transfer));
  }

  function look(): void {
    const reachable = sources.reachable();
    // What nobody had may be what a peer brings that was not there before.
    if (reachable.some(({ author }) => !known.has(author))) rests.clear();
    known = new Set(reachable.map(({ author }) => author));
    sweep(reachable);
    fill();
    pump();
  }

  function full(): string | undefined {
    return now() < fullUntil ? fullReason : undefined;
  }

  return {
    start() {
      looks = every(clock, LOOK_EVERY_MS, look, {
        onError: (err) => log.error({ err }, 'the fetches of the vault failed'),
      });
    },
    async stop() {
      stopped = true;
      looks?.stop();
      hurry?.cancel();
      await Promise.allSettled(running);
      const open = active();
      for (const wanted of window.values()) {
        for (const { reject } of wanted.waiters) reject(new LatticeError('stopping', 'the node is stopping'));
        wanted.waiters.clear();
      }
      await Promise.allSettled(open.map(async ({ transfer }) => transfer?.close()));
      window.clear();
    },
    wake: look,
    fetch(hash, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason);
        rests.delete(hash);
        const wanted = want(hash);
        wanted.lastProgressAt = now();
        const onAbort = (): void => {
          wanted.waiters.delete(waiter);
          reject(signal?.reason);
        };
        const waiter = {
          resolve: () => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
          reject: (error: unknown) => {
            signal?.removeEventListener('abort', onAbort);
            reject(error);
          },
        };
        wanted.waiters.add(waiter);
        signal?.addEventListener('abort', onAbort, { once: true });
        soon();
      });
    },
    mend(hash) {
      mending.add(hash);
      soon();
    },
    drop,
    stir,
    full,
    shown() {
      const shown: VaultFetch[] = [];
      const wall = clock.now() - now();
      const size = (hash: string): number => inventory.named(hash)?.size ?? 0;
      const waiting = deps.pause() ?? full();
      for (const { hash, transfer, from, reason } of [...active(), ...window.values()]) {
        if (shown.length >= MAX_SHOWN) return shown;
        if (shown.some((one) => one.hash === hash)) continue;
        const why = waiting ?? (transfer === undefined ? (reason ?? 'it waits for its turn') : reason);
        shown.push({
          hash,
          size: size(hash),
          bytesHere: transfer?.bytesHere ?? inventory.partialBytes(hash),
          from: [...from],
          ...(why === undefined ? {} : { waiting: { reason: sentence(why), retryAt: Math.round(clock.now()) } }),
        });
      }
      for (const [hash, { until, reason }] of rests) {
        if (shown.length >= MAX_SHOWN) return shown;
        if (shown.some((one) => one.hash === hash) || inventory.held(hash) !== undefined) continue;
        shown.push({
          hash,
          size: size(hash),
          bytesHere: inventory.partialBytes(hash),
          from: [],
          waiting: { reason: sentence(reason), retryAt: Math.round(wall + until) },
        });
      }
      return shown;
    },
  };
}

function noSource(reachable: number): string {
  return reachable === 0
    ? 'no member that has a vault is reachable: check the peers of this node and their versions'
    : 'no reachable member has the bytes: start a node that holds them, or put the content again';
}

function unexpected(answer: SyncMessage, to: string): LatticeError {
  return new LatticeError('unexpected-answer', `the peer answered ${answer.type} to ${to}`);
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, '')}.`;
