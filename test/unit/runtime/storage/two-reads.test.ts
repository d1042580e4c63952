import { beforeEach, describe, expect, it } from 'vitest';
import { STATE_META } from '../../../../src/core/replica/index.ts';
import { ATTESTED, encodeAttested, idempotencyKey } from '../../../../src/core/rows/index.ts';
import { type Bytes, equalBytes } from '../../../../src/core/types/index.ts';
import type { Store } from '../../../../src/ports/index.ts';
import { createIdempotency } from '../../../../src/runtime/commit/idempotency.ts';
import { openState } from '../../../../src/runtime/storage/startup.ts';
import { twoReads } from '../../../../src/runtime/storage/two-reads.ts';
import { createAuthor, createRandom, hasher, NETWORK, openTestState, put, type TestState } from '../support.ts';

let state: TestState;
let early: Bytes;

/** A store that answers one of the two ways with an older row, or with none, as LevelDB 1.20 may. */
function stale(way: 'by key' | 'by iteration', key: Bytes, older: Bytes | undefined): Store {
  const { store } = state;
  if (way === 'by key') return { ...store, get: async (asked) => (equalBytes(asked, key) ? older : store.get(asked)) };
  return {
    ...store,
    async *iterate(range) {
      for await (const rows of store.iterate(range))
        yield rows.flatMap(([found, value]): [Bytes, Bytes][] => {
          if (!equalBytes(found, key)) return [[found, value]];
          return older === undefined ? [] : [[found, older]];
        });
    },
  };
}
const WAYS = ['by key', 'by iteration'] as const;

beforeEach(async () => {
  state = await openTestState();
  await state.writer.write(put('a', 1));
  early = (await state.store.get(STATE_META)) as Bytes;
  await state.writer.write(put('a', 2));
});

const open = (store: Store) =>
  openState({
    store,
    hasher,
    random: createRandom(),
    network: NETWORK,
    self: createAuthor(1).author,
    isKnown: () => true,
    directory: '/state',
  });

describe.each(WAYS)('a store that answers with an older row %s', (way) => {
  it.each([
    ['an older state record', () => early],
    ['no state record', () => undefined],
  ])('starts in spite of %s [N14]', async (_, older) => {
    const { replica } = await open(stale(way, STATE_META, older()));
    expect(replica.meta).toMatchObject({ sequence: 2, root: state.replica.meta.root });
  });

  it.each([
    ['an earlier time', () => encodeAttested(10_000)],
    ['no time', () => undefined],
  ])('attests no time again for %s [N14]', async (_, older) => {
    await state.store.batch([{ type: 'put', key: ATTESTED, value: encodeAttested(20_000) }]);
    expect((await open(stale(way, ATTESTED, older()))).attested).toBe(20_000);
  });

  it('does not write twice under one idempotency key [N14]', async () => {
    const write = async (store: Store): Promise<unknown> => {
      const idempotency = createIdempotency({ store, hasher, clock: state.clock });
      return idempotency.once('once', [{ op: 'put', key: 'b', value: 1 }], async (rows) => {
        const outcome = await state.writer.write({ ...put('b', 1), ...(rows === undefined ? {} : { rows }) });
        if (!outcome.ok) throw outcome.error;
        return { commit: outcome.commit.id, hlc: '', results: [] };
      });
    };
    const first = await write(state.store);
    expect(await write(stale(way, idempotencyKey('once'), undefined))).toMatchObject({
      commit: (first as { commit: string }).commit,
      replayed: true,
    });
  });
});

it('two reads that agree give one value, and none where there is none', async () => {
  expect(await twoReads(state.store, STATE_META)).toHaveLength(1);
  expect(await twoReads(state.store, ATTESTED)).toEqual([]);
});
