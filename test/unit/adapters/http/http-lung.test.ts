import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpLung } from '../../../../src/adapters/http/index.ts';
import { createVerifier, nodeHasher, systemRandom } from '../../../../src/adapters/system/index.ts';
import { type Bytes, hexToBytes, MAX_SYNC_BYTES } from '../../../../src/core/types/index.ts';
import {
  decodeIdentity,
  decodeRequest,
  decodeResponse,
  encodeIdentity,
  encodeResponse,
  identitySigningBytes,
} from '../../../../src/core/wire/index.ts';
import type { SyncServiceDeps } from '../../../../src/runtime/exchange/sync-service.ts';
import type { SyncService } from '../../../../src/runtime/facade/index.ts';
import { DEADLINE_MS } from '../../../support/wait.ts';
import { clock, silentLog, startApi, until } from '../../api/support.ts';
import { bytes, newSigner, testService, text } from './support.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

function newLung(signer = newSigner()) {
  const lung = createHttpLung({
    signer,
    verifier: createVerifier(),
    hasher: nodeHasher(),
    random: systemRandom(),
    clock,
    log: silentLog,
  });
  closers.push(() => lung.close());
  return { lung, signer };
}

/** A real server with a real sync service, and a lung that it lets in. */
async function nodeAndLung(
  overrides: Partial<SyncServiceDeps> = {},
  wrap: (service: SyncService) => SyncService = (s) => s,
) {
  const api = await startApi();
  const test = testService(overrides);
  Object.assign(api.lattice, { sync: wrap(test.service) });
  const { lung, signer } = newLung();
  test.allowed.add(signer.author);
  return { ...test, api, url: api.url, lung, self: signer };
}

