import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeHasher } from '../../../../src/adapters/system/index.ts';
import { checkValue } from '../../../../src/core/cbor/index.ts';
import { hlcToHex, makeHlc } from '../../../../src/core/clock/index.ts';
import { originalToPlain, parseOriginalJson } from '../../../../src/core/original/json.ts';
import type { OriginalState } from '../../../../src/core/original/root.ts';
import type { JsonValue } from '../../../../src/core/types/index.ts';
import type { ExportedEntry } from '../../../../src/moving/export/forms.ts';
import { type WriteStateOptions, type WrittenState, writeState } from '../../../../src/moving/export/write-state.ts';
import { hasPython, pythonSnapshot } from '../../../support/python.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-export-test-'));
});
afterEach(() => {
  // What is put aside has no name, or is gone.
  expect(readdirSync(directory)).toEqual([]);
  rmSync(directory, { recursive: true });
});

const AT = 1_770_731_639_139;
const author = 'ab'.repeat(32);
const hlc = hlcToHex(makeHlc(AT, 3));
const entry = (key: string, value: JsonValue, about: Partial<ExportedEntry> = {}): ExportedEntry => ({
  key,
  value,
  author,
  hlc,
  ...about,
});

async function exported(
  entries: readonly ExportedEntry[],
  options: Partial<WriteStateOptions> & Pick<WriteStateOptions, 'format'>,
): Promise<{ readonly text: string; readonly written: WrittenState }> {
  const parts: Uint8Array[] = [];
  async function* source(): AsyncGenerator<ExportedEntry> {
    yield* entries;
  }
  const written = await writeState(source(), {
    at: AT,
    hasher: nodeHasher(),
    spillDirectory: directory,
    write: (bytes) => void parts.push(bytes),
    ...options,
  });
  const bytes = Buffer.concat(parts);
  expect(written.bytes).toBe(bytes.length);
  return { text: bytes.toString('utf8'), written };
}

const stateOf = (text: string): OriginalState =>
  (parseOriginalJson(text) as ReadonlyMap<string, unknown>).get('state') as OriginalState;
/** The entries of a state as the data model has them, in an order that is none. */
const imported = (state: OriginalState): ExportedEntry[] =>
  Array.from(state, ([key, value]) => entry(key, checkValue(originalToPlain(value)))).toReversed();

describe("the original's snapshot", () => {
  const file = readFileSync(new URL('../../../fixtures/original/snapshot.json', import.meta.url), 'utf8').trimEnd();
  const fields = JSON.parse(file) as { readonly merkle_root: string; readonly timestamp: number };

  it('is the imported file again, byte by byte, when it is like that one [I13, I14]', async () => {
    const like = stateOf(file);
    const at = fields.timestamp * 1000;
    const { text, written } = await exported(imported(like), { format: 'snapshot', like, at });
    expect(text).toBe(file);
    expect(written).toMatchObject({ originalRoot: fields.merkle_root, formsLost: 0, conflicts: [] });
  });

  it('keeps the order of that file as a dictionary of Python does, and the form of what has not changed [I14]', async () => {
    const like = stateOf('{"state": {"b": {"z": 1.0, "a": 2}, "gone": 1, "a": 3, "nested": [1.0]}}');
    const { text, written } = await exported(
      [entry('c', 0.5), entry('nested', [1]), entry('a', 4), entry('b', { a: 2, z: 1 })],
      { format: 'snapshot', like },
    );
    const state = stateOf(text);
    expect([...state.keys()]).toEqual(['b', 'a', 'nested', 'c']);
    expect(text).toContain(
      '"b": {\n      "z": 1.0,\n      "a": 2\n    },\n    "a": 4,\n    "nested": [\n      1.0\n    ]',
    );
    // The changed value 4 may be 4.0.
    expect(written.formsLost).toBe(1);
  });

  it('has keys in the order of code points, and an empty state as Python writes it [I13]', async () => {
    const keys = ['b', '￮', '😀', 'a', 'é'];
    const { text } = await exported(
      keys.map((key) => entry(key, null)),
      { format: 'snapshot' },
    );
    expect([...stateOf(text).keys()]).toEqual(['a', 'b', 'é', '￮', '😀']);
    expect((await exported([], { format: 'snapshot' })).text).toBe(
      '{\n  "state": {},\n  "merkle_root": "2e1cfa82b035c26cbbbdae632cea070514eb8b773f616aaeaf668e2f0be8f10d",\n' +
        '  "timestamp": 1770731639.139\n}',
    );
  });

  it.skipIf(!hasPython)('has the root and the bytes that Python has for it [I13]', async () => {
    const entries = Array.from({ length: 5000 }, (_, i) =>
      entry(`${i % 3 === 0 ? '😀' : 'ключ'}/${i}`, { n: i / 7, text: `\u007f\n"é${i}`, list: [i, [], {}, null, true] }),
    );
    const { text, written } = await exported(entries, { format: 'snapshot' });
    expect(pythonSnapshot(text)).toEqual({ root: written.originalRoot, text });
    expect(written.formsLost).toBe(5000);
  });
});

