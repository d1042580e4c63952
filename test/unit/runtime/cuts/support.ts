import {
  type Acceptance,
  applyChange,
  type ChangeAction,
  certify,
  checkRosterCertificate,
  encodeRosterCertificate,
  rosterHash,
  signStatement,
} from '../../../../src/core/roster/index.ts';
import type { Author } from '../../../../src/core/types/index.ts';
import { decodeSync, encodeSync, type SignedAttestation, type SyncMessage } from '../../../../src/core/wire/index.ts';
import type { Applied } from '../../../../src/runtime/commit/applied.ts';
import type { AttestationBook } from '../../../../src/runtime/cuts/attestation-book.ts';
import { createAttestationBook } from '../../../../src/runtime/cuts/attestations.ts';
import { type AttestedMark, createAttestedMark } from '../../../../src/runtime/cuts/attested.ts';
import { type CompleteCuts, createCompleteCuts, loadComplete } from '../../../../src/runtime/cuts/complete.ts';
import { type Cuts, createCuts } from '../../../../src/runtime/cuts/cuts.ts';
import { createMismatches, type Mismatches } from '../../../../src/runtime/cuts/mismatches.ts';
import type { StreamlessPeer } from '../../../../src/runtime/cuts/spread.ts';
import type { Lattice } from '../../../../src/runtime/facade/index.ts';
import { createRoster, type DecidedRoster, type RosterOwner } from '../../../../src/runtime/fleet/roster.ts';
import { createProofs } from '../../../../src/runtime/read/prove.ts';
import {
  createAuthor,
  type GatedStore,
  type HandClock,
  hasher,
  type LogLine,
  log,
  metrics,
  NETWORK,
  openTestState,
  recordingLog,
  type TestState,
  verifier,
} from '../support.ts';

export const PERIOD_MS = 10_000;
export const SETTLE_MS = 5_000;

/** A node's cuts over a real replica and writer; what it spreads is kept. */
export interface Party extends TestState {
  readonly roster: RosterOwner;
  readonly cuts: Cuts;
  readonly book: AttestationBook;
  readonly complete: CompleteCuts;
  /** The times of complete cuts that came from elsewhere and that it had signed. */
  readonly own: readonly number[];
  /** What authors attested twice. */
  readonly doubled: (readonly [Uint8Array, Uint8Array])[];
  readonly marks: { readonly attested: AttestedMark };
  readonly reads: Pick<Lattice, 'prove' | 'certificate'>;
  /** Attestations sent on, with the lung that brought them and from whom; its own have neither. */
  readonly sent: {
    readonly signed: SignedAttestation;
    readonly lung: string | undefined;
    readonly from: Author | undefined;
  }[];
  readonly events: { readonly at: number; readonly root: string; readonly certified: boolean }[];
  /** What did not agree with the state. */
  readonly mismatches: Mismatches;
  readonly errors: LogLine[];
  mayAttest: boolean;
  clockIsGood: boolean;
  streamless: readonly StreamlessPeer[];
}

export async function createParty(
  id: number,
  clock: HandClock,
  trusted: readonly Author[],
  store?: GatedStore,
): Promise<Party> {
  let cuts: Cuts | undefined;
  const applied = (step: Applied): void => cuts?.applied(step);
  const state = await openTestState({
    id,
    clock,
    ...(store === undefined ? {} : { store }),
    onApplied: applied,
    onUnchanged: applied,
  });
  const roster = createRoster(trusted, state.self.author, hasher);
  const doubled: Party['doubled'] = [];
  const errors: LogLine[] = [];
  const attested = createAttestedMark({ ...state, stored: state.attested });
  const book = createAttestationBook({
    network: NETWORK,
    self: state.self.author,
    roster,
    periodMs: PERIOD_MS,
    hasher,
    verifier,
    clock,
    onOwn: attested.heard,
    onTwoRoots: (pair) => doubled.push(pair),
    onHeard: state.replica.observeTime,
  });
  const judged = { network: NETWORK, roster, verifier };
  const complete = createCompleteCuts({
    ...judged,
    book,
    clock,
    keep: state.writer.keep,
    self: state.self.author,
    onOwn: (at) => void own.push(at),
    saved: await loadComplete({ ...judged, store: state.store, log: recordingLog(errors) }),
    log,
  });
  book.onAdded(complete.look);
  const sent: Party['sent'] = [];
  const own: number[] = [];
  const events: Party['events'] = [];
  const mismatches = createMismatches({ log: recordingLog(errors), metrics });
  const party: Party = {
    ...state,
    roster,
    mismatches,
    errors,
    get cuts() {
      return cuts as Cuts;
    },
    book,
    complete,
    own,
    marks: { attested },
    doubled,
    reads: createProofs({
      ...state,
      hasher,
      network: NETWORK,
      ownHead: () => state.self.head({ root: state.replica.tree.root() }),
      cuts: { current: () => cuts?.current(), nextInMs: () => cuts?.nextInMs() ?? 0 },
      book,
      roster,
    }),
    sent,
    events,
    mayAttest: true,
    clockIsGood: true,
    streamless: [],
  };
  cuts = createCuts({
    ...state,
    hasher,
    signer: state.self,
    log,
    network: NETWORK,
    roster,
    book,
    attested,
    closes: () => 0,
    periodMs: PERIOD_MS,
    settleMs: SETTLE_MS,
    clockIsGood: () => party.clockIsGood,
    mayAttest: () => party.mayAttest,
    ways: {
      spread: (signed, lung, from) => sent.push({ signed, lung, from }),
      streamless: () => party.streamless,
    },
    onCut: (cut) => events.push(cut),
    onMismatch: mismatches.note,
  });
  cuts.start();
  return party;
}

/** Hands what each has sent to all others, until nobody sends any more. */
export async function gossip(parties: readonly Party[]): Promise<void> {
  for (let more = true; more; ) {
    more = false;
    for (const from of parties) {
      for (const { signed } of from.sent.splice(0)) {
        more = true;
        for (const to of parties) if (to !== from) await to.cuts.onAttestation(signed, 'p2p', from.self.author);
      }
    }
  }
}

/** A request as it travels between two parties without streams. */
export function linkTo(to: Party, from: Author): (message: SyncMessage) => Promise<SyncMessage> {
  return async (message) => {
    const request = decodeSync(encodeSync(message));
    if (request.type !== 'attest') throw new Error(`not expected: ${request.type}`);
    return decodeSync(encodeSync(await to.cuts.onAttest(from, request.attestations, 'http')));
  };
}

export const authorsOf = (...ids: readonly number[]): Author[] => ids.map((id) => createAuthor(id).author);

/** What the three configured writers decide after the present roster of `party`, having attested `attested` last. */
export function decide(party: Party, action: ChangeAction, attested: number): DecidedRoster {
  const { state } = party.roster.present;
  const roster = applyChange(state, action, 0);
  const ballot = { counter: 1, author: createAuthor(1).author };
  const acceptances = [1, 2, 3].map((id) => {
    const { author, sign } = createAuthor(id);
    const statement: Acceptance = {
      kind: 'acceptance',
      network: NETWORK,
      epoch: roster.epoch,
      previous: state.hash,
      author,
      ballot,
      roster: rosterHash(roster, hasher),
      attested,
    };
    return signStatement(statement, sign);
  });
  const certificate = encodeRosterCertificate(certify(roster, acceptances));
  const { state: next, start } = checkRosterCertificate(certificate, state, { network: NETWORK, hasher });
  return { state: next, start, certificate };
}
