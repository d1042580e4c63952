import { hlcMs } from '../../core/clock/index.ts';
import type { ChangedEntry } from '../../core/replica/index.ts';
import { isLive, winner } from '../../core/state/index.ts';
import { type Entry, type Hlc, type JsonValue, LatticeError } from '../../core/types/index.ts';
import { readVaultEntry, VAULT_PREFIX, type VaultEntry, vaultKeyHash } from '../../core/vault/index.ts';
import type { EntryView, Lattice, VaultObject } from '../facade/index.ts';
import type { Inventory } from './inventory.ts';

/** How many entries are read at a time when a node starts. */
const PAGE = 500;

/** What the value of a key `vault/<hash>` says; undefined when it is in another form, and then it names nothing. */
export function entryOf(value: JsonValue): VaultEntry | undefined {
  try {
    return readVaultEntry(value);
  } catch (error) {
    if (error instanceof LatticeError && error.code === 'invalid-value') return undefined;
    throw error;
  }
}

/** The object that an entry of the state names, with what is here of it. Undefined for an entry in another form. */
export function viewToObject(
  view: EntryView,
  inventory: Pick<Inventory, 'held' | 'partialBytes'>,
): VaultObject | undefined {
  const hash = vaultKeyHash(view.key);
  const entry = hash === undefined ? undefined : entryOf(view.value);
  if (hash === undefined || entry === undefined) return undefined;
  const isWhole = inventory.held(hash)?.size === entry.size;
  const bytesHere = isWhole ? entry.size : inventory.partialBytes(hash);
  return {
    hash,
    size: entry.size,
    root: entry.root,
    type: entry.type,
    name: entry.name,
    pinned: entry.pinned,
    at: hlcMs(BigInt(`0x${view.hlc}`) as Hlc),
    author: view.author,
    here: isWhole ? 'whole' : bytesHere > 0 ? 'partly' : 'missing',
    bytesHere,
  };
}

/** Keeps the inventory in step with the entries under `vault/`. */
export interface NamesWatch {
  /** To be called with what a durable batch changed. Answers the hashes of what the state names or unnames by it. */
  applied(changed: readonly ChangedEntry[]): readonly string[];
  /** Reads all entries under `vault/`. What a batch changes meanwhile counts more than what is read. */
  load(): Promise<void>;
}

export function createNamesWatch(deps: {
  readonly inventory: Inventory;
  readonly list: Lattice['list'];
  readonly isStopped: () => boolean;
  /** Unix ms. */
  readonly now: () => number;
}): NamesWatch {
  const { inventory } = deps;
  /** The keys that batches have changed while the entries are being read; undefined when nothing is being read. */
  let touched: Set<string> | undefined;

  function note(key: string, value: JsonValue | undefined): string | undefined {
    const hash = vaultKeyHash(key);
    const entry = value === undefined || hash === undefined ? undefined : entryOf(value);
    inventory.setOdd(key, value !== undefined && entry === undefined);
    if (hash !== undefined)
      inventory.setNamed(hash, entry === undefined ? undefined : { size: entry.size, pinned: entry.pinned });
    return hash;
  }

  return {
    applied(changed) {
      const hashes: string[] = [];
      for (const { key, after } of changed) {
        if (!key.startsWith(VAULT_PREFIX)) continue;
        touched?.add(key);
        const hash = note(key, liveValue(after, deps.now()));
        if (hash !== undefined) hashes.push(hash);
      }
      return hashes;
    },
    async load() {
      touched = new Set();
      let cursor: string | undefined;
      do {
        const page = await deps.list({
          prefix: VAULT_PREFIX,
          limit: PAGE,
          ...(cursor === undefined ? {} : { cursor }),
        });
        for (const { key, value } of page.items) if (!touched.has(key)) note(key, value);
        ({ cursor } = page);
      } while (cursor !== undefined && !deps.isStopped());
      touched = undefined;
    },
  };
}

function liveValue(entry: Entry | undefined, nowMs: number): JsonValue | undefined {
  return entry === undefined || !isLive(entry, nowMs) ? undefined : winner(entry).operation.value;
}
