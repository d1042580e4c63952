import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nextFreeRange } from '../../../src/cli/up/ports.ts';
import { errorOf, run } from './support.ts';

let dir: string;
let url: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-start-'));
  // Apart from the ports of the tests of `up` and of those that connections get, and different for each worker.
  const port = await nextFreeRange(31_200 + (process.pid % 100) * 10, 1);
  url = `http://127.0.0.1:${port}`;
  await run(['init', '--dir', 'f', '--nodes', '1', '--names', 'n', '--base-port', String(port)], { cwd: dir });
  appendFileSync(
    join(dir, 'f', 'n.env'),
    'DIOTEC360_P2P_ENABLED=false\nDIOTEC360_P2P_LISTEN=\nDIOTEC360_LOG_LEVEL=error\n',
  );
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Starts the node, runs `use` once it answers, then sends one signal. */
async function whileRunning(use: () => Promise<void>): Promise<{ readonly code: number; readonly err: string }> {
  let stop = (): void => undefined;
  const started = run(['start', '--env-file', 'f/n.env'], { cwd: dir, onSignal: (signal) => (stop = signal) });
  const tooSoon = started.then(({ err }) => Promise.reject(new Error(`it ended: ${err}`)));
  tooSoon.catch(() => undefined);
  try {
    await Promise.race([
      tooSoon,
      expect.poll(async () => (await run(['status', '--url', url])).code, { interval: 100 }).toBe(0),
    ]);
    await use();
  } finally {
    stop();
  }
  return await started;
}

describe('start', () => {
  it('runs a node that the other commands reach, and a signal drains it with exit code 0', async () => {
    const token = ['--env-file', 'f/n.env'];
    const first = await whileRunning(async () => {
      await expect
        .poll(async () => (await run(['state', 'put', 'k', '{"a":1}', ...token], { cwd: dir })).code, {
          timeout: 120_000,
        })
        .toBe(0);
      const proof = await run(['proof', 'get', 'k', ...token], { cwd: dir });
      const argv = ['proof', 'verify', '-', '--trust', 'f/fleet.json', '--key', 'k'];
      expect((await run(argv, { cwd: dir, stdin: proof.out })).out).toContain('held the value {"a":1}');
    });
    expect(first).toMatchObject({ code: 0, err: '' });
    const second = await whileRunning(async () => {
      expect((await run(['state', 'get', 'k', ...token], { cwd: dir })).out).toBe('{"a":1}\n');
    });
    expect(second.code).toBe(0);
  });

  it('a store that another node holds is exit code 75', async () => {
    await whileRunning(async () => {
      const ran = await run(['start', '--env-file', 'f/n.env', '--json'], { cwd: dir });
      expect([ran.code, errorOf(ran).code]).toEqual([75, 'store-locked']);
    });
  });

  it('a store that can no longer be written ends the process with exit code 74 [N9]', async () => {
    const running = run(['start', '--env-file', 'f/n.env'], { cwd: dir });
    await expect.poll(async () => (await run(['status', '--url', url])).code).toBe(0);
    const token = /^DIOTEC360_API_TOKEN=(.+)$/m.exec(readFileSync(join(dir, 'f', 'n.env'), 'utf8'))?.[1] ?? '';
    // The store's next file has no place to be made: LevelDB begins one after some megabytes.
    rmSync(join(dir, 'f'), { recursive: true, force: true });
    for (let i = 0; i < 600; i++) {
      const operations = Array.from({ length: 4 }, (_, k) => ({
        op: 'put',
        key: `${i}/${k}`,
        value: 'x'.repeat(15_000),
      }));
      const answer = await fetch(`${url}/api/v1/commits`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ operations }),
      }).catch(() => undefined);
      if (answer?.ok !== true) break;
    }
    // The process is ended at once, so that nothing that hangs can keep it.
    expect((await running).err).toContain('exit 74');
  });

  it('a bad setting is exit code 2 and names it', async () => {
    appendFileSync(join(dir, 'f', 'n.env'), 'DIOTEC360_HEARTBEAT_INTERVAL=soon\n');
    const ran = await run(['start', '--env-file', 'f/n.env', '--json'], { cwd: dir });
    expect([ran.code, errorOf(ran).code]).toEqual([2, 'invalid-config']);
    expect(errorOf(ran).message).toContain('DIOTEC360_HEARTBEAT_INTERVAL');
  });
});
