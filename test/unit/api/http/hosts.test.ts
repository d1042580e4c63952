import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startLiveNode } from '../live-node.ts';
import { startApi } from '../support.ts';

describe('IPv6', () => {
  it('[::1] as API_HOST binds, is shown as a URL, and is answered in every spelling [A12]', async () => {
    const node = await startLiveNode({ API_HOST: '[::1]', P2P_ENABLED: 'false' });
    try {
      expect(node.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
      expect((await fetch(`${node.url}/livez`)).status).toBe(200);
      const { port } = new URL(node.url);
      const statusFor = (host: string): Promise<number> =>
        new Promise((resolve, reject) => {
          const asked = request({ host: '::1', port, path: '/health', headers: { host }, agent: false }, (answer) => {
            answer.resume();
            resolve(answer.statusCode ?? 0);
          });
          asked.on('error', reject).end();
        });
      for (const host of [`[::1]:${port}`, '[0:0:0:0:0:0:0:1]', 'localhost', '127.0.0.1']) {
        expect([host, await statusFor(host)]).toEqual([host, 200]);
      }
      expect(await statusFor('[fd00::1]')).toBe(421);
    } finally {
      await node.end();
    }
  });

  it.each(['fd00::1', '[fd00::1]', '[FD00:0::1]:443'])('%s as an allowed host is answered [A12]', async (allowed) => {
    const { ask } = await startApi({ config: { allowedHosts: [allowed] } });
    for (const host of ['[fd00::1]', '[fd00::1]:8000', '[FD00:0:0::1]'])
      expect([host, (await ask('/health', { headers: { host } })).status]).toEqual([host, 200]);
    expect((await ask('/health', { headers: { host: '[fd00::2]' } })).status).toBe(421);
  });

  it.each([
    ['/livez', 200],
    ['/readyz', 200],
    ['/health', 421],
    ['/api/v1/status', 421],
  ])('HTTP/1.0 without a Host header: %s is answered %i [A16, A12]', async (path, status) => {
    const { url } = await startApi();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(`GET ${path} HTTP/1.0\r\n\r\n`);
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(bytes.toString()).toContain(`HTTP/1.1 ${status} `);
  });

  it.each(['/livez', '/readyz', '/health'])('HTTP/1.1 without a Host header is 400 at %s [A16]', async (path) => {
    const { url } = await startApi();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(`GET ${path} HTTP/1.1\r\n\r\n`);
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(bytes.toString()).toContain('HTTP/1.1 400 ');
  });
});
