import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { byteRange } from '../../../../../src/api/http/byte-answers.ts';
import {
  CellDecoder,
  findByCells,
  publishedBytes,
  publishedToAnswer,
  rangeOf,
} from '../../../../../src/core/reconcile/index.ts';
import { type Bytes, bytesToHex, type Fragment, hexToBytes } from '../../../../../src/core/types/index.ts';
import { differenceOf, fill, namesOf, pair } from '../../../core/reconcile/cells/support.ts';
import { createAuthor, FOUND, openTestState } from '../../../runtime/support.ts';
import { certify, commitsOf, friend, startWithFriend } from '../../live-lattice.ts';
import { ask, startApi } from '../../support.ts';

const NO_SALT = new Uint8Array(0);
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

/** A node with a state at a certified cut, the cells of which it publishes. */
async function publish(fragments: readonly Fragment[], publicSync = true) {
  const node = await startWithFriend();
  await node.lattice.take(fragments);
  const { root } = await certify(node);
  const { url } = await startApi({ lattice: node.lattice, config: { publicSync } });
  const cells = node.lattice.cutCells(root)?.cells ?? 0;
  return { url, path: `/api/v1/sync/cells/${root}`, root, cells, lattice: node.lattice };
}

/** Tree and cells of a replica that holds these. */
async function replicaOf(fragments: readonly Fragment[]) {
  const { replica, writer } = await openTestState();
  await Promise.all(fragments.map((fragment) => writer.apply(fragment, FOUND)));
  return replica;
}

