import { heardCut } from '../../core/floor/index.ts';
import { certifiersOf, isWriter, writersOf } from '../../core/roster/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  equalBytes,
  type Hasher,
  type Hlc,
  LatticeError,
  MAX_AHEAD_MS,
} from '../../core/types/index.ts';
import {
  type Attestation,
  attestationSigningBytes,
  certificateToAttestations,
  decodeCertificate,
  encodeCertificate,
  type SignedAttestation,
} from '../../core/wire/index.ts';
import type { Clock, Verifier } from '../../ports/index.ts';
import { type Roster, rosterAt } from '../fleet/roster.ts';
import type { AttestationBook, Heard } from './attestation-book.ts';
import { createWaitingAttestations } from './waiting.ts';

/** How many cuts are remembered; the oldest is dropped first. That is ten minutes. */
const MAX_CUTS = 64;
/** How many of the newest cuts a peer is sent the attestations of. It may lack some of these. */
const TOLD_CUTS = 2;

/** A root at one time and who signed it. */
interface Claim {
  readonly root: string;
  readonly entries: number;
  readonly signers: Map<Author, SignedAttestation>;
  certificate: Bytes | undefined;
}

interface Moment {
  readonly at: number;
  /** By root and number of entries. */
  readonly claims: Map<string, Claim>;
  readonly signed: Map<Author, { readonly name: string; readonly claim: Claim }>;
  /** Authors of whom nothing more is checked for this time: they attested a second root, or have our own key. */
  readonly doubled: Set<Author>;
  /** The root that our own state had; undefined while it is not known. */
  own: Claim | undefined;
}

const nameOf = (root: Bytes, entries: number): string => `${bytesToHex(root)}.${entries}`;

