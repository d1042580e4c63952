import {
  changeHash,
  checkForcedRoster,
  checkRosterCertificate,
  type Decided,
  decodeRosterCertificate,
  initialRoster,
  type RosterState,
  rosterHash,
  type Signature,
  signatureOf,
  stateOf,
  type VoteState,
} from '../../core/roster/index.ts';
import {
  bucketRange,
  decodeDoubt,
  decodeKeptChange,
  decodeKnownAuthors,
  decodeVotes,
  epochOfRest,
  type KeptChange,
  type KeptDoubt,
  rosterKeyToName,
} from '../../core/rows/index.ts';
import { type Author, type Bytes, bytesToHex, type Hasher, LatticeError } from '../../core/types/index.ts';
import { announcementBytes, decodeAnnouncement, type SignedAnnouncement } from '../../core/wire/index.ts';
import type { Log, Store, Verifier } from '../../ports/index.ts';
import type { DecidedRoster, SavedRoster } from '../fleet/roster.ts';

/** What earlier runs kept about rosters. */
export interface SavedMembership {
  readonly roster: SavedRoster;
  readonly changes: readonly KeptChange[];
  /** A second certificate for an epoch that was decided. */
  readonly second: Bytes | undefined;
  /** Since when the store may lack what its key has signed. */
  readonly doubt: KeptDoubt | undefined;
  /** The hashes (hex) of the forced rosters that an operator has let this node take. */
  readonly forced: ReadonlySet<string>;
  /** Keys of this store's node that are retired and have stopped for good. */
  readonly stopped: readonly Author[];
  /** The newest announcement of each member that told one. */
  readonly announcements: readonly SignedAnnouncement[];
}

export interface SavedDeps {
  readonly store: Pick<Store, 'iterate'>;
  readonly hasher: Hasher;
  readonly verifier: Verifier;
  readonly network: string;
  readonly log: Log;
}

/**
 * Reads what earlier runs kept about rosters. Every hash and signature is checked again: who could write to the disk
 * could else put a fleet of their own there. Rejects with LatticeError `damaged-row` where the chain does not verify,
 * because a node that went by an earlier roster could vote twice; changes that do not verify are passed over.
 */
export async function loadMembership(deps: SavedDeps): Promise<SavedMembership> {
  const { hasher, network, log } = deps;
  let first: readonly Author[] = [];
  const certificates = new Map<number, Bytes>();
  const votes = new Map<string, VoteState>();
  const changes: KeptChange[] = [];
  let second: Bytes | undefined;
  let doubt: KeptDoubt | undefined;
  let stopped: readonly Author[] = [];
  const forced = new Set<string>();
  const announcements: SignedAnnouncement[] = [];
  for await (const rows of deps.store.iterate(bucketRange('roster')))
    for (const [key, value] of rows) {
      const { kind, rest } = rosterKeyToName(key);
      switch (kind) {
        case 'first':
          first = decodeKnownAuthors(value);
          break;
        case 'certificate':
          certificates.set(epochOfRest(rest), value.slice());
          break;
        case 'votes':
          votes.set(bytesToHex(rest), decodeVotes(value.slice()));
          break;
        case 'change': {
          const kept = decodeKeptChange(value.slice());
          if (await isGood(deps, kept)) changes.push(kept);
          else log.warn({ change: bytesToHex(rest) }, 'a stored change does not verify and is passed over');
          break;
        }
        case 'second':
          second = value.slice();
          break;
        case 'doubt':
          doubt = decodeDoubt(value);
          break;
        case 'forced':
          forced.add(bytesToHex(rest));
          break;
        case 'stopped':
          stopped = decodeKnownAuthors(value);
          break;
        case 'announcement': {
          const kept = await readAnnouncement(deps, value.slice());
          if (kept !== undefined) announcements.push(kept);
          else log.warn({ author: bytesToHex(rest) }, 'a stored announcement does not verify and is passed over');
        }
      }
    }
  const decided: DecidedRoster[] = [];
  if (certificates.size > 0) {
    let state: RosterState = stateOf(initialRoster(first), new Set(), hasher);
    for (let epoch = 1; epoch <= certificates.size; epoch++) {
      const certificate = certificates.get(epoch);
      if (certificate === undefined) throw damaged(`the roster of epoch ${epoch} is missing`);
      let found: Decided;
      try {
        const { roster } = decodeRosterCertificate(certificate);
        const check = forced.has(bytesToHex(rosterHash(roster, hasher))) ? checkForcedRoster : checkRosterCertificate;
        found = check(certificate, state, { network, hasher });
      } catch (cause) {
        throw damaged(`the roster of epoch ${epoch} does not verify: ${String(cause)}`);
      }
      if (!(await allGood(deps.verifier, found.signatures)))
        throw damaged(`the roster of epoch ${epoch} has a bad signature`);
      ({ state } = found);
      decided.push({ state, start: found.start, certificate });
    }
  }
  return { roster: { first, decided, votes }, changes, second, doubt, forced, stopped, announcements };
}

async function readAnnouncement(
  { verifier, network }: SavedDeps,
  bytes: Bytes,
): Promise<SignedAnnouncement | undefined> {
  try {
    const kept = decodeAnnouncement(bytes);
    const { announcement, signature } = kept;
    const isOurs = announcement.network === network;
    return isOurs && (await verifier.verify(announcement.author, announcementBytes(announcement), signature))
      ? kept
      : undefined;
  } catch (error) {
    // Another version may have had another form of addresses, and the member tells its own again.
    if (!(error instanceof LatticeError)) throw error;
    return undefined;
  }
}

/** Whether all signatures are good. */
export async function allGood(verifier: Verifier, signatures: readonly Signature[]): Promise<boolean> {
  const good = await Promise.all(
    signatures.map(({ author, message, signature }) => verifier.verify(author, message, signature)),
  );
  return good.every(Boolean);
}

/** Whether every word is about the change that it stands beside, and signed by its author. */
async function isGood({ hasher, verifier, network }: SavedDeps, { notices }: KeptChange): Promise<boolean> {
  const [first] = notices;
  if (first === undefined || first.change.network !== network) return false;
  const hash = bytesToHex(changeHash(first.change, hasher));
  if (
    notices.some(
      ({ change, signed }) =>
        bytesToHex(changeHash(change, hasher)) !== hash || bytesToHex(signed.statement.change) !== hash,
    )
  )
    return false;
  return allGood(
    verifier,
    notices.map(({ signed }) => signatureOf(signed)),
  );
}

const damaged = (what: string): LatticeError =>
  new LatticeError('damaged-row', what, {
    next: 'empty the state directory of this node and start it again: it takes the state and the roster from the others',
  });
