import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { documentText } from '../../../src/cli/yaml.ts';
import { type FakeNode, problem, run, startFakeNode, TOKEN } from './support.ts';

let node: FakeNode;
beforeEach(async () => {
  node = await startFakeNode();
});
afterEach(() => node.close());

const on = (...argv: string[]): string[] => [...argv, '--url', node.url, '--token', TOKEN];

/** Every command that prints data of a node. */
const DATA: readonly (readonly string[])[] = [
  ['status'],
  ['peers'],
  ['conflicts'],
  ['conflicts', 'show', 'k0'],
  ['state', 'get', 'k'],
  ['state', 'ls'],
  ['state', 'root'],
  ['state', 'put', 'k', '2'],
  ['sync', 'status'],
  ['sync', 'mode'],
  ['key', 'show'],
  ['proof', 'get', 'k'],
];

describe('--output', () => {
  it.each(DATA.map((argv) => [argv.join(' '), argv] as const))('%s has the same data in each form', async (_, argv) => {
    node.state.set('k', {
      text: 'x\u001b[2J\u202e',
      list: [1.5, null, true],
      longer: 'line\n'.repeat(20),
      '0123': '1',
    });
    const steady = (text: string): string => text.replaceAll(/("?now"?: ?)\d+/g, '$10');
    const [short, json, yaml, table] = [
      await run(on(...argv, '--json')),
      await run(on(...argv, '-o', 'json')),
      await run(on(...argv, '--output', 'yaml')),
      await run(on(...argv, '-o', 'table')),
    ];
    expect([short, json, yaml, table].map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(steady(json.out)).toBe(steady(short.out));
    expect(parse(steady(yaml.out))).toEqual(JSON.parse(steady(json.out)));
    expect(yaml.out).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
    if (!['proof', 'state'].includes(argv[0] ?? '')) expect(table.out).not.toBe(json.out);
  });

  it('makes errors data too', async () => {
    node.intercept = () => problem(503, 'read-only', 'the disk\nis full', 'free some space');
    const { code, err } = await run(on('status', '-o', 'yaml'));
    expect([code, parse(err)]).toEqual([
      1,
      { error: { code: 'read-only', message: 'the disk is full', next: 'free some space' } },
    ]);
    for (const form of [['-o', 'yaml'], ['-oyaml'], ['--output=yaml'], ['--output', 'yaml']])
      for (const argv of [['state', 'get'], ['status', '--timeout', 'x'], ['state']])
        expect(parse((await run([...argv, ...form])).err)).toMatchObject({ error: { code: 'usage' } });
  });

  it('separates YAML documents that follow each other', async () => {
    const { out } = await run(on('status', '--watch', '--interval', '0.1', '-o', 'yaml'), {
      onOutput: (soFar, signal) => {
        if (soFar.split('---\n').length === 3) signal();
      },
    });
    expect(parseAllDocuments(out).map((document) => (document.toJS() as { name: string }).name)).toEqual(
      Array.from({ length: 3 }, () => 'test-node'),
    );
  });

  it('takes one of three forms, and --json beside another one is a usage error', async () => {
    expect(await run(['status', '-o', 'xml'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('table') as unknown,
    });
    expect((await run(['status', '--json', '-o', 'yaml'])).code).toBe(2);
  });
});

it('texts that readers of YAML 1.1 would take for something else are quoted', () => {
  const texts = ['no', 'on', 'y', '2026-01-01', '12:30:45', '1_000', '0b1', '=', '<<'];
  const text = documentText(texts, (line) => line);
  expect(text).toBe(texts.map((one) => `- ${JSON.stringify(one)}\n`).join(''));
  expect(parse(text, { version: '1.1' })).toEqual(texts);
  expect(parse(text)).toEqual(texts);
});
