import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateNodeKey, type ServingNode, startNode } from '../../src/index.ts';
import { openEmpty } from './browser.ts';

const FOLDER = fileURLToPath(new URL('../../examples/browser/', import.meta.url));
const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const key = generateNodeKey();

let directory: string;
let pages: Server;
let node: ServingNode;
/** A node that allows no origin. */
let closed: ServingNode;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-browser-'));
  await build({
    configFile: false,
    root: FOLDER,
    logLevel: 'error',
    // What a project finds in its node_modules: the package as it is built.
    resolve: {
      alias: {
        'diotec360-lattice/audit': `${DIST}audit/index.js`,
        'diotec360-lattice/client': `${DIST}client/index.js`,
      },
    },
    build: { outDir: join(directory, 'page'), emptyOutDir: true },
  });
  pages = createServer((request, response) => {
    const path = request.url === '/' ? '/index.html' : (request.url ?? '');
    response.setHeader('content-type', path.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8');
    response.end(readFileSync(join(directory, 'page', path)));
  });
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));

  const settings = { network: 'test', key: key.privateKey, trust: [key.publicKey] };
  node = await startNode({ ...settings, dataDir: join(directory, 'a'), api: { corsOrigins: [originOf(pages)] } });
  closed = await startNode({ ...settings, key: generateNodeKey().privateKey, dataDir: join(directory, 'b'), api: {} });
  await node.lattice.write([{ op: 'put', key: 'greeting', value: { text: 'hello' } }]);
});
afterAll(async () => {
  await Promise.all([node?.stop(), closed?.stop()]);
  pages?.close();
  rmSync(directory, { recursive: true, force: true });
});

const originOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** The page of the example, and what it says after the button. */
async function open(): Promise<{ page: Page; verify(url: string, name: string, trusted: string): Promise<string> }> {
  const page = await openEmpty('0;');
  await page.goto(originOf(pages));
  return {
    page,
    async verify(url, name, trusted) {
      await page.getByLabel('Node').fill(url);
      await page.getByLabel('Key', { exact: true }).fill(name);
      await page.getByLabel('Trusted public keys').fill(trusted);
      await page.getByRole('button', { name: 'Verify' }).click();
      const output = page.locator('output');
      await expect.poll(() => output.textContent()).not.toMatch(/^(?:Asking.*)?$/);
      return (await output.textContent()) ?? '';
    },
  };
}

describe('the example of a page that verifies a proof', () => {
  it('proves a value, a missing key, and refuses a signer whom the reader does not trust [P5]', async () => {
    const { page, verify } = await open();
    expect(await verify(node.url, 'greeting', key.publicKey)).toMatch(/^Proven: greeting is \{"text":"hello"\}, under/);
    expect(await page.locator('li').allTextContents()).toContainEqual(expect.stringMatching(/^path: ok/));
    expect(await verify(node.url, 'nothing', key.publicKey)).toMatch(/^Proven: nothing has no value, under/);
    expect(await verify(node.url, 'greeting', generateNodeKey().publicKey)).toMatch(/^Not proven \(proof-invalid\)/);
  });

  it('refuses a value that was changed on its way [P5]', async () => {
    const { page, verify } = await open();
    await page.route('**/api/v1/proof*', async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, body: (await answer.text()).replace('hello', 'adieu') });
    });
    expect(await verify(node.url, 'greeting', key.publicKey)).toMatch(/^Not proven \(proof-invalid\)/);
  });

  it('may not read the answers of a node that does not allow its origin', async () => {
    const { verify } = await open();
    const origin = originOf(pages);
    expect(await verify(closed.url, 'greeting', key.publicKey)).toMatch(
      new RegExp(`^cannot reach ${closed.url}.* does it allow ${origin}\\?$`),
    );
  });
});
