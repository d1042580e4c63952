import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { spawnNode } from '../../../src/cli/up/child.ts';
import { prepareFleet } from '../../../src/cli/up/local-fleet.ts';
import { areFree, nextFreeRange } from '../../../src/cli/up/ports.ts';
import type { Fleet } from '../../../src/config/fleet.ts';
import { errorOf, type RunOptions, run } from './support.ts';

const CHILD = [process.execPath, fileURLToPath(new URL('fake-child.mjs', import.meta.url))];
const NAMES = ['node1-huggingface', 'node2-diotec360', 'node3-backup'];

let dir: string;
let basePorts: { api: number; p2p: number };
const servers: Server[] = [];
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-up-'));
  // Below the ephemeral range, different for each worker.
  const start = 20_000 + (process.pid % 100) * 100;
  const api = await nextFreeRange(start, 12);
  basePorts = { api, p2p: await nextFreeRange(api + 12, 12) };
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  rmSync(dir, { recursive: true, force: true });
});

const take = (port: number): Promise<void> =>
  new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    servers.push(server);
    server.listen(port, '127.0.0.1', resolve);
  });
const up = (argv: readonly string[] = ['--once'], options: RunOptions = {}) =>
  run(['up', '--dir', 'f', '--timeout', '5', ...argv], {
    cwd: dir,
    self: CHILD,
    basePorts,
    env: { ...(process.env as Record<string, string>) },
    ...options,
  });
const fleetOf = (): Fleet => JSON.parse(readFileSync(join(dir, 'f', 'fleet.json'), 'utf8')) as Fleet;
const logOf = (name: string): string => readFileSync(join(dir, 'f', `${name}.log`), 'utf8');
const configure = (name: string, line: string): void => appendFileSync(join(dir, 'f', `${name}.env`), `${line}\n`);

