import { beforeEach, describe, expect, it } from 'vitest';
import { leafHash } from '../../../../src/core/merkle/index.ts';
import { type Author, type Bytes, bytesToHex, type Fragment, type Hlc } from '../../../../src/core/types/index.ts';
import {
  decodeFragment,
  decodeGossip,
  decodeSync,
  encodeEntry,
  fragmentToSiblings,
} from '../../../../src/core/wire/index.ts';
import type { Log, Metrics } from '../../../../src/ports/index.ts';
import { createGuard, type Guard } from '../../../../src/runtime/commit/guard.ts';
import type { Origin } from '../../../../src/runtime/commit/origin.ts';
import { createOwnState, type OwnState } from '../../../../src/runtime/commit/own-state.ts';
import { createFanOut, type FanOut } from '../../../../src/runtime/streams/fan-out.ts';
import { createGossipOutbox } from '../../../../src/runtime/streams/outbox.ts';
import { createStreams, type Streams } from '../../../../src/runtime/streams/streams.ts';
import {
  createAuthor,
  createHandClock,
  EPOCH_MS,
  FOUND,
  type HandClock,
  hasher,
  NETWORK,
  log as noLog,
  openTestState,
  put,
  type TestState,
} from '../support.ts';

const friend = createAuthor(2);
const third = createAuthor(3);
const relay = createAuthor(4);
/** Everything after a durable batch, in its order. */
const STAGES = ['state', 'cuts', 'checkpoints', 'own-history', 'metrics', 'gossip', 'streams', 'http-push'] as const;
type Stage = (typeof STAGES)[number];

const LIVE_HTTP: Origin = { lung: 'http', peer: friend.author, live: true };
const LIVE_P2P: Origin = { lung: 'p2p', peer: friend.author, live: true };

let clock: HandClock;
let state: TestState;
let own: OwnState;
let guard: Guard;
let streams: Streams;
let fanOut: FanOut;
/** Stages in the order in which they were told. */
let told: Stage[];
let broken: Stage | undefined;
let gossips: boolean;
let gossip: Fragment[];
let pushes: { readonly commits: Fragment[]; readonly except: Author | undefined }[];
let checkpoints: [sequence: number, changes: number][];
let madeCommits: Hlc[];
let covered: string[];
let comeBack: number;
/** The ends of authors, Unix ms. */
const ends = new Map<Author, number>();
let counted: [name: string, labels: object, by: number][];
/** What was counted as the fan-out was made. */
let seeded: typeof counted;
let observed: [name: string, seconds: number][];
let errors: { readonly fields: object; readonly message: string }[];

const fragmentsOf = (bytes: readonly Bytes[]): Fragment[] => bytes.map((b) => decodeFragment(b, hasher));

/** Notes that a stage is told; throws in the one that is to be broken. */
function enter(stage: Stage): void {
  if (told.at(-1) !== stage) told.push(stage);
  if (broken === stage) throw new Error(`${stage} is broken`);
}

const metrics: Metrics = {
  count(name, labels = {}, by = 1) {
    if (name !== 'lattice_fan_out_failures_total') enter('metrics');
    counted.push([name, labels, by]);
  },
  gauge: () => undefined,
  observe: (name, seconds) => observed.push([name, seconds]),
};
const log: Log = { ...noLog, error: (fields, message) => errors.push({ fields, message }) };

