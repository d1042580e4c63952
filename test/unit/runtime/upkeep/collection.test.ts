import { afterEach, expect, it } from 'vitest';
import { collect, siblingsOf } from '../../../../src/core/floor/index.ts';
import { DEAD_INDEXED, deadUntil } from '../../../../src/core/rows/index.ts';
import { type Author, bytesToHex, type Context, type Fragment } from '../../../../src/core/types/index.ts';
import { fragmentToSiblings, keyHash } from '../../../../src/core/wire/index.ts';
import { collectedAt } from '../../../../src/runtime/cuts/collected-at.ts';
import type { CompleteCut } from '../../../../src/runtime/cuts/complete.ts';
import { createRoster } from '../../../../src/runtime/fleet/roster.ts';
import {
  type Collection,
  createCollection,
  floorsOf,
  loadCollection,
  loadFixedCuts,
} from '../../../../src/runtime/upkeep/collection.ts';
import { createRefusedBelow } from '../../../../src/runtime/upkeep/refused-below.ts';
import { createSetAsides, loadSetAside } from '../../../../src/runtime/upkeep/set-aside.ts';
import {
  createAuthor,
  createHandClock,
  EPOCH_MS,
  FOUND,
  gateStore,
  hasher,
  log,
  metrics,
  openTestState,
  turns,
} from '../support.ts';

const GRID_MS = 10_000;
const DAY_MS = 24 * 3_600_000;
/** The time of the first cut that closes something of what is written around EPOCH_MS. */
const FIRST = EPOCH_MS + DAY_MS + 100_000;
const [A, B, C] = [createAuthor(1), createAuthor(2), createAuthor(3)];
const roster = createRoster([A.author, B.author, C.author], A.author, hasher);
const running: Collection[] = [];
afterEach(() => {
  for (const one of running.splice(0)) one.stop();
});

type Store = Awaited<ReturnType<typeof openTestState>>['store'];

/** A node with its collection. `tell` tells it of a complete cut; `fix` fixes one of its own. */
async function open({ store, attested = 0, id = 1 }: { store?: Store; attested?: number; id?: number } = {}) {
  const clock = createHandClock(FIRST + 60_000);
  const state = await openTestState({ clock, id, ...(store === undefined ? {} : { store }) });
  const { replica, writer, entries } = state;
  const { late } = replica;
  let complete: CompleteCut | undefined;
  let waiting: readonly string[] | undefined;
  const closes = (at: number): number => collectedAt(roster, at, GRID_MS);
  const asides = createSetAsides({
    replica,
    entries,
    writer,
    store: state.store,
    hasher,
    log,
    saved: await loadSetAside(state.store, hasher),
    lost: 0,
  });
  const refused = createRefusedBelow({ roster, self: state.self.author, hasher });
  late.setFloors(floorsOf(await loadCollection(state.store), roster));
  late.fixing(attested, closes(attested));
  late.fixed(attested);
  let pages = 0;
  const collection = createCollection({
    roster,
    replica,
    entries: {
      page(...given) {
        pages++;
        return entries.page(...given);
      },
    },
    writer,
    store: state.store,
    complete: { newest: () => complete },
    asides,
    refused,
    fixed: await loadFixedCuts(state.store),
    notCollecting: () => waiting,
    isBusy: () => false,
    gridMs: GRID_MS,
    clock,
    metrics,
    log,
  });
  running.push(collection);
  collection.start();
  const root = (): string => bytesToHex(replica.tree.root());
  return {
    state,
    collection,
    asides,
    refused,
    late,
    root,
    /** How many pages of entries the collection has read. */
    get pages() {
      return pages;
    },
    waitFor: (names: readonly string[] | undefined) => void (waiting = names),
    take: async (...fragments: Fragment[]) =>
      (await Promise.all(fragments.map((one) => writer.apply(one, FOUND)))).flat(),
    /** Fixes the cut as it is now; returns its root. */
    fix(at: number): string {
      late.fixing(at, closes(at));
      late.fixed(at);
      collection.fixed({ at, root: root() });
      return root();
    },
    async tell(at: number, given: string, signers: readonly Author[] = []) {
      complete = {
        at,
        root: Buffer.from(given, 'hex'),
        entries: 0,
        epoch: 0,
        rosterHash: roster.hash,
        signers: new Set(signers),
        certificate: new Uint8Array(0),
      };
      await this.pass();
    },
    async pass() {
      for (let i = 0; i < 4; i++) {
        await clock.advance(1_000);
        await turns(30);
      }
    },
    async values(key: string) {
      const entry = await entries.get({ keyHash: keyHash(key, hasher) }, (read) => writer.read(read));
      return entry?.siblings.map(({ operation }) => (operation.kind === 'put' ? operation.value : null));
    },
    async deadRows() {
      let count = 0;
      for await (const rows of state.store.iterate(deadUntil(Number.MAX_SAFE_INTEGER - 1))) count += rows.length;
      return count;
    },
  };
}
type Node = Awaited<ReturnType<typeof open>>;

