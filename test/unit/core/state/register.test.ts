import { describe, expect, it } from 'vitest';
import { contextOf, covers, mergeSibling, supersedes } from '../../../../src/core/state/index.ts';
import type { Author, Context, Entry, Hlc, Sibling } from '../../../../src/core/types/index.ts';

const author = (n: number): Author => String(n).padStart(64, '0') as Author;
const hlc = (n: number): Hlc => BigInt(n) as Hlc;

function sibling(by: number, at: number, context: Context = [], commit = at): Sibling {
  return {
    commit: new Uint8Array(32).fill(commit),
    index: 0,
    author: author(by),
    hlc: hlc(at),
    operation: { kind: 'put', key: 'k', value: at, context },
    operationBytes: new Uint8Array(),
    headerBytes: new Uint8Array(),
    signature: new Uint8Array(),
    proof: new Uint8Array(),
  };
}
const saw = (by: number, at: number) => ({ author: author(by), hlc: hlc(at) });
const merged = (...siblings: Sibling[]): Entry =>
  siblings.reduce<Entry | undefined>((e, s) => mergeSibling(e, s).entry, undefined) as Entry;

describe('supersedes', () => {
  it('a context covers every dot of its author up to its own [R1]', () => {
    const context = [saw(1, 5)];
    expect([4, 5, 6].map((at) => covers(context, author(1), hlc(at)))).toEqual([true, true, false]);
    expect(covers(context, author(2), hlc(1))).toBe(false);
  });

  it('a later operation of the same author replaces the earlier one [R1]', () => {
    expect(supersedes(sibling(1, 2), sibling(1, 1))).toBe(true);
    expect(supersedes(sibling(1, 1), sibling(1, 2))).toBe(false);
  });

  it('a greater clock alone replaces nothing of another author', () => {
    expect(supersedes(sibling(1, 9), sibling(2, 1))).toBe(false);
    expect(supersedes(sibling(1, 9, [saw(2, 1)]), sibling(2, 1))).toBe(true);
  });

  it('two commits of one author with one HLC are decided by the commit id, whichever comes first [R2]', () => {
    const [low, high] = [sibling(1, 5, [], 1), sibling(1, 5, [], 2)];
    expect(merged(low, high).siblings).toEqual([high]);
    expect(merged(high, low).siblings).toEqual([high]);
  });
});

describe('mergeSibling', () => {
  it('says held for what is there and superseded for what is not shown any more', () => {
    const entry = merged(sibling(1, 1), sibling(2, 5, [saw(1, 1)]));
    expect(mergeSibling(entry, sibling(2, 5, [saw(1, 1)])).outcome).toBe('held');
    expect(mergeSibling(entry, sibling(1, 1)).outcome).toBe('superseded');
    expect(mergeSibling(entry, sibling(1, 2)).outcome).toBe('added');
  });

  it('shows the greatest (hlc, author, commit) first [R4]', () => {
    expect(merged(sibling(1, 3), sibling(2, 3, [], 8), sibling(3, 1)).siblings.map((s) => s.author)).toEqual([
      author(2),
      author(1),
      author(3),
    ]);
  });

  it('leaves the entry given as it was', () => {
    const entry = merged(sibling(1, 1));
    mergeSibling(entry, sibling(2, 2, [saw(1, 1)]));
    expect(entry.siblings).toHaveLength(1);
  });
});

const all = (): boolean => true;

describe('contextOf', () => {
  it("merges the siblings' dots with their contexts, sorted, own dots implied [R5]", () => {
    const entry = merged(sibling(3, 7, [saw(1, 2), saw(4, 1)]), sibling(2, 9, [saw(1, 5)]));
    expect(contextOf(entry, author(4), all)).toEqual([saw(1, 5), saw(2, 9), saw(3, 7)]);
    expect(contextOf(entry, author(2), all)).toEqual([saw(1, 5), saw(3, 7), saw(4, 1)]);
    expect(contextOf(undefined, author(1), all)).toEqual([]);
  });

  it("puts a single sibling's dot in its place among those of its context, less own dots and those that do not count [R5]", () => {
    const entry = (by: number) => merged(sibling(by, 7, [saw(2, 5), saw(4, 6)]));
    expect(contextOf(entry(1), author(9), all)).toEqual([saw(1, 7), saw(2, 5), saw(4, 6)]);
    expect(contextOf(entry(3), author(9), all)).toEqual([saw(2, 5), saw(3, 7), saw(4, 6)]);
    expect(contextOf(entry(5), author(9), all)).toEqual([saw(2, 5), saw(4, 6), saw(5, 7)]);
    expect(contextOf(entry(3), author(4), all)).toEqual([saw(2, 5), saw(3, 7)]);
    expect(contextOf(entry(3), author(3), all)).toEqual([saw(2, 5), saw(4, 6)]);
    expect(contextOf(entry(3), author(9), (a) => a === author(2))).toEqual([saw(2, 5), saw(3, 7)]);
  });

  it('keeps within the bound of the wire: the dots of siblings, then the newest of the others [R5, O2]', () => {
    const others = Array.from({ length: 256 }, (_, i) => saw(100 + i, 1_000 + i));
    const one = contextOf(merged(sibling(1, 5_000, others)), author(999), all);
    expect(one).toHaveLength(256);
    expect(one).toContainEqual(saw(1, 5_000));
    expect(one).not.toContainEqual(saw(100, 1_000));
    const two = contextOf(merged(sibling(1, 5_000, others), sibling(2, 3)), author(999), all);
    expect(two).toHaveLength(256);
    expect(two.slice(0, 2)).toEqual([saw(1, 5_000), saw(2, 3)]);
    expect(two[2]).toEqual(saw(102, 1_002));
  });

  it('takes over no dots of authors that do not count, but keeps those of siblings: invented authors cannot fill a context', () => {
    const entry = merged(sibling(3, 7, [saw(1, 2), saw(8, 1)]), sibling(9, 4));
    expect(contextOf(entry, author(2), (a) => a !== author(8) && a !== author(9))).toEqual([
      saw(1, 2),
      saw(3, 7),
      saw(9, 4),
    ]);
  });
});
