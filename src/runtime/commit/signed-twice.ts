import type { RowWrite } from '../../core/replica/index.ts';
import {
  type Acceptance,
  checkContradiction,
  encodeSignedVote,
  isTwoVotes,
  type Signed,
} from '../../core/roster/index.ts';
import { decodeSignedTwice, encodeSignedTwice, SIGNED_TWICE, type StoredPair } from '../../core/rows/index.ts';
import { type Author, dropOldest, type Hasher, LatticeError } from '../../core/types/index.ts';
import type { Log, Store, Verifier } from '../../ports/index.ts';
import type { Warning } from '../facade/codes.ts';

/** One pair is enough to name an author; the others show that it was no accident. All of them take some 300 KiB. */
const MAX_OF_AUTHOR = 4;
const MAX_AUTHORS = 64;
/** Votes of the decisions under way: of a full roster in some ballots each. */
const MAX_VOTES = 1_024;

/** Two statements of one author that contradict each other, with what they are about. */
export interface KeptPair extends StoredPair {
  readonly author: Author;
  readonly about: string;
}

/** What authors signed twice: two roots for one T, two rosters in one ballot (SPEC EV4). It outlives a restart. */
export interface SignedTwice {
  /** Takes two statements whose signatures were verified. */
  note(pair: StoredPair): void;
  /** Takes a vote whose signature was verified, and keeps it beside another one of the same ballot. */
  noteVote(signed: Signed<Acceptance>): void;
  all(): readonly KeptPair[];
  /** One warning for each author and kind. */
  warnings(): readonly Warning[];
}

export interface SignedTwiceDeps {
  readonly network: string;
  readonly hasher: Hasher;
  /** What earlier runs have kept, whose signatures were checked. */
  readonly saved: readonly KeptPair[];
  /** Makes rows durable. */
  readonly keep: (make: () => readonly RowWrite[]) => Promise<void>;
  /** What people read in place of an author. */
  readonly nameOf: (author: Author) => string;
  readonly log: Log;
  readonly onFound: (found: KeptPair) => void;
}

export function createSignedTwice(deps: SignedTwiceDeps): SignedTwice {
  const { network, hasher, log } = deps;
  const kept: KeptPair[] = [];
  /** The first vote of each author in each ballot. */
  const votes = new Map<string, Signed<Acceptance>>();
  /** How many of those kept are durable. */
  let saved = 0;
  let saving = false;

  for (const one of deps.saved) if (hasRoom(one.author)) kept.push(one);

  function hasRoom(author: Author): boolean {
    const authors = new Set(kept.map((one) => one.author));
    if (!authors.has(author)) return authors.size < MAX_AUTHORS;
    return kept.filter((one) => one.author === author).length < MAX_OF_AUTHOR;
  }

  /** Makes durable what is not yet; a failed store ends the process, and a busy one is asked again by the next find. */
  async function save(): Promise<void> {
    if (saving) return;
    saving = true;
    try {
      do
        await deps.keep(() => {
          saved = kept.length;
          return [{ type: 'put', key: SIGNED_TWICE, value: encodeSignedTwice(kept) }];
        });
      while (saved < kept.length);
    } catch (error) {
      saved = 0;
      log.debug({ error: String(error) }, 'evidence not saved');
    } finally {
      saving = false;
    }
  }

  function note({ kind, statements }: StoredPair): void {
    const { author, about } = checkContradiction(kind, statements, { network, hasher, isTrusted: () => true });
    if (!hasRoom(author) || kept.some((one) => one.author === author && one.about === about)) return;
    const found = { kind, statements, author, about };
    kept.push(found);
    log.warn({ author, kind, about }, 'an author signed two statements that contradict each other');
    deps.onFound(found);
    void save();
  }

  return {
    note,
    noteVote(signed) {
      const { author, epoch, ballot } = signed.statement;
      const name = `${author}.${epoch}.${ballot.counter}.${ballot.author}`;
      const before = votes.get(name);
      if (before === undefined) {
        dropOldest(votes, MAX_VOTES);
        votes.set(name, signed);
      } else if (isTwoVotes(before.statement, signed.statement))
        note({ kind: 'two-votes', statements: [encodeSignedVote(before), encodeSignedVote(signed)] });
    },
    all: () => kept,
    warnings: () =>
      kept
        .filter(({ author, kind }, i) => kept.findIndex((one) => one.author === author && one.kind === kind) === i)
        .map(({ author, kind, about }) => ({
          code: kind === 'two-votes' ? 'two-votes' : 'two-roots',
          text: `${deps.nameOf(author)} (author ${author}) signed ${about}: it lies, or its key lives twice. Anybody can check that: lattice evidence export`,
        })),
  };
}

/**
 * Reads what earlier runs have kept. Nothing of it is believed for standing in the store: the statements must contradict
 * each other, and both signatures must be good.
 */
export async function loadSignedTwice(deps: {
  readonly store: Pick<Store, 'get'>;
  readonly hasher: Hasher;
  readonly verifier: Verifier;
  readonly network: string;
  readonly log: Pick<Log, 'warn'>;
}): Promise<readonly KeptPair[]> {
  const { store, network, hasher, verifier, log } = deps;
  const row = await store.get(SIGNED_TWICE);
  const out: KeptPair[] = [];
  try {
    for (const { kind, statements } of row === undefined ? [] : decodeSignedTwice(row)) {
      const { author, about, signatures } = checkContradiction(kind, statements, {
        network,
        hasher,
        isTrusted: () => true,
      });
      const good = await Promise.all(signatures.map((s) => verifier.verify(s.author, s.message, s.signature)));
      if (!good.every(Boolean)) throw new LatticeError('bad-signature', 'a statement of the evidence is not signed');
      out.push({ kind, statements, author, about });
    }
  } catch (err) {
    if (!(err instanceof LatticeError)) throw err;
    log.warn({ err }, 'what authors signed twice is not what it has to be in the store: the rest of it is left out');
  }
  return out;
}