const seen = (...fragments: Fragment[]): Context =>
  fragments.map(({ header: { author, hlc } }) => ({ author, hlc })).sort((a, b) => (a.author < b.author ? -1 : 1));

/** What the operations make of a key once all that was dead by `at` has left. */
function rightValues(fragments: readonly Fragment[], key: string, at: number) {
  const all = fragments
    .flatMap((one) => fragmentToSiblings(one, hasher))
    .filter(({ operation }) => operation.key === key);
  const siblings = collect(siblingsOf(all), collectedAt(roster, at, GRID_MS));
  return siblings.length === 0
    ? undefined
    : siblings.map(({ operation }) => (operation.kind === 'put' ? operation.value : null));
}

const written = A.commit({ gone: 'x', kept: 'x', over: 'x', hidden: 'x' }, { ms: EPOCH_MS });
const deleted = B.commit({ gone: undefined, over: undefined }, { ms: EPOCH_MS + 1_000, context: seen(written) });
const beside = C.commit({ hidden: undefined }, { ms: EPOCH_MS + 2_000 });
const again = C.commit({ over: 'again' }, { ms: EPOCH_MS + 3_000 });
const recent = B.commit({ recent: undefined }, { ms: FIRST - 1_000 });
const HISTORY = [written, deleted, beside, again, recent];
const KEYS = ['gone', 'kept', 'over', 'hidden', 'recent'];

async function expectRight(node: Node, all: readonly Fragment[], at = FIRST): Promise<void> {
  for (const key of KEYS) expect(await node.values(key), key).toEqual(rightValues(all, key, at));
}

it('once 10,000 keys have left, the store gives back their space; before that it is not asked [FL10]', async () => {
  let compacted = 0;
  const store = Object.assign(gateStore(), { compact: async () => void compacted++ });
  const node = await open({ store });
  const deletions = (commits: number, name: string, ms: number): Fragment[] =>
    Array.from({ length: commits }, (_, i) =>
      A.commit(Object.fromEntries(Array.from({ length: 250 }, (_x, j) => [`${name}/${i}/${j}`, undefined])), {
        ms: ms + i,
      }),
    );
  await node.take(...deletions(39, 'most', EPOCH_MS));
  await node.tell(FIRST, node.fix(FIRST));
  while (node.collection.isPending()) await node.pass();
  expect([node.collection.status().keys, compacted]).toEqual([9_750, 0]);
  const next = FIRST + GRID_MS + 60_000;
  await node.take(...deletions(1, 'last', EPOCH_MS + 110_000));
  await node.tell(next, node.fix(next));
  while (node.collection.isPending()) await node.pass();
  expect(node.collection.status().keys).toBe(10_000);
  await expect.poll(() => compacted).toBeGreaterThan(64);
});

it('what is dead leaves once a cut is complete that is older than the retention, and nothing else does [FL6, FL7]', async () => {
  const node = await open();
  await node.take(...HISTORY);
  expect(await node.deadRows()).toBe(3);
  const root = node.fix(FIRST);
  await node.pass();
  expect(await node.values('gone')).toEqual([null]);
  await node.tell(FIRST, root);
  await expectRight(node, HISTORY);
  expect(await node.values('gone')).toBeUndefined();
  // A deletion that hides something living stays, and so does a recent one.
  expect(await node.values('hidden')).toEqual([null, 'x']);
  expect(await node.values('recent')).toEqual([null]);
  expect(node.collection.isPending()).toBe(false);
  expect(node.collection.status()).toMatchObject({ isCollecting: false, keys: 1 });
});

it('nothing is collected while a member is not known to collect, and the node attests all the while [FL6]', async () => {
  const node = await open();
  node.waitFor(['oslo']);
  await node.take(...HISTORY);
  await node.tell(FIRST, node.fix(FIRST));
  expect(await node.values('gone')).toEqual([null]);
  expect(node.collection.isPending()).toBe(false);
  expect(node.collection.status().waitsFor).toEqual(['oslo']);
});

