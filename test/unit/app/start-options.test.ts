import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STORE_EXIT_BY_CODE } from '../../../src/app/store-exit.ts';
import { LatticeError, loadConfig, startNode } from '../../../src/index.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-options-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What a program in JavaScript can give, whatever the types say. */
async function refusal(options: unknown): Promise<LatticeError> {
  const error = await startNode(options as never).then(
    async (node) => {
      await node.stop();
      expect.fail('it started');
    },
    (failure: unknown) => failure,
  );
  if (!(error instanceof LatticeError)) throw error;
  expect(error).toMatchObject({ code: 'invalid-config', next: expect.any(String) as string });
  expect(existsSync(join(directory, 'a'))).toBe(false);
  return error;
}
const holes = Object.assign([], { length: 2e8 });
const throwing = {
  get dataDir() {
    throw new TypeError('of the program');
  },
};

describe('options of a start', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 5],
    ['a text', 'state'],
    ['an array', []],
    ['a symbol', Symbol('x')],
    ['a field that throws', throwing],
    ['a part whose field throws', { dataDir: 'a', api: throwing }],
    ['no configuration', { config: {} }],
    ['null as configuration', { config: null }],
    ['undefined as configuration', { config: undefined }],
  ])('%s are refused', async (_name, options) => {
    await refusal(options);
  });

  it.each<[string, unknown, string, string]>([
    ['a bigint as time', { heartbeatMs: 1n }, 'heartbeatMs', 'it is not a number of milliseconds'],
    ['too short a time', { heartbeatMs: 10 }, 'heartbeatMs', 'it is outside 50 to 86400000 ms'],
    ['holes as trust list', { trust: holes }, 'trust', 'its item 0 is no text'],
    ['holes as peers', { peers: holes }, 'peers', 'its item 0 is no text'],
    [
      'too many bytes',
      { vault: { maxBytes: -1 } },
      'vault.maxBytes',
      expect.stringMatching(/^it is outside 1 to \d+ bytes$/) as string,
    ],
    ['a number as logger', { logger: 5 }, 'logger', 'it is no logger'],
    ['half a logger', { logger: { info: () => undefined } }, 'logger', 'it is no logger'],
    ['a bigint as key', { key: 5n }, 'key', 'it is not a text'],
    ['a circle', { name: circle() }, 'name', 'it is not a text'],
    ['half a character', { network: '\ud800' }, 'network', 'it contains a zero byte or a lone surrogate'],
  ])('%s is named', async (_name, options, variable, rule) => {
    const { details } = await refusal({ dataDir: join(directory, 'a'), ...(options as object) });
    expect(details['problems']).toEqual([expect.objectContaining({ variable, rule })]);
  });

  it('are wrong in several ways at once, and each is named', async () => {
    const { details } = await refusal({ dataDir: 'a\0b', heartbeatMs: Number.NaN, logger: null, nmae: 'x' });
    const problems = details['problems'] as { variable: string }[];
    expect(problems.map(({ variable }) => variable)).toEqual(['logger', 'dataDir', 'heartbeatMs', 'nmae']);
    const config = loadConfig({ env: { DIOTEC360_STATE_DIR: join(directory, 'a') }, cwd: directory });
    const other = await refusal({ config: { ...config, api: 5, trusted: 'x' }, dataDir: 'a', hint: 5 });
    expect((other.details['problems'] as { variable: string }[]).map(({ variable }) => variable)).toEqual([
      'hint',
      'dataDir',
      'config.api',
      'config.trusted',
    ]);
  });

  it('say nothing of units that the program did not give', async () => {
    const { message, next } = await refusal({ dataDir: join(directory, 'a'), graceMs: 1e12 });
    expect(`${message} ${next}`).toContain('graceMs=1000000000000');
    expect(`${message} ${next}`).not.toMatch(/\bseconds?\b/);
    const bytes = await refusal({ dataDir: join(directory, 'a'), vault: { capacityBytes: 1.5 } });
    expect(`${bytes.message} ${bytes.next}`).not.toMatch(/MiB/);
  });
});

function circle(): object {
  const one: { self?: object } = {};
  one.self = one;
  return one;
}

it('every failure of the store is among the codes that a start names', () => {
  const source = readFileSync(join(import.meta.dirname, '../../../src/app/start-node.ts'), 'utf8');
  const named = /@throws([\s\S]*?)@example/.exec(source)?.[1] ?? '';
  // A store is closed by the node that opened it, so that no start meets one that is.
  const codes = Object.keys(STORE_EXIT_BY_CODE).filter((code) => code !== 'store-closed');
  expect(codes.filter((code) => !named.includes(`\`${code}\``))).toEqual([]);
});