/** A server that does what a test tells it. */
async function rawServer(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

const SOON = { timeoutMs: DEADLINE_MS };
const coded = (code: string) => expect.objectContaining({ name: 'LatticeError', code }) as Error;

describe('identify', () => {
  it('identity: says who answers at the URL', async () => {
    const { lung, url, signer } = await nodeAndLung();
    expect(await lung.identify(url, SOON)).toEqual({ author: signer.author, incarnation: '0102030405060708' });
  });

  it('identity: a node reached under a path prefix works', async () => {
    const { api, lung, signer } = await nodeAndLung();
    const proxy = await rawServer((request, response) => {
      void fetch(api.url + (request.url ?? '').replace(/^\/prefix/, '')).then(async (answer) => {
        response.setHeader('content-type', 'application/cbor');
        response.end(new Uint8Array(await answer.arrayBuffer()));
      });
    });
    expect((await lung.identify(`${proxy}/prefix`, SOON)).author).toBe(signer.author);
  });

  const forgeries: readonly (readonly [string, string, (answer: Bytes) => Bytes])[] = [
    [
      'another key’s name',
      'bad-signature',
      (a) => encodeIdentity({ ...decodeIdentity(a), author: newSigner().author }),
    ],
    [
      'another incarnation',
      'bad-signature',
      (a) => encodeIdentity({ ...decodeIdentity(a), incarnation: new Uint8Array(8) }),
    ],
    [
      'another session nonce',
      'bad-signature',
      (a) => encodeIdentity({ ...decodeIdentity(a), sessionNonce: new Uint8Array(16) }),
    ],
    [
      'a recording made for another nonce',
      'identity-mismatch',
      (a) => encodeIdentity({ ...decodeIdentity(a), askerNonce: new Uint8Array(16) }),
    ],
    [
      'an answer made for another URL',
      'identity-mismatch',
      (a) => encodeIdentity({ ...decodeIdentity(a), url: 'http://other' }),
    ],
    ['nonsense', 'malformed', () => bytes('nonsense')],
  ];
  it.each(forgeries)('identity: %s is refused as %s [X2]', async (_name, code, forge) => {
    const { lung, url } = await nodeAndLung({}, (s) => ({
      ...s,
      identify: (nonce, asked) => forge(s.identify(nonce, asked)),
    }));
    await expect(lung.identify(url, SOON)).rejects.toThrow(coded(code));
  });

  it('identity: a relay that passes the question on is found out by its URL [X2]', async () => {
    const { api, lung } = await nodeAndLung();
    const relay = await rawServer((request, response) => {
      const { searchParams } = new URL(request.url ?? '', 'http://x');
      const asked = `${api.url}/api/v1/sync/identity?nonce=${searchParams.get('nonce') ?? ''}&url=${encodeURIComponent(api.url)}`;
      void fetch(asked).then(async (answer) => {
        response.setHeader('content-type', 'application/cbor');
        response.end(new Uint8Array(await answer.arrayBuffer()));
      });
    });
    await expect(lung.identify(relay, SOON)).rejects.toThrow(coded('identity-mismatch'));
  });
});

describe('request', () => {
  it('sync request: carries a message there and the signed answer back, many over one session [X3, X4]', async () => {
    let identified = 0;
    const { lung, url, self, signer } = await nodeAndLung({}, (s) => ({
      ...s,
      identify: (nonce, asked) => {
        identified++;
        return s.identify(nonce, asked);
      },
    }));
    for (let i = 0; i < 5; i++) {
      const answer = await lung.request(url, bytes(`m${i}`), { ...SOON, expect: signer.author });
      expect(text(answer)).toBe(`${self.author.slice(0, 8)}:m${i}`);
    }
    expect(identified).toBe(1);
  });

  it('sync request: the largest message passes both ways', async () => {
    const { lung, url } = await nodeAndLung({ handle: async (_peer, message) => message });
    const message = new Uint8Array(MAX_SYNC_BYTES).fill(9);
    const answer = await lung.request(url, message, SOON);
    expect([answer.length, answer.every((b) => b === 9)]).toEqual([MAX_SYNC_BYTES, true]);
  });

  it('sync request: an expired session is renewed unnoticed [X5]', async () => {
    const { lung, url, clock, self } = await nodeAndLung();
    await lung.request(url, bytes('a'), SOON);
    await clock.advance(11 * 60_000);
    expect(text(await lung.request(url, bytes('b'), SOON))).toBe(`${self.author.slice(0, 8)}:b`);
  });

  it('sync request: a peer that refuses the new session too is not asked a third time [X5]', async () => {
    let asked = 0;
    const { lung, url, clock } = await nodeAndLung({}, (s) => ({
      ...s,
      handle: async (envelope) => {
        asked++;
        await clock.advance(11 * 60_000);
        return s.handle(envelope);
      },
    }));
    await expect(lung.request(url, bytes('a'), SOON)).rejects.toMatchObject({
      code: 'http-status',
      details: { status: 401, peerCode: 'sync-unauthorized' },
    });
    expect(asked).toBe(2);
  });

  it('sync request: another node at the URL is refused when one is expected', async () => {
    const { lung, url } = await nodeAndLung();
    await expect(lung.request(url, bytes('a'), { ...SOON, expect: newSigner().author })).rejects.toThrow(
      coded('identity-mismatch'),
    );
  });

  it('sync request: another node that has taken the URL over is noticed', async () => {
    const { lung, url, api, signer, self } = await nodeAndLung();
    await lung.request(url, bytes('a'), { ...SOON, expect: signer.author });
    const successor = testService();
    successor.allowed.add(self.author);
    Object.assign(api.lattice, { sync: successor.service });
    await expect(lung.request(url, bytes('b'), { ...SOON, expect: signer.author })).rejects.toThrow(
      coded('identity-mismatch'),
    );
    expect(text(await lung.request(url, bytes('c'), { ...SOON, expect: successor.signer.author }))).toMatch(/:c$/);
  });

  it('sync request: a node that does not allow us says so', async () => {
    const { lung, url, allowed } = await nodeAndLung();
    allowed.clear();
    await expect(lung.request(url, bytes('a'), SOON)).rejects.toMatchObject({
      code: 'http-status',
      details: { status: 403, peerCode: 'sync-forbidden' },
    });
  });

  const forgeries: readonly (readonly [string, string, (answer: Bytes) => Bytes])[] = [
    ['a changed answer', 'bad-signature', (a) => encodeResponse({ ...decodeResponse(a), message: bytes('x') })],
    [
      'an answer in another name',
      'identity-mismatch',
      (a) => encodeResponse({ ...decodeResponse(a), author: newSigner().author }),
    ],
    ['nonsense', 'malformed', () => bytes('nonsense')],
  ];
  it.each(forgeries)('sync response: %s is refused as %s [X4]', async (_name, code, forge) => {
    const { lung, url } = await nodeAndLung({}, (s) => ({ ...s, handle: async (e) => forge(await s.handle(e)) }));
    await expect(lung.request(url, bytes('a'), SOON)).rejects.toThrow(coded(code));
  });

  it('sync response: one recorded for an earlier request is refused [X4]', async () => {
    let recorded: Bytes | undefined;
    const { lung, url } = await nodeAndLung({}, (s) => ({
      ...s,
      handle: async (envelope) => {
        recorded ??= await s.handle(envelope);
        return recorded;
      },
    }));
    await lung.request(url, bytes('a'), SOON);
    await expect(lung.request(url, bytes('a'), SOON)).rejects.toThrow(coded('bad-signature'));
  });

  it('sync request: a request replayed by an onlooker is refused by the server [X5]', async () => {
    const seen: Bytes[] = [];
    const { lung, url } = await nodeAndLung({}, (s) => ({
      ...s,
      handle: (envelope) => {
        seen.push(envelope);
        return s.handle(envelope);
      },
    }));
    await lung.request(url, bytes('a'), SOON);
    const [envelope] = seen;
    expect(decodeRequest(envelope as Bytes).counter).toBe(1);
    const post = (type: string) =>
      fetch(`${url}/api/v1/sync`, {
        method: 'POST',
        headers: { 'content-type': type },
        body: Buffer.from(envelope as Bytes),
      });
    const replay = await post('application/cbor');
    expect([replay.status, ((await replay.json()) as { code: string }).code]).toEqual([401, 'sync-unauthorized']);
    expect((await post('application/json')).status).toBe(415);
  });

  it('sync request: a message over the limit is a programmer error', async () => {
    const { lung, url } = await nodeAndLung();
    await expect(lung.request(url, new Uint8Array(MAX_SYNC_BYTES + 1), SOON)).rejects.toThrow(RangeError);
  });
});

describe('servers that misbehave', () => {
  const failing = async (handler: RequestListener, code: string, timeoutMs = 10_000): Promise<void> => {
    const url = await rawServer(handler);
    await expect(newLung().lung.identify(url, { timeoutMs })).rejects.toThrow(coded(code));
  };

  it('http client: one that never answers times out [X6]', () => failing(() => undefined, 'timeout', 50));

  it('http client: one that never ends its answer times out', () =>
    failing(
      (_request, response) => {
        response.setHeader('content-type', 'application/cbor');
        response.write('x');
      },
      'timeout',
      100,
    ));

  it('http client: a redirect is refused, not followed [X6]', async () => {
    let followed = false;
    await failing((request, response) => {
      if (request.url === '/elsewhere') followed = true;
      response.writeHead(302, { location: '/elsewhere' }).end();
    }, 'http-status');
    expect(followed).toBe(false);
  });

  it('http client: an answer that grows for ever is cut [X6]', () =>
    failing((_request, response) => {
      response.setHeader('content-type', 'application/cbor');
      const pump = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on('drain', pump);
      pump();
    }, 'oversize'));

  it('http client: another kind of server is told from a failing one', async () => {
    await failing((_request, response) => response.end('<html>'), 'not-a-lattice-node');
    await failing((_request, response) => response.writeHead(404).end('nothing'), 'not-a-lattice-node');
    await failing((_request, response) => response.writeHead(502).end('<html>'), 'http-status');
    await failing((request) => request.socket.end('SSH-2.0-x\r\n\r\n'), 'not-a-lattice-node');
  });

  it('http client: a closed port and a cut connection are unreachable', async () => {
    await failing((request) => request.socket.destroy(), 'peer-unreachable');
    const { lung } = newLung();
    await expect(lung.identify('http://127.0.0.1:1', SOON)).rejects.toThrow(coded('peer-unreachable'));
  });

  it('http client: the caller may give up, before and meanwhile', async () => {
    const url = await rawServer(() => undefined);
    const { lung } = newLung();
    await expect(lung.identify(url, { ...SOON, signal: AbortSignal.abort() })).rejects.toThrow(coded('aborted'));
    const controller = new AbortController();
    const asking = lung.identify(url, { ...SOON, signal: controller.signal });
    controller.abort();
    await expect(asking).rejects.toThrow(coded('aborted'));
  });

  it('http client: close cuts what is under way', async () => {
    let arrived = false;
    const url = await rawServer(() => {
      arrived = true;
    });
    const { lung } = newLung();
    const asking = lung.identify(url, SOON);
    asking.catch(() => undefined);
    await until(() => arrived);
    await lung.close();
    await expect(asking).rejects.toThrow(coded('aborted'));
  });
});

describe('push streams', () => {
  interface Source {
    readonly cursor: string;
    readonly send: (frame: Bytes) => boolean;
    readonly end: () => void;
    closed: boolean;
  }
  async function streaming() {
    const sources: Source[] = [];
    const node = await nodeAndLung({
      openStream: async (_peer, request, send, end) => {
        const source: Source = { cursor: text(request), send, end, closed: false };
        sources.push(source);
        return {
          close: () => {
            source.closed = true;
          },
        };
      },
    });
    const controller = new AbortController();
    closers.push(async () => controller.abort());
    const open = (onFrame: (frame: Bytes) => Promise<void>, options: { cursor?: string; idleMs?: number } = {}) => {
      const ended = node.lung.stream(
        node.url,
        {
          cursor: options.cursor,
          idleMs: options.idleMs ?? 10_000,
          signal: controller.signal,
          expect: node.signer.author,
        },
        onFrame,
      );
      ended.catch(() => undefined);
      return ended;
    };
    return { ...node, sources, open, controller };
  }

  it('push stream: delivers frames of every size in order, and resolves when the server ends it [X7]', async () => {
    const { sources, open } = await streaming();
    const got: Bytes[] = [];
    const ended = open(
      async (frame) => {
        got.push(frame);
      },
      { cursor: 'c7' },
    );
    await until(() => sources.length === 1);
    expect(sources[0]?.cursor).toBe('c7');
    const frames = [1, 3, 70_000, 2, 96 * 1024].map((length, i) => new Uint8Array(length).fill(i));
    for (const frame of frames) expect(sources[0]?.send(frame)).toBe(true);
    await until(() => got.length === frames.length);
    expect(got).toEqual(frames);
    sources[0]?.end();
    await ended;
    expect(sources[0]?.closed).toBe(true);
  });

  it('push stream: the next frame waits for the handler; a consumer too far behind is dropped', async () => {
    const { sources, open } = await streaming();
    let running = 0;
    let most = 0;
    let release: () => void = () => undefined;
    const blocked = new Promise<void>((resolve) => {
      release = resolve;
    });
    const ended = open(async () => {
      most = Math.max(most, ++running);
      await blocked;
      running--;
    });
    await until(() => sources.length === 1);
    let sent = 0;
    while (sources[0]?.send(new Uint8Array(90_000)) && sent < 10_000) {
      sent++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(10_000);
    await until(() => sources[0]?.closed === true);
    release();
    await expect(ended).rejects.toThrow(coded('peer-unreachable'));
    expect(most).toBe(1);
  });

  it('push stream: silence beyond idleMs is a timeout, the handler’s own time is not', async () => {
    const { sources, open } = await streaming();
    let release: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    let busyEnded = false;
    let got = 0;
    const onFrame = (): Promise<void> => {
      got++;
      return slow;
    };
    const busy = open(onFrame, { idleMs: 1000 }).finally(() => {
      busyEnded = true;
    });
    busy.catch(() => undefined);
    await until(() => sources.length === 1);
    sources[0]?.send(bytes('x'));
    await until(() => got === 1);
    // A silent twin, opened later, runs into the timeout first.
    await expect(open(async () => undefined, { idleMs: 1000 })).rejects.toThrow(coded('timeout'));
    expect(busyEnded).toBe(false);
    sources[0]?.send(bytes('y'));
    release();
    await until(() => got === 2 || busyEnded);
    expect(got).toBe(2);
    await expect(busy).rejects.toThrow(coded('timeout'));
    await until(() => sources.every((s) => s.closed));
  });

  it('push stream: the caller may give it up, and the server notices', async () => {
    const { sources, open, controller } = await streaming();
    const ended = open(async () => undefined);
    await until(() => sources.length === 1);
    controller.abort();
    await expect(ended).rejects.toThrow(coded('aborted'));
    await until(() => sources[0]?.closed === true);
  });

  it('push stream: an error of the handler ends it and comes through as it is', async () => {
    const { sources, open } = await streaming();
    const ended = open(() => Promise.reject(new TypeError('bug')));
    await until(() => sources.length === 1);
    sources[0]?.send(bytes('x'));
    await expect(ended).rejects.toThrow(new TypeError('bug'));
    await until(() => sources[0]?.closed === true);
  });

  it('push stream: an expired session is renewed unnoticed', async () => {
    const { sources, open, lung, url, clock } = await streaming();
    await lung.identify(url, SOON);
    await clock.advance(11 * 60_000);
    const ended = open(async () => undefined);
    await until(() => sources.length === 1);
    sources[0]?.end();
    await ended;
  });

  it('push stream: without an envelope it is refused', async () => {
    const { url } = await streaming();
    expect((await fetch(`${url}/api/v1/sync/stream`)).status).toBe(401);
    expect((await fetch(`${url}/api/v1/sync/stream`, { headers: { authorization: 'Lattice AAAA' } })).status).toBe(400);
  });

  it('push stream: closing the server ends it in good order', async () => {
    const { api, sources, open } = await streaming();
    const ended = open(async () => undefined);
    await until(() => sources.length === 1);
    await api.close();
    await ended;
  });

  it.each([
    ['an oversize frame', 'oversize', [0x00, 0x10, 0x00, 0x00]],
    ['an empty frame', 'malformed', [0, 0, 0, 0]],
    ['a frame cut short', 'peer-unreachable', [0, 0, 0, 9, 1, 2]],
  ])('push stream: %s is refused as %s', async (_name, code, sent) => {
    const { service, allowed } = testService();
    const { lung, signer } = newLung();
    allowed.add(signer.author);
    const url = await rawServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
      if (pathname.endsWith('/identity')) {
        response.setHeader('content-type', 'application/cbor');
        const nonce = hexToBytes(searchParams.get('nonce') ?? '') ?? new Uint8Array();
        response.end(service.identify(nonce, searchParams.get('url') ?? ''));
      } else {
        response.setHeader('content-type', 'application/octet-stream');
        response.end(Uint8Array.from(sent));
      }
    });
    const { signal } = new AbortController();
    await expect(
      lung.stream(url, { cursor: undefined, idleMs: 10_000, signal }, async () => undefined),
    ).rejects.toThrow(coded(code));
  });
});

