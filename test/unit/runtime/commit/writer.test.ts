import { describe, expect, it } from 'vitest';
import { STATE_META, type WriteOutcome } from '../../../../src/core/replica/index.ts';
import { encodeStateMeta, keyToEntryKey } from '../../../../src/core/rows/index.ts';
import { bytesToHex, MAX_OPERATIONS } from '../../../../src/core/types/index.ts';
import { decodeEntry } from '../../../../src/core/wire/index.ts';
import {
  createAuthor,
  deferred,
  FOUND,
  hasher,
  openTestState,
  outcomeOf,
  put,
  puts,
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
