import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { bytes, startedLung, until } from './support.ts';

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function startChild(...args: string[]): { child: ChildProcess; lines: string[] } {
  const child = spawn(process.execPath, ['--import', file('../../support/ts-loader.mjs'), file('child.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines: string[] = [];
  let rest = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  return { child, lines };
}

describe('a process with a P2P lung', () => {
  it('starts without any global prepared for it, and exits by itself after SIGTERM, with peers connected', async () => {
    const a = await startedLung();
    const { child, lines } = startChild(a.address());
    await until('it is connected', () => a.lung.topicPeers() === 1 && lines.some((line) => line.startsWith('started')));
    await a.lung.publish(bytes('hello'));
    await until('it has the message', () => lines.includes('gossip hello'));
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
    await until('its last line', () => lines.at(-1) === 'exit 0');
    expect(
      lines.filter((line) => line === 'stopped' || line.startsWith('failure') || line.startsWith('error')),
    ).toEqual(['stopped']);
    await until('A noticed', () => a.events.length === 2);
  });

  it('a peer killed without a word is noticed and forgotten, one that hangs too', async () => {
    const a = await startedLung({ heartbeat: { pingIntervalMs: 200, pingTimeoutMs: 2_000 } });
    const killed = startChild(a.address());
    const hung = startChild(a.address());
    await until('both are connected', () => a.lung.connections().length === 2);
    killed.child.kill('SIGKILL');
    hung.child.kill('SIGSTOP');
    await until('both are gone', () => a.lung.connections().length === 0);
    // On a busy machine one may have been taken for gone before, and have come back.
    expect(new Set(a.events.filter((event) => event.startsWith('-'))).size).toBe(2);
    hung.child.kill('SIGCONT');
    await until('the one that hung dials again', () => a.lung.connections().length === 1);
  });

  it('importing a lung loads no libp2p, and one that was created keeps no process alive', async () => {
    const module = new URL('../../../src/adapters/p2p/index.ts', import.meta.url).href;
    // The loader sees every module of the process: it prints those of libp2p.
    const script = `
      const { createP2pLung } = await import(${JSON.stringify(module)});
      console.log('IMPORTED');
      const clock = { now: () => 0, monotonic: () => 0, after: () => ({ cancel() {} }) };
      await createP2pLung({ seed: new Uint8Array(32), publicKey: new Uint8Array(32), listen: [], bootstrap: [], topic: 't', mdns: false, clock }).stop();`;
    const child = spawn(
      process.execPath,
      ['--import', file('../../support/ts-loader.mjs'), '--input-type=module', '-e', script],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, PRINT_MODULES: '1' },
      },
    );
    children.push(child);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    const imported = output.split('IMPORTED')[0];
    expect(imported).toContain('/src/adapters/p2p/index.ts');
    expect(imported).not.toMatch(/node_modules\/@?libp2p\//);
  });
});
