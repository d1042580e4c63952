import { expect, it } from 'vitest';
import { lastHlcAt } from '../../../../src/core/clock/index.ts';
import { createHidden } from '../../../../src/core/replica/hidden.ts';
import { decodeHidden } from '../../../../src/core/rows/index.ts';
import type { Sibling } from '../../../../src/core/types/index.ts';
import { fragmentToSiblings } from '../../../../src/core/wire/index.ts';
import { createTestReplica, hasher } from './support.ts';

const START = 1_700_000_000_000;
/** About what one small operation takes, row and memory. */
const ONE = 700;

/** What is hidden when keys are written twice, each time in another 10 s. */
function overwritten(keys: number, maxBytes: number) {
  const { put } = createTestReplica(1);
  const hidden = createHidden({ hasher, counts: () => true, maxBytes });
  const written = (i: number, ms: number): Sibling => fragmentToSiblings(put(`k/${i}`, ms, ms), hasher)[0] as Sibling;
  const before = Array.from({ length: keys }, (_, i) => written(i, START + i));
  for (const [i, one] of before.entries())
    hidden.hide({ key: `k/${i}`, siblings: [written(i, START + 60_000 + i)] }, [one]);
  return hidden;
}

it('beyond its room the oldest go, are told, and are no news once the floor has passed what superseded them [FL5]', () => {
  const hidden = overwritten(20, 10 * ONE);
  const { operations, keys } = hidden.beyond;
  expect(hidden.bytes).toBeLessThanOrEqual(10 * ONE);
  expect([operations > 0, hidden.size + operations]).toEqual([true, 20]);
  expect(keys).toEqual(Array.from({ length: operations }, (_, i) => `k/${i}`));
  const last = lastHlcAt(START + 90_000);
  hidden.pass(lastHlcAt(START + 30_000), last, 1_000);
  expect(hidden.beyond.operations).toBe(operations);
  hidden.pass(last, last, 1_000);
  expect([hidden.beyond, hidden.size, hidden.bytes]).toEqual([{ operations: 0, keys: [] }, 0, 0]);
});

it('goes on letting go of the oldest while more comes, and keeps just those that came last [FL5]', () => {
  const hidden = overwritten(200, 10 * ONE);
  const left = Array.from({ length: 200 }, (_, i) => `k/${i}`).filter((key) => hidden.of(key).length > 0);
  expect(left).toEqual(Array.from({ length: hidden.size }, (_, i) => `k/${200 - hidden.size + i}`));
  expect([hidden.size > 5, hidden.size + hidden.beyond.operations]).toEqual([true, 200]);
  // All of it goes when the floor passes, and there is room anew.
  hidden.pass(lastHlcAt(START + 90_000), lastHlcAt(START + 90_000), 1_000);
  expect([hidden.size, hidden.bytes]).toEqual([0, 0]);
});

it('its rows lead to their operations, and no row says anything else than it was written with [FL5]', () => {
  const rows = overwritten(2, 1e6).takeRows();
  expect(rows.map(({ type }) => type)).toEqual(['put', 'put']);
  const [first, second] = rows.flatMap((row) => (row.type === 'put' ? [row] : []));
  if (first === undefined || second === undefined) throw new Error('there are two rows');
  expect(decodeHidden(first.key, first.value, hasher).operation.key).toBe('k/0');
  expect(() => decodeHidden(first.key, second.value, hasher)).toThrow('another operation');
  for (let at = 0; at < first.value.length; at++) {
    const flipped = first.value.slice();
    flipped[at] = (flipped[at] as number) ^ 1;
    let read: Sibling | undefined;
    try {
      read = decodeHidden(first.key, flipped, hasher);
    } catch (error) {
      expect(error).toMatchObject({ code: 'damaged-row' });
    }
    // A signature that changed is found by the check of signatures.
    if (read !== undefined) expect(read.commit).toEqual(decodeHidden(first.key, first.value, hasher).commit);
  }
});
