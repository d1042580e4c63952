import { describe, expect, it } from 'vitest';
import { createAuthor } from '../../../runtime/support.ts';
import { friend, startLattice } from '../../live-lattice.ts';
import { auth, json, startApi, TOKEN } from '../../support.ts';

const KEY = '/api/v1/state/';
const PROBLEM = 'application/problem+json';

describe('entries', () => {
  it('entries: PUT creates (201) and replaces (200), GET returns it, DELETE removes it (204, then 404) [A1, A2, R7]', async () => {
    const { ask } = await startApi();
    const created = await ask(`${KEY}a`, json({ n: 1 }));
    expect(created.status).toBe(201);
    const entry = created.json();
    expect(Object.keys(entry)).toEqual(['key', 'value', 'version', 'author', 'hlc', 'commit', 'index']);
    expect(entry.version).toBe(`${String(entry.commit)}.${String(entry.index)}`);
    expect(created.headers.etag).toBe(`"${String(entry.version)}"`);

    const read = await ask(`${KEY}a`);
    expect([read.status, read.json(), read.headers.etag]).toEqual([200, entry, created.headers.etag]);
    expect((await ask(`${KEY}a`, json([2]))).status).toBe(200);
    const removed = await ask(`${KEY}a`, { method: 'DELETE', headers: auth });
    expect([removed.status, removed.text]).toEqual([204, '']);
    const again = await ask(`${KEY}a`, { method: 'DELETE', headers: { ...auth, 'content-type': 'application/json' } });
    expect([again.status, again.json().code]).toEqual([404, 'not-found']);
    expect((await ask(`${KEY}a`)).status).toBe(404);
  });

  it.each([['null'], ['0'], ['false'], ['""'], ['[]'], ['{"a":{"b":[null,1.5]}}']])(
    'entries: the value %s survives',
    async (text) => {
      const { ask } = await startApi();
      expect((await ask(`${KEY}v`, json(text))).status).toBe(201);
      expect(JSON.stringify((await ask(`${KEY}v`)).json().value)).toBe(text);
    },
  );

  it.each([
    ['a b'],
    ['a/b'],
    ['ключ'],
    ['100%'],
    ['%25'],
    ['a+b'],
    ['?x=1&key=2#'],
    ['.'],
    ['..'],
    ['🙂'],
    ['a\u0000b'],
  ])('keys: %j works in both forms [A1, A6]', async (key) => {
    const { ask } = await startApi();
    const inQuery = `/api/v1/state?key=${encodeURIComponent(key)}`;
    expect((await ask(inQuery, json(1))).status).toBe(201);
    expect((await ask(inQuery)).json().key).toBe(key);
    const inPath = await ask(KEY + encodeURIComponent(key).replaceAll('.', '%2E'));
    expect([inPath.status, inPath.json().key]).toEqual([200, key]);
    expect((await ask(`/api/v1/proof/${encodeURIComponent(key).replaceAll('.', '%2E')}`)).json()).toMatchObject({
      key,
      kind: 'present',
    });
    expect((await ask(`/api/v1/proof?key=${encodeURIComponent(key)}`)).json()).toMatchObject({ key, kind: 'present' });
  });

  it('keys: 1,024 bytes percent-encoded fit the path, 1,025 are refused [A1, V5]', async () => {
    const { ask } = await startApi();
    const longest = 'я'.repeat(512);
    expect((await ask(KEY + encodeURIComponent(longest), json(1))).status).toBe(201);
    for (const tooLong of ['x'.repeat(1025), 'я'.repeat(513)]) {
      const answer = await ask(KEY + encodeURIComponent(tooLong), json(1));
      expect([answer.status, answer.json().code]).toEqual([400, 'invalid-key']);
    }
  });

  it('conditions: If-Match on the current version writes, on another answers 412 [A3]', async () => {
    const { ask } = await startApi();
    const first = String((await ask(`${KEY}a`, json(1))).headers.etag);
    expect((await ask(`${KEY}a`, json(2, { 'if-match': first }))).status).toBe(200);
    for (const stale of [first, `${first}, "x.0"`, `W/${first}`]) {
      const answer = await ask(`${KEY}a`, json(3, { 'if-match': stale }));
      expect([answer.status, answer.json().code]).toEqual([412, 'precondition-failed']);
    }
    const now = String((await ask(`${KEY}a`)).headers.etag);
    expect((await ask(`${KEY}a`, json(3, { 'if-match': `W/${now}` }))).status).toBe(412);
    expect((await ask(`${KEY}a`, json(4, { 'if-match': `${first}, ${now}` }))).status).toBe(200);
    expect((await ask(`${KEY}b`, json(1, { 'if-match': '*' }))).status).toBe(412);
    const removal = { method: 'DELETE', headers: { ...auth, 'if-match': first } };
    expect((await ask(`${KEY}a`, removal)).status).toBe(412);
    expect((await ask(`${KEY}a`)).json().value).toBe(4);
  });

  it('conditions: If-None-Match: * writes only what is absent [A3]', async () => {
    const { ask } = await startApi();
    expect((await ask(`${KEY}a`, json(1, { 'if-none-match': '*' }))).status).toBe(201);
    expect((await ask(`${KEY}a`, json(2, { 'if-none-match': '*' }))).status).toBe(412);
  });

  it('conditions: If-None-Match with versions writes only where none is current, weak tags included [A3]', async () => {
    const { ask } = await startApi();
    const etag = String((await ask(`${KEY}a`, json(1))).headers.etag);
    for (const held of [etag, `W/${etag}`, `"x.0", ${etag}`])
      expect((await ask(`${KEY}a`, json(2, { 'if-none-match': held }))).status).toBe(412);
    expect((await ask(`${KEY}a`, { method: 'DELETE', headers: { ...auth, 'if-none-match': etag } })).status).toBe(412);
    expect((await ask(`${KEY}a`)).json().value).toBe(1);
    for (const other of ['"x.0"', '', '"*"'])
      expect((await ask(`${KEY}a`, json(3, { 'if-none-match': other }))).status).toBe(200);
    expect((await ask(`${KEY}absent`, json(3, { 'if-none-match': '"x.0"' }))).status).toBe(201);
  });

  it('conditions: lists may have empty members, commas inside of tags, tabs, any byte above ASCII, and any length [A3]', async () => {
    const { ask } = await startApi();
    const etag = String((await ask(`${KEY}a`, json(1))).headers.etag);
    const long = Array.from({ length: 200 }, (_, i) => `"${i}"`).join(',');
    const around = [
      (tag: string) => `, ,${tag},,`,
      (tag: string) => `"a,b", ${tag}`,
      (tag: string) => `"a,"\t,\t${tag}\t, "b\xe9"`,
      (tag: string) => `"", ${tag}`,
      (tag: string) => `${long},${tag}`,
    ];
    for (const list of around) {
      const same = await ask(`${KEY}a`, { headers: { 'if-none-match': list(etag) } });
      expect([list(''), same.status]).toEqual([list(''), 304]);
      expect((await ask(`${KEY}a`, { headers: { 'if-none-match': list('"c"') } })).status).toBe(200);
      const written = await ask(`${KEY}b`, json(1));
      const now = String(written.headers.etag);
      expect((await ask(`${KEY}b`, json(2, { 'if-match': list(now) }))).status).toBe(200);
      expect((await ask(`${KEY}b`, json(3, { 'if-match': list(`W/${now}`) }))).status).toBe(412);
    }
    const spaces = ' '.repeat(5000);
    expect((await ask(`${KEY}a`, { headers: { 'if-none-match': `"b",${spaces}${etag}` } })).status).toBe(304);
    expect((await ask(`${KEY}a`, { headers: { 'if-none-match': `"b",${spaces}"` } })).status).toBe(400);
    // A tag that holds the current one, or a star, is another.
    for (const other of [`"x,${etag.slice(1)}`, '"*"', '', ','])
      expect((await ask(`${KEY}a`, json(4, { 'if-match': other }))).status).toBe(412);
  });

  it.each(['"a', 'a"', '"a" "b"', '"a"b', '*, "a"', 'w/"a"', 'W/a', 'W/ "a"', '"a\tb"', "'a'"])(
    'conditions: what is no list of tags is 400: %j [A3, A15]',
    async (list) => {
      const { ask } = await startApi();
      await ask(`${KEY}a`, json(1));
      for (const [name, request] of [
        ['if-match', json(2)],
        ['if-none-match', json(2)],
        ['if-match', {}],
        ['if-none-match', {}],
      ] as const) {
        const answer = await ask(`${KEY}a`, { ...request, headers: { ...request.headers, [name]: `"x",${list}` } });
        expect([name, answer.status, answer.json().code]).toEqual([name, 400, 'invalid-header']);
      }
      expect((await ask(`${KEY}a`)).json().value).toBe(1);
    },
  );

  it('conditions: GET with If-Match answers the version that is wanted, else 412; what is absent stays 404 [A3]', async () => {
    const { ask } = await startApi();
    const etag = String((await ask(`${KEY}a`, json(1))).headers.etag);
    const read = (ifMatch: string, key = 'a', more: Record<string, string> = {}) =>
      ask(`${KEY}${key}`, { headers: { 'if-match': ifMatch, ...more } });
    expect((await read(`"x.0", ${etag}`)).json().value).toBe(1);
    expect((await read('*')).status).toBe(200);
    for (const other of ['"x.0"', `W/${etag}`]) {
      const answer = await read(other);
      expect([answer.status, answer.headers['content-type'], answer.json().code]).toEqual([
        412,
        PROBLEM,
        'precondition-failed',
      ]);
    }
    expect((await read('"x.0"', 'a', { 'if-none-match': etag })).status).toBe(412);
    expect((await read(etag, 'a', { 'if-none-match': etag })).status).toBe(304);
    expect((await read('"x.0"', 'absent')).status).toBe(404);
  });

  it('conditions: GET with the version already held answers 304 without a body [A3]', async () => {
    const { ask } = await startApi();
    const etag = String((await ask(`${KEY}a`, json(1))).headers.etag);
    const same = await ask(`${KEY}a`, { headers: { 'if-none-match': `"other.0", W/${etag}` } });
    expect([same.status, same.text]).toEqual([304, '']);
    expect((await ask(`${KEY}a`, { headers: { 'if-none-match': '"other.0"' } })).status).toBe(200);
  });

  it('lists: pages by prefix with a cursor [A4]', async () => {
    const { ask } = await startApi();
    for (const key of ['a/1', 'a/2', 'a/3', 'b/1']) await ask(KEY + encodeURIComponent(key), json(1));
    const keys = (body: Record<string, unknown>) => (body.entries as { key: string }[]).map((e) => e.key);
    const first = (await ask('/api/v1/state?prefix=a%2F&limit=2')).json();
    expect(keys(first)).toEqual(['a/1', 'a/2']);
    const second = (await ask(`/api/v1/state?prefix=a/&limit=2&cursor=${String(first.cursor)}`)).json();
    expect([keys(second), 'cursor' in second]).toEqual([['a/3'], false]);
    expect(keys((await ask('/api/v1/state')).json())).toHaveLength(4);
  });

  it.each([
    ['limit=0'],
    ['limit=1001'],
    ['limit=x'],
    ['limit=-1'],
    ['limit=1&limit=2'],
    ['prefx=a'],
    ['prefix=%ff'],
    ['key='],
  ])('lists: the query %s is refused with 400', async (query) => {
    const { ask } = await startApi();
    const answer = await ask(`/api/v1/state?${query}`);
    expect([answer.status, answer.headers['content-type']]).toEqual([400, PROBLEM]);
  });
});

