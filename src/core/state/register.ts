import {
  type Author,
  type Bytes,
  type Context,
  compareBytes,
  type Dot,
  type Entry,
  type Hlc,
  MAX_CONTEXT_DOTS,
  MAX_SIBLINGS,
  type Sibling,
} from '../types/index.ts';
import { isGone } from './expiry.ts';

/**
 * A multi-value register for each key, with causality by version vectors as in Shapiro et al., "A comprehensive study
 * of Convergent and Commutative Replicated Data Types" (2011), §3.2.2, and with dots as in Preguiça et al., "Dotted
 * Version Vectors" (2010). Among honest authors the result depends only on the set of operations seen (SPEC R3).
 */

/** True when `context` names `author` with an HLC of at least `hlc`. */
export function covers(context: Context, author: Author, hlc: Hlc): boolean {
  for (const dot of context) if (dot.author === author) return dot.hlc >= hlc;
  return false;
}

/**
 * What the register looks at in an operation. A Sibling is a Versioned, and so is the operation without its value that
 * a cut keeps.
 */
export interface Versioned {
  readonly commit: Bytes;
  readonly index: number;
  readonly author: Author;
  readonly hlc: Hlc;
  readonly operation: { readonly context: Context };
}

function compareSameDot(a: Versioned, b: Versioned): number {
  return compareBytes(a.commit, b.commit) || a.index - b.index;
}

/**
 * Whether `a` supersedes `b`: its author had seen `b`, or it is a later operation of the same author (SPEC R1). Of two
 * commits of one author with one HLC (equivocation) the one with the greater commit id wins, so that every node decides
 * alike (SPEC R2).
 */
export function supersedes(a: Versioned, b: Versioned): boolean {
  if (a.author === b.author) return a.hlc > b.hlc || (a.hlc === b.hlc && compareSameDot(a, b) > 0);
  return covers(a.operation.context, b.author, b.hlc);
}

/** Whether one of the siblings is the dot's operation, a later one of its author, or names it in its context. */
export function isCovered({ author, hlc }: Dot, siblings: readonly Versioned[]): boolean {
  return siblings.some((one) => (one.author === author ? one.hlc >= hlc : covers(one.operation.context, author, hlc)));
}

/** Compares for the order of siblings, winner first: greatest (HLC, author, commit id, index). */
export function compareSiblings(a: Versioned, b: Versioned): number {
  if (a.hlc !== b.hlc) return a.hlc > b.hlc ? -1 : 1;
  if (a.author !== b.author) return a.author > b.author ? -1 : 1;
  return -compareSameDot(a, b);
}

/**
 * What became of an operation: it was added, it was there already (`held`), another operation supersedes it, or its key
 * has as many siblings as it can have and the operation supersedes none of them (`key-full`).
 */
export type MergeOutcome = 'added' | 'held' | 'superseded' | 'key-full';

/**
 * Adds one operation to the siblings of its key, winner first, of which there are at most MAX_SIBLINGS (SPEC R9). The
 * array given is not changed; it is what comes back when the operation is not added.
 */
export function mergeSiblings<S extends Versioned>(
  held: readonly S[],
  added: S,
): { readonly siblings: readonly S[]; readonly outcome: MergeOutcome } {
  for (const one of held) {
    if (one.index === added.index && compareBytes(one.commit, added.commit) === 0)
      return { siblings: held, outcome: 'held' };
    if (supersedes(one, added)) return { siblings: held, outcome: 'superseded' };
  }
  const siblings = held.filter((one) => !supersedes(added, one));
  if (siblings.length >= MAX_SIBLINGS) return { siblings: held, outcome: 'key-full' };
  siblings.push(added);
  if (siblings.length > 1) siblings.sort(compareSiblings);
  return { siblings, outcome: 'added' };
}

/** Adds one operation to a key's siblings. The entry given is not changed. */
export function mergeSibling(
  entry: Entry | undefined,
  sibling: Sibling,
): { readonly entry: Entry; readonly outcome: MergeOutcome } {
  if (entry === undefined) return { entry: { key: sibling.operation.key, siblings: [sibling] }, outcome: 'added' };
  const { siblings, outcome } = mergeSiblings(entry.siblings, sibling);
  return { entry: outcome === 'added' ? { key: entry.key, siblings } : entry, outcome };
}

/**
 * The context that `self` gives its next operation on a key with this entry (SPEC R5): the dots of all siblings, merged
 * with their contexts. The dots of `self` are implied and left out. From the contexts only the dots of known authors
 * are taken: operations of others never counted here, and invented authors would fill the context for good. `further`
 * has dots that are to be named beside these, those of known authors among them.
 */
export function contextOf(
  entry: { readonly siblings: readonly Versioned[] } | undefined,
  self: Author,
  isKnown: (author: Author, hlc: Hlc) => boolean,
  further: Context = [],
): Context {
  if (entry === undefined) return [];
  const [only] = entry.siblings;
  if (entry.siblings.length === 1 && only !== undefined && further.length === 0) {
    // A context is sorted and never names the author of its own operation, so that author's dot is put in its place and
    // nothing has to be merged.
    const context = only.operation.context.filter(({ author, hlc }) => author !== self && isKnown(author, hlc));
    if (only.author === self) return context;
    const after = context.findIndex(({ author }) => author > only.author);
    context.splice(after === -1 ? context.length : after, 0, { author: only.author, hlc: only.hlc });
    return withinBounds(context, entry);
  }
  const seen = new Map<Author, Hlc>();
  const add = (author: Author, hlc: Hlc): void => {
    if (author === self) return;
    const known = seen.get(author);
    if (known === undefined || known < hlc) seen.set(author, hlc);
  };
  for (const sibling of entry.siblings) {
    add(sibling.author, sibling.hlc);
    for (const dot of sibling.operation.context) if (isKnown(dot.author, dot.hlc)) add(dot.author, dot.hlc);
  }
  for (const dot of further) if (isKnown(dot.author, dot.hlc)) add(dot.author, dot.hlc);
  const context: Dot[] = Array.from(seen, ([author, hlc]) => ({ author, hlc }));
  return withinBounds(context.length > 1 ? context.sort(compareDots) : context, entry);
}

const compareDots = (a: Dot, b: Dot): number => (a.author < b.author ? -1 : 1);

/**
 * The context within the bound of the wire, which only the authors of several trust lists can exceed. The dots of the
 * siblings stay, because the operation replaces them; of the others the newest stay, because what an older one covers
 * has had the longest time to be replaced everywhere.
 */
function withinBounds(context: Dot[], { siblings }: { readonly siblings: readonly Versioned[] }): Context {
  if (context.length <= MAX_CONTEXT_DOTS) return context;
  const shown = new Set(siblings.map(({ author }) => author));
  const kept = context.toSorted(
    (a, b) => Number(shown.has(b.author)) - Number(shown.has(a.author)) || (a.hlc > b.hlc ? -1 : a.hlc < b.hlc ? 1 : 0),
  );
  return kept.slice(0, MAX_CONTEXT_DOTS).sort(compareDots);
}

/** The sibling that readers are shown: the first. */
export function winner(entry: Entry): Sibling {
  return entry.siblings[0] as Sibling;
}

/** Whether readers see a value at `nowMs` (Unix ms): there is an entry, and its winner is a put that has not ended. */
export function isLive(entry: Entry | undefined, nowMs: number): boolean {
  return entry !== undefined && !isGone(winner(entry).operation, nowMs);
}
