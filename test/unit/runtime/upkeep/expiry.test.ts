import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../../../src/adapters/store/index.ts';
import { verifyProofDocument } from '../../../../src/audit/index.ts';
import { leafHash } from '../../../../src/core/merkle/index.ts';
import { bucketRange, endKey, endValue, type Journal } from '../../../../src/core/rows/index.ts';
import { type JsonValue, LatticeError, MAX_WRITTEN_EXPIRY } from '../../../../src/core/types/index.ts';
import { encodeEntry } from '../../../../src/core/wire/index.ts';
import type { Guard } from '../../../../src/runtime/commit/guard.ts';
import { createIdempotency } from '../../../../src/runtime/commit/idempotency.ts';
import { createWrites } from '../../../../src/runtime/commit/writes.ts';
import { createHistory } from '../../../../src/runtime/read/history.ts';
import { replayJournal } from '../../../../src/runtime/streams/replay.ts';
import {
  createAuthor,
  createHandClock,
  EPOCH_MS,
  FOUND,
  gateStore,
  hasher,
  openTestState,
  put,
  readsOf,
  type TestState,
  turns,
  verifier,
} from '../support.ts';

const MINUTE = 60_000;

/** A put of `key` that ends `ms` after the beginning. */
const ending = (key: string, ms: number, value: JsonValue = key) => ({
  operations: [{ kind: 'put' as const, key, value, expires: EPOCH_MS + ms }],
});

async function count(state: TestState, bucket: Parameters<typeof bucketRange>[0]): Promise<number> {
  let rows = 0;
  for await (const chunk of state.store.iterate(bucketRange(bucket))) rows += chunk.length;
  return rows;
}

/** The batches of the journal after `from`, each with what it tells of its keys. */
async function journalAfter(
  state: TestState,
  from: number,
): Promise<readonly (readonly (readonly [string, boolean])[])[]> {
  const batches: Journal[] = [];
  await replayJournal(state.store, from, state.replica.meta.sequence, async (_, journal) => {
    batches.push(journal);
    return true;
  });
  return batches.map(({ changes }) => changes.map(({ key, deleted }) => [key, deleted] as const));
}

/** A store that refuses to be iterated more often than any test needs, so that a loop without an end shows as one. */
function createFiniteStore() {
  const inner = createMemoryStore();
  let left = 500;
  const iterate: typeof inner.iterate = (range) => {
    if (left-- === 0) throw new Error('the rows are read over and over');
    return inner.iterate(range);
  };
  return gateStore({ ...inner, iterate });
}

async function wholeKeys(state: TestState): Promise<{ readonly live: number; readonly keys: readonly string[] }> {
  const { live, chunks } = await readsOf(state).wholeState();
  const keys: string[] = [];
  for await (const chunk of chunks) keys.push(...chunk.map(({ key }) => key));
  return { live, keys: keys.sort() };
}

const codeOf = (outcome: { readonly ok: boolean } & { readonly error?: { readonly code: string } }): string =>
  outcome.ok ? 'ok' : (outcome.error?.code ?? '');

