import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ServingNode, startNode } from '../../src/app/index.ts';
import { openConfigSource } from '../../src/config/index.ts';
import { ORIGINAL_ENV, type OriginalEnv } from '../support/original-env.ts';
import { eventually } from '../support/wait.ts';
import { silentLog } from '../unit/api/support.ts';

/*
 * Every env file of the original's history is started as `lattice start --env-file` starts it, in a directory of its
 * own. The environment moves ports to free ones. Hosts that exist are written as ones that don't, and absolute
 * directories below the test's own.
 */

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'lattice-env-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Nodes that start at one time: what each waits for is the disk. */
const AT_ONCE = 4;

function sourceOf({ text, becomes }: OriginalEnv, n: number): ReturnType<typeof openConfigSource> {
  const cwd = join(root, String(n));
  mkdirSync(cwd);
  const moved = text.replaceAll('.hf.space', '.hf.example').replaceAll('=/app/', `=${cwd}/app/`);
  writeFileSync(join(cwd, 'node.env'), moved, { mode: 0o600 });
  const listen = becomes.p2p === undefined ? {} : { DIOTEC360_P2P_LISTEN: '/ip4/127.0.0.1/tcp/0' };
  const env = { DIOTEC360_API_PORT: '0', ...listen };
  return openConfigSource({ env, envFile: 'node.env', cwd, terminal: false });
}

/** What a node that runs says of itself, where an operator of the original looks. */
async function look({ becomes }: OriginalEnv, node: ServingNode): Promise<void> {
  const { p2p = 'off', readOnly = [] } = becomes;
  const get = async (path: string) =>
    (await (await fetch(`${node.url}${path}`)).json()) as Readonly<Record<string, unknown>>;
  expect(await get('/health')).toEqual({ status: 'healthy' });
  const status = await eventually('P2P has come to its end', async () => {
    const answer = await get('/api/status');
    return (answer['p2p'] as { started: boolean }).started === (p2p === 'on') ? answer : undefined;
  });
  expect(status).toMatchObject({ safe_mode: readOnly.length > 0, p2p: { enabled: p2p !== 'off' } });
  expect((status['violations'] as string[]).length).toBe(readOnly.length);
  const lung = await get('/api/lattice/p2p/status');
  expect(lung['error']).toEqual(p2p === 'failed' ? expect.stringContaining('PEER_ID') : null);
  expect((await get('/api/lattice/p2p/identity'))['peer_id']).toMatch(/^12D3KooW/);
  expect(await get('/api/persistence/integrity')).toMatchObject({ is_valid: true, status: 'VALID' });
}

async function begin(one: OriginalEnv, n: number): Promise<'runs' | 'refused'> {
  let source: ReturnType<typeof openConfigSource>;
  try {
    source = sourceOf(one, n);
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid-config' });
    for (const name of one.becomes.flaws ?? []) expect((error as Error).message).toContain(name);
    return 'refused';
  }
  const { config } = source;
  const node = await startNode({ config, readConfig: source.again, logger: silentLog });
  try {
    await look(one, node);
    for (const directory of [config.stateDir, config.vaultDir]) {
      expect(directory.startsWith(join(root, String(n))), directory).toBe(true);
      await eventually(`${directory} is there`, () => existsSync(directory));
    }
  } finally {
    await node.stop();
  }
  return 'runs';
}

it('every env file of the original’s history starts a node, or is refused with one list [N19, N20]', async () => {
  const became: Record<string, string> = {};
  const queue = ORIGINAL_ENV.entries();
  const worker = async (): Promise<void> => {
    for (const [n, one] of queue) {
      const name = `${one.file} ${one.version}`;
      became[name] = await begin(one, n).catch((error: unknown) => {
        throw new Error(name, { cause: error });
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  expect(became).toEqual(
    Object.fromEntries(ORIGINAL_ENV.map(({ file, version, becomes }) => [`${file} ${version}`, becomes.start])),
  );
});
