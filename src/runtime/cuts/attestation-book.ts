import type { Author, Bytes } from '../../core/types/index.ts';
import type { SignedAttestation } from '../../core/wire/index.ts';
import type { CutView } from '../facade/index.ts';

/**
 * `new`: taken in, and to be sent on. `known`: here already, or not one that this node judges. `forged`: the signature
 * is bad.
 */
export type Heard = 'new' | 'known' | 'forged';

export interface AttestationBook {
  /** Takes an attestation, by whatever way it came. */
  hear(signed: SignedAttestation): Promise<Heard>;
  /**
   * Takes every attestation of a certificate as if each had come alone, and returns the new ones. Rejects with
   * LatticeError `malformed`, `unknown-version` or `bad-signature`.
   */
  hearCertificate(bytes: Bytes): Promise<readonly SignedAttestation[]>;
  /**
   * Takes out the attestations that came under a roster which is known by now, and was not then. They are to be heard
   * again.
   */
  waiting(): readonly SignedAttestation[];
  /** Takes our own state at a cut, with our attestation if there is one. */
  ours(
    claim: { readonly at: number; readonly root: Bytes; readonly entries: number },
    signed: SignedAttestation | undefined,
  ): void;
  /** Every root known at the newest MAX_CUTS cuts: the newest cut first, and within a cut our root first. */
  views(): readonly CutView[];
  /** The certificate of the newest cut that has one, of the cut at `at`, or of exactly this root at `at`. */
  certificate(which?: {
    readonly at: number;
    readonly root?: Bytes;
  }): { readonly at: number; readonly bytes: Bytes } | undefined;
  /** The attestations of the newest cuts, encoded, for a peer that lacks some. */
  newest(): readonly Bytes[];
  summary(): {
    readonly certified?: { at: number; root: string; entries: number; attesters: readonly Author[]; quorum: number };
    readonly convergedAsOf?: number;
    readonly disagreeing: readonly { author: Author; at: number; root: string }[];
  };
  /** The newest attestation by the author, of whatever roster. Nobody forgets it while the node runs. */
  newestOf(author: Author): SignedAttestation | undefined;
  /** The newest cut for which the author attested the root that this node had, Unix ms; undefined where there is none. */
  agreedAt(author: Author): number | undefined;
  /**
   * The certificate of the newest cut later than `after` (Unix ms) that all writers of its roster attested alike, with
   * all their signatures (SPEC FL1). Undefined where there is none.
   */
  complete(after: number): Bytes | undefined;
  /**
   * The newest certified cut that this node attested itself, Unix ms: the certified state is then this node's own.
   */
  certifiedAt(): number | undefined;
  /** Calls the listener when an attestation has been added, our own ones too, until the returned function is called. */
  onAdded(listener: () => void): () => void;
  /** What each author attested of the cut at `at` (Unix ms), as names of states that can be compared; and our own state. */
  saidAt(at: number): { readonly own: string | undefined; readonly by: ReadonlyMap<Author, string> };
}