describe('a value that ends', () => {
  it('is shown with its end until the end, and from that very moment on to nobody, while the root stays as it is [EX2, EX3]', async () => {
    const state = await openTestState();
    const reads = readsOf(state);
    await state.writer.write(put('stays', 1));
    await state.writer.write(ending('session', MINUTE));
    const { root } = state.replica.meta;
    await state.clock.advance(MINUTE - 1);
    expect(await reads.get('session')).toMatchObject({ value: 'session', expires: EPOCH_MS + MINUTE });
    expect((await reads.list({})).items.map(({ key }) => key)).toEqual(['session', 'stays']);
    await state.clock.advance(1);
    expect(await reads.get('session')).toBeUndefined();
    expect((await reads.list({ prefix: 's', limit: 1 })).items.map(({ key }) => key)).toEqual(['stays']);
    expect(await wholeKeys(state)).toEqual({ live: 1, keys: ['stays'] });
    expect(state.replica.meta.root).toEqual(root);
  });

  it('counts as absent for conditions, and a write after it begins anew [EX2, A3]', async () => {
    const state = await openTestState();
    const first = await state.writer.write(ending('lock', MINUTE));
    const absent = { operations: [{ kind: 'put' as const, key: 'lock', value: 2, ifNoneMatch: '*' as const }] };
    expect(codeOf(await state.writer.write(absent))).toBe('precondition-failed');
    await state.clock.advance(MINUTE);
    const version = first.ok ? (first.results[0]?.version ?? '') : '';
    expect(codeOf(await state.writer.write(put('lock', 3, { ifMatch: version })))).toBe('precondition-failed');
    const remove = { operations: [{ kind: 'delete' as const, key: 'lock', mustExist: true }] };
    expect(codeOf(await state.writer.write(remove))).toBe('not-found');
    const second = await state.writer.write(absent);
    expect(second.ok && second.results[0]?.created).toBe(true);
    expect((await readsOf(state).get('lock'))?.value).toBe(2);
    expect(await count(state, 'end')).toBe(0);
  });

  it('hides the siblings that it has won against, as a tombstone does [EX2, R4]', async () => {
    const state = await openTestState();
    await state.writer.apply(createAuthor(2).commit({ k: 'earlier' }, { ms: EPOCH_MS - 10 }), FOUND);
    const third = createAuthor(3);
    await state.writer.apply(third.commit({ k: 'ends' }, { ms: EPOCH_MS - 5, expires: EPOCH_MS + MINUTE }), FOUND);
    const reads = readsOf(state);
    expect((await reads.get('k'))?.value).toBe('ends');
    await state.clock.advance(MINUTE);
    expect(await reads.get('k')).toBeUndefined();
    const [conflict] = (await reads.conflicts({})).items;
    expect(conflict?.siblings.map(({ deleted, value }) => [deleted, value])).toEqual([
      [true, undefined],
      [false, 'earlier'],
    ]);
  });

  it('is told in a batch of its own, in the order of ends, and is counted no more [EX5]', async () => {
    const state = await openTestState();
    await state.writer.write(ending('late', 2 * MINUTE));
    await state.writer.write(ending('soon', MINUTE));
    await state.writer.write(put('stays', 1));
    expect(state.replica.meta.live).toBe(3);
    await state.clock.advance(2 * MINUTE);
    await state.settled();
    expect(await journalAfter(state, 3)).toEqual([
      [
        ['soon', true],
        ['late', true],
      ],
    ]);
    expect(state.replica.meta).toMatchObject({ live: 1, entries: 3, sequence: 4 });
    await state.settled();
    expect(state.replica.meta.sequence).toBe(4);
  });

  it('is told by a timer on the soonest end, also when an earlier one is written later [EX5]', async () => {
    const clock = createHandClock();
    const state = await openTestState({ clock });
    state.expiry.start();
    await state.writer.write(ending('late', 2 * MINUTE));
    await state.writer.write(ending('soon', MINUTE));
    const told = async (): Promise<number> => (await journalAfter(state, 2)).length;
    await clock.advance(MINUTE - 1);
    await state.settled();
    expect(await told()).toBe(0);
    await clock.advance(1);
    await expect.poll(told).toBe(1);
    await clock.advance(MINUTE);
    await expect.poll(told).toBe(2);
    state.expiry.stop();
  });

  it('is told again as there when the clock is set back over its end, and then once more as gone [EX5]', async () => {
    const state = await openTestState();
    await state.writer.write(ending('k', MINUTE));
    await state.clock.advance(MINUTE);
    await state.settled();
    expect(state.replica.meta.live).toBe(0);
    state.clock.step(-MINUTE);
    await state.settled();
    expect(state.replica.meta.live).toBe(1);
    expect((await readsOf(state).get('k'))?.value).toBe('k');
    state.clock.step(MINUTE);
    await state.settled();
    expect(await journalAfter(state, 1)).toEqual([[['k', true]], [['k', false]], [['k', true]]]);
    expect(state.replica.meta.live).toBe(0);
  });

  it('is told as there within a second of a clock set back, also when nothing else ends [EX5]', async () => {
    const state = await openTestState();
    state.expiry.start();
    await state.writer.write(ending('k', MINUTE));
    await state.settled();
    await state.clock.advance(MINUTE);
    const { replica, clock } = state;
    await expect.poll(() => replica.meta.live).toBe(0);
    await state.settled();
    clock.step(-MINUTE);
    await clock.advance(1_000);
    await expect.poll(() => replica.meta.live).toBe(1);
    state.expiry.stop();
  });

  it.each([
    ['written again without an end', { kind: 'put' as const, key: 'lease', value: 2 }],
    ['deleted', { kind: 'delete' as const, key: 'lease' }],
  ])('that was told, and then %s, is not told again when the clock is set back [EX5]', async (_, operation) => {
    const state = await openTestState({ store: createFiniteStore() });
    await state.writer.write(ending('lease', MINUTE));
    await state.clock.advance(MINUTE);
    await state.settled();
    await state.writer.write({ operations: [operation] });
    const { live, sequence } = state.replica.meta;
    state.clock.step(-MINUTE / 2);
    await state.settled();
    expect(state.replica.meta).toMatchObject({ live, sequence });
    // Ends between the clock as it is and the end that was told are told in their turn.
    await state.writer.apply(createAuthor(2).commit({ next: 1 }, { expires: EPOCH_MS + 45_000 }), FOUND);
    await state.clock.advance(20_000);
    await state.settled();
    expect((await journalAfter(state, sequence + 1)).flat()).toEqual([['next', true]]);
    expect(state.replica.meta.live).toBe(live);
  });

  it('has a row that leads to nothing: it is passed over once it is due [EX5]', async () => {
    const state = await openTestState({ store: createFiniteStore() });
    const stray = { ms: EPOCH_MS + 1, keyHash: new Uint8Array(32).fill(7), key: 'stray' };
    await state.store.batch([{ type: 'put', key: endKey(stray), value: endValue(stray.key) }]);
    await state.writer.write(ending('k', MINUTE));
    for (const ms of [1, MINUTE]) {
      await state.clock.advance(ms);
      await state.settled();
    }
    expect(await journalAfter(state, 1)).toEqual([[['k', true]]]);
    state.clock.step(-MINUTE);
    await state.settled();
    expect(state.replica.meta.live).toBe(1);
  });

  it('is told in its time when the rows were read before its write was durable [EX5]', async () => {
    const state = await openTestState();
    state.store.hold();
    const written = state.writer.write(ending('k', MINUTE));
    await expect.poll(() => state.store.held.length).toBe(1);
    const looked = state.settled();
    await turns(20);
    state.store.open();
    await Promise.all([written, looked]);
    await state.clock.advance(MINUTE);
    await state.settled();
    expect(await journalAfter(state, 1)).toEqual([[['k', true]]]);
    expect(state.replica.meta.live).toBe(0);
  });

  it('is told when it arrives while the ends around it wait to be told [EX5]', async () => {
    const inner = createMemoryStore();
    let reading: { readonly begun: () => void; readonly go: Promise<void> } | undefined;
    const iterate: typeof inner.iterate = async function* (range) {
      const at = reading;
      reading = undefined;
      at?.begun();
      await at?.go;
      yield* inner.iterate(range);
    };
    const state = await openTestState({ store: gateStore({ ...inner, iterate }) });
    await state.writer.write(ending('first', MINUTE));
    await state.clock.advance(MINUTE);
    let go = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      reading = {
        begun: resolve,
        go: new Promise((open) => {
          go = open;
        }),
      };
    });
    const told = state.settled();
    await begun;
    state.store.hold();
    const busy = state.writer.write(put('busy', 1));
    await expect.poll(() => state.store.held.length).toBe(1);
    const old = createAuthor(2).commit({ second: 2 }, { ms: EPOCH_MS, expires: EPOCH_MS + 1_000 });
    const arrived = state.writer.apply(old, FOUND);
    go();
    await turns(20);
    state.store.open();
    await Promise.all([told, busy, arrived]);
    await state.settled();
    expect((await journalAfter(state, 3)).flat()).toEqual([
      ['first', true],
      ['second', true],
    ]);
    expect(state.replica.meta.live).toBe(1);
  });

  it('is passed a slice at a time where a thousand end at once, each told just once [EX5]', async () => {
    const state = await openTestState();
    for (let i = 0; i < 4; i++)
      await state.writer.write({
        operations: Array.from({ length: 250 }, (_, j) => ({
          kind: 'put' as const,
          key: `k/${i}/${j}`,
          value: j,
          expires: EPOCH_MS + MINUTE,
        })),
      });
    await state.clock.advance(MINUTE);
    await state.settled();
    const told = (await journalAfter(state, 4)).map((batch) => batch.length);
    expect(told).toEqual([256, 256, 256, 232]);
    expect(new Set((await journalAfter(state, 4)).flat().map(([key]) => key)).size).toBe(1000);
    expect(state.replica.meta).toMatchObject({ live: 0, entries: 1000 });
  });

  it('keeps its count over a restart, whether it was told before or ended meanwhile [EX5]', async () => {
    const state = await openTestState();
    await state.writer.write(ending('before', MINUTE));
    await state.writer.write(ending('meanwhile', 2 * MINUTE));
    await state.writer.write(ending('later', 9 * MINUTE));
    await state.clock.advance(MINUTE);
    await state.settled();
    await state.writer.drain();
    const again = await openTestState({ store: state.store, clock: state.clock });
    expect(again.replica.meta).toEqual(state.replica.meta);
    await again.clock.advance(MINUTE);
    await again.settled();
    expect(again.replica.meta.live).toBe(1);
    expect(await journalAfter(again, 4)).toEqual([[['meanwhile', true]]]);
  });

  it('that arrives when it has ended is told as deleted at once [EX5]', async () => {
    const state = await openTestState();
    const old = createAuthor(2).commit({ k: 1 }, { ms: EPOCH_MS - 10, expires: EPOCH_MS - 1 });
    expect(await state.writer.apply(old, FOUND)).toEqual(['added']);
    expect(await readsOf(state).get('k')).toBeUndefined();
    await state.settled();
    expect((await journalAfter(state, 0)).flat()).toEqual([
      ['k', true],
      ['k', true],
    ]);
    expect(state.replica.meta.live).toBe(0);
  });

  it('that is taken over from a cut, and had ended before what was told last, is told as deleted [EX5]', async () => {
    const clock = createHandClock();
    const [source, state] = [await openTestState({ id: 9, clock }), await openTestState({ clock })];
    await source.writer.write(ending('early', MINUTE));
    await state.writer.write(ending('own', 2 * MINUTE));
    await clock.advance(2 * MINUTE);
    await state.settled();
    const attested = source.applied.flatMap(({ step }) =>
      step.changed.flatMap(({ keyHash, after }) =>
        after === undefined
          ? []
          : [{ keyHash, entry: after, bytes: encodeEntry(after), leaf: leafHash(keyHash, after.siblings, hasher) }],
      ),
    );
    await state.writer.amend({
      keys: () => attested.map(({ keyHash, entry: { key } }) => ({ key, keyHash })),
      prepare: (view, now) => ({ step: state.replica.adopt(attested, view, now), rows: [] }),
    });
    await state.settled();
    expect(await journalAfter(state, 2)).toEqual([[['early', true]]]);
    expect(state.replica.meta.live).toBe(0);
  });

  it('stands in the history with its end, as deleted once it has come [EX2, A23]', async () => {
    const state = await openTestState();
    const history = createHistory(state);
    await state.writer.write(put('k', 'first'));
    await state.writer.write(ending('k', MINUTE, 'second'));
    const told = async () => (await history('k')).items.map(({ deleted, value, expires }) => [deleted, value, expires]);
    const end = EPOCH_MS + MINUTE;
    expect(await told()).toEqual([
      [false, 'second', end],
      [false, undefined, undefined],
    ]);
    await state.clock.advance(MINUTE);
    await state.settled();
    expect((await told())[0]).toEqual([true, undefined, end]);
    await state.writer.write(put('k', 'third'));
    // What had ended before it was replaced was no delete.
    expect((await told()).map(([deleted]) => deleted)).toEqual([false, false, false]);
  });
});

