import { expect, it } from 'vitest';
import { ZERO_HLC } from '../../../../src/core/clock/index.ts';
import type { Fragment } from '../../../../src/core/types/index.ts';
import { createAuthor, EPOCH_MS, FOUND, gateStore, openTestState, put, type TestState } from '../support.ts';

const other = createAuthor(2);

/** As when writes open after a start. */
async function settle({ writer, replica, self }: TestState): Promise<void> {
  await writer.keep(() => replica.history.settle(ZERO_HLC, replica.seen(self.author)));
}

it('a node knows after a restart what it had made, and what it had not [N7, N16]', async () => {
  const store = gateStore();
  let state = await openTestState({ store });
  const former = state.self.commit({ key: 'of an earlier life' }, { ms: EPOCH_MS - 1_000 });
  await state.writer.apply(former, FOUND);
  await settle(state);
  const { commit } = (await state.writer.write(put('key', 1))) as { readonly commit: Fragment };
  const { author } = state.self;
  const context = [{ author, hlc: commit.header.hlc }];
  await state.writer.apply(other.commit({ key: 2 }, { ms: EPOCH_MS + 1_000, context }), FOUND);
  await state.writer.apply(other.commit({ key: 3 }, { ms: EPOCH_MS + 2_000 }), FOUND);

  state = await openTestState({ store });
  await settle(state);
  expect(await state.writer.apply(commit, FOUND)).toEqual(['old-news']);
  // From before the store knew its history: it is taken like any other, and it is older than nothing that is here.
  expect(await state.writer.apply(former, FOUND)).toEqual(['added']);
  expect(state.applied.flatMap(({ step }) => step.unmade)).toEqual([]);
  const clones = state.self.commit({ elsewhere: 1 }, { ms: EPOCH_MS + 3_000 });
  expect(await state.writer.apply(clones, FOUND)).toEqual(['added']);
  expect(state.applied.flatMap(({ step }) => step.unmade)).toEqual([clones.header.hlc]);
});