describe('identity over HTTP', () => {
  it.each([
    ['nonce=00&url=x'],
    [`nonce=${'0'.repeat(32)}`],
    [`nonce=${'0'.repeat(32)}&url=${'x'.repeat(2049)}`],
    ['nonce=zz&url=x'],
  ])('identity: the query %s is refused with 400', async (query) => {
    const { url } = await nodeAndLung();
    expect((await fetch(`${url}/api/v1/sync/identity?${query}`)).status).toBe(400);
  });

  it('identity: each costs its address what others do not pay for [A18]', async () => {
    const limits = { client: { burstMs: 2, msPerSecond: 0.001 } };
    const api = await startApi({ config: { trustedProxies: ['127.0.0.1'] }, limits });
    Object.assign(api.lattice, { sync: testService().service });
    const path = `/api/v1/sync/identity?nonce=${'0'.repeat(32)}&url=http://127.0.0.1`;
    const status = async (from: string) => (await api.ask(path, { headers: { 'x-forwarded-for': from } })).status;
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) statuses.push(await status('203.0.113.5'));
    expect([statuses[0], statuses.at(-1)]).toEqual([200, 429]);
    expect(await status('203.0.113.6')).toBe(200);
    expect((await api.ask(path)).status).toBe(200);
  });

  it('identity: a node signs for the host that it is asked at, or its configured names, and no other [X2]', async () => {
    const identify = async (config: object, url: string, headers: Record<string, string>) => {
      const { ask } = await startApi({ config });
      const path = `/api/v1/sync/identity?nonce=${'0'.repeat(32)}&url=${encodeURIComponent(url)}`;
      const answer = await ask(path, { headers });
      return answer.status === 200 ? 200 : [answer.status, answer.json()['code']];
    };
    const refused = [421, 'misdirected-request'];
    const open = { host: '0.0.0.0' };
    const at = (host: string) => ({ host });
    expect(await identify(open, 'https://node.test', at('node.test'))).toBe(200);
    // A proxy in front of it may answer at another port, or under a path.
    expect(await identify(open, 'https://Node.test:8443/lattice', at('node.test:8000'))).toBe(200);
    expect(await identify(open, 'https://relay.test', at('node.test'))).toEqual(refused);
    expect(await identify(open, 'not a url', at('node.test'))).toEqual([400, 'invalid-query']);
    const forwarded = { ...at('10.0.0.5'), 'x-forwarded-host': 'node.test' };
    expect(await identify({ ...open, trustedProxies: ['loopback'] }, 'https://node.test', forwarded)).toBe(200);
    expect(await identify(open, 'https://node.test', forwarded)).toEqual(refused);
    // Where the node knows its names, no relay can have it sign for another one by rewriting Host.
    const named = { ...open, allowedHosts: ['node.test'] };
    expect(await identify(named, 'https://node.test', at('node.test'))).toBe(200);
    expect(await identify(named, 'https://relay.test', at('relay.test'))).toEqual(refused);
    expect(await identify(named, 'https://relay.test', at('node.test'))).toEqual(refused);
  });

  it('identity: the signature is over the bytes that the codec names', async () => {
    const { url, signer } = await nodeAndLung();
    const answer = await fetch(
      `${url}/api/v1/sync/identity?nonce=${'ab'.repeat(16)}&url=${encodeURIComponent('http://127.0.0.1/é')}`,
    );
    expect(answer.headers.get('content-type')).toBe('application/cbor');
    const identity = decodeIdentity(new Uint8Array(await answer.arrayBuffer()));
    expect(identity.url).toBe('http://127.0.0.1/é');
    expect(await createVerifier().verify(signer.author, identitySigningBytes(identity), identity.signature)).toBe(true);
  });
});
