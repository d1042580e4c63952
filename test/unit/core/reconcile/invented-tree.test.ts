import { describe, expect, it } from 'vitest';
import { findDifferences } from '../../../../src/core/reconcile/index.ts';
import { MAX_QUERIES, MAX_SESSION_KEYS } from '../../../../src/core/types/index.ts';
import type { Difference, SyncMessage } from '../../../../src/core/wire/index.ts';
import { createTestReplica } from '../replica/support.ts';

/** Claims that all sixteen children of everything asked about differ, each with sixteen children of its own. */
function invent(queries: Extract<SyncMessage, { type: 'digests' }>['queries'], round: number): Difference[] {
  return queries.flatMap(({ prefix, bits }) =>
    Array.from({ length: 16 }, (_, nibble) => {
      const child = new Uint8Array((bits + 4 + 7) >> 3);
      child.set(prefix);
      if (bits % 8 === 0) child[child.length - 1] = nibble << 4;
      else child[child.length - 1] = (child[child.length - 1] as number) | nibble;
      return {
        kind: 'children' as const,
        prefix: child,
        bits: bits + 4,
        bitmap: 0xffff,
        digests: new Uint8Array(16 * 16).fill(1 + (round % 255)),
      };
    }),
  );
}

describe('a descent with a peer that invents a tree', () => {
  it('keeps no more open subtrees than it may find keys [S8, L2]', () => {
    const { tree } = createTestReplica(1).replica;
    const search = findDifferences(tree, MAX_SESSION_KEYS);
    let asked = search.next();
    let named = 0;
    for (let round = 0; round < 40 && asked.done !== true; round++) {
      if (asked.value.type !== 'digests') throw new Error('not a descent');
      // Deep down it says that nothing differs, so that the search goes on elsewhere instead of ending.
      const differences = invent(
        asked.value.queries.filter(({ bits }) => bits <= 240),
        round,
      );
      named += 16 * differences.length;
      asked = search.next({ type: 'differences', differences });
    }
    expect(named).toBeGreaterThan(500_000);
    let open = 0;
    while (asked.done !== true) {
      if (asked.value.type !== 'digests') throw new Error('not a descent');
      expect(asked.value.queries.length).toBeLessThanOrEqual(MAX_QUERIES);
      open += asked.value.queries.length;
      asked = search.next({ type: 'differences', differences: [] });
    }
    expect(open).toBeLessThanOrEqual(MAX_SESSION_KEYS);
    expect(asked.value).toEqual({ keys: [], complete: false });
  });
});
