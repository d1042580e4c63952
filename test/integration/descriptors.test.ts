import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/index.ts';
import { type RunningProcess, runCli, untilExit } from '../support/node-process.ts';
import { eventually } from '../support/wait.ts';

const TOKEN = 'descriptors-test-token-of-no-value';
const directory = mkdtempSync(join(tmpdir(), 'lattice-descriptors-'));
const sockets: Socket[] = [];
let node: RunningProcess | undefined;
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  if (node !== undefined && node.exit === undefined) {
    node.signal('SIGTERM');
    await untilExit(node);
  }
  rmSync(directory, { recursive: true, force: true });
});

/** An idle connection, which the node may take in or cut. */
async function hold(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  // Not `once` of node:events, which rejects where the connection is refused or reset.
  await new Promise((resolve) => void socket.once('connect', resolve).once('close', resolve));
  return socket;
}

describe('a node that may have 256 file descriptors', () => {
  it('says so at its start, and outlives 600 idle connections: it writes on and tells why it takes no more [A26]', async () => {
    const env = {
      DIOTEC360_API_PORT: '0',
      DIOTEC360_API_TOKEN: TOKEN,
      DIOTEC360_P2P_LISTEN: '/ip4/127.0.0.1/tcp/0',
      DIOTEC360_STATE_DIR: directory,
    };
    const running = runCli(['start'], { cwd: directory, env, descriptors: 256 });
    node = running;
    let url = '';
    await eventually('it is ready', () => {
      const said = running.log().find(({ msg }) => msg.startsWith('LATTICE READY'))?.['url'];
      if (typeof said === 'string') url = said;
      return url !== '' || running.exit !== undefined;
    });
    const api = Number(new URL(url).port);
    const client = createClient({ url, token: TOKEN });
    const { descriptors } = await client.getResources();
    expect(descriptors?.limit).toBe(256);
    const { warnings, p2p: lung } = await client.getStatus();
    const p2p = Number(/\/tcp\/(\d+)\//.exec(lung.listen[0] ?? '')?.[1]);
    expect(warnings.filter(({ text }) => text.includes('256 file descriptors'))).toHaveLength(1);

    // The client keeps its connection, which was there before the others.
    for (let i = 0; i < 300; i++) await Promise.all([hold(api), hold(p2p)]);
    const shed = (): boolean => running.log().some(({ msg }) => msg.includes('too few file descriptors are left'));
    await eventually('connections are refused', shed);
    // The series takes a sample of the process every 5 s.
    const points = async (): Promise<number> => (await client.getSeries({ since: 0 })).items.length;
    const before = await points();
    await eventually('further samples are taken', async () => (await points()) > before + 1);
    for (let i = 0; i < 20; i++) await client.putEntry(`key/${i}`, 'x'.repeat(1000));
    const { open = 0 } = (await client.getResources()).descriptors ?? {};
    expect(open).toBeLessThan(256 - 32);

    // Connections to P2P that say nothing are cut after 3 s.
    for (let i = 0; i < 300; i++) await hold(api);
    // Of many that are refused at a time, some are only closed.
    await eventually('one is told why', async () => {
      const answer = await fetch(`${url}/livez`, { headers: { connection: 'close' } }).catch(() => undefined);
      return answer?.status === 503 && (await answer.text()).includes('"code":"no-descriptors"');
    });
    expect(await client.getMetrics()).toMatch(/lattice_connections_refused_total\{lung="http"\} [1-9]/);

    for (const held of sockets.splice(0)) held.destroy();
    await eventually('it takes connections again', async () => (await fetch(`${url}/livez`)).status === 200);
    expect(node.exit).toBeUndefined();
  });
});