describe('commits', () => {
  const post = (body: unknown) => ({ ...json(body), method: 'POST' });

  it('commits: several operations become one commit [A5]', async () => {
    const { ask } = await startApi();
    const answer = await ask(
      '/api/v1/commits',
      post({
        operations: [
          { op: 'put', key: 'a', value: null },
          { op: 'delete', key: 'b' },
        ],
      }),
    );
    expect(answer.status).toBe(201);
    const { commit, results } = answer.json() as { commit: string; results: { version: string }[] };
    expect(results.map((r) => r.version)).toEqual([`${commit}.0`, `${commit}.1`]);
  });

  it('commits: a failed condition writes nothing [A3, A5]', async () => {
    const { ask, lattice } = await startApi();
    const operations = [
      { op: 'put', key: 'a', value: 1 },
      { op: 'put', key: 'b', value: 1, ifMatch: 'x.0' },
    ];
    expect((await ask('/api/v1/commits', post({ operations }))).status).toBe(412);
    expect(lattice.root().live).toBe(0);
  });

  it.each<readonly [body: unknown, name: string]>([
    [[], 'no object'],
    [{ operations: {} }, 'no array'],
    [{ operations: [] }, 'no operations'],
    [{ operations: Array.from({ length: 257 }, (_, i) => ({ op: 'delete', key: `k${i}` })) }, 'too many'],
    [{ operations: [null] }, 'not an object'],
    [{ operations: [{ op: 'patch', key: 'a' }] }, 'unknown op'],
    [{ operations: [{ op: 'put', key: 'a' }] }, 'no value'],
    [{ operations: [{ op: 'delete', key: 'a', value: 1 }] }, 'a delete with a value'],
    [{ operations: [{ op: 'put', key: 1, value: 1 }] }, 'a key that is no string'],
    [{ operations: [{ op: 'put', key: 'a', value: 1, if_match: 'x' }] }, 'an unknown field'],
    [{ operations: [{ op: 'put', key: 'a', value: 1, ifMatch: 1 }] }, 'a condition of the wrong type'],
  ])('commits: case %# is refused with 400', async (body) => {
    const { ask } = await startApi();
    const answer = await ask('/api/v1/commits', post(body));
    expect(answer.status).toBe(400);
    expect(answer.json().code).toMatch(/^invalid-(?:body|operation)$/);
  });

  it('values: 32 levels fit in a commit too, 33 do not', async () => {
    const { ask } = await startApi();
    const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as unknown;
    expect(
      (await ask('/api/v1/commits', post({ operations: [{ op: 'put', key: 'a', value: nested(32) }] }))).status,
    ).toBe(201);
    const answer = await ask('/api/v1/commits', post({ operations: [{ op: 'put', key: 'a', value: nested(33) }] }));
    expect([answer.status, answer.json().code]).toEqual([400, 'invalid-json']);
  });
});

