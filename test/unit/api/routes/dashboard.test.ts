import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import fastify from 'fastify';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createApi } from '../../../../src/api/index.ts';
import { dashboardRoutes, redirectBrowser } from '../../../../src/api/routes/pages/dashboard.ts';
import { startLattice } from '../live-lattice.ts';
import { ask, clock, silentLog, TEST_CONFIG } from '../support.ts';

const dir = mkdtempSync(join(tmpdir(), 'lattice-dashboard-'));
const built = join(dir, 'built');
mkdirSync(join(built, 'assets'), { recursive: true });
writeFileSync(join(dir, 'secret.js'), 'not ours');
writeFileSync(join(built, 'index.html'), '<!doctype html><title>page</title>');
writeFileSync(join(built, 'assets/index-abc.js'), 'export {};');
writeFileSync(join(built, 'assets/index-abc.js.gz'), gzipSync('export {};'));
writeFileSync(join(built, 'assets/index-abc.js.br'), 'pretends to be brotli');
writeFileSync(join(built, 'assets/index-abc.js.map'), '{}');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const running: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.close()));
});

async function serve(directory = built): Promise<string> {
  const app = fastify();
  running.push(app);
  await app.register(dashboardRoutes(pathToFileURL(`${directory}/`)));
  app.get('/', (request, reply) => (redirectBrowser(request, reply) ? reply : reply.send({ name: 'node' })));
  return app.listen({ host: '127.0.0.1', port: 0 });
}

/** The dashboard as a node serves it: with the API's headers and errors. */
async function serveNode(directory = built): Promise<string> {
  const dashboard = pathToFileURL(`${directory}/`);
  const api = await createApi({ lattice: await startLattice(), config: TEST_CONFIG, clock, log: silentLog, dashboard });
  running.push(api);
  return (await api.listen()).url;
}

const SCRIPT = '/dashboard/assets/index-abc.js';

