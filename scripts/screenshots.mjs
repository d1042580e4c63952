// Takes the README's pictures of the dashboard in docs/screenshots:
//
//   npm run build && node scripts/screenshots.mjs [--all DIR]
//
// Three nodes run in a temporary directory. Two of them write the same keys while they are apart, so that there are
// conflicts to show. The overview is taken twice: with all nodes, and with one that was stopped.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { launchChromium } from './chromium.mjs';

const CLI = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const OUT = fileURLToPath(new URL('../docs/screenshots/', import.meta.url));
const MAX_BYTES = 150 * 1024;
const DEADLINE_MS = 60_000;

const { values } = parseArgs({ options: { all: { type: 'string' } } });

async function eventually(what, look) {
  const end = performance.now() + DEADLINE_MS;
  for (;;) {
    const found = await Promise.resolve()
      .then(look)
      .catch(() => undefined);
    if (found) return found;
    if (performance.now() > end) throw new Error(`not within ${DEADLINE_MS / 1000} s: ${what}`);
    await pause(100);
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer()
      .once('error', () => resolve(false))
      .listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)));
  });
}

async function freeRange(from, count) {
  for (let port = from; ; port++) {
    const all = await Promise.all(Array.from({ length: count }, (_, i) => isFree(port + i)));
    if (all.every(Boolean)) return port;
  }
}

const dir = mkdtempSync(join(tmpdir(), 'lattice-shots-'));
const children = new Map();
let browser;
try {
  const base = await freeRange(18_000, 3);
  const p2p = await freeRange(base + 10, 3);
  const init = [
    'init',
    '--dir',
    dir,
    '--nodes',
    '3',
    '--names',
    'oslo,lima,cairo',
    '--base-port',
    `${base}`,
    '--p2p-base-port',
    `${p2p}`,
  ];
  const made = spawnSync(process.execPath, [CLI, ...init, '--json'], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stderr);
  const { nodes } = JSON.parse(made.stdout);
  const tokenOf = (node) => /^DIOTEC360_API_TOKEN=(.*)$/m.exec(readFileSync(join(dir, node.envFile), 'utf8'))[1];

  const start = async (node) => {
    const { PATH, HOME } = process.env;
    const child = spawn(process.execPath, ['--', CLI, 'start', '--env-file', join(dir, node.envFile)], {
      env: { PATH, HOME },
      stdio: 'ignore',
    });
    children.set(node.name, child);
    await eventually(`${node.name} answers`, async () => (await fetch(`${node.api}/health`)).ok);
  };
  const stop = async (node) => {
    const child = children.get(node.name);
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await ended;
    children.delete(node.name);
  };
  const put = (node, key, value) =>
    eventually(`${node.name} takes ${key}`, async () => {
      const answer = await fetch(`${node.api}/api/v1/state?key=${encodeURIComponent(key)}`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${tokenOf(node)}`, 'content-type': 'application/json' },
        body: JSON.stringify(value),
      });
      return answer.ok;
    });
  const status = async (node) => (await fetch(`${node.api}/api/v1/status`)).json();

  const [a, b, c] = nodes;
  await start(a);
  await put(a, 'gateway/eu-1/limits', { connections: 512, perSecond: 2000 });
  await put(a, 'release/current', 'v4.2.0');
  await stop(a);
  await start(b);
  await put(b, 'gateway/eu-1/limits', { connections: 768, perSecond: 1500 });
  await put(b, 'release/current', 'v4.2.1');
  await Promise.all([start(a), start(c)]);
  for (const region of ['eu-1', 'eu-2', 'us-1', 'us-2', 'ap-1']) {
    await put(c, `gateway/${region}/address`, `10.${region.length}.0.${region.charCodeAt(3)}`);
    await put(a, `gateway/${region}/features`, { tracing: region.startsWith('eu'), canary: region.endsWith('2') });
  }
  await put(b, 'contact/on-call', { team: 'platform', until: '2026-12-31' });
  await eventually('one root, also at a cut, and P2P everywhere', async () => {
    const all = await Promise.all(nodes.map(status));
    return (
      new Set(all.map((s) => s.root)).size === 1 &&
      all.every((s) => s.health === 'OPTIMAL' && s.conflicts === 2 && s.converged.equal === 2 && s.cuts.convergedAsOf)
    );
  });

  browser = await launchChromium();
  const shoot = async (
    path,
    { view, size = { width: 1280, height: 860 }, scheme = 'light', verdict = 'CONVERGED', before },
  ) => {
    const context = await browser.newContext({ viewport: size, colorScheme: scheme, reducedMotion: 'reduce' });
    const page = await context.newPage();
    await page.goto(`${a.api}/dashboard/#/${view}`);
    await page.getByRole('banner').getByText(verdict, { exact: true }).waitFor();
    await before?.(page);
    await page.screenshot({ path });
    await context.close();
    const { size: bytes } = statSync(path);
    if (path.startsWith(OUT) && bytes > MAX_BYTES)
      throw new Error(`${path} has ${bytes} bytes, more than ${MAX_BYTES}`);
    process.stdout.write(`${path}: ${bytes} bytes\n`);
  };
  const proof = async (page) => {
    await page.getByRole('button', { name: 'Read and verify' }).click();
    await page.getByText('Proof verified').waitFor();
    await page.evaluate(() => scrollTo(0, 0));
  };
  const login = async (page) => {
    await page.getByRole('banner').getByRole('button', { name: 'Sign in' }).click();
    await page.getByLabel('DIOTEC360_API_TOKEN').fill(tokenOf(a));
    await page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click();
  };
  const choose = async (page) => page.getByRole('radio').nth(1).check();
  const lines = async (page) => {
    await page.getByRole('img', { name: /^Nodes up/ }).waitFor();
    await page.getByText(/free$/).waitFor();
  };
  const entry = `state?key=${encodeURIComponent('gateway/eu-1/address')}`;
  mkdirSync(OUT, { recursive: true });
  await shoot(join(OUT, 'overview.png'), { view: 'overview', before: lines });
  await shoot(join(OUT, 'state.png'), { view: entry, size: { width: 1280, height: 640 }, before: proof });
  await shoot(join(OUT, 'conflicts.png'), { view: 'conflicts', size: { width: 1280, height: 720 }, before: choose });

  if (values.all !== undefined) {
    mkdirSync(values.all, { recursive: true });
    const views = [
      { name: 'overview', before: lines },
      { name: 'fleet' },
      { name: 'peer', view: `node?id=${c.publicKey}` },
      { name: 'sync', before: async (page) => page.getByRole('figure').last().waitFor() },
      { name: 'state', view: entry, before: proof },
      { name: 'conflicts', before: choose },
      { name: 'log', before: login },
      { name: 'node', before: login },
    ];
    const sizes = { wide: { width: 1280, height: 1400 }, phone: { width: 390, height: 1400 } };
    for (const scheme of ['light', 'dark']) {
      for (const [kind, size] of Object.entries(sizes)) {
        for (const { name, view = name, before } of views) {
          await shoot(join(values.all, `${name}-${kind}-${scheme}.png`), { view, size, scheme, before });
        }
      }
    }
  }

  await stop(b);
  await eventually('the series shows that one is silent', async () => {
    const { items } = await (await fetch(`${a.api}/api/v1/series`)).json();
    return items.filter(({ heard }) => heard === 1).length > 2;
  });
  await shoot(join(OUT, 'degraded.png'), { view: 'overview', verdict: 'DEGRADED', before: lines });
} finally {
  await browser?.close();
  for (const child of children.values()) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
}
