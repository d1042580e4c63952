import { get } from 'node:http';
import { describe, expect, it } from 'vitest';
import { CONTRACT } from '../../../../src/api/contract/index.ts';
import type { TokenWish } from '../../../../src/runtime/facade/index.ts';
import { eventually } from '../../../support/wait.ts';
import { type Ask, json, startApi, type TestApi, TOKEN } from '../support.ts';

const READ_TOKEN = 'read-token-of-no-value';
const as = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const make = async ({ lattice }: TestApi, wish: Partial<TokenWish>): Promise<{ id: string; token: string }> =>
  lattice.tokens.create({ name: 'test', right: 'read', ...wish });

/** What a request of each route's method and path is answered, with the example's body where it has one. */
async function statusOf(api: TestApi, route: (typeof CONTRACT)[number], headers: Record<string, string>) {
  const path = route.path
    .replace(/:(\w+)/g, (_, name: string) => route.example.params?.[name] ?? 'x')
    .replace('*', 'app.js');
  const query = new URLSearchParams(
    Object.entries(route.example.query ?? {}).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
  const ask: Ask = {
    method: route.method,
    headers: { ...headers, ...(route.example.body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(route.example.body === undefined ? {} : { body: JSON.stringify(route.example.body) }),
  };
  return api.ask(query === '' ? path : `${path}?${query}`, ask);
}

const isStream = ({ cost, id }: (typeof CONTRACT)[number]): boolean => cost === 'stream' || id === 'syncStream';

describe('reads', () => {
  it('need no token unless one is set [A9, TK1]', async () => {
    const api = await startApi();
    expect((await api.ask('/api/v1/status')).status).toBe(200);
    // A token that is not known changes nothing where none is needed.
    expect((await api.ask('/api/v1/status', { headers: as('wrong-token-of-no-value') })).status).toBe(200);
  });

  it('need a token on every route but probes, pages and the sync protocol, where one is set [TK1]', async () => {
    const api = await startApi({ config: { readToken: READ_TOKEN }, complete: true });
    const open: string[] = [];
    for (const route of CONTRACT.filter((one) => !isStream(one))) {
      const { status } = await statusOf(api, route, {});
      if (status !== 401) open.push(route.id);
    }
    expect(open).toEqual([
      'isAlive',
      'isReady',
      'getOpenApi',
      'getDocs',
      'getDocsStyle',
      'getDashboard',
      'getDashboardFile',
      'membersChain',
      'membersChanges',
      'membersChange',
      'membersJoin',
      'syncIdentity',
      'syncRequest',
      'syncManifest',
      'syncChunk',
      'getRoot',
      'isHealthy',
      'switchMode',
    ]);
    for (const path of ['/api/v1/events', '/api/v1/events/ws', '/metrics', '/api/lattice/state'])
      expect((await api.ask(path)).status, path).toBe(401);
  });

  it.each(['read', 'write', 'operate'] as const)(
    'are open to a token for %s, to the API token and to the read token [TK1]',
    async (right) => {
      const api = await startApi({ config: { readToken: READ_TOKEN } });
      const { token } = await make(api, { right });
      for (const good of [token, TOKEN, READ_TOKEN])
        for (const path of ['/api/v1/status', '/api/v1/state', '/api/lattice/state'])
          expect((await api.ask(path, { headers: as(good) })).status, path).toBe(200);
      const refused = await api.ask('/api/v1/status', { headers: as('wrong-token-of-no-value') });
      expect([refused.status, refused.json()['code']]).toEqual([401, 'unauthorized']);
    },
  );
});

describe('rights', () => {
  it('of a token for reading end at every change [TK1]', async () => {
    const api = await startApi({ config: { readToken: READ_TOKEN }, complete: true });
    const { token } = await make(api, { right: 'read' });
    const changing = CONTRACT.filter((route) => route.token === true && !isStream(route) && route.tag !== 'original');
    expect(changing.length).toBeGreaterThan(20);
    for (const route of changing)
      for (const given of [token, READ_TOKEN]) {
        const answer = await statusOf(api, route, as(given));
        expect([answer.status, answer.json()['code']], route.id).toEqual([403, 'right-missing']);
      }
  });

  it('of a token for writing end at what operators do [TK1]', async () => {
    const api = await startApi({ complete: true });
    const { token } = await make(api, { right: 'write' });
    const forOperators = CONTRACT.filter(
      (route) => route.token === true && route.access === undefined && !isStream(route) && route.tag !== 'original',
    );
    expect(forOperators.length).toBeGreaterThan(12);
    for (const route of forOperators) expect((await statusOf(api, route, as(token))).status, route.id).toBe(403);
    for (const route of CONTRACT.filter(({ access }) => access === 'write'))
      expect([401, 403], route.id).not.toContain((await statusOf(api, route, as(token))).status);
  });

  it('of a token for operating are those of the API token [TK1]', async () => {
    const api = await startApi({ complete: true });
    const { token } = await make(api, { right: 'operate' });
    for (const route of CONTRACT.filter((one) => one.token === true && !isStream(one)))
      expect([401, 403], route.id).not.toContain((await statusOf(api, route, as(token))).status);
  });

  it('under a prefix reach to the keys that begin so and to nothing else [TK1]', async () => {
    const api = await startApi({ complete: true });
    const { token } = await make(api, { right: 'write', prefix: 'sensors/' });
    const put = (key: string) => api.ask(`/api/v1/state/${encodeURIComponent(key)}`, json(1, as(token)));
    expect((await put('sensors/a')).status).toBe(201);
    for (const key of ['sensor', 'sensors', 'Sensors/a', 'other/sensors/a', 'vault/x']) {
      const answer = await put(key);
      expect([answer.status, answer.json()['code']], key).toEqual([403, 'right-missing']);
    }
    expect((await api.ask('/api/v1/state?key=b', json(1, as(token)))).status).toBe(403);
    expect((await api.ask('/api/v1/state/b', { method: 'DELETE', headers: as(token) })).status).toBe(403);
    const commit = (...keys: string[]) =>
      api.ask('/api/v1/commits', {
        ...json({ operations: keys.map((key) => ({ op: 'put', key, value: 2 })) }, as(token)),
        method: 'POST',
      });
    expect((await commit('sensors/a', 'sensors/b')).status).toBe(201);
    // One key that it may not write keeps the whole commit out.
    expect((await commit('sensors/c', 'other')).status).toBe(403);
    expect(await api.lattice.get('sensors/c')).toBeUndefined();
    for (const route of CONTRACT.filter(({ access, path }) => access === 'write' && !path.startsWith('/api/v1/state')))
      if (route.path !== '/api/v1/commits') expect((await statusOf(api, route, as(token))).status, route.id).toBe(403);
  });

  it('of a withdrawn or ended token are none, and its streams end [TK3]', async () => {
    const api = await startApi({ config: { readToken: READ_TOKEN }, times: { sseHeartbeatMs: 50 } });
    const { token, id } = await make(api, { right: 'read' });
    let ended = false;
    const stream = get(`${api.url}/api/v1/events`, { headers: as(token) }, (answer) => {
      answer.resume();
      answer.once('end', () => {
        ended = true;
      });
    });
    stream.on('error', () => undefined);
    await eventually('the stream is open', () => api.lattice.subscribers() === 1);
    await api.lattice.tokens.remove(id);
    await eventually('the stream has ended', () => ended);
    expect((await api.ask('/api/v1/status', { headers: as(token) })).status).toBe(401);
  });

  it('are no answer to a guesser: wrong tokens are counted where reads need one [TK1]', async () => {
    const api = await startApi({ config: { readToken: READ_TOKEN, trustedProxies: ['loopback'] } });
    const from = (token: string) => ({ headers: { ...as(token), 'x-forwarded-for': '203.0.113.9' } });
    for (let i = 0; i < 10; i++)
      expect((await api.ask('/api/v1/status', from(`wrong-token-of-no-value-${i}`))).status).toBe(401);
    expect((await api.ask('/api/v1/status', from('wrong-token-of-no-value'))).status).toBe(429);
    expect((await api.ask('/livez', { headers: { 'x-forwarded-for': '203.0.113.9' } })).status).toBe(200);
  });
});

describe('a refused read', () => {
  it('with a token that has ended locks nobody of its address out [A9]', async () => {
    const api = await startApi({ config: { readToken: READ_TOKEN, trustedProxies: ['loopback'] } });
    const { token, id } = await make(api, {});
    await api.lattice.tokens.remove(id);
    const from = (text: string) => ({ headers: { ...as(text), 'x-forwarded-for': '203.0.113.9' } });
    for (let i = 0; i < 12; i++) expect((await api.ask('/api/v1/status', from(token))).status).toBe(401);
    expect((await api.ask('/api/v1/status', from(TOKEN))).status).toBe(200);
  });

  it('can be read by a page of an allowed origin', async () => {
    const api = await startApi({ config: { readToken: READ_TOKEN } });
    const { status, headers } = await api.ask('/api/v1/status', { headers: { origin: 'http://app.test' } });
    expect([status, headers['access-control-allow-origin']]).toEqual([401, 'http://app.test']);
  });

  it('takes nothing of what all clients have together', async () => {
    const limits = { everybody: { msPerSecond: 0.001, burstMs: 40 } };
    const api = await startApi({ config: { readToken: READ_TOKEN, trustedProxies: ['loopback'] }, limits });
    for (let i = 0; i < 300; i++) {
      const headers = { 'x-forwarded-for': `203.0.113.${i % 250}` };
      expect((await api.ask('/api/v1/status', { headers })).status).toBe(401);
    }
    const headers = { ...as(READ_TOKEN), 'x-forwarded-for': '198.51.100.1' };
    expect((await api.ask('/api/v1/status', { headers })).status).toBe(200);
  });

  it.each([
    [undefined, 'public'],
    [READ_TOKEN, 'private'],
  ])('content of the vault is for shared caches only where anybody may read it: %s', async (readToken, word) => {
    const api = await startApi({ config: { readToken }, complete: true });
    const put = await api.ask('/api/v1/vault', { method: 'PUT', body: 'hello', headers: as(TOKEN) });
    const { hash } = put.json() as { hash: string };
    for (const path of [`/api/v1/vault/${hash}`, `/api/v1/vault/${hash}/leaves`])
      expect((await api.ask(path, { headers: as(TOKEN) })).headers['cache-control'], path).toContain(word);
  });
});

describe('/api/v1/tokens', () => {
  it('makes a token, lists it without its secret, and withdraws it [TK2]', async () => {
    const api = await startApi();
    const made = await api.ask('/api/v1/tokens', {
      ...json({ name: 'sensors', right: 'write', prefix: 'sensors/', ttlMs: 60_000 }),
      method: 'POST',
    });
    expect([made.status, made.headers['cache-control']]).toEqual([201, 'no-store']);
    const { token, id } = made.json() as { token: string; id: string };
    expect((await api.ask('/api/v1/state/sensors%2Fa', json(1, as(token)))).status).toBe(201);
    const list = await api.ask('/api/v1/tokens', { headers: as(TOKEN) });
    expect(list.json()).toMatchObject({ items: [{ id, name: 'sensors', right: 'write', prefix: 'sensors/' }] });
    expect(list.text).not.toContain(token.slice(-64));
    const remove = () => api.ask(`/api/v1/tokens/${id}`, { method: 'DELETE', headers: as(TOKEN) });
    expect((await remove()).status).toBe(204);
    expect((await remove()).status).toBe(404);
    expect((await api.ask('/api/v1/state/sensors%2Fa', json(2, as(token)))).status).toBe(401);
  });

  it('refuses what no token can be [TK2]', async () => {
    const api = await startApi();
    const bodies = [
      {},
      { name: '', right: 'read' },
      { name: 'a', right: 'all' },
      { name: 'a', right: 'read', prefix: 'p' },
      { name: 'a', right: 'read', ttlMs: 1 },
      { name: 'a', right: 'read', other: 1 },
    ];
    for (const body of bodies)
      expect((await api.ask('/api/v1/tokens', { ...json(body), method: 'POST' })).status, JSON.stringify(body)).toBe(
        400,
      );
    expect(api.lattice.tokens.list()).toEqual([]);
  });
});

it('a node without any token says so by a code of its own, with a step that needs no token [A10]', async () => {
  const { ask } = await startApi({ config: { token: undefined } });
  const answer = await ask('/api/v1/state?key=a', { ...json('1'), method: 'PUT' });
  expect([answer.status, answer.json()['code'], answer.json()['next']]).toEqual([
    401,
    'token-not-set',
    expect.stringMatching(/DIOTEC360_API_TOKEN.*restart the node or send it a SIGHUP/),
  ]);
});
