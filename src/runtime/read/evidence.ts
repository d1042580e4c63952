import type { Contradictions } from '../commit/contradictions.ts';
import type { EvidenceView } from '../facade/index.ts';
import { base64url } from './base64url.ts';

/** The evidence as others are given it. */
export function evidenceViews(contradictions: Pick<Contradictions, 'all'>): readonly EvidenceView[] {
  return contradictions.all().map(({ evidence: { author, kind, key, commits }, fragments: [a, b] }) => ({
    author,
    kind,
    ...(key === undefined ? {} : { key }),
    commits,
    fragments: [base64url(a), base64url(b)],
  }));
}
