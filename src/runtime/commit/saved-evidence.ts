import { bucketRange, decodeEvidence, type EvidencePair } from '../../core/rows/index.ts';
import { checkEvidence } from '../../core/state/index.ts';
import { type Author, bytesToHex, type Hasher, LatticeError } from '../../core/types/index.ts';
import type { Log, Store, Verifier } from '../../ports/index.ts';
import type { KeptEvidence } from './contradictions.ts';

export interface SavedEvidenceDeps {
  readonly store: Pick<Store, 'iterate'>;
  readonly hasher: Hasher;
  readonly verifier: Verifier;
  readonly network: string;
  /** Whether commits of the author are here, or it is or once was trusted. */
  readonly isKnown: (author: Author) => boolean;
  readonly log: Log;
}

/**
 * Reads the evidence that earlier runs have kept. Evidence accuses an author, so nothing of it is believed for standing
 * in the store: the commits must contradict each other, and both signatures must be good.
 */
export async function loadEvidence(deps: SavedEvidenceDeps): Promise<readonly KeptEvidence[]> {
  const { store, log } = deps;
  const kept: KeptEvidence[] = [];
  for await (const rows of store.iterate(bucketRange('evidence')))
    for (const [key, row] of rows) {
      try {
        for (const fragments of decodeEvidence(row)) kept.push(await checked(fragments, deps));
      } catch (err) {
        if (!(err instanceof LatticeError)) throw err;
        log.warn({ err, row: bytesToHex(key) }, 'a row of evidence is not what it has to be: it is left out');
      }
    }
  return kept;
}

async function checked(fragments: EvidencePair, deps: SavedEvidenceDeps): Promise<KeptEvidence> {
  const { network, hasher, isKnown, verifier } = deps;
  const { signatures, ...evidence } = checkEvidence(fragments, { network, hasher, isTrusted: isKnown });
  for (const { message, signature } of signatures)
    if (!(await verifier.verify(evidence.author, message, signature)))
      throw new LatticeError('bad-signature', 'a commit of the evidence has a bad signature');
  return { evidence, fragments };
}
