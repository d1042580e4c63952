import { afterEach, expect, it } from 'vitest';
import { hlcMs } from '../../../../src/core/clock/index.ts';
import { siblingsOf } from '../../../../src/core/floor/index.ts';
import type { HiddenOperations } from '../../../../src/core/replica/hidden.ts';
import { type Author, type Bytes, bytesToHex, type Context, type Fragment } from '../../../../src/core/types/index.ts';
import { fragmentToSiblings, keyHash } from '../../../../src/core/wire/index.ts';
import type { LatticeEvent } from '../../../../src/runtime/facade/index.ts';
import { type AfterEnd, beyondText, createAfterEnd, loadRecounted } from '../../../../src/runtime/upkeep/after-end.ts';
import { createDisplacedBook, loadDisplaced } from '../../../../src/runtime/upkeep/displaced.ts';
import { createAuthor, createHandClock, EPOCH_MS, FOUND, hasher, log, openTestState, turns } from '../support.ts';

const UNTIL = EPOCH_MS + 60_000;
const thief = createAuthor(9);
const stays = createAuthor(2);
const running: AfterEnd[] = [];
afterEach(() => {
  for (const one of running.splice(0)) one.stop();
});

/** The key of the row in which the first hidden operation of a key stands. */
function rowOf(hidden: Pick<HiddenOperations, 'of' | 'placeOf'>, key: string): Bytes {
  const [one] = hidden.of(key);
  const place = one === undefined ? undefined : hidden.placeOf(one);
  if (place === undefined) throw new Error(`nothing of ${key} is hidden`);
  return place.row;
}

type Store = Awaited<ReturnType<typeof openTestState>>['store'];

/** A node that learns with `learn` that the key of `thief` ended. */
async function open({
  store,
  floor,
  knows = false,
  maxBytes,
}: {
  store?: Store;
  floor?: () => number;
  knows?: boolean;
  maxBytes?: number;
} = {}) {
  const clock = createHandClock(UNTIL + 200_000);
  const ends = new Map<Author, number>(knows ? [[thief.author, UNTIL]] : []);
  const state = await openTestState({
    clock,
    ...(store === undefined ? {} : { store }),
    isAfterEnd: (author, ms) => ms > (ends.get(author) ?? Infinity),
  });
  const { replica, writer, entries } = state;
  const events: LatticeEvent[] = [];
  const displaced = createDisplacedBook({
    store: state.store,
    writer,
    hasher,
    saved: await loadDisplaced(state.store),
    nameOf: (author) => `name of ${author.slice(0, 4)}`,
    onEvent: (event) => void events.push(event),
    clock,
    ...(maxBytes === undefined ? {} : { maxBytes }),
  });
  const afterEnd = createAfterEnd({
    roster: { ends },
    displaced,
    replica,
    entries,
    writer,
    store: state.store,
    hasher,
    saved: await loadRecounted(state.store),
    floor: floor ?? (() => undefined),
    nameOf: (author) => author,
    clock,
    log,
  });
  running.push(afterEnd);
  return {
    state,
    clock,
    afterEnd,
    displaced,
    events,
    learn: () => void ends.set(thief.author, UNTIL),
    async take(...fragments: Fragment[]) {
      return Promise.all(fragments.map((one) => writer.apply(one, FOUND)));
    },
    async pass() {
      for (let i = 0; i < 4; i++) {
        await clock.advance(1_000);
        await turns(20);
      }
    },
    root: () => bytesToHex(replica.tree.root()),
    async values(key: string) {
      const entry = await entries.get({ keyHash: keyHash(key, hasher) }, (read) => writer.read(read));
      return entry?.siblings.map(({ operation }) => (operation.kind === 'put' ? operation.value : null));
    },
  };
}
type Node = Awaited<ReturnType<typeof open>>;

const seen = (...fragments: Fragment[]): Context =>
  fragments.map(({ header: { author, hlc } }) => ({ author, hlc })).sort((a, b) => (a.author < b.author ? -1 : 1));

/**
 * A history of one key and others: what stays, what the thief wrote over it before and after its end, and what somebody
 * wrote over that.
 */