describe('bad input', () => {
  it.each<
    readonly [name: string, body: string | Uint8Array, headers: Record<string, string>, status: number, code: string]
  >([
    ['malformed JSON', '{"a":', {}, 400, 'invalid-json'],
    ['NaN', 'NaN', {}, 400, 'invalid-json'],
    ['an empty body', '', {}, 400, 'invalid-json'],
    ['an unsafe integer', '{"n":9007199254740993}', {}, 400, 'invalid-json'],
    ['1e300', '1e300', {}, 400, 'invalid-json'],
    ['a duplicate key', '{"a":1,"a":2}', {}, 400, 'invalid-json'],
    ['__proto__', '{"__proto__":{"x":1}}', {}, 400, 'invalid-json'],
    ['a lone surrogate', '"\\ud800"', {}, 400, 'invalid-json'],
    ['too deep nesting', '['.repeat(5000) + ']'.repeat(5000), {}, 400, 'invalid-json'],
    ['33 levels', '['.repeat(33) + ']'.repeat(33), {}, 400, 'invalid-value'],
    ['bytes that are no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), {}, 400, 'invalid-json'],
    ['a value over 16 KiB', JSON.stringify('x'.repeat(16 * 1024)), {}, 413, 'value-too-large'],
    ['a body over 256 KiB', JSON.stringify('x'.repeat(256 * 1024)), {}, 413, 'body-too-large'],
    ['another content type', '1', { 'content-type': 'text/plain' }, 415, 'unsupported-media-type'],
    ['a compressed body', '1', { 'content-encoding': 'gzip' }, 415, 'unsupported-media-type'],
  ])('refusals: %s', async (_name, body, headers, status, code) => {
    const { ask, lattice } = await startApi();
    const answer = await ask(`${KEY}a`, { ...json('1', headers), body });
    expect([answer.status, answer.headers['content-type'], answer.json().code]).toEqual([status, PROBLEM, code]);
    expect(lattice.root().live).toBe(0);
  });

  it('problems: carry type, title, status, detail, code and what to do next; JSON errors name the place [A10]', async () => {
    const { ask } = await startApi();
    const denied = (await ask(`${KEY}a`, { method: 'PUT' })).json();
    expect(Object.keys(denied)).toEqual(['type', 'title', 'status', 'detail', 'code', 'next']);
    expect(denied).toMatchObject({ title: 'Unauthorized', status: 401, code: 'unauthorized' });
    expect((await ask(`${KEY}a`, json('{\n "a": nope}'))).json().detail).toMatch(/line 2/);
  });

  it('problems: unknown v1 paths and methods', async () => {
    const { ask } = await startApi();
    const missing = await ask('/api/v1/nothing');
    expect([missing.status, missing.headers['content-type'], missing.json().code]).toEqual([404, PROBLEM, 'no-route']);
    const method = await ask(`${KEY}a`, { method: 'PATCH', headers: { 'content-type': 'text/plain' }, body: 'x' });
    expect([method.status, method.json().code, method.headers.allow]).toEqual([
      405,
      'method-not-allowed',
      'GET, HEAD, PUT, DELETE, OPTIONS',
    ]);
    expect((await ask(`${KEY}%ff`)).status).toBe(400);
  });

  it('writes: without a configured token nothing can be written [A9]', async () => {
    const { ask } = await startApi({ config: { token: undefined } });
    expect((await ask(`${KEY}a`, json(1))).status).toBe(401);
  });

  it.each([
    ['PUT', `${KEY}a`],
    ['DELETE', `${KEY}a`],
    ['PUT', '/api/v1/state?key=a'],
    ['DELETE', '/api/v1/state?key=a'],
    ['POST', '/api/v1/commits'],
    ['POST', '/api/v1/sync/now'],
  ])('writes: %s %s without or with a wrong token is 401', async (method, path) => {
    const { ask } = await startApi();
    for (const headers of [{}, { authorization: 'Bearer no' }, { authorization: TOKEN }]) {
      const answer = await ask(path, { method, headers });
      expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    }
  });

  it('writes: a read-only node answers 503 with its reasons', async () => {
    const { ask, lattice } = await startApi();
    const reasons = [{ code: 'safe-mode', text: 'CORS is *' }] as const;
    lattice.setReadOnly('safe-mode', 'CORS is *');
    const answer = await ask(`${KEY}a`, json(1));
    expect([answer.status, answer.json().code, answer.json().reasons]).toEqual([503, 'read-only', reasons]);
    expect((await ask('/api/v1/health')).json()).toMatchObject({ status: 'read-only', writable: false });
  });

  it('writes: a write that never finishes answers 504', async () => {
    const { ask, lattice } = await startApi({ times: { deadlineMs: 50 } });
    lattice.store.hold();
    const answer = await ask(`${KEY}a`, json(1));
    expect([answer.status, answer.json().code]).toEqual([504, 'deadline']);
  });
});

describe('the node', () => {
  it('node: status, peers, health, conflicts and sync on demand [A7]', async () => {
    const third = createAuthor(3);
    const trusted = [createAuthor(1), friend, third].map(({ author }) => author);
    const { ask, lattice } = await startApi({ lattice: await startLattice({ trusted }) });
    await lattice.take([friend.commit({ k: 1 }), third.commit({ k: 2 })]);
    await lattice.greet(friend);
    expect((await ask('/api/v1/status')).json()).toEqual(JSON.parse(JSON.stringify(lattice.status())));
    expect((await ask('/api/v1/peers')).json()).toEqual({
      peers: JSON.parse(JSON.stringify(lattice.peers())) as unknown,
    });
    expect(lattice.peers().map(({ author, http }) => [author, http.reachable])).toEqual([
      [friend.author, true],
      [third.author, false],
    ]);
    expect((await ask('/api/v1/health')).json()).toMatchObject({
      status: 'ready',
      health: 'HTTP_ONLY',
      writable: true,
    });
    const { items: conflicts } = await lattice.conflicts({});
    expect((await ask('/api/v1/conflicts?limit=5')).json()).toEqual({ conflicts });
    expect(conflicts.map(({ key, siblings }) => [key, siblings.map(({ author }) => author).sort()])).toEqual([
      ['k', [friend.author, third.author].sort()],
    ]);
    expect((await ask('/api/v1/conflicts?limit=0')).status).toBe(400);
    const now = await ask('/api/v1/sync/now', {
      method: 'POST',
      headers: { ...auth, 'content-type': 'application/json' },
    });
    expect([now.status, Object.keys(now.json())]).toEqual([200, ['converged', 'verdict', 'peers']]);
  });
});
