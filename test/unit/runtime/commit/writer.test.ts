import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../../../src/adapters/store/index.ts';
import { type RowWrite, STATE_META, type WriteOutcome } from '../../../../src/core/replica/index.ts';
import { encodeStateMeta, keyToEntryKey, metaKey } from '../../../../src/core/rows/index.ts';
import { type Bytes, bytesToHex, equalBytes, MAX_OPERATIONS } from '../../../../src/core/types/index.ts';
import { decodeEntry, pickOperations } from '../../../../src/core/wire/index.ts';
import type { Origin } from '../../../../src/runtime/commit/origin.ts';
import {
  createAuthor,
  deferred,
  FOUND,
  type GatedStore,
  gateStore,
  hasher,
  type LogLine,
  openTestState,
  outcomeOf,
  put,
  puts,
  recordingLog,
  type TestState,
  turns,
  until,
} from '../support.ts';

/** A batch takes 2,048 operations, and half as many more are worth preparing while it is on its way. */
const full = (state: TestState, name: string, operations: number): Promise<WriteOutcome>[] =>
  Array.from({ length: operations / MAX_OPERATIONS }, (_, i) =>
    state.writer.write(puts(`${name}/${i}`, MAX_OPERATIONS)),
  );

function ok(outcome: WriteOutcome): Extract<WriteOutcome, { ok: true }> {
  if (!outcome.ok) throw outcome.error;
  return outcome;
}

/** A store that holds a full batch, with the next step prepared behind it. */
async function withStepAhead(
  state: TestState,
  signed: () => number,
): Promise<{ first: Promise<unknown>; ahead: Promise<WriteOutcome>[] }> {
  state.store.hold();
  const before = signed();
  const first = Promise.all(full(state, 'first', 2048));
  const ahead = full(state, 'ahead', 1024);
  await until('both steps are prepared', () => signed() === before + 12);
  await until('the first batch is on its way', () => state.store.held.length === 1);
  return { first, ahead };
}

async function openCounted(): Promise<{ state: TestState; signed: () => number }> {
  const { sign } = createAuthor(1);
  let signatures = 0;
  const state = await openTestState({
    sign: (message) => {
      signatures++;
      return sign(message);
    },
  });
  return { state, signed: () => signatures };
}

const storedState = async (state: TestState): Promise<string | undefined> => {
  const meta = await state.store.get(STATE_META);
  return meta === undefined ? undefined : bytesToHex(meta);
};