function history(): Fragment[] {
  const third = createAuthor(3);
  const x = stays.commit({ k: 'stays', m: 'stays', n: 'old' }, { ms: EPOCH_MS });
  const good = thief.commit({ k: 'before the end', g: 'good' }, { ms: UNTIL, context: seen(x) });
  const late = thief.commit({ k: 'late', l: 'late', m: 'late' }, { ms: UNTIL + 1, context: seen(x) });
  const over = third.commit({ m: 'over it' }, { ms: UNTIL + 20_000, context: seen(x, late) });
  const again = thief.commit({ k: 'later', l: 'later' }, { ms: UNTIL + 30_000, context: seen(x) });
  const own = stays.commit({ n: 'new' }, { ms: UNTIL + 31_000 });
  return [x, good, late, over, again, own];
}

/** What the operations that count make of each key, by the definition of the model checker (core/floor). */
function rightValues(fragments: readonly Fragment[], key: string) {
  const counted = fragments
    .flatMap((one) => fragmentToSiblings(one, hasher))
    .filter(({ operation, author, hlc }) => operation.key === key && !(author === thief.author && hlcMs(hlc) > UNTIL));
  const siblings = siblingsOf(counted);
  return siblings.length === 0
    ? undefined
    : siblings.map(({ operation }) => (operation.kind === 'put' ? operation.value : null));
}

async function expectRight(node: Node, all: readonly Fragment[]): Promise<void> {
  for (const key of ['k', 'l', 'm', 'n', 'g']) expect(await node.values(key), key).toEqual(rightValues(all, key));
}

/** Takes operations in an order that the seed decides, and learns of the end somewhere among them. */
async function inOrder(seed: number, all: readonly Fragment[]): Promise<Node> {
  const node = await open();
  node.afterEnd.start();
  const order = all.map((one, i) => ({ one, at: (Math.imul(seed * 31 + i + 1, 2_654_435_761) >>> 0) % 1_000 }));
  order.sort((a, b) => a.at - b.at);
  const learnsAt = seed % (all.length + 1);
  for (const [i, { one }] of order.entries()) {
    if (i === learnsAt) {
      node.learn();
      if (seed % 2 === 0) await node.pass();
    }
    await node.take(one);
  }
  node.learn();
  await node.pass();
  return node;
}

it('in whatever order nodes learn of an end and of operations, their roots become equal and right [RO12, FL5]', async () => {
  const all = history();
  const roots = new Set<string>();
  for (let seed = 0; seed < 28; seed++) {
    const node = await inOrder(seed, all);
    await expectRight(node, all);
    expect(node.afterEnd.isPending()).toBe(false);
    roots.add(node.root());
    node.afterEnd.stop();
  }
  expect(roots.size).toBe(1);
});

it('what came after an end is taken out after a restart in the middle as well, and only once [RO12, FL5]', async () => {
  const all = history();
  const before = await open();
  await before.take(...all);
  // The store goes on in another life, which learns of the end and has the hidden operations from their rows.
  const node = await open({ store: before.state.store });
  node.learn();
  expect([node.afterEnd.isPending(), node.afterEnd.warnings().map(({ code }) => code)]).toEqual([true, ['after-end']]);
  node.afterEnd.start();
  await node.pass();
  await expectRight(node, all);
  expect(node.afterEnd.warnings().map(({ code }) => code)).toEqual(['displaced']);
  const third = await open({ store: before.state.store, knows: true });
  expect([third.afterEnd.isPending(), third.root()]).toEqual([false, node.root()]);
});

it('the floor lets go of what is replaced for good, and of nothing that may still come back [FL5]', async () => {
  const all = history();
  let floor = 0;
  const node = await open({ floor: () => floor });
  node.afterEnd.start();
  await node.take(...all);
  const { hidden } = node.state.replica;
  const held = hidden.size;
  floor = UNTIL - 1;
  await node.pass();
  expect([held > 0, hidden.size]).toEqual([true, held]);
  node.learn();
  await node.pass();
  await expectRight(node, all);
  // What was superseded by something that counts no more stays for one floor longer.
  for (floor = UNTIL + 300_000; floor < UNTIL + 320_000; floor += 10_000) await node.pass();
  expect([hidden.size, hidden.bytes]).toEqual([0, 0]);
  // The rows are gone with them.
  expect((await open({ store: node.state.store, knows: true })).state.replica.hidden.size).toBe(0);
});