/** What trusted authors attested of the newest cuts, and the certificates that follow from it. */
export function createAttestationBook(deps: {
  readonly network: string;
  readonly self: Author;
  readonly roster: Roster;
  readonly periodMs: number;
  readonly hasher: Hasher;
  readonly verifier: Verifier;
  readonly clock: Clock;
  /** Called with the time of an attestation that our own key signed, but not in this life. */
  readonly onOwn: (at: number) => void;
  /** Called with two attestations of one author for one time that name two roots, the first one first. */
  readonly onTwoRoots: (pair: readonly [Bytes, Bytes]) => void;
  /**
   * Called with what is to be observed of a cut that another writer attested: the last HLC that belongs to it (SPEC FL2).
   */
  readonly onHeard: (observe: Hlc) => void;
}): AttestationBook {
  const { roster } = deps;
  const waiting = createWaitingAttestations(deps.clock);
  const listeners = new Set<() => void>();
  /** Of each writer that was heard: as many as rosters had. */
  const newest = new Map<Author, SignedAttestation>();
  /** Oldest first. */
  let moments: Moment[] = [];

  function momentAt(at: number): Moment | undefined {
    const known = moments.find((m) => m.at === at);
    if (known !== undefined) return known;
    if (moments.length >= MAX_CUTS && at < (moments[0]?.at ?? 0)) return undefined;
    const moment: Moment = { at, claims: new Map(), signed: new Map(), doubled: new Set(), own: undefined };
    moments.push(moment);
    moments = moments.sort((a, b) => a.at - b.at).slice(-MAX_CUTS);
    return moment;
  }

  function claimOf(moment: Moment, root: Bytes, entries: number): Claim {
    const name = nameOf(root, entries);
    let claim = moment.claims.get(name);
    if (claim === undefined) {
      claim = { root: bytesToHex(root), entries, signers: new Map(), certificate: undefined };
      moment.claims.set(name, claim);
    }
    return claim;
  }

  /** Whether the attestation is of this network and of a cut that is remembered. */
  function isTimely({ network, at }: Attestation): boolean {
    const now = deps.clock.now();
    return (
      network === deps.network &&
      at % deps.periodMs === 0 &&
      at <= now + MAX_AHEAD_MS &&
      at > now - MAX_CUTS * deps.periodMs
    );
  }

  /**
   * Whether the attestation is one that this node judges: by a writer of the roster that certifies its cut (SPEC Z12).
   * Only writers use memory here, with at most one root each a cut.
   */
  function concerns(attestation: Attestation): boolean {
    const { author, at, trustHash } = attestation;
    const { state } = rosterAt(roster, at);
    return isTimely(attestation) && isWriter(state.roster, author) && equalBytes(trustHash, state.hash);
  }

  /** Another roster may certify some cuts now: what was attested of these under the former one counts no more. */
  function prune(): void {
    for (const { at, claims, signed, doubled, own } of moments) {
      const { hash } = rosterAt(roster, at).state;
      for (const [name, claim] of claims) {
        for (const [author, { attestation }] of claim.signers) {
          if (equalBytes(attestation.trustHash, hash)) continue;
          claim.signers.delete(author);
          signed.delete(author);
          doubled.delete(author);
          claim.certificate = undefined;
        }
        if (claim.signers.size === 0 && claim !== own) claims.delete(name);
      }
    }
  }
  roster.onChange(prune);

  function add(moment: Moment, signed: SignedAttestation): void {
    const { author, at, root, entries } = signed.attestation;
    if (at > (newest.get(author)?.attestation.at ?? 0)) newest.set(author, signed);
    const claim = claimOf(moment, root, entries);
    claim.signers.set(author, signed);
    claim.certificate = undefined;
    moment.signed.set(author, { name: nameOf(root, entries), claim });
    for (const listener of listeners) listener();
  }

  /** The certificate of a claim that a quorum signed. */
  function certificateOf(claim: Claim): Bytes {
    if (claim.certificate === undefined) {
      const all = [...claim.signers.values()].sort((a, b) => (a.attestation.author < b.attestation.author ? -1 : 1));
      const [first] = all as [SignedAttestation];
      const signers = all.map((s) => ({ author: s.attestation.author, signature: s.signature }));
      claim.certificate = encodeCertificate({ ...first.attestation, signers });
    }
    return claim.certificate;
  }

  const quorumAt = (at: number): number => certifiersOf(rosterAt(roster, at).state.roster);
  const isCertified = ({ at }: Moment, { signers }: Claim): boolean => signers.size >= quorumAt(at);
  const certifiedIn = (moment: Moment): Claim | undefined =>
    [...moment.claims.values()].find((claim) => isCertified(moment, claim));
  const newestFirst = (): readonly Moment[] => moments.toReversed();

  async function hear(signed: SignedAttestation): Promise<Heard> {
    const { attestation } = signed;
    const { author, at, root, entries } = attestation;
    if (isTimely(attestation) && roster.withHash(attestation.trustHash) === undefined) waiting.keep(signed);
    if (!concerns(attestation)) return 'known';
    const held = (): string | undefined => moments.find((m) => m.at === at)?.signed.get(author)?.name;
    const name = nameOf(root, entries);
    if (held() === name) return 'known';
    // Whoever attests two roots for one time may attest any number: no further one costs a signature check.
    if (moments.find((m) => m.at === at)?.doubled.has(author) === true) return 'known';
    if (!(await deps.verifier.verify(author, attestationSigningBytes(signed.payloadBytes), signed.signature)))
      return 'forged';
    // Another roster may have begun while the signature was checked.
    if (!concerns(attestation)) return 'known';
    const before = held();
    if (before === name) return 'known';
    if (before !== undefined) {
      const first = moments
        .find((m) => m.at === at)
        ?.signed.get(author)
        ?.claim.signers.get(author);
      if (first !== undefined) deps.onTwoRoots([first.bytes, signed.bytes]);
      moments.find((m) => m.at === at)?.doubled.add(author);
      return 'known';
    }
    // Our own key signed what this incarnation did not sign, so a former incarnation or a twin did. Such an attestation
    // is not counted.
    if (author === deps.self) {
      deps.onOwn(at);
      momentAt(at)?.doubled.add(author);
      return 'known';
    }
    const moment = momentAt(at);
    if (moment === undefined) return 'known';
    const observe = heardCut(at, deps.clock.now());
    if (observe !== undefined) deps.onHeard(observe);
    add(moment, signed);
    return 'new';
  }

  return {
    hear,
    onAdded(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async hearCertificate(bytes) {
      const fresh: SignedAttestation[] = [];
      for (const signed of certificateToAttestations(decodeCertificate(bytes))) {
        const heard = await hear(signed);
        if (heard === 'forged') throw new LatticeError('bad-signature', 'the certificate has a bad signature');
        if (heard === 'new') fresh.push(signed);
      }
      return fresh;
    },
    waiting: () => waiting.take((hash) => roster.withHash(hash) !== undefined),
    ours({ at, root, entries }, signed) {
      const moment = momentAt(at);
      if (moment === undefined) return;
      moment.own = claimOf(moment, root, entries);
      if (signed !== undefined) add(moment, signed);
    },
    views: () =>
      newestFirst().flatMap((moment) => {
        const { at, claims, own } = moment;
        const { epoch } = rosterAt(roster, at).state.roster;
        return [...claims.values()]
          .sort((a, b) => Number(b === own) - Number(a === own) || b.signers.size - a.signers.size)
          .map((claim) => ({
            at,
            root: claim.root,
            entries: claim.entries,
            ours: claim === own,
            attesters: [...claim.signers.keys()].sort(),
            certified: isCertified(moment, claim),
            epoch,
          }));
      }),
    certificate(which) {
      for (const moment of newestFirst()) {
        if (which !== undefined && which.at !== moment.at) continue;
        const claim =
          which?.root === undefined
            ? certifiedIn(moment)
            : [...moment.claims.values()].find(
                (c) => c.root === bytesToHex(which.root as Bytes) && isCertified(moment, c),
              );
        if (claim !== undefined) return { at: moment.at, bytes: certificateOf(claim) };
      }
      return undefined;
    },
    newest: () =>
      newestFirst()
        .filter((m) => m.signed.size > 0)
        .slice(0, TOLD_CUTS)
        .flatMap((m) => [...m.claims.values()].flatMap((c) => [...c.signers.values()].map((s) => s.bytes))),
    summary() {
      const certified = newestFirst().find((m) => certifiedIn(m) !== undefined);
      const claim = certified === undefined ? undefined : certifiedIn(certified);
      const converged = newestFirst().find(
        ({ at, own, signed }) =>
          own !== undefined && own.signers.size >= quorumAt(at) && [...signed.values()].every((s) => s.claim === own),
      );
      const disagreeing = roster.writers.flatMap((author) => {
        const moment = newestFirst().find((m) => m.own !== undefined && m.signed.has(author));
        const theirs = moment?.signed.get(author)?.claim;
        return moment === undefined || theirs === undefined || theirs === moment.own
          ? []
          : [{ author, at: moment.at, root: theirs.root }];
      });
      return {
        ...(certified === undefined || claim === undefined
          ? {}
          : {
              certified: {
                at: certified.at,
                root: claim.root,
                entries: claim.entries,
                attesters: [...claim.signers.keys()].sort(),
                quorum: quorumAt(certified.at),
              },
            }),
        ...(converged === undefined ? {} : { convergedAsOf: converged.at }),
        disagreeing,
      };
    },
    newestOf: (author) => newest.get(author),
    complete(after) {
      for (const moment of newestFirst()) {
        if (moment.at <= after) return undefined;
        const writers = writersOf(rosterAt(roster, moment.at).state.roster);
        for (const claim of moment.claims.values())
          if (writers.every((author) => claim.signers.has(author))) return certificateOf(claim);
      }
      return undefined;
    },
    certifiedAt: () =>
      newestFirst().find((moment) => moment.own?.signers.has(deps.self) === true && isCertified(moment, moment.own))
        ?.at,
    saidAt(at) {
      const moment = moments.find((m) => m.at === at);
      return {
        own: moment?.own === undefined ? undefined : `${moment.own.root}.${moment.own.entries}`,
        by: new Map([...(moment?.signed ?? [])].map(([author, { name }]): [Author, string] => [author, name])),
      };
    },
    agreedAt: (author) =>
      newestFirst().find(({ own, signed }) => own !== undefined && signed.get(author)?.claim === own)?.at,
  };
}
