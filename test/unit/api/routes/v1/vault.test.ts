import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createMemoryVault, type MemoryVault } from '../../../../support/memory-vault.ts';
import { createHandClock } from '../../../runtime/support.ts';
import { startLattice } from '../../live-lattice.ts';
import { startLiveNode } from '../../live-node.ts';
import { type Answer, ask, auth, startApi, TOKEN, until } from '../../support.ts';

const MIB = 1024 * 1024;
const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
const digestOf = (bytes: Uint8Array | string): string =>
  `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;

interface Started {
  readonly url: string;
  readonly vault: MemoryVault;
  put(content: Uint8Array | string, query?: string, headers?: Record<string, string>): Promise<Answer>;
}

async function start(
  options: Parameters<typeof createMemoryVault>[0] & Parameters<typeof startApi>[0] = {},
): Promise<Started> {
  const vault = createMemoryVault(options);
  const { url } = await startApi({ ...options, lattice: { ...(await startLattice()), vault } });
  return {
    url,
    vault,
    put: (content, query = '', headers = {}) =>
      ask(url, `/api/v1/vault${query}`, { method: 'PUT', headers: { ...auth, ...headers }, body: content }),
  };
}

/** A connection on which a request is written by hand, and what comes back. */
async function raw(url: string): Promise<{ socket: Socket; text(): string; ended: Promise<void> }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.on('data', (part) => (text += part.toString('latin1')));
  socket.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  return { socket, text: () => text, ended };
}
/** Of a body that is sent piece by piece: a fraction of what sockets buffer. */
const PIECE = 64 * 1024;
/** Looks in a row, 10 ms apart, at which a figure is the same once what flowed has come to a halt. */
const STILL_LOOKS = 25;
async function untilStill(figure: () => number): Promise<void> {
  let last = figure();
  for (let looks = 0; looks < STILL_LOOKS; looks++) {
    await pause(10);
    if (figure() === last) continue;
    last = figure();
    looks = 0;
  }
}

const putHead = (more: string, token = TOKEN): string =>
  `PUT /api/v1/vault HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n${more}\r\n\r\n`;

describe('PUT /api/v1/vault', () => {
  it('takes content of any length with name, type and pin, once [A32]', async () => {
    const { url, put } = await start();
    const content = randomBytes(3 * MIB + 17);
    const hash = sha256(content);
    const first = await put(content, '?name=photo%20%C3%A4.jpg&pin=true', { 'content-type': 'image/jpeg' });
    expect(first.status).toBe(201);
    expect(first.headers).toMatchObject({
      location: `/api/v1/vault/${hash}`,
      etag: `"${hash}"`,
      'repr-digest': digestOf(content),
    });
    expect(first.json()).toMatchObject({
      hash,
      size: content.length,
      name: 'photo ä.jpg',
      type: 'image/jpeg',
      pinned: true,
      here: 'whole',
    });
    const again = await put(content);
    expect([again.status, again.json()['hash'], again.headers['location']]).toEqual([200, hash, undefined]);
    const empty = await ask(url, '/api/v1/vault', { method: 'PUT', headers: { ...auth, 'content-length': '0' } });
    expect([empty.status, empty.json()['hash'], empty.json()['size']]).toEqual([201, sha256(''), 0]);
  });

  it('refuses content of another hash than the path or a digest names [A32]', async () => {
    const { url, vault, put } = await start();
    for (const header of ['content-digest', 'repr-digest']) {
      const wrong = await put('hello', '', { [header]: digestOf('other') });
      expect([wrong.status, wrong.json()['code']]).toEqual([400, 'hash-mismatch']);
    }
    const path = await put('hello', `/${sha256('other')}`);
    expect([path.status, path.json()['code']]).toEqual([400, 'hash-mismatch']);
    const both = await put('hello', `/${sha256('hello')}`, { 'repr-digest': digestOf('other') });
    expect([both.status, both.json()['code']]).toEqual([400, 'hash-mismatch']);
    for (const bad of ['sha-256=abc', 'sha-256=:AAAA:', 'sha-256', `${digestOf('a')}, ${digestOf('b')}`]) {
      const answer = await put('hello', '', { 'repr-digest': bad });
      expect([bad, answer.status, answer.json()['code']]).toEqual([bad, 400, 'invalid-header']);
    }
    expect(vault.status().objects).toBe(0);
    // A digest by another algorithm is passed over.
    const right = await put('hello', `/${sha256('hello')}`, { 'repr-digest': `sha-512=:AA==:, ${digestOf('hello')}` });
    expect(right.status).toBe(201);
    expect((await ask(url, '/api/v1/vault/xyz', { method: 'PUT', headers: auth, body: 'a' })).status).toBe(400);
  });

  it('needs the token, and takes no more than an object may have [A9, A32]', async () => {
    const { url, vault, put } = await start({ maxObjectBytes: MIB });
    const refused = await ask(url, '/api/v1/vault', { method: 'PUT', body: 'a' });
    expect(refused.status).toBe(401);
    const said = await put(randomBytes(MIB + 1));
    expect([said.status, said.json()['code']]).toEqual([413, 'object-too-large']);
    // Without a length beforehand it is found out under way, and the connection stays of use.
    const { socket, text } = await raw(url);
    socket.write(putHead('transfer-encoding: chunked'));
    for (let i = 0; i < 5; i++) socket.write(`40000\r\n${'x'.repeat(0x40000)}\r\n`);
    await until(() => text().includes('object-too-large'));
    expect(text()).toMatch(/^HTTP\/1\.1 413 /);
    socket.write('0\r\n\r\nGET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n');
    await until(() => text().includes('HTTP/1.1 200'));
    expect([vault.status().objects, vault.taken(), vault.underWay.puts]).toEqual([0, 0, 0]);
    socket.destroy();
    for (const query of ['?name=a%2Fb', '?pin=yes', '?other=1', `?name=${'x'.repeat(256)}`])
      expect((await put('a', query)).status, query).toBe(400);
  });

  it('keeps nothing of an upload that is cut short, whatever the client said of its length [A32]', async () => {
    const { url, vault } = await start();
    for (const head of ['content-length: 1000000', 'transfer-encoding: chunked']) {
      const { socket, ended } = await raw(url);
      socket.write(putHead(head));
      socket.write(head.startsWith('content') ? 'x'.repeat(300_000) : `40000\r\n${'x'.repeat(0x40000)}\r\n`);
      await until(() => vault.taken() > 200_000);
      socket.destroy();
      await ended;
      await until(() => vault.underWay.puts === 0);
      expect([vault.taken(), vault.status().objects]).toEqual([0, 0]);
    }
  });

  it('lets a client wait while the vault is slow, so that little waits in memory [A32]', async () => {
    const { url, vault } = await start();
    let go = (): void => undefined;
    vault.hold = new Promise((resolve) => {
      go = resolve;
    });
    const { socket, text } = await raw(url);
    const length = 32 * MIB;
    socket.write(putHead(`content-length: ${length}\r\nconnection: close`));
    const piece = Buffer.alloc(PIECE);
    let sent = 0;
    const sending = (async () => {
      for (; sent < length; sent += PIECE) await new Promise<void>((taken) => socket.write(piece, () => taken()));
    })();
    await until(() => vault.underWay.puts === 1);
    // What has left this side is in the buffers of two sockets and of one request, which are far below the whole.
    await untilStill(() => sent);
    expect(sent).toBeLessThan(length / 2);
    vault.hold = undefined;
    go();
    await sending;
    await until(() => text().includes('HTTP/1.1 201'));
  });

  it('drops an upload that does not get on, and lets one take its time that does [A32]', async () => {
    const clock = createHandClock();
    const { url, vault } = await start({ clock });
    const { socket, text, ended } = await raw(url);
    socket.write(putHead('content-length: 1000000'));
    socket.write('x'.repeat(200_000));
    await until(() => vault.taken() === 200_000);
    // Time passes, and the body has a rule of its own: the 10 s of other requests do not end it.
    await clock.advance(19_000);
    expect(text()).toBe('');
    socket.write('x'.repeat(1000));
    await until(() => vault.taken() === 201_000);
    await clock.advance(45_000);
    await until(() => text() !== '');
    expect(text()).toMatch(/^HTTP\/1\.1 408 /);
    expect(text()).toContain('upload-too-slow');
    expect([vault.taken(), vault.underWay.puts]).toEqual([0, 0]);
    socket.write('x'.repeat(10));
    await clock.advance(11_000);
    await ended;
  });

  it('bounds uploads at a time of one address [A13, A32]', async () => {
    const { url, vault, put } = await start();
    const forwarded = { 'x-forwarded-for': '192.0.2.7' };
    const open = await Promise.all(Array.from({ length: 4 }, () => raw(url)));
    for (const { socket } of open) socket.write(putHead('content-length: 10\r\nx-forwarded-for: 192.0.2.7'));
    for (const { socket } of open) socket.write('x');
    await until(() => vault.underWay.puts === 4);
    const fifth = await put('a', '', forwarded);
    expect([fifth.status, fifth.json()['code']]).toEqual([429, 'overloaded']);
    open[0]?.socket.destroy();
    await until(() => vault.underWay.puts === 3);
    expect((await put('a', '', forwarded)).status).toBe(201);
    for (const { socket } of open) socket.destroy();
    await until(() => vault.underWay.puts === 0);
  });
});

describe('GET /api/v1/vault/<hash>', () => {
  const content = randomBytes(200_000);
  const hash = sha256(content);
  const path = `/api/v1/vault/${hash}`;

  it('answers the content, which nobody can mistake and no browser runs [A33]', async () => {
    const { url, put } = await start();
    await put(content, '?name=%22%C3%A4%22%20%25.html', { 'content-type': 'text/html; charset=utf-8' });
    const answer = await fetch(url + path);
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-length': '200000',
      etag: `"${hash}"`,
      'repr-digest': digestOf(content),
      'accept-ranges': 'bytes',
      'cache-control': 'public, max-age=31536000, immutable',
      'content-disposition': `attachment; filename="___ _.html"; filename*=UTF-8''%22%C3%A4%22%20%25.html`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
    });
    expect(sha256(new Uint8Array(await answer.arrayBuffer()))).toBe(hash);
    const inline = await fetch(`${url}${path}?disposition=inline`);
    expect(inline.headers.get('content-disposition')).toMatch(/^inline; /);
    expect(inline.headers.get('content-security-policy')).toContain('sandbox');
    await inline.arrayBuffer();
  });

  it('answers HEAD alike, without the content [A33]', async () => {
    const { url, vault, put } = await start();
    await put(content);
    const head = await ask(url, path, { method: 'HEAD' });
    const { headers } = await ask(url, path);
    const without = (all: Answer['headers']): object =>
      Object.fromEntries(Object.entries(all).filter(([name]) => name !== 'date' && name !== 'x-request-id'));
    expect([head.status, head.text]).toEqual([200, '']);
    expect(without(head.headers)).toEqual(without(headers));
    vault.lose(hash);
    expect((await ask(url, path, { method: 'HEAD' })).status).toBe(404);
  });

  it('answers one range, conditions, and nothing new to whoever has it [A33]', async () => {
    const { url, put } = await start();
    await put(content);
    const part = async (headers: Record<string, string>): Promise<[number, string | null, Buffer]> => {
      const answer = await fetch(url + path, { headers });
      return [answer.status, answer.headers.get('content-range'), Buffer.from(await answer.arrayBuffer())];
    };
    const [status, range, bytes] = await part({ range: 'bytes=65530-131080' });
    expect([status, range]).toEqual([206, 'bytes 65530-131080/200000']);
    expect(bytes.equals(content.subarray(65_530, 131_081))).toBe(true);
    expect((await part({ range: 'bytes=-5' }))[2]).toEqual(content.subarray(-5));
    expect((await part({ range: 'bytes=5-', 'if-range': `"${hash}"` }))[0]).toBe(206);
    expect((await part({ range: 'bytes=5-', 'if-range': '"other"' }))[0]).toBe(200);
    expect((await part({ range: 'bytes=1-2,4-5' }))[0]).toBe(200);
    expect((await part({ range: 'bytes=200000-' })).slice(0, 2)).toEqual([416, 'bytes */200000']);
    expect(await part({ 'if-none-match': `"${hash}"` })).toEqual([304, null, Buffer.alloc(0)]);
    expect((await part({ 'if-match': '"other"' }))[0]).toBe(412);
  });

  it('answers 404 for what the vault does not have, and when to ask again for what is fetched [A33]', async () => {
    const { url, vault, put } = await start();
    const none = await ask(url, path);
    expect([none.status, none.json()['code']]).toEqual([404, 'object-not-found']);
    await put(content);
    vault.lose(hash);
    const missing = await ask(url, path);
    expect([missing.status, missing.json()['code'], missing.headers['retry-after']]).toEqual([
      404,
      'object-missing',
      '5',
    ]);
    expect((await ask(url, `/api/v1/vault/${hash.toUpperCase()}`)).status).toBe(400);
  });

  it('hands out no byte of a damaged block, and is no answer to keep [A33]', async () => {
    const { url, vault, put } = await start();
    await put(content);
    vault.damage(hash, 100_000);
    // The first block is good: the answer begins, and is cut where the damage is.
    const begun = await fetch(url + path);
    expect(begun.status).toBe(200);
    await expect(begun.arrayBuffer()).rejects.toThrow();
    const damaged = await ask(url, path, { headers: { range: 'bytes=70000-70010' } });
    expect([damaged.status, damaged.json()['code']]).toEqual([500, 'object-damaged']);
    expect(damaged.headers['cache-control']).toBeUndefined();
    expect(damaged.headers['content-length']).toBe(String(Buffer.byteLength(damaged.text)));
    expect((await ask(url, path, { headers: { range: 'bytes=0-9' } })).status).toBe(206);
    await until(() => vault.underWay.reads === 0);
  });

  it('stops reading when the client has left, and bounds downloads of one address [A13, A33]', async () => {
    const { url, vault, put } = await start();
    const large = Buffer.alloc(16 * MIB, 1);
    await put(large);
    const get = `GET /api/v1/vault/${sha256(large)} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-forwarded-for: 192.0.2.7\r\n\r\n`;
    const readers = await Promise.all(Array.from({ length: 8 }, () => raw(url)));
    for (const { socket } of readers) {
      socket.write(get);
      socket.pause();
    }
    await until(() => vault.underWay.reads === 8);
    const ninth = await ask(url, `/api/v1/vault/${sha256(large)}`, { headers: { 'x-forwarded-for': '192.0.2.7' } });
    expect([ninth.status, ninth.json()['code']]).toEqual([429, 'overloaded']);
    for (const { socket } of readers) socket.destroy();
    await until(() => vault.underWay.reads === 0);
  });
});

describe('the other routes of the vault', () => {
  it('list, tell, pin, fetch and remove objects [A34]', async () => {
    const { url, vault, put } = await start();
    const hashes = await Promise.all(
      ['a', 'b', 'c'].map(async (text) => (await put(text, `?name=${text}`)).json()['hash'] as string),
    );
    const sorted = [...hashes].sort();
    const page = (await ask(url, '/api/v1/vault?limit=2')).json() as { objects: { hash: string }[]; cursor?: string };
    expect(page.objects.map((o) => o.hash)).toEqual(sorted.slice(0, 2));
    const rest = (await ask(url, `/api/v1/vault?cursor=${page.cursor}`)).json();
    expect([rest['objects'], rest['cursor']]).toEqual([[expect.objectContaining({ hash: sorted[2] })], undefined]);
    expect((await ask(url, '/api/v1/vault/status')).json()).toMatchObject({ policy: 'all', objects: 3, bytes: 3 });

    const one = `/api/v1/vault/${hashes[0]}`;
    expect((await ask(url, `${one}/about`)).json()).toMatchObject({ hash: hashes[0], name: 'a', pinned: false });
    expect((await ask(url, `${one}/holders`)).json()).toEqual({
      holders: [{ author: 'aa'.repeat(32), label: 'node1', has: true }],
    });
    const leaves = await fetch(`${url}${one}/leaves`);
    expect((await leaves.arrayBuffer()).byteLength).toBe(32);
    const post = (path: string) => ask(url, path, { method: 'POST', headers: auth });
    expect((await post(`${one}/pin`)).json()).toMatchObject({ pinned: true });
    expect((await post(`${one}/unpin`)).json()).toMatchObject({ pinned: false });
    vault.lose(hashes[0] as string);
    expect((await ask(url, `${one}/about`)).json()).toMatchObject({ here: 'missing', bytesHere: 0 });
    const fetched = await post(`${one}/fetch`);
    expect([fetched.status, fetched.json()['here']]).toEqual([200, 'whole']);
    expect((await post('/api/v1/vault/gc?dryRun=true')).json()).toMatchObject({ dryRun: true, removed: [] });
    expect((await ask(url, one, { method: 'DELETE', headers: auth })).status).toBe(204);
    expect((await ask(url, one, { method: 'DELETE', headers: auth })).json()['code']).toBe('object-not-found');
    for (const path of ['pin', 'unpin', 'fetch'])
      expect((await ask(url, `${one}/${path}`, { method: 'POST' })).status, path).toBe(401);
    for (const path of ['/api/v1/vault/gc', '/api/v1/vault/verify'])
      expect((await ask(url, path, { method: 'POST' })).status, path).toBe(401);
  });

  it('check the bytes line by line, and say at the end that it was all [A34]', async () => {
    const { url, vault, put } = await start();
    const [good, bad] = ['good', 'bad'].map((text) => sha256(text)) as [string, string];
    await put('good');
    await put('bad');
    vault.damage(bad, 0);
    const verify = async (query = ''): Promise<unknown[]> => {
      const answer = await ask(url, `/api/v1/vault/verify${query}`, { method: 'POST', headers: auth });
      expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/x-ndjson']);
      return answer.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown);
    };
    expect(await verify()).toEqual([
      { hash: good, size: 4 },
      { hash: bad, size: 3, fault: expect.any(String) as string },
      { done: true, objects: 2, bytes: 7, faults: 1 },
    ]);
    expect(await verify(`?hash=${good}`)).toEqual([
      { hash: good, size: 4 },
      { done: true, objects: 1, bytes: 4, faults: 0 },
    ]);
    const none = await ask(url, `/api/v1/vault/verify?hash=${'0'.repeat(64)}`, { method: 'POST', headers: auth });
    expect([none.status, none.json()['code']]).toEqual([404, 'object-not-found']);
  });

  it('are not there on a node without a vault', async () => {
    const { ask: asks } = await startApi();
    expect((await asks('/api/v1/vault')).status).toBe(404);
  });
});

describe('the vault of a real node', () => {
  /** Sizes of the files of its vault that have more than a few bytes. */
  const sizesIn = (directory: string): number[] =>
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && `${entry.parentPath}/`.includes('vault'))
      .map((entry) => statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0)
      .filter((size) => size > 100_000);

  it('has nothing on its disk of an upload that was cut, and the whole of one that was not [A32, U5]', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'lattice-vault-api-'));
    const node = await startLiveNode({}, directory);
    const large = randomBytes(2 * MIB);
    const sizes = (): number[] => sizesIn(directory);
    try {
      const { socket, ended } = await raw(node.url);
      socket.write(putHead(`content-length: ${large.length}`));
      socket.write(large.subarray(0, MIB));
      await until(() => sizes().length > 0);
      socket.destroy();
      await ended;
      await until(() => sizes().length === 0);
      expect((await ask(node.url, '/api/v1/vault')).json()).toEqual({ objects: [] });
      const put = await ask(node.url, '/api/v1/vault', { method: 'PUT', headers: auth, body: large });
      expect([put.status, sizes()]).toEqual([201, [large.length]]);
      const got = await fetch(`${node.url}/api/v1/vault/${sha256(large)}`);
      expect(sha256(new Uint8Array(await got.arrayBuffer()))).toBe(sha256(large));
    } finally {
      await node.end();
    }
  });

  it('has nothing on its disk of content that has another hash, or is longer than was said [A32, U5]', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'lattice-vault-api-'));
    const node = await startLiveNode({}, directory);
    const large = Buffer.concat([randomBytes(2 * MIB - 1), Buffer.of(0)]);
    const path = `/api/v1/vault/${sha256(large)}`;
    try {
      const changed = Buffer.from(large);
      changed[MIB] = (changed[MIB] ?? 0) ^ 1;
      const wrong = await ask(node.url, path, { method: 'PUT', headers: auth, body: changed });
      expect([wrong.status, wrong.json()['code']]).toEqual([400, 'hash-mismatch']);
      // A byte less is said than is sent: what was said is other content, and the rest is no request.
      const { socket, text, ended } = await raw(node.url);
      socket.write(putHead(`content-length: ${large.length - 1}`).replace('/api/v1/vault', path));
      socket.write(large);
      await ended;
      expect(new Set(text().match(/^HTTP\/1\.1 \d+/gm))).toEqual(new Set(['HTTP/1.1 400']));
      await until(() => sizesIn(directory).length === 0);
      expect((await ask(node.url, '/api/v1/vault')).json()).toEqual({ objects: [] });
    } finally {
      await node.end();
    }
  });
});
