import { certificateFlaws, certificateInProofFlaws, goodCertificates } from './certificates.ts';
import { claimFlaws } from './claims.ts';
import { commitFlaws, goodCommits } from './commits.ts';
import type { CorpusFile, Forged } from './corpus.ts';
import { evidenceFlaws, goodEvidence } from './evidence.ts';
import { memberFlaws, textFlaws } from './form.ts';
import { headFlaws } from './heads.ts';
import { merkleFlaws } from './merkle.ts';
import { askedFlaws, goodProofs } from './proofs.ts';
import { goodRosterCertificates, goodRosterProofs, rosterCertificateFlaws, rosterFlaws } from './rosters.ts';
import { FLEET } from './world.ts';

const NOTE =
  'Made by scripts/make-forged.mjs. Every document of "good" is to be accepted and every one of "forged" refused, with the trust list and for what is asked beside it. The keys are for tests only: never use them elsewhere.';

/** Every file of the corpus by its name. It is the same on every run. */
export function corpusFiles(): ReadonlyMap<string, string> {
  const proofs = (forged: readonly Forged[]): CorpusFile => ({
    note: NOTE,
    kind: 'proof',
    trusted: FLEET,
    good: [],
    forged,
  });
  const files: Readonly<Record<string, CorpusFile>> = {
    'proof-text.json': { ...proofs(textFlaws()), good: goodProofs() },
    'proof-members.json': proofs(memberFlaws()),
    'proof-asked.json': proofs(askedFlaws()),
    'proof-claims.json': proofs(claimFlaws()),
    'proof-merkle.json': proofs(merkleFlaws()),
    'proof-heads.json': proofs(headFlaws()),
    'proof-certificates.json': proofs(certificateInProofFlaws()),
    'proof-rosters.json': { ...proofs(rosterFlaws()), good: goodRosterProofs() },
    'certificate-rosters.json': {
      note: NOTE,
      kind: 'certificate',
      trusted: FLEET,
      good: goodRosterCertificates(),
      forged: rosterCertificateFlaws(),
    },
    'certificates.json': {
      note: NOTE,
      kind: 'certificate',
      trusted: FLEET,
      good: goodCertificates(),
      forged: certificateFlaws(),
    },
    'evidence.json': { note: NOTE, kind: 'evidence', trusted: FLEET, good: goodEvidence(), forged: evidenceFlaws() },
    'commits.json': { note: NOTE, kind: 'commit', trusted: FLEET, good: goodCommits(), forged: commitFlaws() },
  };
  return new Map(Object.entries(files).map(([name, file]) => [name, `${JSON.stringify(file, null, 1)}\n`]));
}
