// Measures the dashboard in Chromium against a made-up node with 50 peers, a busy event stream and a full log:
//
//   npm run build && node scripts/dashboard-figures.mjs
//
// It prints a table and one JSON line. CPU is that of the page's own process, in percent of one core.
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { launchChromium } from './chromium.mjs';

const BUILT = fileURLToPath(new URL('../dist/dashboard/', import.meta.url));
const PEERS = 50;
const LINES = 1000;
const CHANGES_PER_S = 200;
const LINES_PER_S = 10;
const WATCH_MS = 15_000;
const LOADS = 9;
/** The same policy as src/api sends. */
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'";
const TYPES = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };

const hex = (n) => n.toString(16).padStart(64, '0');
const root = hex(7);
const startedAt = Date.now() - 86_400_000;
let sequence = 0;

const nodes = Array.from({ length: PEERS }, (_, i) => ({
  peerId: `12D3KooW${String(i).padStart(44, 'q')}`,
  author: hex(i),
  name: `node-${i}`,
  label: `node-${i}`,
  url: `http://10.0.0.${i}:8000`,
  lung: i % 9 === 0 ? 'http' : 'p2p',
}));

const verdict = () => ({
  kind: 'DIVERGED',
  since: startedAt,
  sentence: `5 of ${PEERS} other nodes differ from this one: this heals by itself.`,
  reasons: [],
  members: nodes.map((node, i) => ({
    ...node,
    agreement: i % 11 === 0 ? 'differs' : 'equal',
    lastHeardAt: Date.now() - 300,
    since: Date.now() - 4000,
  })),
});

const peers = () => ({
  peers: nodes.map((node, i) => ({
    ...node,
    configured: true,
    trusted: true,
    p2p: { connected: true, lastHeardAt: Date.now() - 300, rttMs: 1 + (sequence % 7) },
    http: { reachable: true, streaming: false, lastHeardAt: Date.now() - 600 },
    root: i % 11 === 0 ? hex(sequence) : root,
    agreement: i % 11 === 0 ? 'different' : 'equal',
    agreementSince: Date.now() - 4000,
    refused: { count: 0, reasons: {} },
  })),
});

const status = () => ({
  name: 'figures',
  role: 'node',
  version: '0',
  network: 'figures',
  peerId: '12D3KooWself',
  author: hex(99),
  incarnation: '00',
  startedAt,
  now: Date.now(),
  root,
  entries: 100_000,
  live: 99_000,
  conflicts: 2,
  sequence: ++sequence,
  mode: 'auto',
  health: 'OPTIMAL',
  syncMode: 'P2P',
  p2p: { enabled: true, state: 'running', topic: 'figures', listen: [], bootstrap: [], peers: PEERS },
  http: { enabled: true, state: 'running', peers: PEERS, streaming: 5 },
  writable: true,
  readOnlyReasons: [],
  warnings: [],
  trust: { hash: root, authors: [hex(99)] },
  converged: { peers: PEERS, equal: PEERS - 5 },
  verdict: verdict(),
  transitions: Array.from({ length: 20 }, (_, i) => ({
    at: startedAt + i,
    peer: hex(i),
    from: 'p2p',
    to: 'http',
    cause: 'silent over P2P for 3.0 s',
    code: 'silent',
  })),
  refused: {},
  deferred: 0,
});

const files = new Map(
  readdirSync(BUILT, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => [
      relative(BUILT, join(entry.parentPath, entry.name)),
      readFileSync(join(entry.parentPath, entry.name)),
    ]),
);

const stream = (response) =>
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
const logEvent = (n) =>
  `id: ${n}\nevent: line\ndata: ${JSON.stringify({ id: `${n}`, time: Date.now(), level: 'info', component: 'http', msg: 'request', route: '/api/v1/state', ms: n % 40 })}\n\n`;

const server = createServer((request, response) => {
  const path = new URL(request.url, 'http://node').pathname;
  const json = (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (path === '/api/v1/status') return json(status());
  if (path === '/api/v1/peers') return json(peers());
  if (path === '/api/v1/config') return json({ items: [] });
  if (path === '/api/v1/events') {
    stream(response);
    const timer = setInterval(() => {
      for (let i = 0; i < CHANGES_PER_S / 10; i++)
        response.write(`event: change\ndata: {"type":"change","key":"key/${i}"}\n\n`);
      response.write(`id: ${sequence}\nevent: batch\ndata: {"type":"batch"}\n\n`);
    }, 100);
    return response.once('close', () => clearInterval(timer));
  }
  if (path === '/api/v1/logs') {
    stream(response).write(Array.from({ length: LINES }, (_, n) => logEvent(n)).join(''));
    let n = LINES;
    const timer = setInterval(() => response.write(logEvent(n++)), 1000 / LINES_PER_S);
    return response.once('close', () => clearInterval(timer));
  }
  const name = path.slice('/dashboard/'.length) || 'index.html';
  const plain = files.get(name);
  if (plain === undefined) return response.writeHead(404).end();
  const packed = files.get(`${name}.gz`);
  const headers = { 'content-type': TYPES[name.split('.').at(-1)], 'content-security-policy': CSP };
  return response
    .writeHead(200, packed === undefined ? headers : { ...headers, 'content-encoding': 'gzip' })
    .end(packed ?? plain);
});
await new Promise((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
const url = `http://127.0.0.1:${server.address().port}/dashboard/`;

const browser = await launchChromium();
try {
  // Loads are measured with an empty cache each.
  const loads = [];
  let bytes = 0;
  for (let i = 0; i < LOADS; i++) {
    const context = await browser.newContext();
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    bytes = 0;
    session.on('Network.loadingFinished', (event) => (bytes += event.encodedDataLength));
    const from = performance.now();
    await page.goto(`${url}#/overview`);
    await page.getByRole('heading', { level: 2, name: 'DIVERGED' }).waitFor();
    loads.push(performance.now() - from);
    await context.close();
  }
  loads.sort((a, b) => a - b);

  const system = await browser.newBrowserCDPSession();
  /** CPU seconds of all renderers, of which there is one, because one page is open. */
  const used = async () => {
    const { processInfo } = await system.send('SystemInfo.getProcessInfo');
    return processInfo.filter(({ type }) => type === 'renderer').reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  };
  const steady = {};
  for (const view of ['overview', 'fleet', 'log']) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${url}#/${view}`);
    if (view === 'log') {
      await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
      await page.getByLabel('DIOTEC360_API_TOKEN').fill('any');
      await page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click();
      await page.getByText(/lines shown/).waitFor();
    } else await page.getByText('figures').first().waitFor();
    await pause(3000);
    const before = await used();
    const from = performance.now();
    await pause(WATCH_MS);
    steady[view] = ((await used()) - before) / ((performance.now() - from) / 1000);
    await context.close();
  }

  const figures = {
    firstViewBytes: bytes,
    firstViewMs: Math.round(loads[LOADS >> 1]),
    firstViewMaxMs: Math.round(loads.at(-1)),
    ...Object.fromEntries(
      Object.entries(steady).map(([view, part]) => [`${view}CpuPercent`, Number((part * 100).toFixed(1))]),
    ),
  };
  for (const [name, value] of Object.entries(figures)) process.stdout.write(`${name.padEnd(20)} ${value}\n`);
  process.stdout.write(`${JSON.stringify({ bench: 'dashboard', metrics: figures })}\n`);
} finally {
  await browser.close();
  server.closeAllConnections();
  server.close();
}