describe('the dashboard', () => {
  it('is one page that is asked for anew each time, and files that are kept for good', async () => {
    const url = await serve();
    const page = await ask(url, '/dashboard/');
    expect(page.status).toBe(200);
    expect(page.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
    const script = await ask(url, '/dashboard/assets/index-abc.js');
    expect(script.text).toBe('export {};');
    expect(script.headers['content-type']).toBe('text/javascript; charset=utf-8');
    expect(script.headers['cache-control']).toContain('immutable');
  });

  it('is sent as it was compressed by the build, best form that the client takes', async () => {
    const url = await serve();
    const encodingFor = async (accepted: string): Promise<unknown> => {
      const answer = await ask(url, '/dashboard/assets/index-abc.js', { headers: { 'accept-encoding': accepted } });
      expect(answer.headers.vary).toContain('accept-encoding');
      return answer.headers['content-encoding'];
    };
    expect(await encodingFor('gzip, deflate, br')).toBe('br');
    expect(await encodingFor('gzip;q=1.0, br;q=0')).toBe('gzip');
    expect(await encodingFor('identity')).toBeUndefined();
  });

  it.each([
    '/dashboard/../secret.js',
    '/dashboard/%2e%2e/secret.js',
    '/dashboard/..%2fsecret.js',
    '/dashboard/assets/index-abc.js.map',
    '/dashboard/nothing',
  ])('serves nothing but the files of its build: %s', async (path) => {
    const answer = await ask(await serve(), path);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.text).not.toContain('not ours');
  });

  it('is told apart by its bytes: another release of equal size and time is not taken for the one that a browser has', async () => {
    const release = join(dir, 'release');
    mkdirSync(release);
    const write = (script: string): void => {
      writeFileSync(join(release, 'index.html'), `<script src="assets/${script}.js"></script>`);
      utimesSync(join(release, 'index.html'), 0, 0);
    };
    write('aaaa');
    const url = await serveNode(release);
    const page = await ask(url, '/dashboard/');
    const etag = String(page.headers.etag);
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
    const same = await ask(url, '/dashboard/', { headers: { 'if-none-match': `"other", W/${etag}` } });
    expect([same.status, same.text, same.headers.etag, same.headers['cache-control']]).toEqual([
      304,
      '',
      etag,
      'no-cache',
    ]);
    write('bbbb');
    const next = await ask(await serveNode(release), '/dashboard/', { headers: { 'if-none-match': etag } });
    expect([next.status, next.text]).toEqual([200, '<script src="assets/bbbb.js"></script>']);
  });

  it('has an ETag and ranges for each form of a file; HEAD tells of the whole of it', async () => {
    const url = await serveNode();
    const get = (headers: Record<string, string>, method = 'GET') => ask(url, SCRIPT, { method, headers });
    const tags = new Set<unknown>();
    for (const encoding of ['br', 'gzip', 'identity']) {
      const whole = await get({ 'accept-encoding': encoding });
      const tag = String(whole.headers.etag);
      tags.add(tag);
      const length = Number(whole.headers['content-length']);
      const part = await get({ 'accept-encoding': encoding, range: 'bytes=-4', 'if-range': tag });
      expect([part.status, part.headers['content-range']]).toEqual([
        206,
        `bytes ${length - 4}-${length - 1}/${length}`,
      ]);
      expect(part.headers['content-encoding']).toBe(whole.headers['content-encoding']);
      expect(whole.text.endsWith(part.text)).toBe(true);
      const head = await get({ 'accept-encoding': encoding, range: 'bytes=0-1' }, 'HEAD');
      expect([head.status, head.text]).toEqual([200, '']);
      for (const name of ['etag', 'content-length', 'content-encoding', 'content-type', 'vary', 'cache-control'])
        expect([name, head.headers[name]]).toEqual([name, whole.headers[name]]);
      const held = await get({ 'accept-encoding': encoding, 'if-none-match': tag });
      expect([held.status, held.headers['content-encoding'], held.headers['vary']]).toEqual([
        304,
        undefined,
        whole.headers['vary'],
      ]);
    }
    expect(tags.size).toBe(3);
  });

  it('answers errors as the API does, under the same security headers, and lists nothing', async () => {
    const url = await serveNode();
    const problem = async (path: string, method = 'GET', headers: Record<string, string> = {}) => {
      const answer = await ask(url, path, { method, headers });
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
      expect([answer.headers['content-encoding'], answer.headers['cache-control']]).toEqual([undefined, undefined]);
      return [answer.status, answer.json().code];
    };
    for (const path of ['assets', 'assets/', '.hidden', '%2e%2e/secret.js', 'assets/index-abc.js.br', '%00.js'])
      expect([path, ...(await problem(`/dashboard/${path}`))]).toEqual([path, 404, 'not-found']);
    expect(await problem(SCRIPT, 'POST')).toEqual([405, 'method-not-allowed']);
    const encoded = { 'accept-encoding': 'br' };
    expect(await problem(SCRIPT, 'GET', { ...encoded, range: 'bytes=999-' })).toEqual([416, 'range-not-satisfiable']);
    expect(await problem(SCRIPT, 'GET', { ...encoded, 'if-match': '"x"' })).toEqual([412, 'precondition-failed']);
    expect(await problem(SCRIPT, 'GET', { ...encoded, 'if-none-match': '"x' })).toEqual([400, 'invalid-header']);
    const missing = await ask(await serveNode(join(dir, 'missing')), '/dashboard/');
    expect([missing.status, missing.json()['next']]).toEqual([404, 'npm run build']);
  });

  it('says how to get it where it was not built', async () => {
    const answer = await ask(await serve(join(dir, 'missing')), '/dashboard/');
    expect(answer.status).toBe(500); // a bare server knows nothing of LatticeError; the API answers 404
    expect(answer.text).toContain('not part of this build');
  });

  it('is where browsers are sent, by an address that survives a path of a proxy', async () => {
    const url = await serve();
    const browser = await ask(url, '/', { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } });
    expect([browser.status, browser.headers['location']]).toEqual([302, 'dashboard/']);
    expect((await ask(url, '/dashboard')).headers['location']).toBe('dashboard/');
    for (const accept of ['*/*', 'application/json']) {
      const program = await ask(url, '/', { headers: { accept } });
      expect([program.status, program.headers.vary]).toEqual([200, 'accept']);
    }
  });
});