it('an operation that was on its way when the end became known is refused, and counts nowhere [RO12]', async () => {
  const all = history();
  const node = await open({ knows: true });
  const outcomes = await node.take(...all);
  expect(outcomes[2]).toEqual(['uncounted', 'uncounted', 'uncounted']);
  await expectRight(node, all);
});

it('a commit whose batch is on its way to the disk when the end becomes known is taken out as well [RO12]', async () => {
  const node = await open();
  const { replica, store } = node.state;
  node.afterEnd.start();
  store.hold();
  const taken = node.take(thief.commit({ l: 'late' }, { ms: UNTIL + 1 }));
  await turns(20);
  expect(replica.tree.size).toBe(1);
  node.learn();
  await node.pass();
  expect(node.afterEnd.isPending()).toBe(true);
  store.open();
  await taken;
  await node.pass();
  expect(node.afterEnd.isPending()).toBe(false);
  expect(await node.values('l')).toBeUndefined();
});

it('operations that one commit hid together come back each, also after a start in between [RO12, FL5]', async () => {
  let node = await open();
  const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
  const x = stays.commit(Object.fromEntries(keys.map((key) => [key, `stays ${key}`])), { ms: EPOCH_MS });
  const all = { ms: UNTIL + 1, context: seen(x) };
  await node.take(x, thief.commit(Object.fromEntries(keys.map((key) => [key, 'late'])), all));
  const places = new Set(keys.map((key) => bytesToHex(rowOf(node.state.replica.hidden, key))));
  expect([places.size, node.state.replica.hidden.size]).toEqual([1, 40]);
  node = await open({ store: node.state.store });
  expect(node.state.replica.hidden.size).toBe(40);
  node.learn();
  node.afterEnd.start();
  await node.pass();
  expect(node.afterEnd.isPending()).toBe(false);
  for (const key of keys) expect(await node.values(key), key).toEqual([`stays ${key}`]);
  expect(node.state.replica.hidden.size).toBe(0);
  // What is back is hidden no more after another start either.
  expect((await open({ store: node.state.store })).state.replica.hidden.size).toBe(0);
});

it('a hidden operation whose row is lost holds no recount up, and is told [RO12, FL5]', async () => {
  const node = await open();
  const x = stays.commit({ k: 'stays' }, { ms: EPOCH_MS });
  const late = thief.commit({ k: 'late' }, { ms: UNTIL + 1, context: seen(x) });
  await node.take(x, late);
  const { hidden } = node.state.replica;
  await node.state.store.batch([{ type: 'del', key: rowOf(hidden, 'k') }]);
  node.learn();
  node.afterEnd.start();
  await node.pass();
  expect(node.afterEnd.isPending()).toBe(false);
  expect([await node.values('k'), hidden.size]).toEqual([undefined, 0]);
  expect(node.afterEnd.warnings().map(({ code }) => code)).toEqual(['displaced', 'hidden-full']);
});

it('of one key the newest 256 hidden operations are kept, in memory and in the store [FL5]', async () => {
  const node = await open();
  for (let i = 0; i < 300; i++) await node.take(stays.commit({ k: i }, { ms: EPOCH_MS + i * 10_000 - 4_000_000 }));
  const { hidden } = node.state.replica;
  expect(hidden.size).toBe(256);
  expect(Math.min(...hidden.of('k').map(({ hlc }) => hlcMs(hlc)))).toBe(EPOCH_MS + 43 * 10_000 - 4_000_000);
  const again = await open({ store: node.state.store });
  expect([again.state.replica.hidden.size, again.state.replica.hidden.bytes]).toEqual([256, hidden.bytes]);
});