/** A cache as proxies are: keeps what it may of whole answers, and cuts ranges out of them. */
async function createCache(origin: string): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const kept = new Map<string, { readonly headers: Headers; readonly body: Buffer }>();
  const server: Server = createServer((request, response) => {
    void (async () => {
      const path = request.url ?? '/';
      let known = kept.get(path);
      if (known === undefined) {
        asked.push(path);
        const answer = await fetch(`${origin}${path}`);
        known = { headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
        if (answer.status !== 200) return void response.writeHead(answer.status).end();
        if (/public.*immutable/.test(answer.headers.get('cache-control') ?? '')) kept.set(path, known);
      }
      const { headers, body } = known;
      const said = Object.fromEntries(
        ['etag', 'lattice-entries', 'content-type'].map((name) => [name, headers.get(name) ?? '']),
      );
      const range = byteRange((request.headers satisfies IncomingHttpHeaders).range, body.length);
      if (range === undefined || range === 'none') return void response.writeHead(200, said).end(body);
      response.writeHead(206, { ...said, 'content-range': `bytes ${range.from}-${range.to - 1}/${body.length}` });
      response.end(body.subarray(range.from, range.to));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

describe('published cells', () => {
  const state = commitsOf('k', 500);

  it('are immutable bytes of 21 a cell, told by ETag, in whole and in any range [Y12]', async () => {
    const { url, path, root, cells } = await publish(state);
    const whole = await fetch(`${url}${path}`);
    const bytes = new Uint8Array(await whole.arrayBuffer());
    expect(whole.status).toBe(200);
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      etag: `"${root}"`,
      'cache-control': 'public, max-age=31536000, immutable',
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
      'lattice-entries': '500',
      'lattice-cells': String(cells),
    });
    expect(cells).toBeGreaterThan(500);
    expect(bytes.length).toBe(21 * cells);
    for (const [range, from, to] of [
      ['bytes=0-20', 0, 21],
      ['bytes=50-60', 50, 61],
      ['bytes=31000-', 31_000, bytes.length],
      ['bytes=-5', bytes.length - 5, bytes.length],
      ['bytes=100-999999999', 100, bytes.length],
    ] as const) {
      const part = await fetch(`${url}${path}`, { headers: { range } });
      expect([part.status, part.headers.get('content-range')]).toEqual([
        206,
        `bytes ${from}-${to - 1}/${bytes.length}`,
      ]);
      expect(new Uint8Array(await part.arrayBuffer())).toEqual(bytes.slice(from, to));
    }
    const statusOf = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${url}${path}`, { headers })).status;
    expect(await statusOf({ range: `bytes=${bytes.length}-` })).toBe(416);
    expect(await statusOf({ range: 'bytes=0-1,5-6' })).toBe(200);
    expect(await statusOf({ range: 'bytes=0-20', 'if-range': '"another"' })).toBe(200);
    expect(await statusOf({ 'if-none-match': `"${root}"` })).toBe(304);
  });

  it('take conditions and ranges as HTTP has them, and ignore a range of HEAD [Y12]', async () => {
    const { url, path, root, cells } = await publish(state);
    const length = 21 * cells;
    const etag = `"${root}"`;
    const get = (headers: Record<string, string>, method = 'GET') => ask(url, path, { method, headers });
    const tags = ['"a,b"', etag].join(', ');
    for (const held of [tags, `,${etag},`, `W/${etag}`, '*']) {
      const { status, headers, text } = await get({ 'if-none-match': held, range: 'bytes=0-20' });
      expect([held, status, headers.etag, headers['cache-control'], text]).toEqual([
        held,
        304,
        etag,
        'public, max-age=31536000, immutable',
        '',
      ]);
    }
    expect((await get({ 'if-none-match': `"x,${root}"` })).status).toBe(200);
    expect((await get({ 'if-match': tags })).status).toBe(200);
    expect((await get({ 'if-match': `W/${etag}` })).json().code).toBe('precondition-failed');
    const malformed = await get({ 'if-none-match': `${etag} ${etag}` });
    expect([malformed.status, malformed.json().code]).toEqual([400, 'invalid-header']);

    const head = await get({ range: 'bytes=0-20' }, 'HEAD');
    expect([head.status, head.headers['content-length'], head.headers['content-range']]).toEqual([
      200,
      String(length),
      undefined,
    ]);
    expect((await get({ range: `bytes=${length}-` }, 'HEAD')).status).toBe(200);
    const none = await get({ range: `bytes=${length}-` });
    expect([none.status, none.headers['content-type'], none.headers['content-range']]).toEqual([
      416,
      'application/problem+json',
      `bytes */${length}`,
    ]);
    expect([none.headers.etag, none.headers['cache-control']]).toEqual([undefined, undefined]);
    for (const ifRange of [`W/${etag}`, `${etag}, ${etag}`, 'Wed, 21 Oct 2015 07:28:00 GMT'])
      expect((await get({ range: 'bytes=0-20', 'if-range': ifRange })).status).toBe(200);
    expect((await get({ range: 'bytes=0-20', 'if-range': etag })).status).toBe(206);
  });

  it('are there for the roots of certified cuts only [Y12]', async () => {
    const { url } = await publish(state);
    const statusOf = async (root: string): Promise<number> => (await fetch(`${url}/api/v1/sync/cells/${root}`)).status;
    expect(await statusOf('ab'.repeat(32))).toBe(404);
    expect(await statusOf('not-a-root')).toBe(400);
  });

  it('are for members where the node does not publish them: an envelope for this path [Y12]', async () => {
    const { url, path, lattice } = await publish(state, false);
    const envelope = (message: string, author = friend): string =>
      Buffer.from(lattice.envelope(author, new TextEncoder().encode(message))).toString('base64url');
    const get = (headers: Record<string, string> = {}) => fetch(`${url}${path}`, { headers });
    const getWith = (signed: string) => get({ authorization: `Lattice ${signed}` });
    expect((await get()).status).toBe(401);
    expect((await getWith(envelope(path, { ...friend, sign: createAuthor(9).sign }))).status).toBe(401);
    expect((await getWith(envelope(path, createAuthor(9)))).status).toBe(403);
    const signed = envelope(path);
    const answer = await getWith(signed);
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'private, max-age=31536000, immutable']);
    await answer.arrayBuffer();
    expect((await getWith(signed)).status).toBe(401);
    expect((await getWith(envelope('/api/v1/sync/cells/other'))).status).toBe(401);
  });

  it.each([20, 400])('tell %i differences through a cache, by ranges, asking the node once [Y12]', async (d) => {
    const shared = commitsOf('k', 3000);
    const held = [...shared, ...commitsOf('theirs', d / 2)];
    const [mine, theirs] = [await replicaOf([...shared, ...commitsOf('mine', d / 2)]), await replicaOf(held)];
    const { url, path, root } = await publish(held);
    expect(bytesToHex(theirs.tree.root())).toBe(root);
    const cache = await createCache(url);
    const own = mine.cells.version(mine.tree, NO_SALT);
    if (own === undefined) throw new Error('no cells');
    // Two readers: the second costs the node nothing.
    for (let reader = 0; reader < 2; reader++) {
      const search = findByCells(mine.tree, mine.cells, NO_SALT);
      let step = search.next();
      while (step.done !== true) {
        const request = step.value;
        if (request.type !== 'cells') throw new Error(request.type);
        const { from, to } = rangeOf(request);
        const answer = await fetch(`${cache.url}${path}`, { headers: { range: `bytes=${from}-${to - 1}` } });
        const entries = Number(answer.headers.get('lattice-entries'));
        const bytes = new Uint8Array(await answer.arrayBuffer());
        step = search.next(publishedToAnswer(bytes, request.from, { root: hexToBytes(root) as Bytes, entries }, own));
      }
      expect(step.value.outcome).toBe('found');
      expect(namesOf(step.value)).toEqual(differenceOf(mine, theirs));
    }
    expect(cache.asked).toEqual([path]);
  });

  it('that were spoiled on their way decode to nothing that is not so [Y8, Y12]', () => {
    const [mine, theirs] = pair(500);
    fill(theirs, 'theirs', 10);
    const [own, other] = [mine, theirs].map((one) => one.cells.version(one.tree, NO_SALT));
    if (own === undefined || other === undefined) throw new Error('no cells');
    const bytes = publishedBytes(other, 0, 21 * 128).slice();
    bytes[300] = (bytes[300] as number) ^ 1;
    const decoder = new CellDecoder(own, () => false);
    decoder.add(publishedToAnswer(bytes, 0, other, own));
    expect(decoder.complete).toBe(false);
  });
});
