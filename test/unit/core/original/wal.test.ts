import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nodeHasher } from '../../../../src/adapters/system/hasher.ts';
import { type OriginalValue, parseOriginalJson } from '../../../../src/core/original/json.ts';
import { originalRoot } from '../../../../src/core/original/root.ts';
import { parseWal } from '../../../../src/core/original/wal.ts';
import { followWal } from '../../../../src/core/original/wal-branches.ts';
import { originalData } from '../../../support/original-data.ts';
import { walText } from '../../../support/original-wal.ts';

const hasher = nodeHasher();
const stateOf = (value: object): ReadonlyMap<string, OriginalValue> =>
  parseOriginalJson(JSON.stringify(value)) as ReadonlyMap<string, OriginalValue>;
const plain = (state: ReadonlyMap<string, OriginalValue> | undefined): unknown => state && [...state.keys()];

describe('the write-ahead log of the original', () => {
  it('that goes on from the empty state is followed to its end, every root computed anew [I6]', () => {
    const text = walText({}, [
      ['PUT', 'a', 1],
      ['PUT', 'b', { x: 1.5, é: 'ü' }],
      ['DELETE', 'a'],
      ['PUT', 'b', 2],
    ]);
    const wal = parseWal(text);
    expect([wal.lines.length, wal.broken, wal.torn]).toEqual([8, [], false]);
    const history = followWal(wal.lines, [], hasher);
    expect(history.branches.map(({ from, check }) => [from, check.kind])).toEqual([
      [{ base: 'the empty state' }, 'verified'],
    ]);
    expect(plain(history.end?.state)).toEqual(['b']);
    expect(history.end?.root).toBe(originalRoot(stateOf({ b: 2 }), hasher));
    expect([history.everyRoot, history.unfinished, history.gaps]).toEqual([true, [], []]);
  });

  it('forks where a run began again from the snapshot, and its last branch is the state [I6]', () => {
    const base = { s: 0 };
    const text =
      walText(base, [['PUT', 'a', 1]]) +
      walText(
        base,
        [
          ['PUT', 'b', 1],
          ['PUT', 'c', 1],
        ],
        3,
      );
    const history = followWal(parseWal(text).lines, [{ name: 'snapshot.json', state: stateOf(base) }], hasher);
    expect(history.branches.map(({ from, lines, check }) => [from, lines.length, check.kind])).toEqual([
      [{ base: 'snapshot.json' }, 1, 'verified'],
      [{ base: 'snapshot.json' }, 2, 'verified'],
    ]);
    expect(plain(history.end?.state)).toEqual(['s', 'b', 'c']);
    expect(history.way.roots.has(originalRoot(stateOf(base), hasher))).toBe(true);
    expect(history.way.roots.has(originalRoot(stateOf({ s: 0, a: 1 }), hasher))).toBe(false);
  });

  it('may fork in the middle of an earlier run', () => {
    const first = walText({}, [
      ['PUT', 'a', 1],
      ['PUT', 'b', 1],
    ]);
    const second = walText({ a: 1 }, [['PUT', 'c', 1]], 5);
    const history = followWal(parseWal(first + second).lines, [], hasher);
    expect(history.branches.map(({ from, check }) => [from, check.kind])).toEqual([
      [{ base: 'the empty state' }, 'verified'],
      [{ line: 2 }, 'verified'],
    ]);
    expect(plain(history.end?.state)).toEqual(['a', 'c']);
  });

  it('with a changed value has a wrong root, and what goes on from there is not verified [I6]', () => {
    const text = walText({}, [
      ['PUT', 'a', 1],
      ['PUT', 'b', 1],
    ]).replaceAll('"a", "value": 1', '"a", "value": 2');
    const forked = text + walText({ a: 1 }, [['PUT', 'c', 1]], 5);
    const history = followWal(parseWal(forked).lines, [], hasher);
    expect(history.branches.map(({ check }) => check.kind)).toEqual(['wrong', 'unanchored']);
    expect(history.branches[0]?.check).toMatchObject({
      line: 2,
      stored: originalRoot(stateOf({ a: 1 }), hasher),
      computed: originalRoot(stateOf({ a: 2 }), hasher),
    });
    expect(history.end).toBeUndefined();
  });

  it('without the lines that its own begin from is unanchored, and missing numbers are named [I6]', () => {
    const lines = walText({}, [
      ['PUT', 'a', 1],
      ['PUT', 'b', 1],
      ['PUT', 'c', 1],
    ]).split('\n');
    const cut = [...lines.slice(0, 2), ...lines.slice(4)].join('\n');
    const history = followWal(parseWal(cut).lines, [], hasher);
    expect(history.branches.map(({ check }) => check.kind)).toEqual(['verified', 'unanchored']);
    expect(history.gaps).toEqual([{ line: 3, after: 2, next: 5 }]);
    expect(history.end).toBeUndefined();
  });

  it('names operations that were begun and never finished, and a last line that was cut', () => {
    const text = walText({}, [['PUT', 'a', 1]]);
    const begun = walText({ a: 1 }, [['PUT', 'b', 1]], 3).split('\n')[0] ?? '';
    const wal = parseWal(`${text}${begun}\n{"sequence_number": 4, "oper`);
    expect(wal.torn).toBe(true);
    const history = followWal(wal.lines, [], hasher);
    expect(history.unfinished.map(({ key, line }) => [key, line])).toEqual([['b', 3]]);
    expect(plain(history.end?.state)).toEqual(['a']);
  });

  it('names broken lines with line and column, and reads the others', () => {
    const text = walText({}, [['PUT', 'a', 1]]);
    const { broken, lines } = parseWal(`not JSON\n${text}[]\n{"operation":"BATCH"}\n${text}`);
    expect(lines.length).toBe(4);
    expect(broken).toEqual([
      { line: 1, reason: expect.stringContaining('line 1, column 1') as unknown },
      { line: 4, reason: 'line 4: not a JSON object' },
      { line: 5, reason: 'line 5: "operation" is neither PUT nor DELETE' },
    ]);
    expect(parseWal(`\n\n\n${'['.repeat(100_000)}\n${text}`).broken[0]?.reason).toContain('line 4, column');
  });

  it('of many operations over many keys is checked where it forks and ends', () => {
    const count = 6_000;
    const last = originalRoot(stateOf({ n: count - 1 }), hasher);
    const lines = Array.from({ length: count }, (_, i) => ({
      line: i + 1,
      sequence: i + 1,
      operation: 'PUT' as const,
      key: 'n',
      value: parseOriginalJson(String(i)),
      timestamp: 0,
      before: i === 0 ? 'empty' : `${i}`.padStart(64, '0'),
      after: i === count - 1 ? last : `${i + 1}`.padStart(64, '0'),
    }));
    const history = followWal(lines, [], hasher);
    expect([history.everyRoot, history.branches[0]?.check.kind, history.end?.root]).toEqual([false, 'verified', last]);
  });
});

describe.skipIf(originalData === undefined)('the real log of the original', () => {
  it("ends as it says from the snapshot that it began from (skipped without the original's files)", () => {
    const read = (name: string): string => readFileSync(new URL(name, originalData), 'utf8');
    const snapshot = JSON.parse(read('snapshot-6-keys.json')) as { state: object };
    const history = followWal(
      parseWal(read('wal.log')).lines,
      [{ name: 'snapshot', state: stateOf(snapshot.state) }],
      hasher,
    );
    expect(history.branches.map(({ check }) => check.kind)).toEqual(['verified']);
    expect(history.end?.state.size).toBe(7);
  });
});