beforeEach(async () => {
  told = [];
  broken = undefined;
  gossips = true;
  gossip = [];
  pushes = [];
  checkpoints = [];
  madeCommits = [];
  covered = [];
  comeBack = 0;
  ends.clear();
  counted = [];
  observed = [];
  errors = [];
  clock = createHandClock();
  state = await openTestState({
    clock,
    isAfterEnd: (author, ms) => ms > (ends.get(author) ?? Infinity),
    onApplied: (applied) => fanOut.durable(applied),
    onUnchanged: (applied) => fanOut.unchanged(applied),
  });
  const { self, replica, store, entries, writer, incarnation } = state;
  // As at the end of a start: what comes of our own key from here on is ours, or a clone's.
  replica.history.settle(0n as Hlc, replica.seen(self.author));
  own = createOwnState({
    about: () => ({ name: '', condition: { serves: true, readOnly: [] } }),
    replica,
    software: '1.0.0',
    self: self.author,
    network: NETWORK,
    incarnation,
    roster: { hash: new Uint8Array(32) },
    clock,
    signer: self,
  });
  guard = createGuard({
    nameOf: (author) => author,
    clock,
    log: noLog,
    incarnation,
    ownSeen: () => replica.seen(self.author),
    dials: () => true,
    expectsOthers: () => false,
    onTwinGone: () => undefined,
    onCleared: () => undefined,
    peerClocks: () => [],
    members: () => 3,
    agreesWith: () => false,
    onOpen: () => undefined,
    onClosed: () => undefined,
    clockAheadMs: () => 0,
  });
  streams = createStreams({
    store,
    entries,
    hasher,
    writer,
    incarnation: bytesToHex(incarnation),
    sequence: () => own.durable().sequence,
  });
  const outbox = createGossipOutbox({
    clock,
    publish(data) {
      const message = decodeGossip(data, { stream: false });
      if (message.type === 'commits') gossip.push(...fragmentsOf(message.fragments));
    },
    onDropped: () => undefined,
  });
  fanOut = createFanOut({
    onOffered: () => undefined,
    self: self.author,
    own: {
      advance(meta) {
        enter('state');
        own.advance(meta);
      },
      sawOwn: own.sawOwn,
    },
    guard: {
      madeCommit(hlc) {
        enter('own-history');
        madeCommits.push(hlc);
        guard.madeCommit(hlc);
      },
      sawOwnCommit: guard.sawOwnCommit,
    },
    contradictions: { note: () => undefined },
    onOwnFromElsewhere: () => void comeBack++,
    covering: { note: (key) => covered.push(key) },
    cuts: { applied: () => enter('cuts') },
    awaits: { applied: () => undefined },
    checkpoints: {
      applied(sequence, changes) {
        enter('checkpoints');
        checkpoints.push([sequence, changes]);
      },
    },
    outbox: {
      add(fragments) {
        enter('gossip');
        outbox.add(fragments);
      },
    },
    gossips: () => gossips,
    streams: {
      publish(batch) {
        enter('streams');
        streams.publish(batch);
      },
    },
    push(messages, except) {
      enter('http-push');
      const commits = messages().flatMap((bytes) => {
        const message = decodeSync(bytes);
        if (message.type !== 'push' || !message.live) throw new Error('not a live push');
        return fragmentsOf(message.fragments);
      });
      pushes.push({ commits, except });
    },
    metrics,
    clock,
    log,
  });
  seeded = counted;
  counted = [];
});

const ids = (fragments: readonly Fragment[]): string[] => fragments.map(({ id }) => id);
const pushed = (): [commits: string[], except: Author | undefined][] =>
  pushes.map(({ commits, except }) => [ids(commits), except]);

/** The commits that a push stream of `peer` brings from now on. */
async function streamOf(peer: Author): Promise<Fragment[]> {
  const commits: Fragment[] = [];
  await streams.openPush(
    peer,
    '',
    (frame) => {
      const message = decodeGossip(frame, { stream: true });
      if (message.type === 'commits') commits.push(...fragmentsOf(message.fragments));
      return true;
    },
    () => undefined,
  );
  return commits;
}

/** One batch of these. */
const apply = (...given: readonly (readonly [Fragment, Origin])[]): Promise<unknown> =>
  Promise.all(given.map(([fragment, origin]) => state.writer.apply(fragment, origin)));

async function write(key = 'own'): Promise<Fragment> {
  const outcome = await state.writer.write(put(key, 1));
  if (!outcome.ok) throw outcome.error;
  return outcome.commit;
}