describe('an export', () => {
  it('as NDJSON or CSV says who wrote what and when, in the order of keys [I15]', async () => {
    const entries = [entry('b,"x"', { text: 'a\r\nb' }), entry('a', 1)];
    const time = '2026-02-10T13:53:59.139Z';
    const { text } = await exported(entries, { format: 'ndjson' });
    expect(text.split('\n').map((line) => (line === '' ? '' : (JSON.parse(line) as unknown)))).toEqual([
      { key: 'a', value: 1, author, time },
      { key: 'b,"x"', value: { text: 'a\r\nb' }, author, time },
      '',
    ]);
    expect((await exported(entries, { format: 'csv' })).text).toBe(
      `key,value,author,time\r\na,1,${author},${time}\r\n"b,""x""","{""text"":""a\\r\\nb""}",${author},${time}\r\n`,
    );
  });

  it('says when a value ends where the form can, and counts what it cannot say elsewhere [EX8]', async () => {
    const entries = [entry('ends', 1, { expires: 1_800_000_000_000 }), entry('stays', 2)];
    const ndjson = await exported(entries, { format: 'ndjson' });
    expect(ndjson.text.split('\n').map((line) => /"expires":\d+/.exec(line)?.[0])).toEqual([
      '"expires":1800000000000',
      undefined,
      undefined,
    ]);
    expect(ndjson.written.endsLost).toBe(0);
    for (const format of ['csv', 'snapshot'] as const)
      expect((await exported(entries, { format })).written).toMatchObject({ entries: 2, endsLost: 1 });
  });

  it('leaves out what the vault writes, and names the keys in conflict [I16]', async () => {
    const { text, written } = await exported(
      [entry('k', 1, { conflicts: 2 }), entry(`vault/${'0'.repeat(64)}`, {}), entry('vault/mine', 2)],
      { format: 'ndjson' },
    );
    expect(text.trimEnd().split('\n')).toHaveLength(2);
    expect(written).toMatchObject({ entries: 2, vault: 1, conflicts: ['k'] });
  });

  it('ends with the error of its source, of its target, or of the one who interrupts it', async () => {
    async function* broken(): AsyncGenerator<ExportedEntry> {
      yield entry('a', 1);
      throw new Error('cut');
    }
    const options = { format: 'ndjson', at: AT, hasher: nodeHasher(), spillDirectory: directory } as const;
    await expect(writeState(broken(), { ...options, write: () => undefined })).rejects.toThrow('cut');
    const full = (): never => {
      throw new Error('the disk is full');
    };
    await expect(exported([entry('a', 1)], { format: 'csv', write: full })).rejects.toThrow('full');
    const many = Array.from({ length: 5000 }, (_, i) => entry(String(i), i));
    const done: number[] = [];
    await expect(
      exported(many, { format: 'csv', signal: AbortSignal.abort(new Error('enough')), progress: (n) => done.push(n) }),
    ).rejects.toThrow('enough');
    expect(done).toEqual([4096]);
  });
});
