import { isCovered, type Versioned } from '../state/index.ts';
import { type Author, type Context, dropOldest, type Entry, type Hlc } from '../types/index.ts';

/**
 * Of how many keys is remembered what was forgotten there. Only an author that lies, or whose trust list is another,
 * makes a key one of them; beyond them the oldest are left to whoever else has seen the same. About 100 bytes a dot, of
 * which a key has as many as there are known authors.
 */
const MAX_KEYS = 1_024;

/**
 * What operations of a key had replaced, and what the siblings of the key that replaced these operations name no more.
 * It may come back, so this node's own next operation on the key names it (SPEC R5).
 */
export interface Forgotten {
  /**
   * Takes note that `gone` are no siblings, as the siblings of `entry` have replaced them. To be called for every
   * operation that a step adds or finds superseded.
   */
  replaced(entry: Entry, gone: readonly Versioned[]): void;
  /** Takes over what evidence of an earlier run tells of a key. */
  recall(key: string, context: Context): void;
  /** What the next operation on the key is to name beside what the siblings do. */
  of(key: string): Context;
}

/** `isKnown`: whether the author's dots are kept. */
export function createForgotten(isKnown: (author: Author) => boolean): Forgotten {
  const dots = new Map<string, Map<Author, Hlc>>();

  function add(key: string, context: Context): void {
    let known = dots.get(key);
    if (known === undefined) {
      dropOldest(dots, MAX_KEYS);
      dots.set(key, (known = new Map()));
    }
    for (const { author, hlc } of context) if (hlc > (known.get(author) ?? 0n)) known.set(author, hlc);
  }

  function dropCovered({ key, siblings }: Entry): void {
    const known = dots.get(key);
    if (known === undefined) return;
    for (const [author, hlc] of known) if (isCovered({ author, hlc }, siblings)) known.delete(author);
    if (known.size === 0) dots.delete(key);
  }

  return {
    replaced(entry, gone) {
      dropCovered(entry);
      for (const { operation } of gone) {
        const open = operation.context.filter((dot) => isKnown(dot.author) && !isCovered(dot, entry.siblings));
        if (open.length > 0) add(entry.key, open);
      }
    },
    recall: add,
    of: (key) => Array.from(dots.get(key) ?? [], ([author, hlc]) => ({ author, hlc })),
  };
}
