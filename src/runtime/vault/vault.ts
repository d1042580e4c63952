import type { ChangedEntry } from '../../core/replica/index.ts';
import { type Author, type Hasher, LatticeError } from '../../core/types/index.ts';
import type { Clock, Log, Metrics, Random, VaultStore } from '../../ports/index.ts';
import { every, type Repetition, sleep } from '../../timing/index.ts';
import type { Lattice, VaultService, VaultStatus } from '../facade/index.ts';
import type { VaultSettings } from '../facade/options.ts';
import type { Peer } from '../peers/peers.ts';
import type { Between, Entries } from '../storage/entries.ts';
import type { LinkTo } from '../transport/links.ts';
import { createCollector } from './collect.ts';
import { createContent, type Named } from './content.ts';
import { createDamage } from './damage.ts';
import { createFetches } from './fetches.ts';
import { createInventory } from './inventory.ts';
import { createNamesWatch } from './names.ts';
import { createPut } from './put.ts';
import { createVaultServer, type VaultServer } from './serve.ts';
import { createVaultService, notFound, setPinned, statOf } from './service.ts';
import { createSettling } from './settle.ts';
import { createSources } from './sources.ts';
import { createTurns } from './turns.ts';

/** The garbage collection runs by itself so often; the grace of a day makes more pointless. */
const COLLECT_EVERY_MS = 60 * 60_000;
/** A node whose vault cannot be read at its start tries again after this time. */
const LOAD_AGAIN_MS = 10_000;
/** Wrong peers that the status tells of. */
const MAX_TOLD = 64;
/** The largest named object that is searched for the names of others: no bundle of functions comes near it. */
const MAX_BUNDLE_BYTES = 4 * 1024 * 1024;
/** The types of objects whose text names other objects. */
const BUNDLE_TYPE = /^application\/vnd\.diotec360\.(?:bundle|certificate)\+json/;

export interface VaultDeps {
  readonly store: VaultStore;
  readonly kind: VaultStatus['store'];
  readonly settings: VaultSettings;
  readonly hasher: Hasher;
  readonly clock: Clock;
  /** Unix ms, by which entries that end are judged. */
  readonly now: () => number;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly self: Author;
  readonly get: Lattice['get'];
  readonly list: Lattice['list'];
  /** Writes under the reserved prefix. */
  readonly write: Lattice['write'];
  /** Throws what a write would be refused with at present. */
  readonly checkWritable: () => void;
  readonly entries: Pick<Entries, 'page' | 'get'>;
  readonly between: Between;
  readonly queuedWrites: () => number;
  readonly peers: () => Iterable<Peer>;
  readonly isMember: (author: Author) => boolean;
  readonly linkTo: LinkTo;
  readonly nameOf: (author: Author) => string;
  /** Whether a snapshot is being taken over; bytes come after the state. */
  readonly isBootstrapping: () => boolean;
}

/** The vault of a running node: its face, its answering side, and what it does of its own accord. */
export interface Vault {
  readonly service: VaultService;
  readonly server: VaultServer;
  /** To be called with what a durable batch changed. */
  applied(changed: readonly ChangedEntry[]): void;
  /** Takes another policy or capacity over. */
  reconfigure(settings: VaultSettings): void;
  /** Begins to look at what is named and what is here; the start of a node does not wait for it. */
  start(): void;
  /** Ends fetches and collections. What was fetched in part is kept. */
  stop(): Promise<void>;
}

