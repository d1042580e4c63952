import { describe, expect, it } from 'vitest';
import { CONTRACT } from '../../../../src/api/contract/index.ts';
import { auth, json, startApi, type TestApi } from '../support.ts';

/** A path of each pattern. */
const pathOf = (pattern: string): string => pattern.replace(':root', '0'.repeat(64)).replace(/:[A-Za-z]+|\*/g, '1');

async function pathsOf({ routes }: TestApi): Promise<readonly string[]> {
  return [...new Set(routes.map((route) => route.slice(route.indexOf(' ') + 1)))];
}

describe('methods', () => {
  it.each([[['http://app.test']], [[]]])(
    'OPTIONS of every path is 204 with Allow, with the origins %j [A29]',
    async (corsOrigins) => {
      const api = await startApi({ complete: true, config: { corsOrigins } });
      for (const pattern of await pathsOf(api)) {
        const answer = await api.ask(pathOf(pattern), { method: 'OPTIONS' });
        const methods = api.routes.filter((route) => route.endsWith(` ${pattern}`)).map((route) => route.split(' ')[0]);
        expect([pattern, answer.status]).toEqual([pattern, 204]);
        expect(new Set(String(answer.headers.allow).split(', '))).toEqual(new Set([...methods, 'OPTIONS']));
      }
      expect((await api.ask('/nowhere', { method: 'OPTIONS' })).status).toBe(404);
    },
  );

  it.each(['PATCH', 'TRACE', 'PROPFIND', 'LOCK', 'SEARCH', 'QUERY', 'MKCOL', 'REPORT'])(
    '%s of a path is 405 with Allow, and elsewhere 404 [A29]',
    async (method) => {
      const { ask } = await startApi();
      for (const path of ['/livez', '/', '/api/lattice/state', '/api/v1/commits', '/dashboard/', '/api/v1/state/a']) {
        const answer = await ask(path, { method });
        expect([path, answer.status, String(answer.headers.allow).includes('OPTIONS')]).toEqual([path, 405, true]);
      }
      const answer = await ask('/api/v1/nothing', { method });
      expect([answer.status, answer.json().code, answer.headers.allow]).toEqual([404, 'no-route', undefined]);
    },
  );

  it('a fixed path beside one with a parameter is no parameter of that [A29]', async () => {
    const { ask, routes } = await startApi({ complete: true });
    const patterns = (await pathsOf({ routes } as TestApi)).filter((pattern) => !/[:*]/.test(pattern));
    let beside = 0;
    for (const pattern of patterns) {
      const own = routes.filter((route) => route.endsWith(` ${pattern}`)).map((route) => route.split(' ')[0] ?? '');
      const above = pattern.slice(0, pattern.lastIndexOf('/'));
      const others = routes.filter((route) => new RegExp(` ${above}/:[A-Za-z]+$`).test(route));
      for (const method of others.map((route) => route.split(' ')[0] ?? '').filter((one) => !own.includes(one))) {
        beside++;
        for (const path of [
          pattern,
          `${above}/%${pattern.charCodeAt(above.length + 1).toString(16)}${pattern.slice(above.length + 2)}`,
        ]) {
          const answer = await ask(path, { method, headers: auth });
          expect([method, path, answer.status]).toEqual([method, path, 405]);
          expect(new Set(String(answer.headers.allow).split(', '))).toEqual(new Set([...own, 'OPTIONS']));
        }
      }
    }
    // Those of the vault at the least: DELETE of status, and GET and DELETE of verify and gc.
    expect(beside).toBeGreaterThanOrEqual(5);
    const hash = '0'.repeat(64);
    expect((await ask(`/api/v1/vault/${hash}`, { method: 'DELETE', headers: auth })).status).not.toBe(405);
  });

  it('a body that comes with a wrong method is not read [A29]', async () => {
    const { ask } = await startApi();
    const answer = await ask('/livez', { method: 'POST', body: '{', headers: { 'content-type': 'x/y' } });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS']);
  });
});

describe('conditional headers', () => {
  it.each(['if-match', 'if-none-match'])(
    '%s is refused by every write that has no such condition [A3, A15]',
    async (name) => {
      const { ask, lattice } = await startApi({ complete: true });
      await lattice.write([{ op: 'put', key: 'a', value: 1 }]);
      const writes = CONTRACT.filter(
        ({ path, method, headers }) =>
          path.startsWith('/api/v1/') && method !== 'GET' && (headers === undefined || !(name in headers.properties)),
      );
      expect(writes.map(({ id }) => id)).toEqual(
        expect.arrayContaining(['commit', 'vaultPut', 'vaultRemove', 'addPeer']),
      );
      for (const { method, path, body, bodyType } of writes.filter(({ tag }) => tag !== 'sync protocol')) {
        const request =
          body !== undefined && bodyType === undefined
            ? json({ operations: [{ op: 'put', key: 'a', value: 2 }] })
            : { headers: auth };
        const answer = await ask(pathOf(path), { ...request, method, headers: { ...request.headers, [name]: '*' } });
        expect([method, path, answer.status, answer.json()['code']]).toEqual([method, path, 400, 'invalid-header']);
        if (path === '/api/v1/commits') expect(answer.json()['next']).toContain('ifMatch');
      }
      expect((await lattice.get('a'))?.value).toBe(1);
      const put = await ask('/api/v1/state/a', json(2, { 'if-match': '*' }));
      expect(put.status).toBe(200);
    },
  );
});

describe('parameters of the query', () => {
  it('that a route of v1 does not know are refused on each of them, with every method [A15]', async () => {
    const { ask } = await startApi({ complete: true, config: { publicSync: true } });
    const routes = CONTRACT.filter(({ path, tag }) => path.startsWith('/api/v1/') && tag !== 'sync protocol');
    expect(routes.length).toBeGreaterThan(20);
    for (const { method, path, body } of routes) {
      const request = body === undefined ? { method, headers: auth } : json({}, {});
      const answer = await ask(`${pathOf(path)}?no-such-parameter=1`, { ...request, method });
      const { code } = method === 'HEAD' ? { code: 'invalid-query' } : answer.json();
      expect([method, path, answer.status, code]).toEqual([method, path, 400, 'invalid-query']);
    }
  });

  it('of a probe are passed over, because some monitors add them against caches [A16]', async () => {
    const { ask } = await startApi();
    expect((await ask('/livez?t=123')).status).toBe(200);
  });
});
