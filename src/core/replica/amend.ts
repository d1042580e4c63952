import type { AttestedEntry } from '../snapshot/index.ts';
import { mergeSibling } from '../state/index.ts';
import { type Bytes, type Entry, equalBytes, type Sibling } from '../types/index.ts';
import type { Clocks } from './clocks.ts';
import type { Draft } from './draft.ts';

/** What is to become of one operation of the state whose signature proved bad. */
export interface Correction {
  readonly key: string;
  /** The commit id (32 bytes) and the index of the operation. */
  readonly commit: Bytes;
  readonly index: number;
  /** The author's real signature of that very commit. Without it the operation is taken out. */
  readonly signature?: Bytes;
}

/**
 * Merges entries of a snapshot, each key once, into the draft. Returns those whose keys were not here, by key: the
 * draft has them just as they came. What does not count is left out. `isOldNews` is asked of every operation that was
 * not here; where it says yes and there is an entry, the operation is left out. `hide` is called for what is superseded,
 * `trimmed` takes out what is collected, and `added` is told of each operation that was not here.
 */
export function adoptEntries(
  entries: readonly AttestedEntry[],
  draft: Draft,
  clocks: Pick<Clocks, 'observe'>,
  {
    counts,
    isOldNews,
    hide,
    trimmed,
    added: tellAdded,
  }: {
    readonly counts: (sibling: Sibling) => boolean;
    readonly isOldNews: (sibling: Sibling) => boolean;
    readonly hide: (entry: Entry, gone: readonly Sibling[]) => void;
    readonly trimmed: (entry: Entry) => Entry | undefined;
    readonly added: (sibling: Sibling) => void;
  },
): ReadonlyMap<string, AttestedEntry> {
  const added = new Map<string, AttestedEntry>();
  for (const attested of entries) {
    const { key } = attested.entry;
    const present = trimmed(attested.entry)?.siblings ?? [];
    const siblings = present.filter(counts);
    const isWhole = siblings.length === attested.entry.siblings.length;
    const held = draft.read(key);
    let entry = held;
    if (held === undefined && isWhole) {
      added.set(key, attested);
      ({ entry } = attested);
      for (const sibling of siblings) {
        clocks.observe(sibling);
        tellAdded(sibling);
      }
      siblings.forEach(isOldNews);
    } else {
      for (const sibling of siblings) {
        const before: readonly Sibling[] = entry?.siblings ?? [];
        const merged = mergeSibling(entry, sibling);
        // What a full key refuses differs from then on, and a repair names it.
        if (merged.outcome !== 'key-full') clocks.observe(sibling);
        if (merged.outcome === 'superseded') hide(merged.entry, [sibling]);
        if (merged.outcome !== 'added' || (isOldNews(sibling) && held !== undefined)) continue;
        ({ entry } = merged);
        tellAdded(sibling);
        const after = entry.siblings;
        hide(
          entry,
          before.filter((one) => !after.includes(one)),
        );
      }
    }
    if (entry !== held) draft.write(key, held, entry);
  }
  return added;
}

/**
 * Mends or takes out operations in the draft. An operation that is not there is passed over, and a key that loses its
 * last operation leaves the state.
 */
export function correctEntries(corrections: readonly Correction[], draft: Draft): void {
  for (const { key, commit, index, signature } of corrections) {
    const entry = draft.read(key);
    const is = (sibling: Sibling): boolean => sibling.index === index && equalBytes(sibling.commit, commit);
    if (entry === undefined || !entry.siblings.some(is)) continue;
    const siblings = entry.siblings.flatMap((sibling) =>
      !is(sibling) ? [sibling] : signature === undefined ? [] : [{ ...sibling, signature }],
    );
    draft.write(key, entry, siblings.length === 0 ? undefined : { key, siblings });
  }
}