it('a node that has not heard of a member collects once a writer tells that it has [FL6]', async () => {
  const node = await open();
  node.waitFor(['oslo']);
  await node.take(...HISTORY);
  await node.tell(FIRST, node.fix(FIRST));
  const operation = { key: 'gone', author: B.author, hlc: deleted.header.hlc, commit: deleted.idBytes, index: 0 };
  node.refused.note(createAuthor(9).author, operation);
  await node.pass();
  expect(await node.values('gone')).toEqual([null]);
  node.refused.note(C.author, operation);
  await node.pass();
  await expectRight(node, HISTORY);
  // It is no licence for what nobody has told to have collected.
  const later = A.commit({ recent: undefined }, { ms: FIRST + 1_000, context: seen(recent) });
  await node.take(later);
  await node.tell(FIRST + DAY_MS + 60_000, node.fix(FIRST + DAY_MS + 60_000));
  expect(await node.values('recent')).toEqual([null]);
});

it('what comes below the floor and is no part of the state is refused, and what was there is held [FL6]', async () => {
  const node = await open();
  await node.take(...HISTORY);
  await node.tell(FIRST, node.fix(FIRST));
  expect(await node.take(written)).toEqual(['below-floor', 'held', 'below-floor', 'held']);
  expect(await node.take(deleted)).toContain('below-floor');
  const old = C.commit({ ghost: 'old' }, { ms: EPOCH_MS + 4_000 });
  expect(await node.take(old)).toEqual(['below-floor']);
  expect(await node.values('ghost')).toBeUndefined();
  await expectRight(node, HISTORY);
});

it('what came too late for the complete cut is set aside, and what it had replaced is back [FL8]', async () => {
  const node = await open();
  await node.take(...HISTORY);
  const root = node.fix(FIRST);
  const before = node.root();
  const late = C.commit({ kept: 'late', other: 'late' }, { ms: EPOCH_MS + 5_000, context: seen(written) });
  expect(await node.take(late)).toEqual(['added', 'added']);
  expect(node.root()).not.toBe(before);
  expect(node.late.size).toBe(2);
  await node.tell(FIRST, root);
  expect([await node.values('kept'), await node.values('other')]).toEqual([['x'], undefined]);
  expect(node.asides.all.map(({ key }) => key).sort()).toEqual(['kept', 'other']);
  expect(node.late.size).toBe(0);
  expect(await node.take(late)).toEqual(['below-floor', 'below-floor']);
  // The same after a start from the disk.
  const next = await open({ store: node.state.store, attested: FIRST });
  expect([next.root(), next.asides.all.length]).toEqual([node.root(), 2]);
  expect(await next.take(late)).toEqual(['below-floor', 'below-floor']);
});

it('marks survive a restart: a node that attested the cut in an earlier run sets the same aside [FL8]', async () => {
  const before = await open();
  await before.take(...HISTORY);
  const root = before.fix(FIRST);
  const late = C.commit({ kept: 'late' }, { ms: EPOCH_MS + 5_000, context: seen(written) });
  await before.take(late);
  before.collection.stop();
  const node = await open({ store: before.state.store, attested: FIRST });
  await node.tell(FIRST, root, [A.author]);
  expect(await node.values('kept')).toEqual(['x']);
  await expectRight(node, HISTORY);
});

it('a copy of a store from between the promise to attest a cut and the fixing of it does not have that cut [FL8, FL6]', async () => {
  const before = await open();
  await before.take(...HISTORY);
  // The copy is made here: it is durable that the cut is attested, and the node fixes it with what still comes.
  before.collection.stop();
  const onItsWay = C.commit({ other: 'in the cut' }, { ms: EPOCH_MS + 5_000 });
  const whole = await open();
  await whole.take(...HISTORY, onItsWay);
  const root = whole.fix(FIRST);
  const copy = await open({ store: before.state.store, attested: FIRST });
  const [outcome] = await copy.take(onItsWay);
  await copy.tell(FIRST, root, [A.author]);
  expect([outcome, copy.late.floors.closed, copy.asides.all]).toEqual(['added', 0, []]);
  expect(await copy.values('other')).toEqual(['in the cut']);
  expect(copy.late.floors.collected).toBe(collectedAt(roster, FIRST, GRID_MS));
});

it('a node that hears of a later complete cut with the operation puts it back [FL8]', async () => {
  const node = await open();
  await node.take(...HISTORY);
  const first = node.fix(FIRST);
  const late = C.commit({ kept: 'late' }, { ms: EPOCH_MS + 5_000, context: seen(written) });
  await node.take(late);
  const second = node.fix(FIRST + 10_000);
  await node.tell(FIRST, first);
  expect(await node.values('kept')).toEqual(['x']);
  await node.tell(FIRST + 10_000, second);
  expect(await node.values('kept')).toEqual(['late']);
  expect(node.asides.all).toEqual([]);
  await expectRight(node, [...HISTORY, late]);
});

it('a store that does not know the cut as its own closes nothing, and collects what is dead [FL9]', async () => {
  const node = await open();
  await node.take(...HISTORY);
  const other = node.fix(FIRST).replace(/^../, '00');
  await node.tell(FIRST, other);
  expect(node.late.floors.closed).toBe(0);
  expect(await node.values('gone')).toBeUndefined();
  const old = C.commit({ old: 'old' }, { ms: EPOCH_MS + 4_000 });
  expect(await node.take(old)).toEqual(['added']);
});

