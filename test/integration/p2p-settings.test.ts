import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { runCli, untilExit } from '../support/node-process.ts';

/** The form that the original's guides have for the second of three nodes: a host name as /ip4, ids yet to be written. */
const DAYS_FILE = {
  P2P_ENABLED: 'true',
  P2P_BOOTSTRAP: '/ip4/huggingface.co/tcp/9000/p2p/PEER_ID_1,/ip4/backup.example/tcp/9000/p2p/PEER_ID_3',
};

describe('a node whose env file is one of the original’s guides', () => {
  let fleet: Fleet;
  let node: Node;
  let other: Node;
  let whole: Record<string, string>;

  async function cli(...argv: string[]): Promise<{ code: number | null; out: string }> {
    const run = runCli([...argv, '--url', node.api.url], { cwd: fleet.dir });
    const { code } = await untilExit(run);
    return { code, out: run.stdout + run.stderr };
  }

  beforeAll(async () => {
    fleet = await startFleet({ nodes: 2, start: [0] });
    [other, node] = fleet.nodes as [Node, Node];
    const env = parseEnv(readFileSync(node.envFile, 'utf8'));
    whole = {
      P2P_BOOTSTRAP: env['DIOTEC360_P2P_BOOTSTRAP'] ?? '',
      LATTICE_NODES: env['DIOTEC360_LATTICE_NODES'] ?? '',
    };
    node.configure({
      ...DAYS_FILE,
      // The page of a Space, as in the guides, beside the other node.
      LATTICE_NODES: `https://huggingface.co/spaces/acme/ledger,${whole['LATTICE_NODES']}`,
    });
    await node.start();
  });

  it('comes up on HTTP, agrees and writes, and its status, log and readiness say why P2P does not run [N19]', async () => {
    await other.api.put('there', 1);
    await node.api.put('here', 2);
    await fleet.settled();
    const converged = await fleet.status(1, 'it is equal', ({ verdict }) => verdict.kind === 'CONVERGED');
    const { p2p, health, warnings, writable } = converged;
    expect([health, writable]).toEqual(['HTTP_ONLY', true]);
    expect(p2p).toMatchObject({ enabled: true, state: 'failed' });
    expect(p2p).not.toHaveProperty('retryAt');
    expect(p2p.error).toMatch(/huggingface\.co.*takes no P2P connections.*PEER_ID_3 is a placeholder/);
    expect(warnings.map(({ text }) => text).join()).toContain('https://acme-ledger.hf.space');
    const ready = await node.api.send('GET', '/readyz');
    expect([ready.status, ready.json()]).toEqual([
      200,
      { status: 'ready', notes: [{ code: 'p2p', text: `P2P does not run, HTTP carries on: ${p2p.error}` }] },
    ]);
    const line = node.process.log().find(({ msg }) => msg === 'P2P settings are not usable, HTTP carries on');
    expect([line?.level, JSON.stringify(line?.['flaws'])]).toEqual(['error', expect.stringContaining('PEER_ID_1')]);
  });

  it('is told of by doctor and config check, all flaws in one round [N19, N20]', async () => {
    const doctor = await cli('doctor', '--settle', '0');
    expect(doctor.code).toBe(1);
    expect(doctor.out).toMatch(/P2P is failed: .*PEER_ID_1.*PEER_ID_3/);
    expect(doctor.out).toContain('Correct these settings, then run ');
    expect(doctor.out).toContain(' config reload --url ');
    const check = runCli(['config', 'check', '--env-file', node.envFile], { cwd: fleet.dir });
    expect((await untilExit(check)).code).toBe(0);
    for (const part of ['PEER_ID_1', 'PEER_ID_3', 'hf.space', 'P2P does not run with it; HTTP carries the node'])
      expect(check.stdout).toContain(part);
  });

  it('has its P2P lung healed by a reload of the corrected file [N18, N19]', async () => {
    node.configure(whole);
    const { status, json } = await node.api.send('POST', '/api/v1/config/reload');
    expect([status, json()]).toEqual([200, expect.objectContaining({ needsRestart: [], warnings: [] })]);
    await fleet.status(1, 'P2P carries the other node', ({ p2p }) => p2p.state === 'running' && p2p.peers === 1);
    // Flaws that a reload would bring to the lung that runs change nothing.
    node.configure(DAYS_FILE);
    expect((await node.api.send('POST', '/api/v1/config/reload')).status).toBe(422);
    expect((await node.api.status()).p2p).toMatchObject({ state: 'running', peers: 1 });
  });

  it('is read-only by a reload with DIOTEC360_SAFE_MODE=1, and writes again after one without it [N7, N18]', async () => {
    node.configure({ ...whole, SAFE_MODE: '1' });
    await node.api.send('POST', '/api/v1/config/reload');
    const refused = await node.api.send('PUT', '/api/v1/state/x', { body: 1 });
    expect([refused.status, JSON.stringify(refused.json())]).toEqual([503, expect.stringContaining('Safe mode')]);
    expect((await node.api.status()).readOnlyReasons).toEqual([
      { code: 'safe-mode', text: expect.stringContaining('DIOTEC360_SAFE_MODE') as unknown },
    ]);
    node.configure({ SAFE_MODE: undefined });
    await node.api.send('POST', '/api/v1/config/reload');
    expect((await node.api.send('PUT', '/api/v1/state/x', { body: 1 })).status).toBe(201);
  });
});