describe('up', () => {
  it('makes a fleet, loads the sample through its first node, says CONVERGED once, and leaves nothing running', async () => {
    const { code, out, err } = await up(['--once'], {
      env: { ...(process.env as Record<string, string>), DIOTEC360_API_TOKEN: 'of another node', AETHEL_X: '1' },
    });
    expect([code, err]).toEqual([0, '']);
    expect(out.match(/CONVERGED/g)).toHaveLength(1);
    expect(out).toContain(`CONVERGED 3/3 root ${'ab'.repeat(32)}\n`);
    expect(out).toContain('loaded the sample through node1-huggingface: 6 keys');
    expect(fleetOf().nodes.map((node) => node.name)).toEqual(NAMES);
    for (const name of NAMES) {
      expect(logOf(name)).toContain(`starting ${name}`);
      expect(logOf(name)).toContain('stopping: SIGTERM');
      expect(logOf(name)).not.toContain('leaked');
      expect(statSync(join(dir, 'f', `${name}.log`)).mode & 0o077).toBe(0);
    }
    expect(logOf('node1-huggingface')).toContain('holds 6 keys');
    expect(await areFree(fleetOf().nodes.map((node) => Number(new URL(node.api).port)))).toBe(true);
  });

  it('stays until a signal and says what to try next', async () => {
    const { code, out } = await up([], {
      onOutput: (soFar, signal) => {
        if (soFar.includes('Ctrl-C')) signal();
      },
    });
    expect(code).toBe(0);
    for (const part of [
      'state put greeting',
      '--env-file f/node1-huggingface.env',
      `--url ${fleetOf().nodes[1]?.api}`,
      'doctor --fleet f/fleet.json',
      `\nDashboard, in a browser: ${fleetOf().nodes[0]?.api}/dashboard\n`,
    ])
      expect(out).toContain(part);
    expect(logOf('node3-backup')).toContain('stopping: SIGTERM');
  });

  it('redraws a table on a terminal and says CONVERGED once there too', async () => {
    const { code, out } = await up(['--once'], { tty: true });
    expect(code).toBe(0);
    expect(out).toContain('┌');
    expect(out.match(/CONVERGED/g)).toHaveLength(1);
    // The verdict's sentence stands below the table, in lines that can be redrawn.
    const table = out.slice(out.lastIndexOf('└'), out.indexOf('CONVERGED')).split('\n').slice(1);
    expect(table.slice(0, 2)).toEqual([
      'node1-huggingface: 1 of 2 other nodes is unreachable: a node with a long name,',
      '  since 05:58:10 UTC, and 1 refuses writes.',
    ]);
  });

  it('--json prints one event a line', async () => {
    const { out } = await up(['--once', '--json']);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { event: string }).event),
    ).toEqual(['started', 'imported', 'converged']);
  });

  it('takes the next free range where a port is taken, says so, and moves an existing fleet', async () => {
    await take(basePorts.api + 1);
    const first = await up();
    expect(first.code).toBe(0);
    expect(first.err).toContain(
      `API ports ${basePorts.api}–${basePorts.api + 2} are not all free: taking ${basePorts.api + 2}–${basePorts.api + 4}`,
    );
    const before = fleetOf();
    await take(Number(new URL(before.nodes[0]?.api ?? '').port));
    await take(basePorts.p2p);
    const second = await up();
    expect(second.code).toBe(0);
    const after = fleetOf();
    expect(after.nodes.map((node) => node.peerId)).toEqual(before.nodes.map((node) => node.peerId));
    expect(after.nodes[0]?.p2p).toContain(`/tcp/${basePorts.p2p + 1}/p2p/${after.nodes[0]?.peerId}`);
    const env = readFileSync(join(dir, 'f', 'node1-huggingface.env'), 'utf8');
    expect(env).toContain(`DIOTEC360_LATTICE_NODES=${after.nodes[1]?.api},${after.nodes[2]?.api}\n`);
    expect(env).toContain(`DIOTEC360_P2P_BOOTSTRAP=${after.nodes[1]?.p2p},${after.nodes[2]?.p2p}\n`);
    expect(env).toContain(`DIOTEC360_API_PORT=${new URL(after.nodes[0]?.api ?? '').port}\n`);
    expect(statSync(join(dir, 'f', 'node1-huggingface.env')).mode & 0o777).toBe(0o600);
  });

  it('reports a node that dies with its last lines, stops the others and fails', async () => {
    await prepareFleet(join(dir, 'f'), basePorts, () => undefined);
    configure('node2-diotec360', 'FAKE_EXIT=74');
    const { code, err } = await up([]);
    expect(code).toBe(1);
    expect(err).toContain('node2-diotec360 | fake cause of death');
    expect(err).toContain('error: node2-diotec360 ended: exit code 74');
    expect(await areFree(fleetOf().nodes.map((node) => Number(new URL(node.api).port)))).toBe(true);
  });

  it.each([
    ['a root differs', `FAKE_ROOT=${'cd'.repeat(32)}`],
    ['a node hears nobody', 'FAKE_HEALTH=ISOLATED'],
    ['a node has not compared its state yet', 'FAKE_VERDICT=STARTING'],
  ])('never says CONVERGED while %s', async (_name, fault) => {
    await prepareFleet(join(dir, 'f'), basePorts, () => undefined);
    configure('node3-backup', fault);
    const { code, out } = await up([], {
      onOutput: (soFar, signal) => {
        if (soFar.includes('node3-backup  ') && soFar.includes(' keys  root ')) signal();
      },
    });
    expect(code).toBe(0);
    expect(out).not.toContain('CONVERGED');
  });

  it('says of nodes that believe themselves converged that their roots differ, for as long as they do', async () => {
    await prepareFleet(join(dir, 'f'), basePorts, () => undefined);
    for (const name of NAMES) configure(name, 'FAKE_VERDICT=CONVERGED');
    configure('node3-backup', `FAKE_ROOT=${'cd'.repeat(32)}`);
    for (const tty of [false, true]) {
      const { out } = await up([], {
        tty,
        onOutput: (soFar, signal) => {
          if (/node3-backup +/.test(soFar.slice(soFar.indexOf('loaded')))) signal();
        },
      });
      expect(out).not.toContain('CONVERGED');
      expect(out.match(/roots differ/g)).toHaveLength(3);
    }
  });

  it('refuses to run a fleet that runs already', async () => {
    let second: Promise<Awaited<ReturnType<typeof up>>> | undefined;
    const first = await up([], {
      onOutput: (soFar, signal) => {
        if (!soFar.includes('Ctrl-C') || second !== undefined) return;
        second = up(['--json']);
        void second.finally(signal);
      },
    });
    expect(first.code).toBe(0);
    const ran = await second;
    expect(ran?.code).toBe(1);
    expect(errorOf(ran as NonNullable<typeof ran>).code).toBe('already-running');
  });

  it('kills a node that does not stop', async () => {
    await prepareFleet(join(dir, 'f'), basePorts, () => undefined);
    configure('node1-huggingface', 'FAKE_DEAF=1');
    const { code } = await up();
    expect(code).toBe(0);
    expect(await areFree(fleetOf().nodes.map((node) => Number(new URL(node.api).port)))).toBe(true);
  });

  it('a program that cannot be started is reported', async () => {
    const { code, err } = await up(['--once'], { self: [join(dir, 'no-such-program')] });
    expect(code).toBe(1);
    expect(err).toContain('could not be started');
  });
});

describe('a node of up', () => {
  it('stops by itself when its parent is killed', async () => {
    const fleet = await prepareFleet(join(dir, 'f'), basePorts, () => undefined);
    const node = fleet.nodes[0] as Fleet['nodes'][number];
    // The parent: starts the child as `up` does, then waits to be killed.
    const script = `
      import { spawn } from 'node:child_process';
      const [program, ...args] = ${JSON.stringify([...CHILD, 'start', '--env-file', join(dir, 'f', node.envFile)])};
      const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
      child.stdout.once('data', () => process.stdout.write('up ' + child.pid));
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((resolve) =>
      parent.stdout.once('data', (data: Buffer) => resolve(Number(data.toString().split(' ')[1]))),
    );
    parent.kill('SIGKILL');
    await expect
      .poll(() => existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z'))
      .toBe(false);
  });

  it('keeps its last lines and writes everything to its log', async () => {
    const script =
      'for (let i = 0; i < 50; i++) console.log("line " + i); process.stderr.write("unfinished"); process.exitCode = 5';
    const child = spawnNode({
      name: 'n',
      command: [process.execPath, '-e', script],
      cwd: dir,
      env: process.env,
      logFile: join(dir, 'n.log'),
    });
    expect(await child.exited).toEqual({ name: 'n', reason: 'exit code 5' });
    expect(child.tail()).toHaveLength(10);
    expect(child.tail()).toContain('unfinished');
    expect(readFileSync(join(dir, 'n.log'), 'utf8')).toContain('line 0\nline 1\n');
  });
});