/** The keys and values that are listed, over pages of so many. */
async function listed(node: Node, limit: number): Promise<readonly (readonly [string, unknown])[]> {
  const all: (readonly [string, unknown])[] = [];
  let cursor: string | undefined;
  do {
    const page = await node.displaced.list({ limit, ...(cursor === undefined ? {} : { cursor }) });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    all.push(...page.items.map(({ key, value }) => [key, value] as const));
    ({ cursor } = page);
  } while (cursor !== undefined);
  return all;
}

it('what is taken out is listed, told by an event and warned of for a week, over restarts [RO17]', async () => {
  const node = await open();
  node.afterEnd.start();
  await node.take(...history());
  expect([await listed(node, 10), node.events, node.afterEnd.warnings()]).toEqual([[], [], []]);
  node.learn();
  await node.pass();
  // The operation on m had been replaced before, so that it was not there to be taken out.
  const all: [string, string][] = [
    ['l', 'later'],
    ['k', 'later'],
  ];
  expect(new Map(await listed(node, 10))).toEqual(new Map(all));
  expect(new Map(await listed(node, 1))).toEqual(new Map(all));
  const name = `name of ${thief.author.slice(0, 4)}`;
  expect(node.events).toEqual([
    {
      type: 'displaced',
      author: thief.author,
      name,
      until: UNTIL,
      operations: 2,
      keys: expect.arrayContaining(['k', 'l']),
    },
  ]);
  const [item] = (await node.displaced.list({})).items;
  expect(item).toMatchObject({ author: thief.author, name, at: UNTIL + 30_000, until: UNTIL, deleted: false });
  expect(node.afterEnd.warnings()).toEqual([
    { code: 'displaced', text: expect.stringMatching(/^2 operations of ended authors were taken out of the state/) },
  ]);
  await expect(node.displaced.list({ cursor: 'AAAA' })).rejects.toMatchObject({ code: 'invalid-cursor' });

  const again = await open({ store: node.state.store, knows: true });
  expect((await listed(again, 10)).length).toBe(2);
  expect(again.afterEnd.warnings().map(({ code }) => code)).toEqual(['displaced']);
  await again.clock.advance(7 * 24 * 3_600_000 + 300_000);
  expect(again.afterEnd.warnings()).toEqual([]);
  expect((await listed(again, 10)).length).toBe(2);
});

it('what is listed has a bound, and the earliest operations make room for later ones [RO17]', async () => {
  const node = await open({ maxBytes: 1_000 });
  node.afterEnd.start();
  const values = Array.from({ length: 8 }, (_, i) =>
    thief.commit({ [`key${i}`]: 'x'.repeat(100) }, { ms: UNTIL + i + 1 }),
  );
  await node.take(...values.slice(0, 2));
  node.learn();
  await node.pass();
  expect(await listed(node, 10)).toHaveLength(2);
  const { siblings } = (await node.state.entries.page(undefined, 1, (read) => node.state.writer.read(read))).entries[0]
    ?.entry ?? { siblings: [] };
  expect(siblings).toEqual([]);
  for (const one of values.slice(2))
    await node.displaced.keep(fragmentToSiblings(one, hasher), new Map([[thief.author, UNTIL]]));
  const keys = (await listed(node, 10)).map(([key]) => key);
  expect(keys.length).toBeGreaterThan(1);
  expect(keys).toEqual(['key7', 'key6', 'key5', 'key4', 'key3', 'key2', 'key1', 'key0'].slice(0, keys.length));
  expect(keys.length).toBeLessThan(8);
  const { bytes, gone, operations } = await loadDisplaced(node.state.store);
  expect([bytes <= 1_000, gone + operations, operations]).toEqual([true, 8, keys.length]);
});

it('tells what could not be kept in the singular and the plural, with the newest keys', () => {
  expect(beyondText({ operations: 1, keys: ['door'] })).toMatch(
    /^1 replaced operation could not be kept for want of room, of the key "door": .* replaced it is removed, it does not come back here/,
  );
  const keys = Array.from({ length: 9 }, (_, i) => `k${i}`);
  expect(beyondText({ operations: 12, keys })).toMatch(
    /^12 replaced operations could not be kept for want of room, of keys such as "k1", .* and "k8": .* they do not come back/,
  );
});