describe('a proof of a value that ends', () => {
  it('judges it by the time of the head that it carries, and has no value once it has ended [EX7]', async () => {
    const state = await openTestState();
    await state.writer.write(ending('k', MINUTE));
    const kindAt = async (wallMs: number) => {
      const ownHead = () => state.self.head({ root: state.replica.tree.root(), wallMs });
      const document = await readsOf(state, { ownHead }).prove('k');
      const proven = await verifyProofDocument(document, { hasher, verifier, trusted: [state.self.author] });
      return [proven.kind, proven.value, proven.expires, 'value' in document];
    };
    const end = EPOCH_MS + MINUTE;
    expect(await kindAt(end - 1)).toEqual(['present', 'k', end, true]);
    expect(await kindAt(end)).toEqual(['expired', undefined, end, false]);
  });
});

describe('a repeated request for an end', () => {
  it('is answered with the end that the first one got, and another span is another request [EX6, A22]', async () => {
    const state = await openTestState();
    const { store, clock, writer } = state;
    const guard = { ready: () => Promise.resolve(), reasons: () => [], has: () => false } as unknown as Guard;
    const idempotency = createIdempotency({ store, hasher, clock });
    let allowed = true;
    const checkEnds = (): void => {
      if (!allowed) throw new LatticeError('version-not-read', 'a member reads earlier versions only');
    };
    const { write } = createWrites({ guard, writer, idempotency, checkEnds });
    const asked = (ttl: number) => write([{ op: 'put', key: 'k', value: 1, ttl }], { idempotencyKey: 'one' });
    const first = await asked(60);
    expect(first.results[0]?.expires).toBe(EPOCH_MS + MINUTE);
    await clock.advance(5_000);
    expect(await asked(60)).toEqual({ ...first, replayed: true });
    await expect(asked(61)).rejects.toMatchObject({ code: 'idempotency-mismatch' });
    await expect(write([{ op: 'put', key: 'k', value: 1 }], { idempotencyKey: 'one' })).rejects.toMatchObject({
      code: 'idempotency-mismatch',
    });
    allowed = false;
    await expect(write([{ op: 'put', key: 'l', value: 1, expires: EPOCH_MS + MINUTE }])).rejects.toMatchObject({
      code: 'version-not-read',
    });
    expect((await write([{ op: 'put', key: 'l', value: 1 }])).results).toHaveLength(1);
  });
});

