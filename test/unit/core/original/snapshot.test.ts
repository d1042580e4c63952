import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type OriginalValue, originalJsonText, parseOriginalJson } from '../../../../src/core/original/json.ts';
import { originalRoot } from '../../../../src/core/original/root.ts';
import { type RefusedEntry, readOriginalSnapshot } from '../../../../src/core/original/snapshot.ts';
import { type Hasher, LatticeError } from '../../../../src/core/types/index.ts';
import { originalData } from '../../../support/original-data.ts';

const hasher: Hasher = {
  hash: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  hashInto: (bytes, out, offset) => out.set(createHash('sha256').update(bytes).digest(), offset),
  running() {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) };
  },
};
const fixture = (name: string): string =>
  readFileSync(new URL(`../../../fixtures/original/${name}`, import.meta.url), 'utf8');

function rootOf(state: string): string {
  return originalRoot(parseOriginalJson(state) as ReadonlyMap<string, OriginalValue>, hasher);
}

function errorOf(run: () => unknown): LatticeError {
  try {
    run();
  } catch (error) {
    if (error instanceof LatticeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('legacy root', () => {
  const { roots } = JSON.parse(fixture('roots.json')) as { roots: { state: string; root: string }[] };
  it.each(roots)('of $state is what CPython computes [I1]', ({ state, root }) => {
    expect(rootOf(state)).toBe(root);
  });

  it('depends on how a number is written', () => {
    expect(rootOf('{"a":1}')).not.toBe(rootOf('{"a":1.0}'));
    expect(rootOf('{"a":9007199254740993}')).not.toBe(rootOf('{"a":9007199254740992}'));
  });

  it('does not depend on the order of keys of the state, but on that of keys in values [I1]', () => {
    expect(rootOf('{"a":1,"b":2}')).toBe(rootOf('{"b":2,"a":1}'));
    expect(rootOf('{"a":{"x":1,"y":2}}')).not.toBe(rootOf('{"a":{"y":2,"x":1}}'));
  });
});

describe('legacy JSON', () => {
  it('reads its own text back to the same text', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const once = originalJsonText(parseOriginalJson(text));
        expect(originalJsonText(parseOriginalJson(once))).toBe(once);
        expect(JSON.parse(once)).toEqual(JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  it('refuses whatever is not JSON with one kind of error', () => {
    const bad = [
      '',
      '{',
      '[1,]',
      '{"a"}',
      '{"a":1,}',
      '{a:1}',
      '01',
      '1.',
      '.5',
      '+1',
      '1e',
      '"\n"',
      '"\\x41"',
      '"\\u12g4"',
      '"open',
      '1 2',
      'nul',
      '-',
    ];
    for (const text of bad) expect(errorOf(() => parseOriginalJson(text)).code, text).toBe('snapshot-malformed');
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseOriginalJson(text);
        } catch (error) {
          expect(error).toBeInstanceOf(LatticeError);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('names the line and column of a mistake', () => {
    expect(errorOf(() => parseOriginalJson('{\n  "a": x\n}')).message).toContain('line 2, column 8');
  });

  it('bounds nesting and the digits of integers', () => {
    expect(errorOf(() => parseOriginalJson('['.repeat(100_000))).message).toContain('nesting');
    expect(errorOf(() => parseOriginalJson('9'.repeat(5000))).message).toContain('4300 digits');
  });
});

describe('legacy snapshot', () => {
  it('that verifies is read with its values in our model', () => {
    const { state, root, timestamp } = readOriginalSnapshot(fixture('snapshot.json'), hasher);
    expect(state).toEqual([
      ['account:one', { balance: 12, nonce: 0 }],
      ['account:two', { balance: 3, nonce: 1 }],
      ['note', 'größe'],
    ]);
    expect(root).toMatch(/^[0-9a-f]{64}$/);
    expect(timestamp).toBe(1_767_225_600.5);
  });

  it('whose state was changed is refused with both roots [I1]', () => {
    const stored = (JSON.parse(fixture('snapshot.json')) as { merkle_root: string }).merkle_root;
    const error = errorOf(() => readOriginalSnapshot(fixture('root-mismatch.json'), hasher));
    expect(error.code).toBe('snapshot-root-mismatch');
    expect(error.details['stored']).toBe(stored);
    expect(error.message).toContain(stored);
    expect(error.message).toContain(String(error.details['computed']));
    expect(error.details['computed']).not.toBe(stored);
  });

  it('of the older format is recognised by name', () => {
    expect(errorOf(() => readOriginalSnapshot(fixture('old-format.json'), hasher)).code).toBe('snapshot-old-format');
  });

  it('with values outside our model is refused whole, each key named [I1]', () => {
    const error = errorOf(() => readOriginalSnapshot(fixture('refused-values.json'), hasher));
    expect(error.code).toBe('snapshot-values-refused');
    expect((error.details['refused'] as RefusedEntry[]).map(({ key }) => key)).toEqual(['big', 'deep', 'nan']);
  });

  it.each([
    ['[]', 'not a JSON object'],
    ['{"merkle_root":"00","timestamp":1}', '"state"'],
    ['{"state":{"a":1},"merkle_root":null,"timestamp":1}', '"merkle_root"'],
    ['{"state":{},"merkle_root":0,"timestamp":1}', '"merkle_root"'],
    [`{"state":{},"merkle_root":"${rootOf('{}')}","timestamp":"now"}`, '"timestamp"'],
    ['{"state":{"\\ud800":1},"merkle_root":"' + '0'.repeat(64) + '","timestamp":1}', 'surrogate'],
  ])('%s is malformed', (text, why) => {
    const error = errorOf(() => readOriginalSnapshot(text, hasher));
    expect(error.code).toBe('snapshot-malformed');
    expect(error.message).toContain(why);
  });

  it('of an empty state has the root of the original', () => {
    expect(readOriginalSnapshot(`{"state":{},"merkle_root":"${rootOf('{}')}","timestamp":1}`, hasher).state).toEqual(
      [],
    );
  });

  it('that is packaged as the sample verifies and holds six keys', () => {
    const sample = readFileSync(new URL('../../../../samples/snapshot-6-keys.json', import.meta.url), 'utf8');
    expect(readOriginalSnapshot(sample, hasher).state).toHaveLength(6);
  });

  it.skipIf(originalData === undefined)(
    "of the original node: one verifies, one does not, one is older (skipped without the original's files)",
    () => {
      const read = (name: string) => () =>
        readOriginalSnapshot(readFileSync(new URL(name, originalData), 'utf8'), hasher);
      expect(read('snapshot-6-keys.json')().root).toBe(
        '5df3daee3a0ca23c388a16c3db2c2388aea63f1c4ed5fa12377fe0fef6bf3ce5',
      );
      const mismatch = errorOf(read('snapshot-root-mismatch.json'));
      expect(mismatch.details).toEqual({
        stored: '5df3daee3a0ca23c388a16c3db2c2388aea63f1c4ed5fa12377fe0fef6bf3ce5',
        computed: '53737c13c0e5a9cfa8cac7e4ae9488c5ede15fb723066e8a09d036513183f698',
      });
      expect(errorOf(read('snapshot-old-format.json')).code).toBe('snapshot-old-format');
    },
  );
});
