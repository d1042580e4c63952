import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nextFreeRange } from '../../src/cli/up/ports.ts';
import { planFleet, writeFleet } from '../../src/config/index.ts';
import { type RunningProcess, runCli, untilExit } from '../support/node-process.ts';
import { eventually } from '../support/wait.ts';

const RECEIVER = fileURLToPath(new URL('../fixtures/systemd/receiver.py', import.meta.url));
const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const able = process.platform === 'linux' && has('systemd-notify') && has('python3');

let dir: string;
let receiver: ChildProcess | undefined;
let node: RunningProcess | undefined;
let told: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-notify-'));
  told = '';
});
afterEach(async () => {
  if (node !== undefined && node.exit === undefined) {
    node.signal('SIGKILL');
    await node.exited;
  }
  receiver?.kill();
  rmSync(dir, { recursive: true, force: true });
});

const messages = (): readonly string[] =>
  told
    .split('\n')
    .slice(1, -1)
    .filter((line) => line !== 'BARRIER=1');
const until = (what: RegExp) => eventually(`${what} is told`, () => messages().some((line) => what.test(line)));

describe.skipIf(!able)('a node with a service manager', () => {
  it.each(['a path', 'an abstract name'])(
    'over %s: tells that it is ready, alive, reloads and stops, with its verdict',
    async (kind) => {
      const address = kind === 'a path' ? join(dir, 'notify') : `@lattice-${process.pid}`;
      receiver = spawn('python3', [RECEIVER, address], { stdio: ['ignore', 'pipe', 'inherit'] });
      receiver.stdout?.setEncoding('utf8').on('data', (text: string) => (told += text));
      await eventually('the receiver listens', () => told.startsWith('bound\n'));
      const basePort = await nextFreeRange(21_000 + (process.pid % 1000), 1);
      const plan = planFleet({
        dir: join(dir, 'f'),
        nodes: 1,
        basePort,
        p2pBasePort: basePort + 1000,
        names: ['oslo'],
      });
      writeFleet(plan);
      const envFile = join(dir, 'f', 'oslo.env');
      node = runCli(['start', '--env-file', envFile], {
        cwd: dir,
        env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: '900000' },
      });
      await until(/^READY=1 STATUS=ALONE: /);
      // It is ready when it says so.
      expect((await fetch(`http://127.0.0.1:${basePort}/readyz`)).status).toBe(200);
      await eventually('the watchdog is fed', () => messages().filter((line) => line === 'WATCHDOG=1').length >= 2);
      appendFileSync(envFile, 'DIOTEC360_LOG_LEVEL=loud\n');
      node.signal('SIGHUP');
      await until(/^READY=1 STATUS=configuration not reloaded: .*LOG_LEVEL/);
      expect(messages().findIndex((line) => /^RELOADING=1 MONOTONIC_USEC=\d+$/.test(line))).toBeGreaterThan(0);
      node.signal('SIGTERM');
      expect(await untilExit(node)).toEqual({ code: 0, signal: null });
      // The watchdog is fed while the node drains, too.
      expect(
        messages()
          .filter((line) => line !== 'WATCHDOG=1')
          .at(-1),
      ).toBe('STOPPING=1');
    },
  );
});
