import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeHasher } from '../../../src/adapters/system/index.ts';
import { csvRow, csvRows, readCsv } from '../../../src/moving/csv.ts';
import { findSources } from '../../../src/moving/find.ts';
import { isNdjson, readNdjson } from '../../../src/moving/ndjson.ts';
import type { PlanItem, Reader, Reading, Refusal } from '../../../src/moving/plan.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-keyed-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function read(reader: Reader, content: string | Uint8Array, signal?: AbortSignal): Promise<Reading> {
  const at = join(directory, 'file');
  writeFileSync(at, content);
  return reader(
    { kind: reader === readCsv ? 'csv' : 'ndjson', at },
    { hasher: nodeHasher(), unverified: false, signal },
  );
}
const entriesOf = ({ items, refused }: Reading): unknown => {
  expect(refused).toEqual([]);
  return (items[0] as Extract<PlanItem, { kind: 'entries' }>).entries;
};
async function refusalOf(reader: Reader, content: string): Promise<Refusal> {
  const { items, refused } = await read(reader, content);
  expect([items, refused.length]).toEqual([[], 1]);
  return refused[0] as Refusal;
}

describe('a file of one JSON object a line', () => {
  it('gives its keys and values, whatever else stands there [I15]', async () => {
    const text = '\uFEFF{"key":"b","value":{"x":[1.0]},"author":"ab"}\r\n\n{"value":null,"key":"a"}';
    expect(entriesOf(await read(readNdjson, text))).toEqual([
      ['b', { x: [1] }],
      ['a', null],
    ]);
    expect(entriesOf(await read(readNdjson, ''))).toEqual([]);
  });

  it('gives the end of what has one, which a whole number of ms alone is [EX8]', async () => {
    const line = (expires: string) => `{"key":"a","value":1,"expires":${expires}}`;
    expect(entriesOf(await read(readNdjson, line('1800000000000')))).toEqual([['a', 1, 1_800_000_000_000]]);
    for (const wrong of ['"soon"', '1.5', 'null', '1e300'])
      expect((await refusalOf(readNdjson, line(wrong))).code).toBe('entries-malformed');
  });

  it('is known by its first line, whatever it is called [I15]', async () => {
    const line = '{"key":"a","value":1}';
    for (const text of [line, `\uFEFF\n${line}\nbroken`, '{"time":"x","value":null,"key":""}'])
      expect(isNdjson(text), text).toBe(true);
    for (const text of [
      '',
      '{"state":{"key":"a","value":1}}',
      '{"key":"a"}',
      '{\n"key":"a","value":1}',
      '[1]',
      'key,value',
    ])
      expect(isNdjson(text), text).toBe(false);
    const at = join(directory, 'backup.txt');
    writeFileSync(at, `${line}\n`);
    expect((await findSources([at])).sources).toEqual([{ kind: 'ndjson', at }]);
  });

  it('is refused whole, with line and column, when a line is broken [I15]', async () => {
    const good = '{"key":"a","value":1}\n';
    for (const [line, reason] of [
      ['{"key":"b","value":}', 'line 2, column 20: "}" where a value was expected'],
      ['{"key":"b","value":1,"value":2}', 'line 2, column 22'],
      ['[1]', 'line 2: it is not a JSON object'],
      ['{"key":1,"value":1}', 'line 2: it has no text as "key"'],
      ['{"key":"b"}', 'line 2: it has no "value"'],
    ] as const) {
      const refusal = await refusalOf(readNdjson, `${good}${line}\n${good}`);
      expect(refusal).toMatchObject({ code: 'entries-malformed', takenUnverified: false });
      expect(refusal.reason).toContain(reason);
    }
  });

  it('is refused whole, with every line that is at fault, when the data model refuses some [I15]', async () => {
    const deep = '['.repeat(40) + ']'.repeat(40);
    const lines = [
      '{"key":"","value":1}',
      '{"key":"a","value":1}',
      '{"key":"a","value":2}',
      `{"key":"d","value":"${'x'.repeat(20_000)}"}`,
    ];
    const refusal = await refusalOf(readNdjson, lines.join('\n'));
    expect(refusal.each?.map(({ what }) => what)).toEqual(['line 1', 'line 3', 'line 4']);
    expect(refusal.reason).toContain('line 1 and 2 other lines cannot be taken');
    expect((await refusalOf(readNdjson, `{"key":"a","value":${deep}}`)).reason).toMatch(/^line 1.*nest/);
  });

  it('is read neither when it is no UTF-8 nor when the reading was called off', async () => {
    await expect(read(readNdjson, new Uint8Array([0xff]))).rejects.toMatchObject({ code: 'file-unreadable' });
    const off = AbortSignal.abort(new Error('enough'));
    const many = Array.from({ length: 10_000 }, (_, i) => `{"key":"${i}","value":0}`).join('\n');
    await expect(read(readNdjson, many, off)).rejects.toThrow('enough');
  });
});

describe('a table', () => {
  it('gives the columns key and value, wherever they stand [I15]', async () => {
    const text = `value,note,key\r\n1,,a\r\n"{""t"":""x,\\ny""}","two\nlines","b,""q"""\n`;
    expect(entriesOf(await read(readCsv, text))).toEqual([
      ['a', 1],
      ['b,"q"', { t: 'x,\ny' }],
    ]);
  });

  it('is read as it was written, whatever its fields hold [I15]', () => {
    const rows = [
      ['a', ''],
      ['"', ',\r\n'],
      ['', '\n\n""'],
    ];
    expect(Array.from(csvRows(rows.map(csvRow).join('')), ({ fields }) => fields)).toEqual(rows);
    expect(Array.from(csvRows('a,b'), ({ fields }) => fields)).toEqual([['a', 'b']]);
  });

  it('is refused whole, with the line, when it is none [I15]', async () => {
    for (const [text, reason] of [
      ['a,b\n1,2\n', 'line 1: the first row names no columns "key" and "value"'],
      ['key,value\na,1\nb\n', 'line 3: 1 field in a table of 2 columns'],
      ['key,value\n"a\n\n",1\nb,"2\n', 'line 5: a quoted field does not end'],
      ['key,value\n"a"b,1\n', 'line 2: something follows a quoted field'],
      ['key,value\na"b,1\n', 'line 2: a quote stands in a field without quotes'],
      ['key,value\na,hello\n', 'line 2 cannot be taken: line 1, column 1'],
    ] as const) {
      expect(await refusalOf(readCsv, text)).toMatchObject({ code: 'entries-malformed' });
      expect((await refusalOf(readCsv, text)).reason).toContain(reason);
    }
  });
});
