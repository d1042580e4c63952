import type { FoundContradiction } from '../../core/replica/index.ts';
import type { Contradiction } from '../../core/state/index.ts';
import { type Author, type Bytes, bytesToHex, type Hasher } from '../../core/types/index.ts';
import { encodeFragment, siblingsToFragments } from '../../core/wire/index.ts';
import type { Log } from '../../ports/index.ts';
import type { Warning } from '../facade/codes.ts';

/** How many contradictions of one author are kept, and of how many authors: one is enough to name an author. */
const MAX_OF_AUTHOR = 4;
const MAX_AUTHORS = 64;

/** Two signed commits of one author that contradict each other, as fragments that `checkEvidence` takes. */
export interface KeptContradiction {
  readonly kind: Contradiction;
  readonly fragments: readonly [Bytes, Bytes];
}

/** The evidence against authors that contradict themselves, since the start (SPEC R10). */
export interface Contradictions {
  note(found: readonly FoundContradiction[]): void;
  of(author: Author): readonly KeptContradiction[];
  /** One warning for each author. */
  warnings(): readonly Warning[];
}

export function createContradictions({ hasher, log }: { readonly hasher: Hasher; readonly log: Log }): Contradictions {
  const kept = new Map<Author, KeptContradiction[]>();

  function keep({ kind, siblings }: FoundContradiction): void {
    const [{ author, operation }] = siblings;
    const known = kept.get(author) ?? [];
    if (known.length >= MAX_OF_AUTHOR || (known.length === 0 && kept.size >= MAX_AUTHORS)) return;
    const [a, b] = siblings.map((one) => siblingsToFragments([one], hasher).map(encodeFragment)[0]);
    if (a === undefined || b === undefined) throw new Error('a sibling has no fragment');
    kept.set(author, [...known, { kind, fragments: [a, b] }]);
    const commits = siblings.map(({ commit }) => bytesToHex(commit));
    log.warn({ author, kind, key: operation.key, commits }, 'two commits of one author contradict each other');
  }

  return {
    note(found) {
      for (const one of found) keep(one);
    },
    of: (author) => kept.get(author) ?? [],
    warnings: () =>
      Array.from(kept, ([author, [first]]) => ({
        code: 'contradicting-commits',
        text:
          first?.kind === 'same-time'
            ? `author ${author} signed two commits with one time: its key lives twice, or it lies; the log names them`
            : `author ${author} leaves out what its own earlier commit had replaced: it lies, its key lives twice, it was restored from an old copy, or its trust list is another; the log names the commits`,
      })),
  };
}