describe('the writer', () => {
  it('has one batch on its way at a time, and acknowledges in the order of application [D3]', async () => {
    const { state, signed } = await openCounted();
    const order: string[] = [];
    const { first, ahead } = await withStepAhead(state, signed);
    void first.then(() => order.push('first'));
    ahead.forEach((write, i) => void write.then(() => order.push(`ahead ${i}`)));
    const late = state.writer.apply(createAuthor(2).commit({ late: 1 }), FOUND).then(() => order.push('late'));
    await turns();
    expect(state.store.batches).toBe(1);
    state.store.held.shift()?.release();
    await until('the second batch is on its way', () => state.store.batches === 2);
    await turns();
    expect(order).toEqual(['first']);
    expect(state.store.held).toHaveLength(1);
    state.store.open();
    await late;
    expect(order).toEqual(['first', 'ahead 0', 'ahead 1', 'ahead 2', 'ahead 3', 'late']);
    expect(state.applied.map((a) => a.step.sequence)).toEqual([1, 2, 3]);
  });

  it('neither shows nor acknowledges a step that is prepared ahead before its own batch is durable [D3, D4]', async () => {
    const { state, signed } = await openCounted();
    const { first, ahead } = await withStepAhead(state, signed);
    const acknowledged = ahead.map(outcomeOf);
    // Enough to be prepared too, were it not for the reader.
    const behind = full(state, 'behind', 1024);
    const read = state.writer.read(() => ({ size: state.replica.tree.size, applied: state.applied.length }));
    const reading = outcomeOf(read);
    state.store.held.shift()?.release();
    await first;
    await until('the second batch is on its way', () => state.store.batches === 2);
    await turns();
    expect(state.applied).toHaveLength(1);
    expect(acknowledged.map((a) => a.state)).toEqual(['pending', 'pending', 'pending', 'pending']);
    expect(reading.state).toBe('pending');
    state.store.open();
    expect(await read).toEqual({ size: 2048 + 1024, applied: 2 });
    expect((await Promise.all([...ahead, ...behind])).every((outcome) => outcome.ok)).toBe(true);
  });

  it('lets readers see the tree and the store of one durable moment only [D3]', async () => {
    const state = await openTestState();
    await state.writer.write(put('a', 1));
    state.store.hold();
    const write = state.writer.write(put('a', 2));
    await until('the batch is on its way', () => state.store.held.length === 1);
    const seen = state.writer.read(async () => ({
      stored: await storedState(state),
      tree: bytesToHex(encodeStateMeta(state.replica.meta)),
    }));
    const reading = outcomeOf(seen);
    await turns();
    expect(reading.state).toBe('pending');
    state.store.open();
    await write;
    const { stored, tree } = await seen;
    expect(stored).toBe(tree);
  });

  it('starts no batch while a reader still reads', async () => {
    const state = await openTestState();
    const pause = deferred<void>();
    const read = state.writer.read(() => pause.promise);
    const write = state.writer.write(put('a', 1));
    await turns();
    expect(state.store.batches).toBe(0);
    pause.resolve();
    await read;
    await write;
    expect(state.store.batches).toBe(1);
  });

  it('fails everything after the first failure, and says so once [D3, N9]', async () => {
    const { state, signed } = await openCounted();
    await state.writer.write(put('held', 0));
    const before = await storedState(state);
    const { first, ahead } = await withStepAhead(state, signed);
    const queued = state.writer.write(put('queued', 1));
    const outcomes = [first, ...ahead, queued].map(outcomeOf);
    const batches = state.store.batches;
    state.store.held.shift()?.fail();
    await until('all are answered', () => outcomes.every((o) => o.state !== 'pending'));
    expect(new Set(outcomes.map((o) => `${o.state} ${o.code}`))).toEqual(new Set(['rejected store-write-failed']));
    await expect(state.writer.write(put('later', 1))).rejects.toMatchObject({ code: 'store-write-failed' });
    await expect(state.writer.apply(createAuthor(2).commit({ later: 1 }), FOUND)).rejects.toMatchObject({
      code: 'store-write-failed',
    });
    expect(state.fatal).toHaveLength(1);
    expect(state.store.batches).toBe(batches);
    expect(await storedState(state)).toBe(before);
    expect(state.applied).toHaveLength(1);
  });

  it('acknowledges the batch before the one that failed', async () => {
    const { state, signed } = await openCounted();
    const { first, ahead } = await withStepAhead(state, signed);
    state.store.held.shift()?.release();
    await first;
    expect(state.applied).toHaveLength(1);
    await until('the second batch is on its way', () => state.store.held.length === 1);
    state.store.held.shift()?.fail();
    for (const write of ahead) await expect(write).rejects.toMatchObject({ code: 'store-write-failed' });
  });

  it('shows nobody the step that failed: after a failure no reader sees the tree [D3]', async () => {
    const state = await openTestState();
    state.store.hold();
    const write = outcomeOf(state.writer.write(put('a', 1)));
    await until('the batch is on its way', () => state.store.held.length === 1);
    const waiting = outcomeOf(state.writer.read(() => state.replica.tree.size));
    state.store.held.shift()?.fail();
    await until('the write has failed', () => write.state === 'rejected');
    await expect(state.writer.read(() => state.replica.tree.size)).rejects.toMatchObject({
      code: 'store-write-failed',
    });
    expect(waiting).toEqual({ state: 'rejected', code: 'store-write-failed' });
  });

  it('takes 16,384 waiting operations, and tells whoever comes next that it is overloaded [L2]', async () => {
    const state = await openTestState();
    const writes = Array.from({ length: 64 }, (_, i) => state.writer.write(puts(`${i}`, MAX_OPERATIONS)));
    expect(state.writer.queued).toBe(16_384);
    const refused = [state.writer.write(put('one', 1)), state.writer.apply(createAuthor(2).commit({ one: 1 }), FOUND)];
    for (const more of refused) await expect(more).rejects.toMatchObject({ code: 'overloaded' });
    expect((await Promise.all(writes)).every((outcome) => outcome.ok)).toBe(true);
    expect(state.writer.queued).toBe(0);
    expect((await state.writer.write(put('one', 1))).ok).toBe(true);
    // At most 2,048 operations a batch.
    expect(Math.max(...state.applied.map((a) => a.step.changed.length))).toBe(2048);
  });

  it('drains: what waits becomes durable, what comes later is refused', async () => {
    const state = await openTestState();
    state.store.hold();
    const first = outcomeOf(state.writer.write(put('a', 1)));
    const second = outcomeOf(state.writer.write(put('b', 1)));
    await until('a batch is on its way', () => state.store.held.length === 1);
    const drained = outcomeOf(state.writer.drain());
    await expect(state.writer.write(put('c', 1))).rejects.toMatchObject({ code: 'stopping' });
    await turns();
    expect(drained.state).toBe('pending');
    state.store.open();
    await until('it is drained', () => drained.state === 'fulfilled');
    expect([first.state, second.state]).toEqual(['fulfilled', 'fulfilled']);
    expect(await state.store.get(keyToEntryKey('b', hasher))).toBeDefined();
    expect(await state.store.get(keyToEntryKey('c', hasher))).toBeUndefined();
  });
});

