import { expect, it } from 'vitest';
import { checkEvidence } from '../../../../src/core/state/index.ts';
import { createContradictions } from '../../../../src/runtime/commit/contradictions.ts';
import {
  createAuthor,
  EPOCH_MS,
  FOUND,
  hasher,
  type LogLine,
  NETWORK,
  openTestState,
  recordingLog,
} from '../support.ts';

const liar = createAuthor(2);
const other = createAuthor(3);

it('an author that contradicts itself is named, with both commits, bounded for each author [R10]', async () => {
  const lines: LogLine[] = [];
  const book = createContradictions({ hasher, log: recordingLog(lines) });
  const state = await openTestState({
    onApplied: ({ step }) => book.note(step.contradictions),
    onUnchanged: ({ step }) => book.note(step.contradictions),
  });
  for (let n = 0; n < 6; n++) {
    const key = `key/${n}`;
    const replaced = other.commit({ [key]: 1 }, { ms: EPOCH_MS });
    const context = [{ author: other.author, hlc: replaced.header.hlc }];
    await state.writer.apply(replaced, FOUND);
    const earlier = liar.commit({ [key]: 2 }, { ms: EPOCH_MS + 1_000 + n, context });
    const later = liar.commit({ [key]: 3 }, { ms: EPOCH_MS + 2_000 + n });
    // In either order of arrival.
    for (const one of n % 2 === 0 ? [earlier, later] : [later, earlier]) await state.writer.apply(one, FOUND);
  }
  expect(book.warnings()).toEqual([
    { code: 'contradicting-commits', text: expect.stringContaining(liar.author) as string },
  ]);
  expect([book.of(liar.author).length, book.of(other.author).length, lines.length]).toEqual([4, 0, 4]);
  for (const { kind, fragments } of book.of(liar.author)) {
    const evidence = checkEvidence(fragments, { network: NETWORK, hasher, isTrusted: () => true });
    expect([evidence.kind, evidence.author]).toEqual([kind, liar.author]);
  }
});
