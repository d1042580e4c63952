import { createHash, randomBytes } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { httpFetch } from '../../../src/cli/http-fetch.ts';
import { createClient, LatticeError, type VaultClient, type VaultProgress } from '../../../src/client/index.ts';
import { createMemoryVault, type MemoryVault } from '../../support/memory-vault.ts';
import { startLattice } from '../api/live-lattice.ts';
import { startApi, TOKEN, until } from '../api/support.ts';
import { startServer } from './server.ts';

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

async function start(options: Parameters<typeof createMemoryVault>[0] = {}): Promise<{
  readonly url: string;
  readonly memory: MemoryVault;
}> {
  const memory = createMemoryVault(options);
  const { url } = await startApi({ lattice: { ...(await startLattice()), vault: memory } });
  return { url, memory };
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A proxy before a node that changes one byte of each answer from `from` on. */
async function changing(url: string, at: number): Promise<string> {
  const server = createServer((request, response) => {
    void fetch(url + (request.url ?? ''), { headers: request.headers as Record<string, string> }).then(
      async (answer) => {
        const bytes = Buffer.from(await answer.arrayBuffer());
        const isContent = answer.headers.get('accept-ranges') === 'bytes' && !(request.url ?? '').endsWith('/leaves');
        if (isContent) bytes[at] = (bytes[at] ?? 0) ^ 1;
        response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(bytes);
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe.each([
  ['fetch', undefined],
  ["the command line's HTTP", httpFetch],
] as const)('the vault of a client over %s', (_name, run) => {
  const clientOf = (url: string): VaultClient =>
    createClient({ url, token: TOKEN, ...(run === undefined ? {} : { fetch: run }) }).vault;

  it('puts bytes, Blobs, streams and iterables, tells how far it is, and gets them back verified [A32, A33]', async () => {
    const { url } = await start();
    const vault = clientOf(url);
    const content = randomBytes(1_000_000);
    const forms = [
      content,
      new Blob([content], { type: 'image/png' }),
      new Blob([content]).stream(),
      inPieces(content, 1017),
    ];
    for (const [i, form] of forms.entries()) {
      const told: VaultProgress[] = [];
      const { object, created } = await vault.put(form, {
        name: 'a b.png',
        pin: true,
        onProgress: (progress) => told.push(progress),
      });
      expect([object.hash, created, object.pinned]).toEqual([sha256(content), i === 0, true]);
      expect(told.at(-1)).toEqual({ sent: content.length, of: i < 2 ? content.length : undefined });
      expect(told.length).toBeGreaterThan(3);
    }
    const got = await vault.get(sha256(content));
    expect([got.size, got.length, got.name, got.type]).toEqual([
      content.length,
      content.length,
      'a b.png',
      'application/octet-stream',
    ]);
    expect(Buffer.from(await got.bytes()).equals(content)).toBe(true);
    const { object: empty } = await vault.put(new Uint8Array(), { type: 'text/plain' });
    const nothing = await vault.get(empty.hash);
    expect([(await nothing.bytes()).length, nothing.type]).toEqual([0, 'text/plain']);
  });

  it('refuses what the node refuses, also in the middle of a body without end [A32]', async () => {
    const { url, memory } = await start({ maxObjectBytes: 1_000_000 });
    const vault = clientOf(url);
    let given = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        given += 65_536;
        yield new Uint8Array(65_536);
      }
    }
    await expect(vault.put(endless())).rejects.toMatchObject({ code: 'object-too-large', status: 413 });
    expect(given).toBeLessThan(64 * 1024 * 1024);
    await expect(vault.put(new Uint8Array(10), { expect: sha256('other') })).rejects.toMatchObject({
      code: 'hash-mismatch',
    });
    await expect(createClient({ url }).vault.put(new Uint8Array(10))).rejects.toMatchObject({ code: 'unauthorized' });
    const stop = new AbortController();
    const putting = vault.put(endless(), { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) });
    await expect(putting).rejects.toThrow('enough');
    await until(() => memory.underWay.puts === 0);
    expect([memory.taken(), memory.status().objects]).toEqual([0, 0]);
  });

  it('gets ranges that are verified block by block, from any byte to any other [A33]', async () => {
    const { url } = await start();
    const vault = clientOf(url);
    const content = randomBytes(200_000);
    const { object } = await vault.put(content);
    for (const [from, end] of [
      [0, 1],
      [65_535, 65_537],
      [1, 200_000],
      [131_072, 196_608],
      [199_999, undefined],
    ] as const) {
      const part = await vault.get(object.hash, { range: { start: from, end } });
      const bytes = await part.bytes();
      expect([from, Buffer.from(bytes).equals(content.subarray(from, end))]).toEqual([from, true]);
      expect([part.size, part.length]).toEqual([200_000, bytes.length]);
    }
    await expect(vault.get(object.hash, { range: { start: 200_000 } })).rejects.toMatchObject({
      code: 'range-not-satisfiable',
    });
    await expect(vault.get(object.hash, { range: { start: 0, end: 5 }, root: '0'.repeat(64) })).rejects.toMatchObject({
      code: 'hash-mismatch',
    });
  });

  it('takes no memory for a length that is only named, and lets go of the signal when it is cut [A33]', async () => {
    const server = await startServer((_request, response) => {
      response.writeHead(200, { 'content-length': 2 ** 36, 'content-type': 'text/plain' });
      response.write(randomBytes(100_000), () => response.destroy());
    });
    try {
      const { signal } = new AbortController();
      const content = await clientOf(server.url).get('0'.repeat(64), { signal });
      await expect(content.bytes()).rejects.toMatchObject({ code: 'unreachable' });
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    } finally {
      await server.close();
    }
  });

  it('hands out no last byte of what was changed on the way, and no byte of a changed block [A33]', async () => {
    const { url } = await start();
    const content = randomBytes(200_000);
    const { object } = await clientOf(url).put(content);
    const vault = clientOf(await changing(url, 10));
    const read = async (options: Parameters<VaultClient['get']>[1]): Promise<[number, unknown]> => {
      let length = 0;
      try {
        for await (const piece of (await vault.get(object.hash, options)).stream) length += piece.length;
      } catch (error) {
        return [length, error instanceof LatticeError ? error.code : error];
      }
      return [length, undefined];
    };
    const [length, code] = await read({});
    expect([length < content.length, code]).toEqual([true, 'hash-mismatch']);
    expect(await read({ range: { start: 0, end: 70_000 } })).toEqual([0, 'hash-mismatch']);
    expect(await read({ verify: false })).toEqual([content.length, undefined]);
  });

  it('tells when content is damaged or cut short on the node [A33]', async () => {
    const { url, memory } = await start();
    const vault = clientOf(url);
    const { object } = await vault.put(randomBytes(400_000));
    memory.damage(object.hash, 300_000);
    await expect(vault.get(object.hash).then((content) => content.bytes())).rejects.toMatchObject({
      code: 'unreachable',
    });
    memory.damage(object.hash, 5);
    await expect(vault.get(object.hash)).rejects.toMatchObject({ code: 'object-damaged' });
    const faults: string[] = [];
    for await (const { hash, fault } of vault.verify()) if (fault !== undefined) faults.push(hash);
    expect(faults).toEqual([object.hash]);
  });

  it('lists, pins, fetches, removes and collects [A34]', async () => {
    const { url, memory } = await start();
    const vault = clientOf(url);
    for (const text of ['a', 'b', 'c']) await vault.put(new TextEncoder().encode(text), { name: text });
    const { objects, cursor } = await vault.list({ limit: 2 });
    expect([objects.length, cursor !== undefined]).toEqual([2, true]);
    const all: string[] = [];
    for await (const { hash } of vault.objects()) all.push(hash);
    expect(all).toEqual(['a', 'b', 'c'].map(sha256).sort());
    const [hash] = all as [string];
    expect((await vault.pin(hash)).pinned).toBe(true);
    expect((await vault.unpin(hash)).pinned).toBe(false);
    memory.lose(hash);
    await expect(vault.get(hash)).rejects.toMatchObject({ code: 'object-missing', retryAfterMs: 5000 });
    expect((await vault.fetch(hash)).here).toBe('whole');
    expect(await vault.holders(hash)).toMatchObject([{ label: 'node1', has: true }]);
    expect((await vault.leaves(hash)).length).toBe(32);
    expect((await vault.status()).objects).toBe(3);
    await vault.remove(hash);
    expect(await vault.stat(hash)).toBeUndefined();
    await expect(vault.remove(hash)).rejects.toMatchObject({ code: 'object-not-found' });
    expect(await vault.gc({ dryRun: true })).toMatchObject({ dryRun: true });
  });
});
