import { afterEach, expect, it } from 'vitest';
import { lastHlcAt } from '../../../../src/core/clock/index.ts';
import { BUCKETS, bucketRange, HIDDEN_BLOCKS, HIDDEN_ROWS, WRITTEN } from '../../../../src/core/rows/index.ts';
import { type Author, bytesToHex } from '../../../../src/core/types/index.ts';
import { type AfterEnd, createAfterEnd, loadRecounted } from '../../../../src/runtime/upkeep/after-end.ts';
import { createDisplacedBook, loadDisplaced } from '../../../../src/runtime/upkeep/displaced.ts';
import { watchedReads } from '../../../support/watched-store.ts';
import {
  createAuthor,
  createHandClock,
  EPOCH_MS,
  FOUND,
  type GatedStore,
  gateStore,
  hasher,
  log,
  openTestState,
  turns,
} from '../support.ts';

const UNTIL = EPOCH_MS + 60_000;
const thief = createAuthor(9);
const stays = createAuthor(2);
const running: AfterEnd[] = [];
afterEach(() => {
  for (const one of running.splice(0)) one.stop();
});

/** A store that counts the rows of entries and of hidden operations which are read, in whatever way. */
function countingStore(
  inner: GatedStore = gateStore(),
): GatedStore & { readonly entriesRead: number; readonly hiddenRead: number } {
  let entriesRead = 0;
  let hiddenRead = 0;
  const isHidden = (key: Uint8Array): boolean =>
    [HIDDEN_ROWS, HIDDEN_BLOCKS].some(({ gte }) => key[0] === gte[0] && key[1] === gte[1]);
  const count = (key: Uint8Array): void => {
    if (key[0] === BUCKETS.entry) entriesRead++;
    if (isHidden(key)) hiddenRead++;
  };
  return {
    ...inner,
    get batches() {
      return inner.batches;
    },
    get entriesRead() {
      return entriesRead;
    },
    get hiddenRead() {
      return hiddenRead;
    },
    ...watchedReads(inner, count),
  };
}

async function open(store = countingStore(), floor: () => number | undefined = () => undefined) {
  const clock = createHandClock(UNTIL + 200_000);
  const ends = new Map<Author, number>();
  const isAfterEnd = (author: Author, ms: number): boolean => ms > (ends.get(author) ?? Infinity);
  const state = await openTestState({ clock, store, isAfterEnd });
  const { replica, writer, entries } = state;
  const nameOf = (author: Author): string => author;
  const displaced = createDisplacedBook({
    store,
    writer,
    hasher,
    saved: await loadDisplaced(store),
    nameOf,
    onEvent: () => undefined,
    clock,
  });
  const saved = await loadRecounted(store);
  const roster = { ends };
  const deps = { roster, displaced, replica, entries, writer, store, hasher, saved, floor, nameOf, clock, log };
  const afterEnd = createAfterEnd(deps);
  running.push(afterEnd);
  async function pass(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      await clock.advance(1_000);
      await turns(20);
    }
  }
  return {
    store,
    replica,
    writer,
    pass,
    afterEnd,
    take: (...commits: Parameters<typeof writer.apply>[0][]) =>
      Promise.all(commits.map((one) => writer.apply(one, FOUND))),
    /** Learns of the end, and resolves with how many entries were read for it. */
    async remove(): Promise<number> {
      ends.set(thief.author, UNTIL);
      const before = store.entriesRead;
      afterEnd.start();
      await pass();
      expect(afterEnd.isPending()).toBe(false);
      afterEnd.stop();
      return store.entriesRead - before;
    },
    root: () => bytesToHex(replica.tree.root()),
  };
}
type Node = Awaited<ReturnType<typeof open>>;

/** `count` keys of somebody who stays, of which the thief overwrites some after its end and some before it. */
async function fill(node: Node, count: number): Promise<{ readonly stolen: number; readonly rootWithout: string }> {
  const keys = Array.from({ length: count }, (_, i) => `k/${i}`);
  for (let at = 0; at < count; at += 100)
    await node.take(
      stays.commit(Object.fromEntries(keys.slice(at, at + 100).map((k) => [k, 'right'])), { ms: EPOCH_MS + at }),
    );
  const context = [{ author: stays.author, hlc: lastHlcAt(EPOCH_MS + count) }];
  const before = thief.commit({ 'k/1': 'before', 'k/2': 'before' }, { ms: UNTIL - 1, context });
  await node.take(before);
  const rootWithout = node.root();
  const stolen = keys.filter((_, i) => i % (count / 10) === 0);
  await node.take(
    thief.commit(Object.fromEntries(stolen.map((k) => [k, 'stolen'])), { ms: UNTIL + 5_000, context }),
    thief.commit({ new: 'stolen' }, { ms: UNTIL + 6_000 }),
  );
  expect(node.root()).not.toBe(rootWithout);
  return { stolen: stolen.length + 1, rootWithout };
}