describe('the end that a write asks for', () => {
  const write = (state: TestState, asked: { readonly expires?: number; readonly ttl?: number }, kind = 'put') =>
    state.writer.write({
      operations: [{ kind: kind as 'put', key: 'k', ...(kind === 'put' ? { value: 1 } : {}), ...asked }],
    });

  it.each([
    ['the present', { expires: EPOCH_MS }],
    ['the past', { expires: EPOCH_MS - 1 }],
    ['zero', { expires: 0 }],
    ['a time before 1970', { expires: -1 }],
    ['a fraction', { expires: EPOCH_MS + 0.5 }],
    ['the year 10000', { expires: MAX_WRITTEN_EXPIRY + 1 }],
    ['more than any clock has', { expires: 2 ** 53 }],
    ['no time at all', { expires: Number.NaN }],
    ['a span of zero', { ttl: 0 }],
    ['a span below zero', { ttl: -5 }],
    ['a span of half a second', { ttl: 0.5 }],
    ['a span of more than a century', { ttl: 100 * 365 * 86_400 + 1 }],
    ['both', { ttl: 5, expires: EPOCH_MS + MINUTE }],
  ])('may not be %s, and nothing is written [EX1]', async (_, asked) => {
    const state = await openTestState();
    const outcome = await write(state, asked);
    expect(codeOf(outcome)).toBe('invalid-expiry');
    expect(state.replica.meta.entries).toBe(0);
  });

  it('is refused for a delete [EX1]', async () => {
    expect(codeOf(await write(await openTestState(), { ttl: 5 }, 'delete'))).toBe('invalid-expiry');
  });

  it('is the present and the span, in a header of version 2; a write without an end has version 1 [EX1, H1]', async () => {
    const state = await openTestState();
    const outcome = await write(state, { ttl: 60 });
    expect(outcome.ok && [outcome.commit.header.version, outcome.results[0]?.expires]).toEqual([2, EPOCH_MS + MINUTE]);
    const last = await write(state, { expires: MAX_WRITTEN_EXPIRY });
    expect(last.ok && last.results[0]?.expires).toBe(MAX_WRITTEN_EXPIRY);
    const plain = await write(state, {});
    expect(plain.ok && [plain.commit.header.version, plain.results[0]]).toEqual([
      1,
      expect.not.objectContaining({ expires: expect.anything() }),
    ]);
    expect(await count(state, 'end')).toBe(0);
  });
});
