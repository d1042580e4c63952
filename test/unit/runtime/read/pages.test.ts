import { describe, expect, it } from 'vitest';
import { createReads } from '../../../../src/runtime/read/reads.ts';
import { EPOCH_MS, openTestState, put, readsOf, type TestState } from '../support.ts';

const MINUTE = 60_000;

/** Keys that end after a minute, in as many commits as they need. */
async function writeEnding(state: TestState, count: number): Promise<void> {
  const operations = Array.from({ length: count }, (_, i) => ({
    kind: 'put' as const,
    key: `ends/${String(i).padStart(5, '0')}`,
    value: i,
    expires: EPOCH_MS + MINUTE,
  }));
  const commits = Array.from({ length: Math.ceil(count / 250) }, (_, i) => operations.slice(i * 250, (i + 1) * 250));
  await Promise.all(commits.map((one) => state.writer.write({ operations: one })));
}

describe('a page', () => {
  it('looks at 10,000 keys, and has a cursor where more of them may come, also without an item [A4]', async () => {
    const state = await openTestState();
    await writeEnding(state, 10_000);
    await state.writer.write(put('a', 1));
    await state.writer.write(put('last', 2));
    await state.clock.advance(MINUTE);
    const { list } = readsOf(state);
    const first = await list({ limit: 5 });
    expect(first.items.map(({ key }) => key)).toEqual(['a']);
    expect(first.cursor).toBeDefined();
    const second = await list({ limit: 5, cursor: first.cursor ?? '' });
    expect(second.items.map(({ key }) => key)).toEqual(['last']);
    expect(second.cursor).toBeUndefined();
    const empty = await list({ prefix: 'ends/', limit: 5 });
    expect([empty.items, typeof empty.cursor]).toEqual([[], 'string']);
    expect(await list({ prefix: 'ends/', cursor: empty.cursor ?? '' })).toEqual({ items: [] });
  });

  it('judges what has ended by one moment [EX2]', async () => {
    const state = await openTestState();
    await writeEnding(state, 3);
    let now = EPOCH_MS + MINUTE - 1;
    const { list } = createReads({ ...state, now: () => now++ });
    expect((await list({})).items).toHaveLength(3);
    expect((await list({})).items).toHaveLength(0);
  });
});