export function createVault(deps: VaultDeps): Vault {
  const { store, hasher, clock, log, metrics } = deps;
  let { settings } = deps;
  let stopped = false;
  let loaded = false;
  /** Why the store could not be read, as long as that is so. */
  let unreadable: string | undefined;
  const ending = new AbortController();
  const repetitions: Repetition[] = [];
  const running = new Set<Promise<unknown>>();
  const damage = createDamage(clock);
  const leftOut: { readonly hash: string; readonly peer: string; readonly at: number; readonly text: string }[] = [];

  const inventory = createInventory(settings.policy);
  const turns = createTurns();
  const isStopped = (): boolean => stopped;
  const reads = { get: deps.get, inventory };

  async function entry(hash: string): Promise<Named | undefined> {
    return (await statOf(hash, reads))?.object;
  }

  function onDamaged(hash: string, text: string): void {
    metrics.count('lattice_vault_damaged_total');
    log.error({ hash, reason: text }, 'object damaged');
    const isNew = damage.note(hash, text);
    if (inventory.held(hash) === undefined || inventory.named(hash) === undefined) return;
    fetches.mend(hash);
    if (isNew) fetches.readAgain(hash);
  }

  /** What is whole and fits its entry need not be fetched anew. */
  function onWhole(hash: string): void {
    if (!damage.has(hash) || inventory.held(hash) === undefined) return;
    damage.forget(hash);
    void fetches.drop(hash, undefined);
  }

  const content = createContent({
    store,
    hasher,
    onDamaged,
    onGone(hash) {
      if (inventory.held(hash) !== undefined) log.warn({ hash }, 'object is not where it was stored');
      inventory.setHeld(hash, undefined);
      damage.forget(hash);
      fetches.stir(hash);
    },
  });
  const sources = createSources({
    ...deps,
    onBytes: (lung, bytes) => metrics.count('lattice_vault_fetched_bytes_total', { lung }, bytes),
  });
  const fetches = createFetches({
    ...deps,
    inventory,
    turns,
    sources,
    entry,
    pause() {
      if (!loaded) return unreadable ?? 'the node still looks at what its vault holds';
      if (deps.isBootstrapping()) return 'the node takes over a snapshot of the state first';
      return undefined;
    },
    capacityBytes: () => settings.capacityBytes,
    async onHeld(hash) {
      inventory.setHeld(hash, await store.stat(hash));
      content.forget(hash);
      damage.forget(hash);
    },
    onDamaged,
    onWrong(hash, peer, text) {
      leftOut.unshift({ hash, peer: deps.nameOf(peer), at: clock.now(), text });
      leftOut.length = Math.min(leftOut.length, MAX_TOLD);
    },
  });

  const collector = createCollector({
    ...deps,
    inventory,
    turns,
    bundles,
    onRemoved(hash) {
      inventory.setHeld(hash, undefined);
      inventory.setPartial(hash, 0);
      content.forget(hash);
      damage.forget(hash);
    },
    isStopped,
  });
  const { put } = createPut({
    store,
    hasher,
    inventory,
    turns,
    maxObjectBytes: () => settings.maxObjectBytes,
    checkWritable: deps.checkWritable,
    write: deps.write,
    stat: async (hash) => (await statOf(hash, reads))?.object,
    pin: (hash, pinned) => setPinned(hash, pinned, { ...reads, write: deps.write }),
    onHeld(stored) {
      inventory.setHeld(stored.hash, stored);
      content.forget(stored.hash);
      damage.forget(stored.hash);
      void fetches.drop(stored.hash, undefined);
    },
  });
  const settling = createSettling(deps);
  const watch = createNamesWatch({ inventory, list: deps.list, isStopped, now: deps.now });
  const service = createVaultService({
    ...deps,
    inventory,
    content,
    fetches,
    sources,
    collector: {
      async collect(options) {
        // Until all names are known, what they name would look unnamed.
        if (!loaded)
          throw new LatticeError('overloaded', 'the node still looks at what its vault holds', {
            next: 'try again in some seconds; the status of the vault tells when it has looked',
          });
        return await collector.collect(options);
      },
    },
    verifying: { store, hasher, entry, onDamaged, onWhole },
    put,
    status,
  });
  const server = createVaultServer({
    inventory,
    content,
    entry,
    isDamaged: damage.has,
    queuedWrites: deps.queuedWrites,
    metrics,
  });

  /** The texts of the named objects that may name others. */
  async function* bundles(): AsyncGenerator<string, void> {
    let cursor: string | undefined;
    do {
      const page = await service.list({ limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
      for (const object of page.items) {
        if (!BUNDLE_TYPE.test(object.type) || object.here !== 'whole' || object.size > MAX_BUNDLE_BYTES) continue;
        const decoder = new TextDecoder();
        let text = '';
        for await (const piece of content.read(object, 0, object.size)) text += decoder.decode(piece, { stream: true });
        yield text;
      }
      ({ cursor } = page);
    } while (cursor !== undefined && !isStopped());
  }

  function status(): VaultStatus {
    const { named, here, missing, odd } = inventory.sums();
    const paused = unreadable ?? fetches.full();
    return {
      policy: settings.policy,
      store: deps.kind,
      maxObjectBytes: settings.maxObjectBytes,
      ...(settings.capacityBytes === undefined ? {} : { capacityBytes: settings.capacityBytes }),
      objects: named.objects,
      bytes: named.bytes,
      here,
      missing,
      fetching: fetches.shown(),
      damaged: damage.told(),
      leftOut: [...leftOut],
      odd,
      starting: !loaded,
      ...(paused === undefined ? {} : { paused }),
    };
  }

  /** Reads what the state names and what the store has. A store that cannot be read is tried again for ever. */
  async function load(): Promise<void> {
    while (!isStopped()) {
      try {
        await watch.load();
        for await (const chunk of store.list()) {
          if (isStopped()) return;
          for (const stored of chunk) inventory.setHeld(stored.hash, stored);
        }
        for (const { hash, size } of await store.partials())
          if (inventory.held(hash) === undefined) inventory.setPartial(hash, size);
        loaded = true;
        unreadable = undefined;
        const { named, here, missing } = inventory.sums();
        log.info({ objects: named.objects, here: here.objects, missing: missing.objects }, 'vault looked through');
        fetches.wake();
        return;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (reason !== unreadable) log.warn({ error: reason }, 'vault cannot be read');
        unreadable = reason;
        await sleep(clock, LOAD_AGAIN_MS, ending.signal);
      }
    }
  }

  function background(work: Promise<unknown>, what: string): void {
    const done = work
      .catch((err: unknown) => {
        if (!stopped) log.error({ err }, what);
      })
      .finally(() => running.delete(done));
    running.add(done);
  }

  return {
    service,
    server,
    applied(changed) {
      collector.applied(changed);
      settling.applied(changed);
      for (const hash of watch.applied(changed)) {
        content.forget(hash);
        if (inventory.named(hash) === undefined) {
          damage.forget(hash);
          background(fetches.drop(hash, notFound(hash)), 'a fetch did not end');
        } else if (inventory.held(hash) === undefined) {
          damage.forget(hash);
          fetches.stir(hash);
        } else if (damage.has(hash)) {
          // It may be the entry that was wrong.
          fetches.mend(hash);
          fetches.readAgain(hash);
        }
      }
    },
    reconfigure(next) {
      settings = next;
      inventory.setPolicy(next.policy);
      fetches.stir(undefined);
    },
    start() {
      background(load(), 'the vault was not looked through');
      fetches.start();
      const onError = (err: unknown): void => log.error({ err }, 'a duty of the vault failed');
      repetitions.push(
        every(
          clock,
          COLLECT_EVERY_MS,
          () => {
            if (loaded) background(collector.collect({ dryRun: false }), 'the vault was not collected');
          },
          { onError },
        ),
      );
    },
    async stop() {
      stopped = true;
      ending.abort(new LatticeError('stopping', 'the node is stopping'));
      for (const repetition of repetitions) repetition.stop();
      await settling.stop();
      await fetches.stop();
      await Promise.allSettled(running);
    },
  };
}
