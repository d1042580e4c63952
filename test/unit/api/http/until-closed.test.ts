import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyReply } from 'fastify';
import { expect, it } from 'vitest';
import { untilClosed } from '../../../../src/api/http/stream-slots.ts';
import { eventually } from '../../../support/wait.ts';

it('a slot that is taken after its client has left is given back at once [A18]', async () => {
  const released: string[] = [];
  let left: (() => void) | undefined;
  const server = createServer((asked, raw) => {
    const name = asked.url ?? '';
    const take = (): void => untilClosed({ raw } as unknown as FastifyReply, () => released.push(name));
    if (name === '/late') left = take;
    else {
      take();
      raw.end('ok');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await (await fetch(`http://127.0.0.1:${port}/whole`)).text();
    await eventually('the answered one is released', () => released.includes('/whole'));
    let isClosed = false;
    server.once('request', (_asked, raw) => raw.once('close', () => (isClosed = true)));
    const client = request({ port, host: '127.0.0.1', path: '/late' });
    client.on('error', () => undefined);
    client.end();
    await eventually('the request is there', () => left !== undefined);
    client.destroy();
    await eventually('its client has left', () => isClosed);
    expect(released).toEqual(['/whole']);
    left?.();
    expect(released).toEqual(['/whole', '/late']);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
