import type { ChangedEntry } from '../../core/replica/index.ts';
import { versionOf, winner } from '../../core/state/index.ts';
import { type Author, type Entry, LatticeError } from '../../core/types/index.ts';
import { vaultKeyHash, vaultValue } from '../../core/vault/index.ts';
import type { Log } from '../../ports/index.ts';
import type { Lattice, WriteOperation } from '../facade/index.ts';
import { entryOf } from './names.ts';

/** Conflicts that wait to be settled. Beyond it they stay until their key is written again. */
const MAX_WAITING = 10_000;

export interface SettleDeps {
  readonly self: Author;
  readonly write: Lattice['write'];
  readonly log: Log;
}

/**
 * Settles conflicts under `vault/`, which no other write may settle: two nodes that put the same content at the same
 * time, or of which one pins or removes what the other changes. The author of the winner alone writes it again, so that
 * every node has one sibling and none writes against another (SPEC U14).
 */
export interface Settling {
  /** To be called with what a durable batch changed. */
  applied(changed: readonly ChangedEntry[]): void;
  stop(): Promise<void>;
}

/** The write that settles the conflict of an entry; undefined where it has none, or none that this node settles. */
function settlingOf(entry: Entry, self: Author): WriteOperation | undefined {
  const shown = winner(entry);
  if (entry.siblings.length < 2 || shown.author !== self || vaultKeyHash(entry.key) === undefined) return undefined;
  // No vault writes entries that end, so it leaves those of others as they are.
  if (shown.operation.expires !== undefined) return undefined;
  if (shown.operation.kind === 'delete') return { op: 'delete', key: entry.key };
  const named = shown.operation.value === undefined ? undefined : entryOf(shown.operation.value);
  if (named === undefined) return undefined;
  // Of two that name the same content, one may have pinned it.
  const pinned = entry.siblings.some(({ operation }) => {
    const other = operation.value === undefined ? undefined : entryOf(operation.value);
    return other !== undefined && other.root === named.root && other.pinned;
  });
  return { op: 'put', key: entry.key, value: vaultValue({ ...named, pinned }), ifMatch: versionOf(shown) };
}

export function createSettling({ self, write, log }: SettleDeps): Settling {
  const waiting = new Map<string, WriteOperation>();
  let running: Promise<void> | undefined;
  let stopped = false;

  async function run(): Promise<void> {
    for (const [key, operation] of waiting) {
      waiting.delete(key);
      if (stopped) return;
      try {
        await write([operation]);
        log.debug({ key }, 'conflict under vault/ settled');
      } catch (error) {
        // It was written meanwhile, or this node is read-only: whoever writes it next settles it.
        if (!(error instanceof LatticeError)) throw error;
        log.debug({ key, code: error.code }, 'conflict under vault/ not settled');
      }
    }
  }

  return {
    applied(changed) {
      for (const { key, after } of changed) {
        const operation = after === undefined ? undefined : settlingOf(after, self);
        if (operation !== undefined && waiting.size < MAX_WAITING) waiting.set(key, operation);
      }
      if (waiting.size === 0 || stopped) return;
      running ??= run()
        .catch((err: unknown) => log.error({ err }, 'conflicts under vault/ were not settled'))
        .finally(() => {
          running = undefined;
        });
    },
    async stop() {
      stopped = true;
      waiting.clear();
      await running;
    },
  };
}
