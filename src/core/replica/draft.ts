import type { Bytes, Entry } from '../types/index.ts';
import type { ChangedEntry, EntryView } from './step.ts';

const HASH_BYTES = 32;
const UNKNOWN: Bytes = new Uint8Array(0);

/** The entries that a step changes, while the step is being made. */
export interface Draft {
  /** The entry as the step has left it so far. */
  readonly read: EntryView;
  /** Writes an entry. `held` is what `read` returned for the key; with `entry` undefined the key leaves the state. */
  write(key: string, held: Entry | undefined, entry: Entry | undefined): void;
  /** What was written, in the order of the keys' first writes. `hashInto` writes the hash of a key into 32 bytes. */
  finish(hashInto: (key: string, out: Bytes) => void): readonly ChangedEntry[];
}

/** A ChangedEntry that is still being written. It is made once for a key, whatever becomes of the key. */
interface DraftEntry {
  readonly key: string;
  keyHash: Bytes;
  readonly before: Entry | undefined;
  after: Entry | undefined;
}

/**
 * Begins a draft; `view` gives the entries as they are before the step. `trim` takes out of an entry what is collected:
 * it returns the entry itself where that is nothing, and undefined where it is all.
 */
export function createDraft(view: EntryView, trim: (entry: Entry) => Entry | undefined): Draft {
  const entries = new Map<string, DraftEntry>();
  return {
    read(key) {
      const drafted = entries.get(key);
      return drafted === undefined ? view(key) : drafted.after;
    },
    write(key, held, written) {
      const entry = written === undefined ? undefined : trim(written);
      const drafted = entries.get(key);
      if (drafted === undefined) entries.set(key, { key, keyHash: UNKNOWN, before: held, after: entry });
      else drafted.after = entry;
    },
    finish(hashInto) {
      // What came and was collected at once is as if it had not come.
      const changed = Array.from(entries.values()).filter(({ before, after }) => before !== after);
      // The hashes stand side by side, because a view of shared memory costs a tenth of memory of its own.
      const block = new Uint8Array(HASH_BYTES * changed.length);
      let at = 0;
      for (const entry of changed) {
        entry.keyHash = block.subarray(at, at + HASH_BYTES);
        hashInto(entry.key, entry.keyHash);
        at += HASH_BYTES;
      }
      return changed;
    },
  };
}
