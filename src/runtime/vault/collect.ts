import { hlcMs } from '../../core/clock/index.ts';
import type { ChangedEntry } from '../../core/replica/index.ts';
import { winner } from '../../core/state/index.ts';
import { type Bytes, duration, type Entry, type Hasher, type JsonValue, LatticeError } from '../../core/types/index.ts';
import { VAULT_PREFIX, vaultKey } from '../../core/vault/index.ts';
import { keyHash } from '../../core/wire/index.ts';
import type { Clock, Log, StoredObject, VaultStore } from '../../ports/index.ts';
import { sleep } from '../../timing/index.ts';
import type { VaultCollection } from '../facade/index.ts';
import type { Between, Entries } from '../storage/entries.ts';
import type { Inventory } from './inventory.ts';
import type { Turns } from './turns.ts';

/** What nothing names stays this long after it was stored and after its entry was removed. */
export const GRACE_MS = 24 * 60 * 60_000;
/** Objects that one collection looks at; the next one goes on with the others. Their list fits one answer. */
const MAX_LOOKED_AT = 10_000;
/** Entries of the state that are read at a time while values are searched for names of objects. */
const PAGE = 500;
/** The rest between two pages, so that a search through a large state takes no more than a part of the event loop. */
const REST_MS = 5;
const HASHES = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g;

export interface CollectDeps {
  readonly store: Pick<VaultStore, 'remove' | 'partials'>;
  readonly inventory: Inventory;
  readonly turns: Turns;
  readonly entries: Pick<Entries, 'page' | 'get'>;
  readonly between: Between;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly log: Log;
  /** The texts of named objects that may name others, as bundles do, each as a whole. */
  readonly bundles: () => AsyncIterable<string>;
  /** Told when the bytes of an object were taken away. */
  readonly onRemoved: (hash: string) => void;
  readonly isStopped: () => boolean;
}

export interface Collector {
  /** Rejects with LatticeError `overloaded` while another collection runs, or `vault-store-failed`. */
  collect(options: { readonly dryRun: boolean }): Promise<VaultCollection>;
  /** To be called with what a durable batch changed: what is named while a collection runs is not taken by it. */
  applied(changed: readonly ChangedEntry[]): void;
}

type Kept = VaultCollection['kept'][number];

/** Garbage collection: takes the bytes that no live entry, no value of the state and no bundle names (SPEC U12). */
export function createCollector(deps: CollectDeps): Collector {
  const { inventory, clock } = deps;
  /** Hashes that values name, among the candidates of the collection that runs. */
  let search: { readonly candidates: ReadonlySet<string>; readonly found: Set<string> } | undefined;

  function note(value: JsonValue | undefined): void {
    if (search === undefined || value === undefined) return;
    const pending: JsonValue[] = [value];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (typeof next === 'string') {
        if (search.candidates.has(next)) search.found.add(next);
      } else if (typeof next === 'object' && next !== null) pending.push(...Object.values(next));
    }
  }

  function noteEntry(entry: Entry | undefined): void {
    for (const { operation } of entry?.siblings ?? [])
      if (!operation.key.startsWith(VAULT_PREFIX)) note(operation.value);
  }

  /** Reads the whole state once, all siblings included: one that loses at present may win again. */
  async function searchState(): Promise<void> {
    let after: Bytes | undefined;
    do {
      const { entries, last } = await deps.entries.page(after, PAGE, deps.between);
      for (const { entry } of entries) noteEntry(entry);
      after = last;
      await sleep(clock, REST_MS);
    } while (after !== undefined && !deps.isStopped());
    for await (const text of deps.bundles())
      for (const hash of text.match(HASHES) ?? []) if (search?.candidates.has(hash)) search.found.add(hash);
  }

  /** When the entry of the object was last written or deleted, or ended, Unix ms; 0 when there never was one. */
  async function unnamedSince(hash: string): Promise<number> {
    const key = vaultKey(hash);
    const entry = await deps.entries.get({ key, keyHash: keyHash(key, deps.hasher) }, deps.between);
    if (entry === undefined) return 0;
    // By the clock of the fleet, which decides on ends, an end may have come that is later than this clock.
    const end = Math.min(winner(entry).operation.expires ?? 0, clock.now());
    return Math.max(end, ...entry.siblings.map(({ hlc }) => hlcMs(hlc)));
  }

  async function whyKept({ hash, storedAt }: StoredObject): Promise<string | undefined> {
    if (deps.turns.isBusy(hash)) return 'it is being put or fetched';
    const left = Math.max(storedAt, await unnamedSince(hash)) + GRACE_MS - clock.now();
    if (left > 0) return `nothing has named it for less than a day: it goes in ${duration(left)}`;
    return undefined;
  }

  async function run(dryRun: boolean): Promise<VaultCollection> {
    const kept: Kept[] = [];
    const due: StoredObject[] = [];
    const begun = (await deps.store.partials()).filter(({ hash }) => inventory.held(hash) === undefined);
    let looked = 0;
    for (const stored of [...inventory.allHeld(), ...begun]) {
      if (inventory.named(stored.hash) !== undefined) continue;
      if (++looked > MAX_LOOKED_AT || deps.isStopped()) break;
      const because = await whyKept(stored);
      if (because === undefined) due.push(stored);
      else kept.push({ hash: stored.hash, size: stored.size, because });
    }
    const removed: { readonly hash: string; readonly size: number }[] = [];
    if (due.length > 0) {
      search = { candidates: new Set(due.map(({ hash }) => hash)), found: new Set() };
      await searchState();
    }
    for (const { hash, size } of due) {
      if (deps.isStopped()) break;
      if (search?.found.has(hash)) kept.push({ hash, size, because: 'a value or a bundle names it' });
      else if (dryRun || (await take(hash))) removed.push({ hash, size });
      else kept.push({ hash, size, because: 'it was named meanwhile' });
    }
    return { dryRun, removed, bytes: removed.reduce((sum, { size }) => sum + size, 0), kept };
  }

  /** Takes one object away, unless it was named since the collection began. */
  function take(hash: string): Promise<boolean> {
    return deps.turns.run(hash, async () => {
      if (inventory.named(hash) !== undefined || search?.found.has(hash)) return false;
      await deps.store.remove(hash);
      deps.onRemoved(hash);
      return true;
    });
  }

  let running = false;
  return {
    async collect({ dryRun }) {
      if (running)
        throw new LatticeError('overloaded', 'A garbage collection of the vault is running.', {
          next: 'Ask again when it has ended.',
          details: { retryAfterMs: 5000 },
        });
      running = true;
      try {
        const result = await run(dryRun);
        if (!dryRun && result.removed.length > 0)
          deps.log.info({ objects: result.removed.length, bytes: result.bytes }, 'vault collected');
        return result;
      } finally {
        running = false;
        search = undefined;
      }
    },
    applied(changed) {
      if (search === undefined) return;
      for (const { after } of changed) noteEntry(after);
    },
  };
}
