import type { RowWrite } from '../../core/replica/index.ts';
import { checkCutCertificate, isComplete, type Signature } from '../../core/roster/index.ts';
import { COMPLETE } from '../../core/rows/index.ts';
import { type Author, type Bytes, LatticeError, MAX_AHEAD_MS } from '../../core/types/index.ts';
import { certificateToAttestations, decodeCertificate, type SignedAttestation } from '../../core/wire/index.ts';
import type { Clock, Log, Store, Verifier } from '../../ports/index.ts';
import type { Roster } from '../fleet/roster.ts';
import { twoReads } from '../storage/two-reads.ts';
import type { AttestationBook } from './attestation-book.ts';

/** A cut that all writers of its roster attested alike (SPEC FL1). */
export interface CompleteCut {
  /** Unix ms. */
  readonly at: number;
  /** 32 bytes. */
  readonly root: Bytes;
  /** Number of keys, tombstones included. */
  readonly entries: number;
  /** The roster that certifies it. */
  readonly epoch: number;
  /** 32 bytes. */
  readonly rosterHash: Bytes;
  /** Everybody who signed it: all writers of that roster. */
  readonly signers: ReadonlySet<Author>;
  /** The certificate, encoded (SPEC Z4). */
  readonly certificate: Bytes;
}

/** The owner of the newest complete cut, which is the floor. */
export interface CompleteCuts {
  /** The newest one that this node knows; it is durable. Undefined where none is known under the present chain of rosters. */
  newest(): CompleteCut | undefined;
  /** To be called when attestations have been taken in, which may have made a cut complete. */
  look(): void;
  /**
   * Takes a certificate that a member sent, or none (no bytes). True when it is of a complete cut that is later than all
   * known. Rejects with LatticeError `malformed`, `unknown-version` or `bad-signature`. One that this node cannot judge, or
   * that is not of a complete cut, is left alone.
   */
  hear(certificate: Bytes): Promise<boolean>;
  /** What the author attested of the newest one; undefined where it is none of its signers. */
  attestedBy(author: Author): SignedAttestation | undefined;
  /** Calls the listener with each later cut once it is durable, until the returned function is called. */
  onNewer(listener: (cut: CompleteCut) => void): () => void;
}

interface CheckDeps {
  readonly network: string;
  readonly roster: Pick<Roster, 'withHash'>;
  readonly verifier: Verifier;
}

interface Shown extends CompleteCut {
  readonly signatures: readonly Signature[];
}

/** What a certificate shows once its signatures are good. LatticeError as of `checkCutCertificate`. */
function shown(certificate: Bytes, { network, roster }: Pick<CheckDeps, 'network' | 'roster'>): Shown {
  const checked = checkCutCertificate(certificate, { network, withHash: roster.withHash });
  if (!isComplete(checked)) throw new LatticeError('not-certified', 'not all writers of the roster signed it');
  const { signatures } = checked;
  const { at, root, entries, trustHash } = checked.certificate;
  return {
    at,
    root,
    entries,
    epoch: checked.span.state.roster.epoch,
    rosterHash: trustHash,
    signers: new Set(signatures.map(({ author }) => author)),
    certificate: certificate.slice(),
    signatures,
  };
}

/** The complete cut that a certificate shows, with every signature verified. */
async function verified(certificate: Bytes, deps: CheckDeps): Promise<CompleteCut> {
  const { signatures, ...cut } = shown(certificate, deps);
  for (const { author, message, signature } of signatures)
    if (!(await deps.verifier.verify(author, message, signature)))
      throw new LatticeError('bad-signature', 'the certificate of a complete cut has a bad signature');
  return cut;
}

/**
 * Reads the newest complete cut that earlier runs kept, and verifies it again. What does not verify is passed over with
 * a line in the log, because members tell it anew; nothing is ever less complete for that.
 */
export async function loadComplete(
  deps: CheckDeps & { readonly store: Pick<Store, 'get' | 'iterate'>; readonly log: Log },
): Promise<CompleteCut | undefined> {
  let newest: CompleteCut | undefined;
  for (const row of await twoReads(deps.store, COMPLETE)) {
    try {
      const cut = await verified(row, deps);
      if (newest === undefined || cut.at > newest.at) newest = cut;
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      deps.log.warn({ error: error.message }, 'the stored complete cut does not hold and is passed over');
    }
  }
  return newest;
}

export function createCompleteCuts(
  deps: CheckDeps & {
    readonly book: Pick<AttestationBook, 'complete'>;
    readonly clock: Pick<Clock, 'now'>;
    readonly keep: (make: () => readonly RowWrite[]) => Promise<void>;
    readonly self: Author;
    /** Called with the time (Unix ms) of a cut that came from elsewhere and has this node's own signature. */
    readonly onOwn: (at: number) => void;
    readonly saved: CompleteCut | undefined;
    readonly log: Log;
  },
): CompleteCuts {
  const { roster, log } = deps;
  const listeners = new Set<(cut: CompleteCut) => void>();
  let durable = deps.saved;
  /** Verified, and on its way to the disk or there already. */
  let taken = deps.saved;
  let saving = false;

  // Another configured list is another epoch 0: what was complete under the former one says nothing under it.
  const known = (cut: CompleteCut | undefined): CompleteCut | undefined =>
    cut !== undefined && roster.withHash(cut.rosterHash) !== undefined ? cut : undefined;
  const newestAt = (): number => known(taken)?.at ?? 0;

  function take(cut: CompleteCut): boolean {
    if (cut.at <= newestAt()) return false;
    taken = cut;
    if (!saving) {
      saving = true;
      save()
        // The writer takes no rows once the store has failed, which ends the process elsewhere.
        .catch((error: unknown) => log.debug({ error: String(error) }, 'a complete cut was not kept'))
        .finally(() => void (saving = false));
    }
    return true;
  }

  async function save(): Promise<void> {
    for (let cut = taken; cut !== undefined && cut !== durable; cut = taken) {
      const { certificate } = cut;
      await deps.keep(() => [{ type: 'put', key: COMPLETE, value: certificate }]);
      durable = cut;
      for (const listener of listeners) listener(cut);
    }
  }

  return {
    newest: () => known(durable),
    look() {
      const found = deps.book.complete(newestAt());
      // The book has verified what it holds.
      if (found !== undefined) take(shown(found, deps));
    },
    async hear(certificate) {
      if (certificate.length === 0) return false;
      // What is not later costs no signature, and what is far ahead is no cut of a clock that is right.
      const { at } = decodeCertificate(certificate);
      if (at <= newestAt() || at > deps.clock.now() + MAX_AHEAD_MS) return false;
      try {
        const cut = await verified(certificate, deps);
        if (cut.signers.has(deps.self)) deps.onOwn(cut.at);
        return take(cut);
      } catch (error) {
        // It is of a roster that this node does not know yet, or of none of its own.
        if (error instanceof LatticeError && error.code === 'not-certified') {
          log.debug({ at, reason: error.message }, 'a complete cut was left alone');
          return false;
        }
        throw error;
      }
    },
    attestedBy(author) {
      const newest = known(durable);
      if (newest?.signers.has(author) !== true) return undefined;
      return certificateToAttestations(decodeCertificate(newest.certificate)).find(
        ({ attestation }) => attestation.author === author,
      );
    },
    onNewer(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