describe('a step that is prepared while the one before is on its way', () => {
  it('has seen what that one wrote: contexts cover it [R5, R8]', async () => {
    const state = await openTestState();
    const other = createAuthor(2);
    const commit = other.commit({ shared: 'theirs' });
    state.store.hold();
    const batches = state.store.batches;
    const first = state.writer.apply(commit, FOUND);
    const filler = [...full(state, 'first', 2048), ...full(state, 'ahead', 1024)];
    const second = state.writer.write(put('shared', 'ours'));
    await until('the next step is prepared', () => state.writer.queued === 0);
    await turns();
    expect(state.store.batches).toBe(batches + 1);
    state.store.open();
    await Promise.all([first, ...filler]);
    const made = ok(await second);
    expect(made.results[0]?.created).toBe(false);
    const operation = made.commit.operations.find((o) => o.operation.key === 'shared')?.operation;
    expect(operation?.context).toEqual([{ author: other.author, hlc: commit.header.hlc }]);
    const entry = decodeEntry((await state.store.get(keyToEntryKey('shared', hasher))) as Uint8Array, 'shared');
    expect(entry.siblings.map((s) => s.operation.value)).toEqual(['ours']);
  });

  it('is checked against what that one wrote: If-Match and If-None-Match see it [A3]', async () => {
    const state = await openTestState();
    await state.writer.apply(createAuthor(2).commit({ shared: 0 }), FOUND);
    const commit = createAuthor(3).commit({ shared: 1, fresh: 1 });
    const before = createAuthor(2).commit({ shared: 0 });
    state.store.hold();
    const batches = state.store.batches;
    const first = state.writer.apply(commit, FOUND);
    const filler = [...full(state, 'first', 2048), ...full(state, 'ahead', 1024)];
    const stale = state.writer.write(put('shared', 2, { ifMatch: `${before.id}.0` }));
    const exists = state.writer.write(put('fresh', 2, { ifNoneMatch: '*' }));
    const right = state.writer.write(put('shared', 2, { ifMatch: `${commit.id}.0` }));
    await until('the next step is prepared', () => state.writer.queued === 0);
    await turns();
    expect(state.store.batches).toBe(batches + 1);
    state.store.open();
    await Promise.all([first, ...filler]);
    expect([await stale, await exists].map((o) => (o.ok ? 'ok' : o.error.code))).toEqual([
      'precondition-failed',
      'precondition-failed',
    ]);
    expect((await right).ok).toBe(true);
  });

  it('loses none of many writes to one key: each has seen the one before [R8, D4]', async () => {
    const state = await openTestState();
    state.store.hold();
    // Two full batches and a rest.
    const writes = Array.from({ length: 4500 }, (_, i) => state.writer.write(put('counter', i)));
    await until('the first batch is on its way', () => state.store.held.length === 1);
    state.store.open();
    const commits = (await Promise.all(writes)).map((outcome) => ok(outcome).commit.header.hlc);
    expect(new Set(commits).size).toBe(4500);
    expect(commits).toEqual([...commits].sort((a, b) => (a < b ? -1 : 1)));
    const entry = decodeEntry((await state.store.get(keyToEntryKey('counter', hasher))) as Uint8Array, 'counter');
    expect(entry.siblings.map((s) => s.operation.value)).toEqual([4499]);
  });
});

