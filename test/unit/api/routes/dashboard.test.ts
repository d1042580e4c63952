import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import fastify from 'fastify';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { dashboardRoutes, redirectBrowser } from '../../../../src/api/routes/pages/dashboard.ts';
import { ask } from '../support.ts';

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
