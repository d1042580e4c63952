import { beforeEach, describe, expect, it } from 'vitest';
import { type Context, type Fragment, LatticeError } from '../../../../src/core/types/index.ts';
import { fragmentToSiblings, keyHash } from '../../../../src/core/wire/index.ts';
import type { Lattice, SetAsideService } from '../../../../src/runtime/facade/index.ts';
import { createRecovery } from '../../../../src/runtime/upkeep/recover.ts';
import {
  createSetAsides,
  type KeptAside,
  loadAsideLost,
  loadSetAside,
  type SetAsides,
} from '../../../../src/runtime/upkeep/set-aside.ts';
import {
  createAuthor,
  createHandClock,
  EPOCH_MS,
  FOUND,
  type HandClock,
  hasher,
  log,
  openTestState,
  until,
} from '../support.ts';

const [B, C] = [createAuthor(2), createAuthor(3)];

let clock: HandClock;
let state: Awaited<ReturnType<typeof openTestState>>;
let asides: SetAsides;
let recovery: SetAsideService;
let told: KeptAside[];
let writes: number;
/** Is called before each write of the recovery. */
let before: () => unknown;

/** The real parts over one store, as a start makes them. */
async function open(store?: (typeof state)['store'], maxKept?: number): Promise<void> {
  state = await openTestState({ clock, ...(store === undefined ? {} : { store }) });
  const { replica, entries, writer } = state;
  asides = createSetAsides({
    replica,
    entries,
    writer,
    store: state.store,
    hasher,
    log,
    saved: await loadSetAside(state.store, hasher),
    lost: await loadAsideLost(state.store),
    ...(maxKept === undefined ? {} : { maxKept }),
    onTakenOut: (operations) => void told.push(...operations),
  });
  const write: Lattice['write'] = async (operations) => {
    writes++;
    await before();
    const outcome = await writer.write({
      operations: operations.map(({ op, ...rest }) => ({ ...rest, kind: op })),
    });
    if (!outcome.ok) throw outcome.error;
    return { commit: outcome.commit.id, hlc: '', results: outcome.results };
  };
  recovery = createRecovery({
    asides,
    entries,
    writer,
    write,
    hasher,
    names: { label: (author) => (author === C.author ? 'lima' : author) },
    now: () => clock.now(),
    log,
  });
}

beforeEach(async () => {
  clock = createHandClock(EPOCH_MS + 60_000);
  told = [];
  writes = 0;
  before = () => undefined;
  await open();
});

const seen = (...fragments: Fragment[]): Context =>
  fragments.map(({ header: { author, hlc } }) => ({ author, hlc })).sort((a, b) => (a.author < b.author ? -1 : 1));
const take = (...fragments: Fragment[]) => Promise.all(fragments.map((one) => state.writer.apply(one, FOUND)));
/** Takes all operations of these commits out of the state, as the collection does. */
async function setAside(why: 'late' | 'refused', ...fragments: Fragment[]): Promise<void> {
  await asides.takeOut(
    fragments.flatMap((one) =>
      fragmentToSiblings(one, hasher).map(({ commit, index, hlc, author, operation: { key } }) => ({
        key,
        commit,
        index,
        hlc,
        author,
        fixed: EPOCH_MS + 10_000,
      })),
    ),
    why,
  );
}
async function shown(key: string) {
  const entry = await state.entries.get({ keyHash: keyHash(key, hasher) }, (read) => state.writer.read(read));
  return entry?.siblings.map(({ operation }) => (operation.kind === 'put' ? operation.value : null));
}
const standings = async () => (await recovery.list()).items.map(({ key, value, standing }) => [key, value, standing]);

const first = B.commit({ door: 'open', gone: 1, kept: 'x' }, { ms: EPOCH_MS });
const late = C.commit(
  { door: 'locked', fresh: { a: 1 }, gone: undefined },
  { ms: EPOCH_MS + 1_000, context: seen(first) },
);

