import { checkKey } from '../../core/cbor/index.ts';
import { encodeProof, pathToProof } from '../../core/merkle/index.ts';
import type { Replica } from '../../core/replica/index.ts';
import { isLive, winner } from '../../core/state/index.ts';
import {
  type Bytes,
  bytesToHex,
  type Entry,
  equalBytes,
  type Hasher,
  type JsonValue,
  LatticeError,
} from '../../core/types/index.ts';
import {
  decodeCertificate,
  encodeFragment,
  keyHash,
  type SignedHead,
  siblingsToFragments,
} from '../../core/wire/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { AttestationBook } from '../cuts/attestation-book.ts';
import type { CurrentCut } from '../cuts/current.ts';
import type { Cuts } from '../cuts/cuts.ts';
import type { Lattice, ProofDocument } from '../facade/index.ts';
import type { Roster } from '../fleet/roster.ts';
import { type Entries, HERE } from '../storage/entries.ts';
import { base64url } from './base64url.ts';
import { chainFor } from './rosters.ts';

export interface ProofsDeps {
  readonly replica: Pick<Replica, 'tree'>;
  readonly hasher: Hasher;
  readonly writer: Pick<Writer, 'read'>;
  readonly network: string;
  readonly ownHead: () => SignedHead;
  readonly entries: Pick<Entries, 'many'>;
  readonly cuts: Pick<Cuts, 'current' | 'nextInMs'>;
  readonly book: Pick<AttestationBook, 'certificate'>;
  readonly roster: Pick<Roster, 'from' | 'withHash' | 'present'>;
}

function kindOf(entry: Entry | undefined, live: boolean): ProofDocument['kind'] {
  if (entry === undefined) return 'absent';
  if (live) return 'present';
  return winner(entry).operation.kind === 'delete' ? 'deleted' : 'expired';
}

/** The hash of the roster that certified a cut. */
const rosterOf = (certificate: Bytes): Bytes => decodeCertificate(certificate).trustHash;

/** Proof documents (SPEC P5) and certificates for auditors. */
export function createProofs(deps: ProofsDeps): Pick<Lattice, 'prove' | 'certificate'> {
  const { hasher, replica, writer, entries } = deps;

  /**
   * The newest cut, if it is certified and the key has not changed since. Throws LatticeError `not-certified` or
   * `changed-since-cut`.
   */
  function certifiedCut(hash: Bytes): CurrentCut & { readonly certificate: Bytes } {
    const cut = deps.cuts.current();
    const next = `try again in ${Math.ceil(deps.cuts.nextInMs() / 1000)} s`;
    const details = { retryAfterMs: deps.cuts.nextInMs() };
    const certificate = cut?.certificate;
    if (cut === undefined || certificate === undefined)
      throw new LatticeError('not-certified', 'no quorum has attested the state of this node yet', { next, details });
    if (cut.isPending(hash))
      throw new LatticeError('changed-since-cut', 'the key has changed since the last cut', { next, details });
    return { ...cut, certificate };
  }

  return {
    prove(key, { at: asked, from } = {}) {
      checkKey(key);
      return writer.read(async () => {
        const hash = keyHash(key, hasher);
        // Everything of the cut's tree is read before the first await, because the tree may move after it.
        const cut = asked === 'cut' ? certifiedCut(hash) : undefined;
        const rosters = chainFor(deps.roster, from, cut === undefined ? undefined : rosterOf(cut.certificate));
        const tree = cut?.tree ?? replica.tree;
        const path = tree.path(hash);
        const root = bytesToHex(cut?.root ?? tree.root());
        const other = path.kind === 'leaf' && !equalBytes(path.keyHash, hash) ? path.keyHash : undefined;
        // The other key may have changed since the cut. Its entry is then not what the leaf was made of, so the cut is
        // asked first.
        let refs = other === undefined ? undefined : cut?.refsOf(other);
        const [entry] = await entries.many([{ keyHash: hash, key }], HERE);
        if (other === undefined) refs = entry?.siblings;
        else refs ??= (await entries.many([{ keyHash: other }], HERE))[0]?.siblings;
        const proof = pathToProof(path, refs ?? [], hasher);
        // Each sibling gets a fragment of its own, so that the winner comes first whichever commits they are of.
        const fragments = (entry?.siblings ?? []).flatMap((sibling) => siblingsToFragments([sibling], hasher));
        const head = cut === undefined ? deps.ownHead() : undefined;
        // What has ended is judged at the time that the head or the certificate names (SPEC EX7), and not by this clock.
        const at = cut?.at ?? head?.head.wallMs ?? 0;
        const live = isLive(entry, at);
        return {
          format: 'diotec360-lattice-proof/1' as const,
          key,
          kind: kindOf(entry, live),
          root,
          network: deps.network,
          merkle: base64url(encodeProof(proof)),
          fragments: fragments.map((fragment) => base64url(encodeFragment(fragment))),
          ...(head === undefined ? {} : { head: base64url(head.bytes) }),
          ...(cut === undefined ? {} : { certificate: base64url(cut.certificate) }),
          ...rosters,
          ...(entry !== undefined && live ? { value: winner(entry).operation.value as JsonValue } : {}),
        };
      });
    },

    certificate(at, { from } = {}) {
      const found = deps.book.certificate(at === undefined ? undefined : { at });
      return found === undefined
        ? undefined
        : {
            at: found.at,
            certificate: base64url(found.bytes),
            ...chainFor(deps.roster, from, rosterOf(found.bytes)),
          };
    },
  };
}
