import { checkContradiction, type EvidenceKind, type StatementPair } from '../../core/roster/index.ts';
import { type Author, bytesToHex, concatBytes, type Hasher } from '../../core/types/index.ts';
import type { Contradictions } from '../commit/contradictions.ts';
import type { SignedTwice } from '../commit/signed-twice.ts';
import type { EvidenceView } from '../facade/index.ts';
import { base64url } from './base64url.ts';

/** How many hex digits of a hash name a piece of evidence: no fleet has two of one name. */
const ID_DIGITS = 16;

export interface EvidenceDeps {
  readonly network: string;
  readonly hasher: Hasher;
  readonly contradictions: Pick<Contradictions, 'all'>;
  readonly signedTwice: Pick<SignedTwice, 'all'>;
}

/** The evidence as others are given it: documents that anybody can check (SPEC EV1). */
export function evidenceViews({ network, hasher, contradictions, signedTwice }: EvidenceDeps): readonly EvidenceView[] {
  const view = (kind: EvidenceKind, author: Author, about: string, [a, b]: StatementPair): EvidenceView => ({
    format: 'diotec360-lattice-evidence/1',
    id: bytesToHex(hasher.hash(concatBytes(a, b))).slice(0, ID_DIGITS),
    kind,
    network,
    author,
    about,
    statements: [base64url(a), base64url(b)],
  });
  return [
    ...contradictions.all().map(({ evidence, fragments }) => {
      const kind = evidence.kind === 'same-time' ? 'two-commits' : 'forgotten';
      const { about } = checkContradiction(kind, fragments, { network, hasher, isTrusted: () => true });
      return view(kind, evidence.author, about, fragments);
    }),
    ...signedTwice.all().map(({ kind, author, about, statements }) => view(kind, author, about, statements)),
  ];
}
