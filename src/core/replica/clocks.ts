import { INITIAL_HLC_STATE, observe, tick, ZERO_HLC } from '../clock/index.ts';
import type { AuthorClock } from '../rows/index.ts';
import type { Author, Hlc, Sibling } from '../types/index.ts';

/**
 * The replica's own clock, and what was seen of every known author's. Known are the authors that are or once were
 * trusted, and those whose commits are here. Contexts may name any number of others, of whom nothing is remembered.
 */
export interface Clocks {
  /** The greatest HLC issued or observed. */
  readonly last: Hlc;
  /** Takes note of an operation that is applied here: of its author, its time and its context. */
  observe(sibling: Sibling): void;
  /** Takes note of a time that an earlier run of the node had come to, or that it attested. */
  observeTime(hlc: Hlc): void;
  /**
   * The HLC of a commit that is made at `now` (Unix ms), greater than every other one; or, when the commit must be
   * refused, how many ms it would be ahead of `now`.
   */
  tick(now: number): { readonly ok: true; readonly hlc: Hlc } | { readonly ok: false; readonly aheadMs: number };
  knows(author: Author): boolean;
  /** The greatest HLC of a known author seen in any operation or context; zero when none. */
  seen(author: Author): Hlc;
  /**
   * The greatest HLC of a commit signed by `author` that was applied here; zero when none. Contexts don't count,
   * because an author can name any HLC of another author there, while nobody else can sign the author's commits.
   */
  committed(author: Author): Hlc;
  /** Takes over what a checkpoint, or the journal after it, says was seen of authors, as far as these are known. */
  load(authors: readonly AuthorClock[]): void;
  /** What was seen of every known author. */
  all(): AuthorClock[];
  /** The clocks of the authors of whom something newer was observed since the last call. */
  takeRaised(): AuthorClock[];
}

/** `isKnown`: whether an author is known though no commit of it may be here. */
export function createClocks(isKnown: (author: Author) => boolean): Clocks {
  let clock = INITIAL_HLC_STATE;
  const seen = new Map<Author, Hlc>();
  const committed = new Map<Author, Hlc>();
  const raised = new Set<Author>();
  const knows = (author: Author): boolean => committed.has(author) || isKnown(author);
  const clockOf = (author: Author): AuthorClock => ({
    author,
    seen: seen.get(author) ?? ZERO_HLC,
    committed: committed.get(author) ?? ZERO_HLC,
  });
  return {
    get last() {
      return clock.last;
    },
    observe({ author, hlc, operation }) {
      clock = observe(clock, hlc);
      if (raise(committed, author, hlc)) raised.add(author);
      if (raise(seen, author, hlc)) raised.add(author);
      for (const dot of operation.context)
        if (knows(dot.author) && raise(seen, dot.author, dot.hlc)) raised.add(dot.author);
    },
    observeTime(hlc) {
      clock = observe(clock, hlc);
    },
    tick(now) {
      const ticked = tick(clock, now);
      if (ticked.ok) clock = ticked.state;
      return ticked;
    },
    knows,
    seen: (author) => seen.get(author) ?? ZERO_HLC,
    committed: (author) => committed.get(author) ?? ZERO_HLC,
    load(authors) {
      for (const one of authors) {
        if (one.committed > ZERO_HLC) raise(committed, one.author, one.committed);
        if (one.seen > ZERO_HLC && knows(one.author)) raise(seen, one.author, one.seen);
      }
    },
    all: () => Array.from(seen.keys(), clockOf),
    takeRaised() {
      const clocks = Array.from(raised, clockOf);
      raised.clear();
      return clocks;
    },
  };
}

/** Raises the greatest HLC of an author; false when it is not greater than the one known. */
function raise(greatest: Map<Author, Hlc>, author: Author, hlc: Hlc): boolean {
  const known = greatest.get(author);
  if (known !== undefined && known >= hlc) return false;
  greatest.set(author, hlc);
  return true;
}
