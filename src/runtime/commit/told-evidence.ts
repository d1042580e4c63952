import { checkContradiction, type Notice, type StatementPair } from '../../core/roster/index.ts';
import { type Author, equalBytes, type Hasher, LatticeError } from '../../core/types/index.ts';
import type { Verifier } from '../../ports/index.ts';
import type { Contradictions, KeptEvidence } from './contradictions.ts';
import type { KeptPair, SignedTwice } from './signed-twice.ts';

type EvidenceNotice = Extract<Notice, { kind: 'evidence' }>;

/** Evidence on its way between members (SPEC EV5). What is kept, and how much of it, is the keepers' own. */
export interface ToldEvidence {
  /** All that this node keeps and that shows the same to everybody. */
  all(): readonly EvidenceNotice[];
  /** Takes what a member tells. False where it shows nothing or a signature is bad, which no honest node tells. */
  take(notice: EvidenceNotice): Promise<boolean>;
}

export function createToldEvidence(deps: {
  readonly network: string;
  readonly hasher: Hasher;
  readonly verifier: Verifier;
  readonly signedTwice: Pick<SignedTwice, 'all' | 'note'>;
  readonly contradictions: Pick<Contradictions, 'all' | 'noteTold'>;
  /** Whether the author is or was a member: anybody can make keys that contradict themselves. */
  readonly everStood: (author: Author) => boolean;
}): ToldEvidence {
  const { network, hasher, verifier, signedTwice, contradictions } = deps;
  /** One notice for each pair, so that it is encoded once. */
  const notices = new WeakMap<KeptPair | KeptEvidence, EvidenceNotice>();

  function noticeOf(kept: KeptPair | KeptEvidence, make: () => Omit<EvidenceNotice, 'kind'>): EvidenceNotice {
    let notice = notices.get(kept);
    if (notice === undefined) notices.set(kept, (notice = { kind: 'evidence', ...make() }));
    return notice;
  }

  /** Members may have met the two in another order. */
  const isKnown = ([a, b]: StatementPair): boolean =>
    [...signedTwice.all().map((one) => one.statements), ...contradictions.all().map((one) => one.fragments)].some(
      ([x, y]) => (equalBytes(a, x) && equalBytes(b, y)) || (equalBytes(a, y) && equalBytes(b, x)),
    );

  async function check({ shows, statements }: EvidenceNotice): Promise<boolean> {
    if (isKnown(statements)) return true;
    const { author, signatures } = checkContradiction(shows, statements, {
      network,
      hasher,
      isTrusted: () => true,
    });
    if (!deps.everStood(author)) return true;
    const good = await Promise.all(signatures.map((one) => verifier.verify(one.author, one.message, one.signature)));
    if (!good.every(Boolean)) return false;
    if (shows === 'two-commits') contradictions.noteTold(statements);
    else signedTwice.note({ kind: shows, statements });
    return true;
  }

  return {
    all: () => [
      ...signedTwice.all().map((one) => noticeOf(one, () => ({ shows: one.kind, statements: one.statements }))),
      ...contradictions
        .all()
        // What looks forgotten may be the work of another trust list.
        .filter(({ evidence }) => evidence.kind === 'same-time')
        .map((one) => noticeOf(one, () => ({ shows: 'two-commits', statements: one.fragments }))),
    ],
    async take(notice) {
      if (notice.shows === 'forgotten') return true;
      try {
        return await check(notice);
      } catch (error) {
        if (!(error instanceof LatticeError)) throw error;
        return error.code === 'other-network' || error.code === 'unknown-version';
      }
    },
  };
}
