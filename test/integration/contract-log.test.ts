import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nextFreeRange } from '../../src/cli/up/ports.ts';
import { namesOf, planFleet, VARIABLES, writeFleet } from '../../src/config/index.ts';
import { type RunningProcess, runCli, untilExit } from '../support/node-process.ts';
import { eventually } from '../support/wait.ts';

let dir: string;
let p2pPort: number;
let taken: Server | undefined;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-log-'));
  const basePort = await nextFreeRange(12_000 + Math.floor(Math.random() * 18_000), 1);
  p2pPort = await nextFreeRange(basePort + 1, 1);
  writeFleet(planFleet({ dir, nodes: 1, basePort, p2pBasePort: p2pPort, names: ['n'] }));
  appendFileSync(join(dir, 'n.env'), 'DIOTEC360_LATTICE_NODES=http://127.0.0.1:9\n');
});
afterEach(() => {
  taken?.close();
  taken = undefined;
  rmSync(dir, { recursive: true, force: true });
});

/** What a node prints until it has said the last of the lines that operators look for. */
async function printed(env: Record<string, string> = {}): Promise<RunningProcess> {
  const node = runCli(['start', '--env-file', 'n.env'], { cwd: dir, env });
  await eventually(
    'the node has told all of its start',
    () => node.exit !== undefined || node.stdout.includes('HTTP peers monitored'),
  );
  node.signal('SIGTERM');
  expect(await untilExit(node)).toEqual({ code: 0, signal: null });
  return node;
}

/** Places of the lines in the output, -1 for one that is missing. */
const places = (output: string, lines: readonly (string | RegExp)[]): number[] =>
  lines.map((line) => output.search(line));

function expectOrder(output: string, lines: readonly (string | RegExp)[]): void {
  const found = places(output, lines);
  expect(found, output).not.toContain(-1);
  expect(found, output).toEqual(found.toSorted((a, b) => a - b));
}

const START = [
  /LATTICE v\d+\.\d+\.\d+ - HYBRID SYNC PROTOCOL/,
  'environment loaded',
  'state store ready',
  'vault ready',
  'persistence ready',
];
const END = ['HTTP sync activated', 'LATTICE READY - Hybrid Sync Active', 'HTTP peers monitored', 'LATTICE STOPPED'];

describe('the lines of a start', () => {
  it('come in the order of the original, as JSON with a component each', async () => {
    const node = await printed();
    expectOrder(node.stdout, [...START, 'P2P starting', 'P2P started', ...END]);
    const log = node.log();
    expect(log.length).toBe(node.stdout.trim().split('\n').length);
    for (const line of log)
      expect(line).toMatchObject({
        component: expect.stringMatching(/\w/) as unknown,
        msg: expect.stringMatching(/\w/) as unknown,
      });
    const field = (msg: string, name: string) => log.find((line) => line.msg === msg)?.[name];
    expect(field('state store ready', 'root')).toMatch(/^[0-9a-f]{64}$/);
    expect(field('vault ready', 'bundles')).toBe(0);
    expect(field('P2P started', 'peer')).toMatch(/^12D3KooW/);
    expect(field('HTTP peers monitored', 'count')).toBe(1);
  });

  it('are the same as text for a terminal', async () => {
    const node = await printed({ DIOTEC360_LOG_FORMAT: 'pretty' });
    expect(node.log()).toEqual([]);
    expectOrder(node.stdout, [...START, 'P2P starting', 'P2P started', ...END]);
  });

  it('say that P2P is off, and that no HTTP peer is there', async () => {
    appendFileSync(join(dir, 'n.env'), 'DIOTEC360_P2P_ENABLED=false\nDIOTEC360_LATTICE_NODES=\n');
    const { stdout } = await printed();
    expectOrder(stdout, [...START, 'P2P disabled', 'LATTICE READY - Hybrid Sync Active', 'HTTP peers monitored']);
    expect(stdout).not.toContain('HTTP sync activated');
  });

  it('give the reason when P2P fails, before the node is ready without it', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(p2pPort, '127.0.0.1', resolve));
    taken = server;
    const node = await printed();
    expectOrder(node.stdout, [...START, 'P2P starting', 'P2P failed, HTTP carries on', ...END]);
    expect(node.log().find(({ msg }) => msg === 'P2P failed, HTTP carries on')?.['error']).toMatch(/\w/);
  });
});

it('every variable of the original is read, under both of its names', () => {
  const known = new Set(VARIABLES.flatMap((variable) => [...namesOf(variable)]));
  const original =
    'P2P_ENABLED P2P_LISTEN P2P_BOOTSTRAP P2P_TOPIC LATTICE_NODES STATE_DIR VAULT_DIR SENTINEL_DIR HEARTBEAT_INTERVAL PEERLESS_TIMEOUT HTTP_POLL_INTERVAL NODE_NAME NODE_ROLE NODE_PRIVKEY_HEX TRUSTED_STATE_PUBKEYS CORS_ORIGINS API_HOST API_PORT ENVIRONMENT ENV LOG_LEVEL';
  for (const name of original.split(' ')) expect(known).toContain(`DIOTEC360_${name}`);
  for (const name of original.split(' ')) expect(known).toContain(`AETHEL_${name}`);
  expect(known).toContain('PORT');
});
