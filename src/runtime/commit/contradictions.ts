import type { FoundContradiction, RowWrite } from '../../core/replica/index.ts';
import { type EvidencePair, encodeEvidence, evidenceKey } from '../../core/rows/index.ts';
import { checkEvidence, type Evidence } from '../../core/state/index.ts';
import type { Author, Hasher } from '../../core/types/index.ts';
import { encodeFragment, siblingsToFragments } from '../../core/wire/index.ts';
import type { Log } from '../../ports/index.ts';
import type { Warning } from '../facade/codes.ts';

/**
 * How much is kept of one author, of how many authors, and in all: one pair is enough to name an author, and a pair of
 * the largest fragments takes 160 KiB.
 */
const MAX_OF_AUTHOR = 4;
const MAX_AUTHORS = 64;
const MAX_BYTES = 8 * 1_048_576;

/** Two signed commits that contradict each other, as fragments that `checkEvidence` takes, and what these show. */
export interface KeptEvidence {
  readonly evidence: Omit<Evidence, 'signatures'>;
  readonly fragments: EvidencePair;
}

/** The evidence against authors that contradict themselves (SPEC R10). It outlives a restart. */
export interface Contradictions {
  note(found: readonly FoundContradiction[]): void;
  /** Takes two commits that contradict each other, whose signatures were verified. LatticeError as `checkEvidence`. */
  noteTold(fragments: EvidencePair): void;
  all(): readonly KeptEvidence[];
  /** One warning for each author on the trust list. */
  warnings(): readonly Warning[];
}

export interface ContradictionsDeps {
  readonly hasher: Hasher;
  readonly network: string;
  /** Whether commits of the author are here, or it is or once was trusted. */
  readonly isKnown: (author: Author) => boolean;
  readonly isTrusted: (author: Author) => boolean;
  /** What earlier runs have kept, whose signatures were checked. */
  readonly saved: readonly KeptEvidence[];
  /** Makes rows durable. */
  readonly keep: (make: () => readonly RowWrite[]) => Promise<void>;
  /** What people read in place of an author. */
  readonly nameOf: (author: Author) => string;
  readonly log: Log;
}

export function createContradictions(deps: ContradictionsDeps): Contradictions {
  const { hasher, network, isKnown, log } = deps;
  const kept = new Map<Author, KeptEvidence[]>();
  const unsaved = new Set<Author>();
  let bytes = 0;
  let saving = false;

  for (const one of deps.saved) if (hasRoom(one.evidence.author, sizeOf(one.fragments))) add(one);

  function hasRoom(author: Author, size: number): boolean {
    const known = kept.get(author);
    if (known === undefined ? kept.size >= MAX_AUTHORS : known.length >= MAX_OF_AUTHOR) return false;
    return bytes + size <= MAX_BYTES;
  }

  function add(one: KeptEvidence): void {
    const { author } = one.evidence;
    kept.set(author, [...(kept.get(author) ?? []), one]);
    bytes += sizeOf(one.fragments);
  }

  function keep({ siblings }: FoundContradiction): void {
    const [{ author, operation }] = siblings;
    if (!hasRoom(author, 0)) return;
    const [a, b] = siblings.map((one) => siblingsToFragments([one], hasher).map(encodeFragment)[0]);
    if (a === undefined || b === undefined) throw new Error('a sibling has no fragment');
    keepPair([a, b], operation.key);
  }

  function keepPair(fragments: EvidencePair, key: string | undefined): void {
    const { signatures: _, ...evidence } = checkEvidence(fragments, { network, hasher, isTrusted: isKnown });
    const { author, kind, commits } = evidence;
    if (!hasRoom(author, sizeOf(fragments))) return;
    if (kept.get(author)?.some((one) => String(one.evidence.commits) === String(commits)) === true) return;
    add({ evidence, fragments });
    unsaved.add(author);
    log.warn({ author, kind, key, commits }, 'two commits of one author contradict each other');
  }

  /** Makes durable what is not yet; a failed store ends the process, and a busy one is asked again by the next find. */
  async function save(): Promise<void> {
    if (saving) return;
    saving = true;
    try {
      while (unsaved.size > 0)
        await deps.keep(() => {
          const rows = Array.from(unsaved, (author): RowWrite => {
            const pairs = (kept.get(author) ?? []).map(({ fragments }) => fragments);
            return { type: 'put', key: evidenceKey(author), value: encodeEvidence(pairs) };
          });
          unsaved.clear();
          return rows;
        });
    } catch (error) {
      log.debug({ error: String(error) }, 'evidence not saved');
    } finally {
      saving = false;
    }
  }

  return {
    note(found) {
      for (const one of found) keep(one);
      void save();
    },
    noteTold(fragments) {
      keepPair(fragments, undefined);
      void save();
    },
    all: () => Array.from(kept.values()).flat(),
    warnings: () =>
      Array.from(kept)
        .filter(([author]) => deps.isTrusted(author))
        .map(([author, [first]]) => ({
          code: 'contradicting-commits',
          text:
            first?.evidence.kind === 'same-time'
              ? `${deps.nameOf(author)} (author ${author}) signed two commits with one time: its key lives twice, or it lies; the log names them`
              : `${deps.nameOf(author)} (author ${author}) leaves out what its own earlier commit had replaced: it lies, its key lives twice, it was restored from an old copy, or its trust list is another; the log names the commits`,
        })),
  };
}

function sizeOf([a, b]: EvidencePair): number {
  return a.length + b.length;
}