it('what enough writers refuse is set aside, and what one of them refuses stays [FL9]', async () => {
  const node = await open();
  const stale = A.commit({ stale: 'x' }, { ms: EPOCH_MS + 4_000 });
  await node.take(...HISTORY, stale);
  await node.tell(FIRST, '00'.repeat(32));
  const operation = { key: 'stale', author: A.author, hlc: stale.header.hlc, commit: stale.idBytes, index: 0 };
  node.refused.note(B.author, operation);
  node.refused.note(B.author, operation);
  node.refused.note(createAuthor(9).author, operation);
  await node.pass();
  expect(await node.values('stale')).toEqual(['x']);
  node.refused.note(C.author, operation);
  await node.pass();
  expect(await node.values('stale')).toBeUndefined();
  expect(node.asides.all.map(({ key }) => key)).toEqual(['stale']);
});

it('what more than half of the writers have is taken in below the floor, and not what half of them have [FL9]', async () => {
  const node = await open();
  await node.take(...HISTORY);
  await node.tell(FIRST, node.fix(FIRST));
  const old = C.commit({ old: 'old' }, { ms: EPOCH_MS + 4_000 });
  node.refused.offered(B.author, old, 0);
  node.refused.offered(createAuthor(9).author, old, 0);
  await node.pass();
  expect(await node.values('old')).toBeUndefined();
  node.refused.offered(C.author, old, 0);
  await node.pass();
  expect(await node.values('old')).toEqual(['old']);
  // What is dead comes back in no way.
  for (const by of [B, C]) node.refused.offered(by.author, deleted, 0);
  await node.pass();
  expect(await node.values('gone')).toBeUndefined();
});

it('what was set aside comes back from no single node that has it still, and from most writers it does [FL9]', async () => {
  const node = await open();
  const stale = A.commit({ stale: 'x' }, { ms: EPOCH_MS + 4_000 });
  await node.take(...HISTORY, stale);
  await node.tell(FIRST, '00'.repeat(32));
  const operation = { key: 'stale', author: A.author, hlc: stale.header.hlc, commit: stale.idBytes, index: 0 };
  for (const { author } of [B, C]) node.refused.note(author, operation);
  await node.pass();
  expect(node.late.floors.closed).toBe(0);
  expect(await node.take(stale)).toEqual(['below-floor']);
  // The same after a start from the disk.
  const next = await open({ store: node.state.store, attested: FIRST });
  expect(await next.take(stale)).toEqual(['below-floor']);
  next.refused.offered(B.author, stale, 0);
  await next.pass();
  expect(await next.values('stale')).toBeUndefined();
  next.refused.offered(C.author, stale, 0);
  await next.pass();
  expect(await next.values('stale')).toEqual(['x']);
  expect(next.asides.all).toEqual([]);
});

it('a store of an earlier version, which has no rows of what is dead, collects the same [FL7]', async () => {
  const earlier = await open();
  await earlier.take(...HISTORY);
  earlier.collection.stop();
  const rows = [];
  for await (const page of earlier.state.store.iterate(deadUntil(Number.MAX_SAFE_INTEGER - 1)))
    for (const [key] of page) rows.push({ type: 'del' as const, key });
  await earlier.state.store.batch([...rows, { type: 'del', key: DEAD_INDEXED }]);
  const node = await open({ store: earlier.state.store });
  expect(await node.deadRows()).toBe(0);
  await node.tell(FIRST, node.fix(FIRST));
  await expectRight(node, HISTORY);
  expect(node.pages).toBeGreaterThan(0);
});

it('a store that was empty once is not looked through either, where nothing was collected before the node ended [FL7]', async () => {
  const node = await open();
  await node.pass();
  await node.take(...HISTORY);
  node.collection.stop();
  const next = await open({ store: node.state.store });
  await next.tell(FIRST, next.fix(FIRST));
  await expectRight(next, HISTORY);
  expect(next.pages).toBe(0);
});

it('the entries of a store that was empty at the start are not looked through for what is dead [FL7]', async () => {
  const node = await open();
  await node.take(...HISTORY);
  await node.tell(FIRST, node.fix(FIRST));
  await expectRight(node, HISTORY);
  expect(node.pages).toBe(0);
  node.collection.stop();
  // It is known from then on.
  const next = await open({ store: node.state.store });
  await next.tell(FIRST + GRID_MS, next.fix(FIRST + GRID_MS));
  await expectRight(next, HISTORY, FIRST + GRID_MS);
  expect(next.pages).toBe(0);
});
