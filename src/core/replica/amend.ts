import type { AttestedEntry } from '../snapshot/index.ts';
import { mergeSibling } from '../state/index.ts';
import { type Bytes, equalBytes, type Sibling } from '../types/index.ts';
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
 * draft has them just as they came. `isOldNews` is asked of every operation that was not here; where it says yes and
 * there is an entry, the operation is left out.
 */
export function adoptEntries(
  entries: readonly AttestedEntry[],
  draft: Draft,
  clocks: Pick<Clocks, 'observe'>,
  isOldNews: (sibling: Sibling) => boolean,
): ReadonlyMap<string, AttestedEntry> {
  const added = new Map<string, AttestedEntry>();
  for (const attested of entries) {
    const { key, siblings } = attested.entry;
    const held = draft.read(key);
    let entry = held ?? attested.entry;
    if (held === undefined) {
      added.set(key, attested);
      for (const sibling of siblings) clocks.observe(sibling);
      siblings.forEach(isOldNews);
    } else {
      for (const sibling of siblings) {
        const merged = mergeSibling(entry, sibling);
        // What a full key refuses differs from then on, and a repair names it.
        if (merged.outcome !== 'key-full') clocks.observe(sibling);
        if (merged.outcome === 'added' && !isOldNews(sibling)) ({ entry } = merged);
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