describe('what was set aside', () => {
  it('is told once it is durable, and listed with who wrote it, when, why, and what the key shows now [FL8]', async () => {
    await take(first, late);
    await setAside('late', late);
    expect(new Set(told.map(({ key, why }) => `${key} ${why}`))).toEqual(
      new Set(['door late', 'fresh late', 'gone late']),
    );
    const { items, cursor } = await recovery.list();
    expect(cursor).toBeUndefined();
    expect(items).toMatchObject([
      {
        key: 'door',
        value: 'locked',
        deleted: false,
        author: C.author,
        label: 'lima',
        at: EPOCH_MS + 1_000,
        standing: 'older',
      },
      { key: 'fresh', value: { a: 1 }, standing: 'missing' },
      { key: 'gone', deleted: true, standing: 'older' },
    ]);
    expect(items[2]).not.toHaveProperty('value');
    expect(items[0]).toMatchObject({ code: 'late', text: expect.stringContaining('too late for a cut') });
    // The same after a start from the disk, with the reason.
    await setAside('refused', first);
    await open(state.store);
    const again = (await recovery.list()).items;
    expect(again.filter(({ key }) => key === 'door')).toMatchObject([
      { value: 'locked', code: 'late', standing: 'missing' },
      { value: 'open', code: 'refused', text: expect.stringContaining('other writers refuse'), standing: 'replaced' },
    ]);
  });

  it('beyond its room the oldest goes, and how many that were is told until all the others are forgotten too [FL8]', async () => {
    await open(undefined, 3);
    const many = Array.from({ length: 5 }, (_, i) => C.commit({ [`k${i}`]: i }, { ms: EPOCH_MS + i }));
    for (const one of many) {
      await take(one);
      await setAside('late', one);
    }
    const keys = async () => (await recovery.list()).items.map(({ key }) => key);
    expect([await keys(), asides.lost]).toEqual([['k2', 'k3', 'k4'], 2]);
    await open(state.store, 3);
    expect([await keys(), asides.lost]).toEqual([['k2', 'k3', 'k4'], 2]);
    await recovery.forget({ keys: ['k2'] });
    expect(asides.lost).toBe(2);
    await recovery.forget({ all: true });
    await open(state.store, 3);
    expect([await keys(), asides.lost]).toEqual([[], 0]);
  });

  it('comes in pages, which go on behind the last item whatever was forgotten meanwhile', async () => {
    const many = Array.from({ length: 3 }, (_, i) => C.commit({ a: i, [`k${i}`]: i }, { ms: EPOCH_MS + i }));
    for (const one of many) {
      await take(one);
      await setAside('late', one);
    }
    const all = (await recovery.list()).items.map(({ key, value }) => [key, value]);
    expect(all).toEqual([
      ['a', 2],
      ['a', 1],
      ['a', 0],
      ['k0', 0],
      ['k1', 1],
      ['k2', 2],
    ]);
    const page = await recovery.list({ limit: 2 });
    expect(page.items.map(({ value }) => value)).toEqual([2, 1]);
    await recovery.forget({ keys: ['a', 'k0'] });
    const rest = await recovery.list({ limit: 2, ...(page.cursor === undefined ? {} : { cursor: page.cursor }) });
    expect([rest.items.map(({ key }) => key), rest.cursor]).toEqual([['k1', 'k2'], undefined]);
    expect((await recovery.list({ fits: () => false })).items).toHaveLength(1);
    for (const cursor of ['x', '!', Buffer.from('0.0.0.0.k').toString('base64url')])
      await expect(recovery.list({ cursor })).rejects.toMatchObject({ code: 'invalid-cursor' });
    await expect(recovery.list({ limit: 0 })).rejects.toMatchObject({ code: 'invalid-limit' });
  });

  it('is written anew where that is of use, deletes too, and is then set aside no more [FL8]', async () => {
    await take(first, late);
    await setAside('late', late);
    expect([await shown('door'), await shown('fresh'), await shown('gone')]).toEqual([['open'], undefined, [1]]);
    const { written, passedOver, forgotten, cursor } = await recovery.recover({ all: true });
    expect(written.map(({ key, deleted }) => [key, deleted])).toEqual([
      ['door', false],
      ['fresh', false],
      ['gone', true],
    ]);
    expect([passedOver, forgotten, cursor]).toEqual([[], 3, undefined]);
    expect([await shown('door'), await shown('fresh'), await shown('gone')]).toEqual([['locked'], [{ a: 1 }], [null]]);
    expect(writes).toBe(1);
    expect(asides.size).toBe(0);
    expect(await loadSetAside(state.store, hasher)).toEqual([]);
    const entry = await state.entries.get({ keyHash: keyHash('door', hasher) }, (read) => state.writer.read(read));
    expect(entry?.siblings[0]?.author).toBe(state.self.author);
  });

  it('is passed over where the key was written later, unless that is to be replaced', async () => {
    await take(first, late);
    await setAside('late', late);
    await take(B.commit({ door: 'ajar' }, { ms: EPOCH_MS + 2_000 }));
    expect(await recovery.recover({ keys: ['door'] })).toMatchObject({
      written: [],
      passedOver: [{ key: 'door', standing: 'newer' }],
      forgotten: 0,
    });
    expect([await shown('door'), asides.size]).toEqual([['ajar'], 3]);
    expect(await recovery.recover({ keys: ['door'], overwrite: true })).toMatchObject({
      written: [{ key: 'door' }],
      forgotten: 1,
    });
    expect(await shown('door')).toEqual(['locked']);
  });

  it('is forgotten without a write where it is of no use: shown already, ended, or a delete of nothing', async () => {
    const ending = C.commit({ ends: 1 }, { ms: EPOCH_MS + 3_000, expires: clock.now() + 1_000 });
    await take(first, late, ending);
    await setAside('late', late, ending);
    await take(B.commit({ door: 'locked', gone: undefined }, { ms: EPOCH_MS + 4_000 }));
    await clock.advance(1_000);
    expect(await standings()).toEqual([
      ['door', 'locked', 'same'],
      ['ends', 1, 'ended'],
      ['fresh', { a: 1 }, 'missing'],
      ['gone', undefined, 'same'],
    ]);
    const { written, passedOver, forgotten } = await recovery.recover({ keys: ['door', 'ends', 'gone'] });
    expect([written, passedOver.map(({ standing }) => standing), forgotten]).toEqual([
      [],
      ['same', 'ended', 'same'],
      3,
    ]);
    expect([writes, asides.size]).toEqual([0, 1]);
  });

  it('keeps its end when it is written anew', async () => {
    const expires = clock.now() + 60_000;
    const ending = C.commit({ ends: 1 }, { ms: EPOCH_MS, expires });
    await take(ending);
    await setAside('late', ending);
    await recovery.recover({ all: true });
    const entry = await state.entries.get({ keyHash: keyHash('ends', hasher) }, (read) => state.writer.read(read));
    expect(entry?.siblings[0]?.operation.expires).toBe(expires);
  });

  it('is looked at again where the key is written in between, and what is newer then stays', async () => {
    await take(first, late);
    await setAside('late', late);
    before = () => {
      before = () => undefined;
      return take(B.commit({ door: 'between' }, { ms: EPOCH_MS + 5_000 }));
    };
    const done = await recovery.recover({ all: true });
    expect(done.written.map(({ key }) => key).sort()).toEqual(['fresh', 'gone']);
    expect(done.passedOver).toEqual([{ key: 'door', standing: 'newer' }]);
    expect([await shown('door'), asides.size]).toEqual([['between'], 1]);
  });

  it('goes into several commits where it is too large for one', async () => {
    const large = Array.from({ length: 12 }, (_, i) =>
      C.commit({ [`large/${i}`]: 'x'.repeat(15_000) }, { ms: EPOCH_MS + i }),
    );
    await take(...large);
    await setAside('late', ...large);
    const { written } = await recovery.recover({ all: true });
    expect([written.length, asides.size]).toEqual([12, 0]);
    expect(writes).toBeGreaterThan(1);
  });

  it('of more keys than one call takes goes on at the cursor', async () => {
    for (let c = 0; c < 3; c++) {
      const values = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k/${c}/${i}`, i]));
      const one = C.commit(values, { ms: EPOCH_MS + c });
      await take(one);
      await setAside('late', one);
    }
    const { written, cursor } = await recovery.recover({ all: true });
    expect(written).toHaveLength(256);
    const rest = await recovery.recover({ all: true, cursor });
    expect([rest.written.length, rest.cursor, asides.size]).toEqual([44, undefined, 0]);
  });

  it('stays set aside where the write is refused, and what came before is told', async () => {
    const large = Array.from({ length: 6 }, (_, i) =>
      C.commit({ [`large/${i}`]: 'x'.repeat(15_000) }, { ms: EPOCH_MS + i }),
    );
    await take(...large);
    await setAside('late', ...large);
    before = () => {
      if (writes > 1) throw new LatticeError('read-only', 'this node is read-only');
    };
    const failed: unknown = await recovery.recover({ all: true }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'read-only', message: expect.stringMatching(/had been written before/) });
    const { details } = failed as LatticeError;
    expect(asides.size).toBe(6 - (details['written'] as unknown[]).length);
    before = () => undefined;
    await recovery.recover({ all: true });
    expect(asides.size).toBe(0);
  });

  it('is forgotten for good when that is asked, and nothing is written', async () => {
    await take(first, late);
    await setAside('late', late);
    expect(await recovery.forget({ keys: ['door'] })).toEqual({ forgotten: 1 });
    expect(await recovery.forget({ all: true })).toEqual({ forgotten: 2 });
    expect([writes, await loadSetAside(state.store, hasher)]).toEqual([0, []]);
    expect(await shown('door')).toEqual(['open']);
  });

  it('answers wrong wishes clearly, and does nothing then', async () => {
    await take(first, late);
    await setAside('late', late);
    const wrong: [wish: Parameters<SetAsideService['recover']>[0], code: string][] = [
      [{}, 'invalid-body'],
      [{ all: true, keys: ['door'] }, 'invalid-body'],
      [{ keys: [] }, 'invalid-body'],
      [{ keys: Array.from({ length: 257 }, (_, i) => String(i)) }, 'invalid-body'],
      [{ keys: ['door'], cursor: 'ZG9vcg' }, 'invalid-body'],
      [{ keys: ['door', 'nothing'] }, 'not-found'],
      [{ keys: ['\ud800'] }, 'invalid-key'],
      [{ all: true, cursor: '!' }, 'invalid-cursor'],
    ];
    for (const [wish, code] of wrong) await expect(recovery.recover(wish), code).rejects.toMatchObject({ code });
    await expect(recovery.forget({ keys: ['nothing'] })).rejects.toMatchObject({ code: 'not-found' });
    expect([writes, asides.size]).toEqual([0, 3]);
    // One call at a time.
    let go = (): void => undefined;
    before = () => new Promise<void>((resolve) => (go = resolve));
    const running = recovery.recover({ all: true });
    await expect(recovery.recover({ all: true })).rejects.toMatchObject({ code: 'overloaded' });
    await until('the first write waits', () => writes === 1);
    go();
    expect((await running).written).toHaveLength(3);
  });
});