describe('after a durable batch', () => {
  it('the state is told first, then who keeps it, then who passes it on', async () => {
    await write();
    expect(told).toEqual(STAGES);
    expect(errors).toEqual([]);
  });

  it('what is durable is told as it is, once the store has it [D3]', async () => {
    state.store.hold();
    const written = write();
    await state.store.get(new Uint8Array(1));
    expect(told).toEqual([]);
    state.store.open();
    await written;
    await apply([third.commit({ a: 1, b: 2 }), FOUND]);
    expect(own.durable()).toEqual(state.applied.at(-1)?.step.meta);
    expect(own.root()).toBe(bytesToHex(state.replica.tree.root()));
    expect(checkpoints).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  it('batches, keys and the age of what came live are counted', async () => {
    await clock.advance(5_000);
    const at = { ms: EPOCH_MS + 3_500 };
    await apply([third.commit({ a: 1, b: 2 }, at), LIVE_P2P], [friend.commit({ c: 3 }, at), FOUND]);
    expect(counted).toEqual([
      ['lattice_applied_batches_total', {}, 1],
      ['lattice_changed_keys_total', {}, 3],
    ]);
    expect(observed).toEqual([['lattice_replication_seconds', 1.5]]);
  });
});

describe('commits are passed on', () => {
  it('everywhere when they are our own [G4, G5]', async () => {
    const stream = await streamOf(friend.author);
    const commit = await write();
    await clock.advance(10);
    expect([ids(gossip), ids(stream), pushed()]).toEqual([[commit.id], [commit.id], [[[commit.id], undefined]]]);
  });

  it('to gossip, streams and HTTP when they came live over HTTP, but not to who brought them [G5, X7]', async () => {
    const [brought, others] = [await streamOf(friend.author), await streamOf(relay.author)];
    const commit = third.commit({ a: 1 });
    await apply([commit, LIVE_HTTP]);
    await clock.advance(10);
    expect([ids(gossip), ids(brought), ids(others)]).toEqual([[commit.id], [], [commit.id]]);
    expect(pushed()).toEqual([[[commit.id], friend.author]]);
  });

  it('to streams and HTTP but not to gossip again when they came live over P2P [G5]', async () => {
    const [brought, others] = [await streamOf(friend.author), await streamOf(relay.author)];
    const [named, unnamed] = [third.commit({ a: 1 }), third.commit({ b: 1 })];
    await apply([named, LIVE_P2P]);
    await apply([unnamed, { ...LIVE_P2P, peer: undefined }]);
    await clock.advance(10);
    expect([ids(gossip), ids(brought), ids(others)]).toEqual([[], [unnamed.id], [named.id, unnamed.id]]);
    expect(pushed()).toEqual([
      [[named.id], friend.author],
      [[unnamed.id], undefined],
    ]);
  });

  it('not to gossip while P2P does not run', async () => {
    gossips = false;
    const commit = await write();
    await clock.advance(10);
    expect([ids(gossip), pushed()]).toEqual([[], [[[commit.id], undefined]]]);
  });

  it('nowhere when repair found them: others find them by their own repair [G5]', async () => {
    const stream = await streamOf(relay.author);
    await apply([third.commit({ a: 1 }), FOUND], [third.commit({ b: 1 }), { ...LIVE_P2P, live: false }]);
    await clock.advance(10);
    expect([gossip, stream, pushes]).toEqual([[], [], []]);
    expect(own.durable().entries).toBe(2);
  });

  it('nowhere when they are known already, whatever else the batch brings', async () => {
    const known = third.commit({ a: 1 });
    await apply([known, FOUND]);
    const stream = await streamOf(relay.author);
    const [, commit] = await Promise.all([apply([known, LIVE_HTTP]), write()]);
    await clock.advance(10);
    expect(state.applied.at(-1)?.taken).toMatchObject([{ outcomes: ['held'] }]);
    expect([ids(gossip), ids(stream), pushed()]).toEqual([[commit.id], [commit.id], [[[commit.id], undefined]]]);
  });

  it('whole when only a part of them is fresh', async () => {
    const partly = third.commit({ b: 1, c: 1 });
    // Its first key is written over by somebody who has seen it.
    const context = [{ author: third.author, hlc: partly.header.hlc }];
    await apply([friend.commit({ b: 3 }, { ms: EPOCH_MS + 1, context }), FOUND]);
    await apply([partly, LIVE_HTTP]);
    await clock.advance(10);
    expect(state.applied.at(-1)?.taken).toMatchObject([{ outcomes: ['superseded', 'added'] }]);
    expect([ids(gossip), pushed()]).toEqual([[partly.id], [[[partly.id], friend.author]]]);
  });

  it('to HTTP in one push for each of those who brought them, in their order', async () => {
    const [a, b, c] = [third.commit({ a: 1 }), third.commit({ b: 1 }), third.commit({ c: 1 })];
    await apply([a, LIVE_HTTP], [b, { ...LIVE_HTTP, peer: relay.author }], [c, LIVE_HTTP]);
    expect(state.applied).toHaveLength(1);
    expect(pushed()).toEqual([
      [[a.id, c.id], friend.author],
      [[b.id], relay.author],
    ]);
  });
});

describe('own history', () => {
  const ownHlc = (): Hlc => own.head().head.hlc;

  it('goes up to the commits that this node makes, and makes no alarm of them', async () => {
    const { header } = await write();
    expect([ownHlc(), madeCommits]).toEqual([header.hlc, [header.hlc]]);
    expect(guard.reasons()).toEqual([]);
  });

  it.each([
    ['live', LIVE_P2P],
    ['by repair', FOUND],
  ])('that comes %s from elsewhere is seen, and stops writing: this node never made it [N7]', async (_, origin) => {
    const commit = state.self.commit({ theirs: 1 });
    await apply([commit, origin]);
    expect([ownHlc(), madeCommits, comeBack]).toEqual([commit.header.hlc, [], 1]);
    expect(guard.reasons()).toMatchObject([{ code: 'clone' }]);
  });

  it('that comes back, and commits of others, are no news', async () => {
    const commit = await write();
    const at = ownHlc();
    await apply([commit, LIVE_HTTP], [third.commit({ a: 1 }, { ms: EPOCH_MS + 1_000 }), LIVE_HTTP]);
    expect(state.applied.at(-1)?.taken.map(({ outcomes }) => outcomes)).toEqual([['held'], ['added']]);
    expect([ownHlc(), guard.reasons(), comeBack]).toEqual([at, [], 0]);
  });

  it('that comes back after it was replaced is no news, and is covered where a repair found it [N16]', async () => {
    const replaced = await write('a');
    const { hlc } = replaced.header;
    // One author replaces it, and then forgets that it did.
    const context = [{ author: state.self.author, hlc }];
    await apply([third.commit({ a: 2 }, { ms: EPOCH_MS + 1_000, context }), FOUND]);
    await apply([third.commit({ a: 3 }, { ms: EPOCH_MS + 2_000 }), FOUND]);
    const root = state.replica.tree.root();
    await apply([replaced, LIVE_P2P]);
    expect(covered).toEqual([]);
    await apply([replaced, FOUND]);
    expect(covered).toEqual(['a']);
    expect([state.replica.tree.root(), guard.reasons()]).toEqual([root, []]);
  });

  it('that was hidden here and returns by a recount is not one that was lost [RO12]', async () => {
    const mine = await write();
    const key = mine.operations[0]?.operation.key ?? '';
    const context = [{ author: state.self.author, hlc: mine.header.hlc }];
    await apply([third.commit({ [key]: 'late' }, { ms: EPOCH_MS + 1_000, context }), FOUND]);
    ends.set(third.author, EPOCH_MS);
    const [hidden] = state.replica.hidden.of(key);
    const [sibling] = fragmentToSiblings(mine, hasher);
    await state.writer.amend({
      keys: () => [{ key }],
      prepare: (view, now) => ({
        step: state.replica.recount([key], (one) => (one === hidden ? sibling : undefined), view, now).step,
        rows: [],
      }),
    });
    expect(state.applied.at(-1)).toMatchObject({ amended: true, step: { changed: [{ key }] } });
    expect([guard.reasons(), comeBack]).toEqual([[], 0]);
  });

  it('that an amendment brings is seen; what others wrote in it is not ours [N7]', async () => {
    const source = await openTestState({ id: 9 });
    const mine = state.self.commit({ mine: 1 });
    const theirs = third.commit({ theirs: 1 }, { ms: EPOCH_MS + 1_000 });
    await Promise.all([mine, theirs].map((fragment) => source.writer.apply(fragment, FOUND)));
    const changed = source.applied.flatMap(({ step }) => step.changed);
    const attested = changed.flatMap(({ keyHash, after }) =>
      after === undefined
        ? []
        : [{ keyHash, entry: after, bytes: encodeEntry(after), leaf: leafHash(keyHash, after.siblings, hasher) }],
    );
    await state.writer.amend({
      keys: () => changed.map(({ key, keyHash }) => ({ key, keyHash })),
      prepare: (view, now) => ({ step: state.replica.adopt(attested, view, now), rows: [] }),
    });
    expect(state.applied).toMatchObject([{ amended: true }]);
    expect([ownHlc(), madeCommits, comeBack]).toEqual([mine.header.hlc, [], 1]);
    expect(guard.reasons()).toMatchObject([{ code: 'clone' }]);
    await clock.advance(10);
    expect([gossip, pushes]).toEqual([[], []]);
  });

  it('that is merely merged with what others write is not told again', async () => {
    await write('a');
    const at = ownHlc();
    await apply([third.commit({ a: 2 }), FOUND]);
    expect(state.applied.at(-1)?.step.changed[0]?.after?.siblings).toHaveLength(2);
    expect([ownHlc(), guard.reasons()]).toEqual([at, []]);
  });
});

describe('a stage that throws', () => {
  it.each(STAGES)('is logged and counted by name, and all others are told: %s', async (stage) => {
    broken = stage;
    const stream = await streamOf(friend.author);
    const { id } = await write();
    expect(told).toEqual(STAGES);
    expect(errors).toEqual([
      {
        fields: { err: new Error(`${stage} is broken`), stage, sequence: 1 },
        message: 'a durable batch was not told on',
      },
    ]);
    expect(counted.filter(([name]) => name === 'lattice_fan_out_failures_total')).toEqual([
      ['lattice_fan_out_failures_total', { stage }, 1],
    ]);
    // A rate shows the first failure only when the series was there before it.
    expect(seeded).toContainEqual(['lattice_fan_out_failures_total', { stage }, 0]);
    await clock.advance(10);
    const reached = { gossip: ids(gossip), streams: ids(stream), 'http-push': pushes.flatMap((p) => ids(p.commits)) };
    for (const [name, commits] of Object.entries(reached)) expect(commits, name).toEqual(name === stage ? [] : [id]);
    expect([checkpoints.length, madeCommits.length]).toEqual([
      stage === 'checkpoints' ? 0 : 1,
      stage === 'own-history' ? 0 : 1,
    ]);
    expect(state.fatal).toEqual([]);
    // The next batch is told as if nothing had been.
    broken = undefined;
    told = [];
    await write('next');
    expect([told, errors.length]).toEqual([STAGES, 1]);
  });
});

describe('a step that left the state as it was', () => {
  const known = third.commit({ a: 1 });

  beforeEach(async () => {
    await apply([known, FOUND]);
    told = [];
    counted = [];
  });

  it('is told to cuts alone [Z2]', async () => {
    await apply([known, LIVE_HTTP]);
    await clock.advance(10);
    expect([told, gossip, pushes, counted]).toEqual([['cuts'], [], [], []]);
  });

  it('that cuts fail to take is logged and counted, and harms nobody', async () => {
    broken = 'cuts';
    await expect(state.writer.apply(known, LIVE_HTTP)).resolves.toEqual(['held']);
    expect(errors).toMatchObject([{ fields: { stage: 'cuts', sequence: 1 } }]);
    expect(counted).toEqual([['lattice_fan_out_failures_total', { stage: 'cuts' }, 1]]);
  });
});