const row = (name: string, value = 1): RowWrite => ({ type: 'put', key: metaKey(name), value: Uint8Array.of(value) });

/** A store that tells what its batches put: names of own rows, and `step` for what a step writes. */
function toldStore(): { readonly store: GatedStore; readonly told: string[] } {
  const told: string[] = [];
  const inner = createMemoryStore();
  const nameOf = (key: Bytes): string =>
    equalBytes(key, STATE_META) ? 'step' : Buffer.from(key.subarray(1)).toString();
  const store = gateStore({
    ...inner,
    async batch(operations) {
      await inner.batch(operations);
      const names = operations.map(({ key }) => nameOf(key));
      told.push(names.includes('step') ? 'step' : names.join());
    },
  });
  return { store, told };
}

describe('who is told of a durable batch', () => {
  const broken = (): never => {
    throw new Error('the listener broke');
  };

  it('takes nothing back by throwing: callers are answered, and the writer goes on [D3]', async () => {
    const lines: LogLine[] = [];
    const state = await openTestState({ onApplied: broken, log: recordingLog(lines) });
    const made = ok(await state.writer.write(put('a', 1)));
    expect(await state.writer.apply(createAuthor(2).commit({ b: 1 }), FOUND)).toEqual(['added']);
    expect((await state.writer.write(put('a', 2, { ifMatch: made.results[0]?.version as string }))).ok).toBe(true);
    expect(await state.writer.read(() => state.replica.tree.size)).toBe(2);
    expect(await storedState(state)).toBe(bytesToHex(encodeStateMeta(state.replica.meta)));
    expect(state.fatal).toEqual([]);
    expect(lines).toEqual(
      [1, 2, 3].map((sequence) => ({
        level: 'error',
        fields: { err: expect.objectContaining({ message: 'the listener broke' }) as unknown, sequence },
        message: 'a durable batch was not told on',
      })),
    );
  });

  it('takes nothing back by throwing over a step that changed nothing', async () => {
    const lines: LogLine[] = [];
    const state = await openTestState({ onUnchanged: broken, log: recordingLog(lines) });
    const commit = createAuthor(2).commit({ a: 1 });
    await state.writer.apply(commit, FOUND);
    expect(await state.writer.apply(commit, FOUND)).toEqual(['held']);
    expect((await state.writer.write(put('b', 1))).ok).toBe(true);
    expect([state.fatal, lines.length]).toEqual([[], 1]);
  });

  it('learns where each fragment came from and what became of it, before its caller is answered', async () => {
    const friend = createAuthor(2);
    const unchanged: unknown[] = [];
    const told = ({ taken }: TestState['applied'][number]) =>
      taken.map(({ fragment, origin, outcomes }) => [fragment.id, origin, outcomes]);
    const state = await openTestState({ onUnchanged: (applied) => unchanged.push(told(applied)) });
    const live: Origin = { lung: 'p2p', peer: friend.author, live: true };
    const [first, second] = [friend.commit({ a: 1 }), friend.commit({ b: 1, c: 1 })];
    let before: number | undefined;
    const answered = state.writer.apply(first, live).then(() => (before = state.applied.length));
    await Promise.all([
      answered,
      state.writer.apply(pickOperations(second, [1], hasher), FOUND),
      state.writer.write(put('own', 1)),
    ]);
    expect(before).toBe(1);
    expect(state.applied.map(told)).toEqual([
      [
        [first.id, live, ['added']],
        [second.id, FOUND, ['added']],
      ],
    ]);
    await state.writer.apply(first, FOUND);
    expect(unchanged).toEqual([[[first.id, FOUND, ['held']]]]);
    expect(state.applied[0]?.amended).toBe(false);
  });
});

