import { type Author, type Context, compareBytes, type Dot, type Entry, type Hlc, type Sibling } from '../types/index.ts';

/**
 * A multi-value register per key with version-vector causality, as in Shapiro et al., "A comprehensive study of
 * Convergent and Commutative Replicated Data Types" (2011), §3.2.2, with dots as in Preguiça et al., "Dotted Version
 * Vectors" (2010). The result depends only on the set of operations seen, never on their order.
 */

/** True when `context` names `author` with an HLC of at least `hlc`. */
export function covers(context: Context, author: Author, hlc: Hlc): boolean {
  for (const dot of context) if (dot.author === author) return dot.hlc >= hlc;
  return false;
}

function compareSameDot(a: Sibling, b: Sibling): number {
  return compareBytes(a.commit, b.commit) || a.index - b.index;
}

/**
 * True when `a` replaces `b`: its author had seen `b`, or it is a later operation of the same author. Two commits of
 * one author with one HLC (equivocation) are decided by the greater commit id, the same way everywhere.
 */
export function supersedes(a: Sibling, b: Sibling): boolean {
  if (a.author === b.author) return a.hlc > b.hlc || (a.hlc === b.hlc && compareSameDot(a, b) > 0);
  return covers(a.operation.context, b.author, b.hlc);
}

/** Winner first: greatest (hlc, author, commit id, index). */
export function compareSiblings(a: Sibling, b: Sibling): number {
  if (a.hlc !== b.hlc) return a.hlc > b.hlc ? -1 : 1;
  if (a.author !== b.author) return a.author > b.author ? -1 : 1;
  return -compareSameDot(a, b);
}

export type MergeOutcome = 'added' | 'held' | 'superseded';

/** Adds one operation to a key's siblings. The entry given is not changed. */
export function mergeSibling(entry: Entry | undefined, sibling: Sibling): { readonly entry: Entry; readonly outcome: MergeOutcome } {
  if (entry === undefined) return { entry: { key: sibling.operation.key, siblings: [sibling] }, outcome: 'added' };
  for (const held of entry.siblings) {
    if (held.index === sibling.index && compareBytes(held.commit, sibling.commit) === 0) return { entry, outcome: 'held' };
    if (supersedes(held, sibling)) return { entry, outcome: 'superseded' };
  }
  const siblings = entry.siblings.filter((held) => !supersedes(sibling, held));
  siblings.push(sibling);
  if (siblings.length > 1) siblings.sort(compareSiblings);
  return { entry: { key: entry.key, siblings }, outcome: 'added' };
}

/**
 * What `self` has seen of a key once it holds `entry`: every sibling's dot merged with its context, its own dots left out as implied. Of the
 * contexts only trusted authors' dots are taken over: operations of others never count, and invented authors would fill the context for good.
 */
export function contextOf(entry: Entry | undefined, self: Author, isTrusted: (author: Author) => boolean): Context {
  if (entry === undefined) return [];
  const [only] = entry.siblings;
  if (entry.siblings.length === 1 && only !== undefined) {
    // A context is sorted and never names its own operation's author, so one dot goes into its place and nothing has to be merged.
    const context = only.operation.context.filter(({ author }) => author !== self && isTrusted(author));
    if (only.author === self) return context;
    const after = context.findIndex(({ author }) => author > only.author);
    context.splice(after === -1 ? context.length : after, 0, { author: only.author, hlc: only.hlc });
    return context;
  }
  const seen = new Map<Author, Hlc>();
  const add = (author: Author, hlc: Hlc): void => {
    if (author === self) return;
    const known = seen.get(author);
    if (known === undefined || known < hlc) seen.set(author, hlc);
  };
  for (const sibling of entry.siblings) {
    add(sibling.author, sibling.hlc);
    for (const dot of sibling.operation.context) if (isTrusted(dot.author)) add(dot.author, dot.hlc);
  }
  const context: Dot[] = Array.from(seen, ([author, hlc]) => ({ author, hlc }));
  return context.length > 1 ? context.sort((a, b) => (a.author < b.author ? -1 : 1)) : context;
}

/** The sibling that readers are shown. */
export function winner(entry: Entry): Sibling {
  return entry.siblings[0] as Sibling;
}

/** True when readers see a value: the winner is not a tombstone. */
export function isLive(entry: Entry | undefined): boolean {
  return entry !== undefined && winner(entry).operation.kind === 'put';
}
