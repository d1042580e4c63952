import type { FoundEntry } from '../../core/replica/index.ts';
import type { Entries } from '../storage/entries.ts';

/** Entries that are kept: two pages of a cleaning, one whose keys are named while the next is looked at. */
const MAX_ENTRIES = 2048;
/** Bytes of their operations, which bound them where values are large. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Entries of a page that was only looked at, because its keys are named next, with values. */
export interface LookedAt {
  note(found: FoundEntry): void;
  /** What was noted of the key, once, and only where the state still has just that. */
  take(key: string): FoundEntry | undefined;
}

const bytesOf = ({ entry }: FoundEntry): number =>
  entry.siblings.reduce((sum, { operationBytes }) => sum + operationBytes.length, 0);

/** Keeps the newest ones. Nobody has to name what was looked at. */
export function createLookedAt({ isPresent }: Pick<Entries, 'isPresent'>): LookedAt {
  const noted = new Map<string, FoundEntry>();
  let bytes = 0;

  function forget(key: string): FoundEntry | undefined {
    const found = noted.get(key);
    if (found === undefined) return undefined;
    noted.delete(key);
    bytes -= bytesOf(found);
    return found;
  }

  return {
    note(found) {
      const { key } = found.entry;
      forget(key);
      noted.set(key, found);
      bytes += bytesOf(found);
      for (const oldest of noted.keys()) {
        if (noted.size <= MAX_ENTRIES && bytes <= MAX_BYTES) return;
        forget(oldest);
      }
    },
    take(key) {
      const found = forget(key);
      return found !== undefined && isPresent(found) ? found : undefined;
    },
  };
}
