import { lastHlcAt, makeHlc, ZERO_HLC } from '../../../../src/core/clock/index.ts';
import type { FloorRules, Mortal } from '../../../../src/core/floor/index.ts';
import type { Author, Context, Dot, Hlc } from '../../../../src/core/types/index.ts';

export interface Op extends Mortal {
  readonly name: string;
}

export const authorOf = (digit: string): Author => digit.repeat(64) as Author;
export const at = (ms: number): Hlc => lastHlcAt(ms);

/** An operation at these ms, which has seen the others. */
export function op(
  name: string,
  author: Author,
  ms: number,
  seen: Context = [],
  more: Context = [],
  operation: Partial<Op['operation']> = {},
): Op {
  const context = [...seen, ...more]
    .filter((dot) => dot.author !== author)
    .map(({ author: by, hlc }): Dot => ({ author: by, hlc }))
    .sort((a, b) => (a.author < b.author ? -1 : 1));
  const commit = new TextEncoder().encode(name);
  return { name, commit, index: 0, author, hlc: makeHlc(ms, 0), operation: { kind: 'put', context, ...operation } };
}

export function rulesOf({
  gone = [],
  floor = 0,
  late = new Map(),
}: {
  readonly gone?: readonly Author[];
  readonly floor?: number;
  readonly late?: ReadonlyMap<string, number>;
} = {}): FloorRules {
  return {
    floor: floor === 0 ? ZERO_HLC : lastHlcAt(floor),
    counts: (author) => !gone.includes(author),
    periodMs: 10_000,
    lateFor: (one) => late.get((one as Op).name) ?? 0,
  };
}
