import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { whoAnswers } from '../../../src/cli/who-answers.ts';
import { startApi } from '../api/support.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function serve(body: Buffer | string, type = 'application/cbor'): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', type);
    response.end(body);
  });
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('who answers at a URL', () => {
  it('is known by its signature, also where reads need a token', async () => {
    const { url, lattice } = await startApi({ config: { readToken: 'read-token-of-no-value' } });
    expect(await whoAnswers(url, 10_000)).toBe(lattice.status().peerId);
  });

  it('is nobody where another program answers, or repeats what a node once said', async () => {
    const { url } = await startApi();
    const recorded = await fetch(`${url}/api/v1/sync/identity?nonce=${'00'.repeat(16)}&url=${encodeURIComponent(url)}`);
    const replayed = Buffer.from(await recorded.arrayBuffer());
    for (const body of [replayed, Buffer.alloc(5), '<html></html>', Buffer.alloc(100_000)])
      expect(await whoAnswers(await serve(body), 10_000)).toBeUndefined();
  });

  it('is nobody where nothing listens', async () => {
    const url = await serve('');
    await new Promise((resolve) => servers.splice(0)[0]?.close(resolve));
    expect(await whoAnswers(url, 10_000)).toBeUndefined();
  });
});
