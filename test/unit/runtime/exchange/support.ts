import { type Author, type Bytes, compareBytes } from '../../../../src/core/types/index.ts';
import { type About, decodeFragment, keyHash, type SyncMessage } from '../../../../src/core/wire/index.ts';
import { createSnapshotServer } from '../../../../src/runtime/bootstrap/snapshot-server.ts';
import type { Applied } from '../../../../src/runtime/commit/applied.ts';
import { createDoor } from '../../../../src/runtime/commit/door.ts';
import { createGuard, type Guard } from '../../../../src/runtime/commit/guard.ts';
import { createOwnState, type OwnState } from '../../../../src/runtime/commit/own-state.ts';
import { createAttestationBook } from '../../../../src/runtime/cuts/attestations.ts';
import { createAttestedMark } from '../../../../src/runtime/cuts/attested.ts';
import { type Cuts, createCuts } from '../../../../src/runtime/cuts/cuts.ts';
import { createIntake, type Intake } from '../../../../src/runtime/exchange/intake.ts';
import { createLiveCommits } from '../../../../src/runtime/exchange/live-commits.ts';
import { createResponder, type Responder } from '../../../../src/runtime/exchange/responder.ts';
import { createMembers, type Members } from '../../../../src/runtime/fleet/members.ts';
import { createRoster } from '../../../../src/runtime/fleet/roster.ts';
import { createPeerTable, type PeerTable } from '../../../../src/runtime/peers/peers.ts';
import {
  type GatedStore,
  type HandClock,
  hasher,
  log,
  metrics,
  NETWORK,
  openTestState,
  type TestState,
  verifier,
} from '../support.ts';

export const PERIOD_MS = 10_000;
export const SETTLE_MS = 5_000;

/** A node's answering side with everything that it asks, without lungs. */
export interface Side extends TestState {
  readonly own: OwnState;
  readonly peers: PeerTable;
  readonly members: Members;
  readonly guard: Guard;
  readonly cuts: Cuts;
  readonly intake: Intake;
  readonly responder: Responder;
  /** A snapshot is being taken over. */
  bootstrapping: boolean;
  /** What its hellos tell of it. */
  about: About;
}

/** `trusted`: authors beside its own. */
export async function openSide(options: {
  readonly id: number;
  readonly clock: HandClock;
  readonly trusted: readonly Author[];
  readonly store?: GatedStore;
}): Promise<Side> {
  const { clock } = options;
  let cuts: Cuts | undefined;
  let own: OwnState | undefined;
  const applied = (step: Applied): void => {
    own?.advance(state.replica.meta);
    cuts?.applied(step);
  };
  const state = await openTestState({ ...options, onApplied: applied, onUnchanged: applied });
  const { self, replica, writer, entries, holds } = state;
  const roster = createRoster([self.author, ...options.trusted], self.author, hasher);
  const peers = createPeerTable(clock);
  const members = createMembers({ self: self.author, roster, peers });
  const life = new Uint8Array(8).fill(options.id);
  own = createOwnState({
    about: () => side.about,
    replica,
    software: `1.0.${options.id}`,
    self: self.author,
    network: NETWORK,
    incarnation: life,
    roster,
    clock,
    signer: self,
  });
  const guard = createGuard({
    nameOf: (author) => author,
    clock,
    log,
    incarnation: life,
    ownSeen: () => replica.seen(self.author),
    dials: () => true,
    expectsOthers: () => true,
    onTwinGone: () => undefined,
    onCleared: () => undefined,
    peerClocks: () => [],
    members: () => 3,
    agreesWith: () => false,
    onOpen: () => undefined,
    onClosed: () => undefined,
    clockAheadMs: () => 0,
  });
  const door = createDoor({
    hasher,
    network: NETWORK,
    isTrusted: roster.has,
    isFull: () => false,
    verifier,
    writer,
    clock,
    metrics,
  });
  const attested = createAttestedMark({ replica, writer, stored: 0 });
  const book = createAttestationBook({
    network: NETWORK,
    self: self.author,
    roster,
    periodMs: PERIOD_MS,
    hasher,
    verifier,
    clock,
    onOwn: attested.heard,
    onTwoRoots: () => undefined,
    onHeard: () => undefined,
  });
  cuts = createCuts({
    replica,
    writer,
    hasher,
    signer: self,
    clock,
    log,
    network: NETWORK,
    roster,
    book,
    attested,
    closes: () => 0,
    periodMs: PERIOD_MS,
    settleMs: SETTLE_MS,
    clockIsGood: () => true,
    mayAttest: () => true,
    ways: { spread: () => undefined, streamless: () => [] },
    onCut: () => undefined,
    onMismatch: () => undefined,
  });
  const commits = createLiveCommits({
    hasher,
    clock,
    door,
    seen: (author) => replica.seen(author),
    passOn: () => undefined,
  });
  const intake = createIntake({
    onName: () => undefined,
    onReads: () => undefined,
    network: NETWORK,
    self: self.author,
    incarnation: life,
    verifier,
    clock,
    heartbeatMs: 1000,
    commits,
    guard,
    peers,
    mode: () => 'auto',
    isTrusted: roster.has,
    isMember: members.has,
    onAttestation: cuts.onAttestation,
    onNotice: async () => 'known',
    onAnnouncement: async () => 'known',
    tellTwins: () => undefined,
    compare: () => undefined,
  });
  const responder = createResponder({
    replica,
    hasher,
    writer,
    door,
    clock,
    log,
    isMember: members.has,
    hello: own.hello,
    peers,
    onHello: intake.onHello,
    onAttest: cuts.onAttest,
    onNews: () => Promise.reject(new Error('no news in these tests')),
    onAwait: () => Promise.reject(new Error('nothing is awaited in these tests')),
    onComplete: () => Promise.reject(new Error('no complete cuts in these tests')),
    onAddresses: () => Promise.reject(new Error('no addresses in these tests')),
    entries,
    snapshots: createSnapshotServer({
      entries,
      holds,
      writer,
      hasher,
      clock,
      log,
      cut: cuts.current,
      certifies: () => book.certificate() !== undefined,
      isVerified: () => true,
    }),
    isBootstrapping: () => side.bootstrapping,
  });
  const side: Side = {
    ...state,
    own,
    peers,
    members,
    guard,
    cuts,
    intake,
    responder,
    bootstrapping: false,
    about: { name: `node${options.id}`, condition: { serves: true, readOnly: [] } },
  };
  return side;
}

/** The name that a key is asked for by. */
export const hashOf = (key: string): Bytes => keyHash(key, hasher);

export const want = (...keyHashes: readonly Bytes[]): SyncMessage => ({
  type: 'want',
  keyHashes: [...keyHashes].sort(compareBytes),
});

/** Keys and values that an answer brings. */
export function broughtBy(answer: SyncMessage): Record<string, unknown> {
  if (answer.type !== 'entries') throw new Error(`${answer.type} in place of entries`);
  const operations = answer.fragments.flatMap((bytes) => decodeFragment(bytes, hasher).operations);
  return Object.fromEntries(
    operations.map(({ operation }) => [operation.key, operation.kind === 'put' ? operation.value : undefined]),
  );
}