it('a removal reads a row once that has many of the operations which come back [RO12, FL5]', async () => {
  for (const ofCommit of [100, 1]) {
    const node = await open();
    const keys = Array.from({ length: 100 }, (_, i) => `k/${i}`);
    for (let at = 0; at < keys.length; at += ofCommit)
      await node.take(
        stays.commit(Object.fromEntries(keys.slice(at, at + ofCommit).map((k) => [k, 'right'])), { ms: EPOCH_MS + at }),
      );
    const right = node.root();
    const context = [{ author: stays.author, hlc: lastHlcAt(EPOCH_MS + 1_000) }];
    await node.take(thief.commit(Object.fromEntries(keys.map((k) => [k, 'stolen'])), { ms: UNTIL + 5_000, context }));
    const before = node.store.hiddenRead;
    await node.remove();
    expect(node.root()).toBe(right);
    expect(node.store.hiddenRead - before).toBe(1);
  }
});

it('a removal reads what the author wrote after its end, however much others wrote [RO12]', async () => {
  for (const count of [200, 3_000]) {
    const node = await open();
    const { stolen, rootWithout } = await fill(node, count);
    expect(stolen).toBe(11);
    const read = await node.remove();
    expect(node.root()).toBe(rootWithout);
    // Each is read to be looked at, and once more to be changed where it is not cached; the row of the batch names
    // nothing else.
    expect(read).toBeLessThanOrEqual(2 * stolen);
  }
});

it('a restart reads no more, and what leads there is gone once the floor has passed it [RO12, FL5]', async () => {
  const first = await open();
  const { stolen, rootWithout } = await fill(first, 1_000);
  let floor: number | undefined;
  const node = await open(first.store, () => floor);
  expect(node.replica.written.size).toBe(first.replica.written.size);
  expect(await node.remove()).toBeLessThanOrEqual(2 * stolen);
  expect(node.root()).toBe(rootWithout);
  floor = UNTIL + 190_000;
  node.afterEnd.start();
  await node.pass();
  expect([node.replica.written.size, await rowsOf(node.store)]).toEqual([0, 0]);
  // A later start knows that nothing is missing from where the floor was on.
  const last = await open(node.store);
  expect(last.replica.written.since).toBe(lastHlcAt(floor));
  expect(last.replica.written.of(thief.author, lastHlcAt(floor))).toEqual([]);
});

async function rowsOf(store: GatedStore): Promise<number> {
  let rows = 0;
  for await (const page of store.iterate(bucketRange('written'))) rows += page.length;
  return rows;
}

/** What a version that knows nothing of these rows leaves behind: those of before it, and a state that went on. */
async function withoutRows(store: GatedStore, all: boolean): Promise<void> {
  const keys = [WRITTEN];
  for await (const page of store.iterate(bucketRange('written')))
    keys.push(...page.map(([key]) => key).slice(all ? 0 : -1));
  await store.batch(keys.map((key) => ({ type: 'del', key })));
}

it.each([true, false])(
  'a store that an earlier version wrote to is looked through once, and is right (rows gone: %s) [RO12]',
  async (all) => {
    const first = await open();
    const { rootWithout } = await fill(first, 1_000);
    await withoutRows(first.store, all);
    const node = await open(first.store);
    expect(node.replica.written.of(thief.author, lastHlcAt(UNTIL))).toBeUndefined();
    // What comes from here on is named, over restarts too, and what came before never counts as named.
    await node.take(stays.commit({ 'k/5': 'after' }, { ms: UNTIL + 150_000 }));
    const again = await open(first.store);
    expect(again.replica.written.since).toBe(node.replica.written.since);
    expect(again.replica.written.of(stays.author, node.replica.written.since)).toHaveLength(1);
    expect(await node.remove()).toBeGreaterThan(1_000);
    await node.take(stays.commit({ 'k/5': 'right' }, { ms: UNTIL + 151_000 }));
    expect(node.root()).not.toBe(rootWithout);
    expect((await open(first.store)).root()).toBe(node.root());
  },
);

it('a row that cannot be read costs the look at everything, and nothing else [RO12]', async () => {
  const node = await open();
  const { rootWithout } = await fill(node, 1_000);
  const [row] = node.replica.written.of(thief.author, lastHlcAt(UNTIL)) ?? [];
  if (row === undefined) throw new Error('there is a row of what was stolen');
  await node.store.batch([{ type: 'del', key: row }]);
  expect(await node.remove()).toBeGreaterThan(1_000);
  expect(node.root()).toBe(rootWithout);
});

it('a recount that ends after any of its batches is ended by the next start [RO12]', async () => {
  for (let batches = 0; batches < 4; batches++) {
    const inner = gateStore();
    const node = await open(countingStore(inner));
    const { rootWithout } = await fill(node, 1_000);
    const before = inner.batches;
    // From this batch on nothing reaches the store, as where the process is killed.
    const stopsAt = before + batches;
    const batch = inner.batch.bind(inner);
    node.store.batch = (operations) =>
      inner.batches < stopsAt ? batch(operations) : Promise.reject(new Error('killed'));
    await node.remove().catch(() => undefined);
    node.afterEnd.stop();
    const next = await open(countingStore(inner));
    await next.remove();
    expect(next.root()).toBe(rootWithout);
  }
});