describe('rows that belong to no commit', () => {
  it('become durable in batches of their own, in the order in which they came, and are told then', async () => {
    const { store, told } = toldStore();
    const state = await openTestState({ store });
    store.hold();
    const written = state.writer.write(put('a', 1));
    const kept = ['one', 'two', 'three'].map((name) => state.writer.keep(() => [row(name), row(`${name}+`)]));
    const standing = kept.map(outcomeOf);
    await until('the step is on its way', () => store.held.length === 1);
    await turns();
    expect([told, standing.map(({ state: how }) => how)]).toEqual([[], ['pending', 'pending', 'pending']]);
    store.held.shift()?.release();
    await written;
    await until('the first rows are on their way', () => store.held.length === 1);
    await turns();
    expect(standing.map(({ state: how }) => how)).toEqual(['pending', 'pending', 'pending']);
    store.held.shift()?.release();
    await kept[0];
    expect(standing[1]?.state).toBe('pending');
    store.open();
    await Promise.all(kept);
    expect(told).toEqual(['step', 'one,one+', 'two,two+', 'three,three+']);
    expect(await store.get(metaKey('three'))).toEqual(Uint8Array.of(1));
    expect(state.applied).toHaveLength(1);
  });

  it('are made while tree and store agree, with no batch on its way', async () => {
    const { state, signed } = await openCounted();
    const seen: unknown[] = [];
    const { first, ahead } = await withStepAhead(state, signed);
    const behind = full(state, 'behind', 1024);
    const kept = ['x', 'y'].map((name) =>
      state.writer.keep(() => {
        seen.push([state.store.held.length, state.applied.at(-1)?.step.meta.sequence === state.replica.meta.sequence]);
        return [row(name)];
      }),
    );
    await turns();
    expect(seen).toEqual([]);
    while (seen.length < 2) {
      state.store.held.shift()?.release();
      await turns();
    }
    state.store.open();
    await Promise.all([first, ...ahead, ...behind, ...kept]);
    expect(seen).toEqual([
      [0, true],
      [0, true],
    ]);
  });

  it('have their turn between full batches of live work', async () => {
    const { store, told } = toldStore();
    const state = await openTestState({ store });
    const writes = full(state, 'busy', 8192);
    await Promise.all([...writes, state.writer.keep(() => [row('kept')])]);
    expect(told).toEqual(['step', 'kept', 'step', 'step', 'step']);
  });

  it('cost no batch when there are none', async () => {
    const state = await openTestState();
    await state.writer.keep(() => []);
    expect(state.store.batches).toBe(0);
  });

  it('that cannot be made fail who asked for them, and nobody else', async () => {
    const state = await openTestState();
    const calls = [
      state.writer.keep(() => {
        throw new Error('no rows');
      }),
      state.writer.keep(() => [row('kept')]),
      state.writer.write(put('a', 1)),
    ] as const;
    await expect(calls[0]).rejects.toThrow('no rows');
    await calls[1];
    expect((await calls[2]).ok).toBe(true);
    expect(await state.store.get(metaKey('kept'))).toBeDefined();
    expect(state.fatal).toEqual([]);
  });

  it('that the store does not take fail everything [D3, N9]', async () => {
    const state = await openTestState();
    state.store.hold();
    const kept = outcomeOf(state.writer.keep(() => [row('kept')]));
    await until('the rows are on their way', () => state.store.held.length === 1);
    const others = [
      state.writer.keep(() => [row('later')]),
      state.writer.write(put('a', 1)),
      state.writer.read(() => 1),
    ].map(outcomeOf);
    state.store.held.shift()?.fail();
    await until('all are answered', () => [kept, ...others].every((one) => one.state !== 'pending'));
    expect([kept, ...others].map(({ code }) => code)).toEqual(Array.from({ length: 4 }, () => 'store-write-failed'));
    await expect(state.writer.keep(() => [row('later')])).rejects.toMatchObject({ code: 'store-write-failed' });
    expect([state.fatal.length, state.store.batches]).toEqual([1, 1]);
  });

  it('wait in a bounded number, and whoever comes next is told that it is overloaded [L2]', async () => {
    const state = await openTestState();
    state.store.hold();
    const first = state.writer.keep(() => [row('first')]);
    await until('the first are on their way', () => state.store.held.length === 1);
    const waiting = Array.from({ length: 64 }, (_, i) => state.writer.keep(() => [row(`${i}`)]));
    const standing = waiting.map(outcomeOf);
    await expect(state.writer.keep(() => [row('late')])).rejects.toMatchObject({ code: 'overloaded' });
    await turns();
    expect(new Set(standing.map((one) => one.state))).toEqual(new Set(['pending']));
    state.store.open();
    await Promise.all([first, ...waiting]);
    await state.writer.keep(() => [row('late')]);
    expect(await state.store.get(metaKey('late'))).toBeDefined();
  });
});

