import { getEventListeners } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createClient, type LatticeClient } from '../../../src/client/index.ts';
import { type LiveNode, startLiveNode } from '../api/live-node.ts';
import { TOKEN } from '../api/support.ts';
import { startServer, type TestServer } from './server.ts';

let node: LiveNode;
let client: LatticeClient;
let servers: TestServer[] = [];
beforeAll(async () => {
  node = await startLiveNode();
  client = createClient({ url: node.url, token: TOKEN });
  for (let i = 0; i < 1000; i += 250) {
    const operations = Array.from({ length: 250 }, (_, j) => ({ op: 'put' as const, key: `k/${i + j}`, value: i + j }));
    await client.commit(operations);
  }
  await client.putEntry('other', 'é');
});
afterAll(() => node.end());
afterEach(async () => {
  for (const server of servers) await server.close();
  servers = [];
});

const BEGIN = `{"export":1,"network":"n","root":"${'0'.repeat(64)}","live":2,"at":1,"prefix":""}\n`;
const entry = (key: string): string => `{"key":"${key}","value":1}\n`;
/** A client of a server that answers an export with `text`, and ends it unless told to leave it open. */
async function answering(text: string, leaveOpen = false, type = 'application/x-ndjson'): Promise<LatticeClient> {
  const server = await startServer((_request, response) => {
    response.writeHead(200, { 'content-type': type });
    response.write(text);
    if (!leaveOpen) response.end();
  });
  servers.push(server);
  return createClient({ url: server.url });
}
const keysOf = async (from: LatticeClient, timeoutMs?: number): Promise<readonly string[]> => {
  const keys: string[] = [];
  for await (const { key } of await from.exportState({ timeoutMs })) keys.push(key);
  return keys;
};

describe('an export by the client', () => {
  it('gives all entries of one moment, by prefix too [A31]', async () => {
    const all = await client.exportState();
    const { root, network } = await client.getStatus();
    expect(all).toMatchObject({ root, live: 1001, network });
    // Written while the export is read: it is of a later moment.
    await client.putEntry('later', 1);
    const keys = new Set<string>();
    for await (const { key } of all) keys.add(key);
    expect([keys.size, keys.has('later')]).toEqual([1001, false]);
    const some = await client.exportState({ prefix: 'oth' });
    expect((await some.next()).value).toMatchObject({ key: 'other', value: 'é' });
    expect((await some.next()).done).toBe(true);
  });

  it('lets go of the signal of its caller, however it ends', async () => {
    const { signal } = new AbortController();
    const left = (): number => getEventListeners(signal, 'abort').length;
    for (const text of ['', 'no JSON\n', '{"export":2}\n', `${BEGIN}${entry('a')}`])
      await expect(
        (async () => {
          for await (const _ of await (await answering(text)).exportState({ signal }));
        })(),
      ).rejects.toThrow();
    await expect(createClient({ url: 'http://127.0.0.1:1' }).exportState({ signal })).rejects.toThrow();
    for await (const _ of await client.exportState({ signal })) break;
    await (await client.exportState({ signal })).return();
    expect(left()).toBe(0);
  });

  it('fails when the answer is cut, miscounts, or is none of a node [A31]', async () => {
    const whole = `${BEGIN}${entry('a')}${entry('b')}{"end":true,"entries":2}\n`;
    expect(await keysOf(await answering(whole))).toEqual(['a', 'b']);
    for (const cut of [whole.length - 1, BEGIN.length + 5, 10, 0])
      await expect(keysOf(await answering(whole.slice(0, cut)))).rejects.toMatchObject({ code: 'unreachable' });
    for (const wrong of [
      whole.replace('":2}\n', '":3}\n'),
      `${BEGIN}<html>\n`,
      whole.replace('"export":1', '"export":2'),
    ])
      await expect(keysOf(await answering(wrong))).rejects.toMatchObject({ code: 'not-a-lattice-node' });
    await expect(keysOf(await answering(whole, false, 'text/html'))).rejects.toMatchObject({
      code: 'not-a-lattice-node',
    });
    const long = await answering(`${BEGIN}${'x'.repeat(300 * 1024)}`);
    await expect(keysOf(long)).rejects.toMatchObject({ code: 'answer-too-large' });
  });

  it('does not wait for ever for a node that falls silent, and ends when it is told to', async () => {
    const silent = await answering(BEGIN + entry('a'), true);
    await expect(keysOf(silent, 300)).rejects.toMatchObject({ code: 'timeout' });
    const ending = new AbortController();
    const given = await (await answering(BEGIN + entry('a'), true)).exportState({ signal: ending.signal });
    await given.next();
    const waiting = given.next();
    ending.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    const unread = await (await answering(BEGIN + entry('a'), true)).exportState();
    await unread.return();
    expect((await unread.next()).done).toBe(true);
  });
});