describe('draining', () => {
  it('writes the last rows as the very last batch, and makes them then', async () => {
    const { store, told } = toldStore();
    const state = await openTestState({ store });
    store.hold();
    const queued = [
      state.writer.write(put('a', 1)),
      state.writer.keep(() => [row('one')]),
      state.writer.keep(() => [row('two')]),
      state.writer.apply(createAuthor(2).commit({ b: 1 }), FOUND),
    ];
    let madeAt: readonly string[] | undefined;
    const drained = outcomeOf(
      state.writer.drain(() => {
        madeAt = [...told];
        return [row('last')];
      }),
    );
    await expect(state.writer.keep(() => [row('late')])).rejects.toMatchObject({ code: 'stopping' });
    await turns();
    expect(madeAt).toBeUndefined();
    store.open();
    await Promise.all(queued);
    await until('it is drained', () => drained.state === 'fulfilled');
    expect(told).toEqual(['step', 'one', 'two', 'last']);
    expect(madeAt).toEqual(['step', 'one', 'two']);
    expect(await store.get(metaKey('last'))).toBeDefined();
  });

  it('writes them when nothing is queued, and waits for the disk', async () => {
    const { store, told } = toldStore();
    const state = await openTestState({ store });
    store.hold();
    const drained = outcomeOf(state.writer.drain(() => [row('last')]));
    await until('the rows are on their way', () => store.held.length === 1);
    await turns();
    expect(drained.state).toBe('pending');
    store.open();
    await until('it is drained', () => drained.state === 'fulfilled');
    expect(told).toEqual(['last']);
  });

  it('rejects when the last rows cannot be made, or the store does not take them', async () => {
    const one = await openTestState();
    const unmade = one.writer.drain(() => {
      throw new Error('no rows');
    });
    await expect(unmade).rejects.toThrow('no rows');
    const two = await openTestState();
    two.store.hold();
    const drained = outcomeOf(two.writer.drain(() => [row('last')]));
    await until('the rows are on their way', () => two.store.held.length === 1);
    two.store.held.shift()?.fail();
    await until('it has failed', () => drained.state === 'rejected');
    expect(drained.code).toBe('store-write-failed');
  });

  it('writes no last rows once a batch has failed', async () => {
    const state = await openTestState();
    state.store.hold();
    const write = outcomeOf(state.writer.write(put('a', 1)));
    await until('the batch is on its way', () => state.store.held.length === 1);
    state.store.held.shift()?.fail();
    await until('it has failed', () => write.state === 'rejected');
    await state.writer.drain(() => [row('last')]);
    expect(state.store.batches).toBe(1);
  });
});
