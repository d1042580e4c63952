import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/wait.ts';
import { type LiveNode, startLiveNode } from '../unit/api/live-node.ts';
import { TOKEN } from '../unit/api/support.ts';
import { has, read } from '../unit/deploy/support.ts';

/** Longer than the 5 s for which HTTP servers in Node.js keep idle connections by default. */
const PAUSE_MS = 6500;

/** The way from a proxy to the node, on which connections are counted. */
interface Way {
  readonly port: number;
  /** Connections that were ever opened. */
  opened(): number;
  close(): void;
}

async function createWay(to: number): Promise<Way> {
  let opened = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    opened++;
    const target = connect(to, '127.0.0.1');
    for (const one of [socket, target]) sockets.add(one.on('error', () => one.destroy()));
    socket.pipe(target).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    port,
    opened: () => opened,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** The shipped configuration of nginx without TLS, whose certificates are the operator's. */
function nginx(directory: string, port: number, to: number): [string, readonly string[]] {
  const shipped = read('deploy/nginx/lattice.conf')
    .replaceAll('127.0.0.1:8000', `127.0.0.1:${to}`)
    .replace(/server \{\n {2}listen 80;[^}]*\}\n/, '')
    .replace('listen 443 ssl http2;', `listen 127.0.0.1:${port};`)
    .replace(/^ {2}(?:listen \[::\]:443|ssl_).*\n/gm, '');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(directory, name)};`,
  );
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  const text = `${user}daemon off;\npid ${join(directory, 'pid')};\nevents {}\nhttp {\naccess_log off;\n${temporary.join('\n')}\n${shipped}}\n`;
  writeFileSync(join(directory, 'nginx.conf'), text);
  return ['nginx', ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')]];
}

/** The shipped configuration of Caddy without TLS. */
function caddy(directory: string, port: number, to: number): [string, readonly string[]] {
  const shipped = read('deploy/caddy/Caddyfile')
    .replaceAll('127.0.0.1:8000', `127.0.0.1:${to}`)
    .replace('node2.example {', `http://node2.example:${port} {\n\tbind 127.0.0.1`);
  writeFileSync(join(directory, 'Caddyfile'), `{\n\tadmin off\n\tauto_https off\n}\n${shipped}`);
  return ['caddy', ['run', '--config', join(directory, 'Caddyfile'), '--adapter', 'caddyfile']];
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** One request to the proxy under the name of the shipped configurations. */
function ask(port: number, method: string, path: string, headers: Record<string, string> = {}, body?: string) {
  return new Promise<Answer>((resolve, reject) => {
    const all = {
      host: 'node2.example',
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
      ...headers,
    };
    const outgoing = request({ host: '127.0.0.1', port, method, path, headers: all, agent: false }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text }));
      incoming.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

describe.each([
  ['nginx', nginx],
  ['caddy', caddy],
] as const)('behind %s with the shipped configuration', (program, configure) => {
  // CI installs both; elsewhere the tests of a proxy that is not there are skipped.
  const absent = !has(program) && process.env['LATTICE_PROXIES'] !== 'required';
  let directory: string;
  let node: LiveNode;
  let way: Way;
  let port: number;
  let proxy: ChildProcess;
  let output: string;

  beforeEach(async () => {
    if (absent) return;
    directory = mkdtempSync(join(tmpdir(), `lattice-${program}-`));
    for (const name of ['home', 'data']) mkdirSync(join(directory, name));
    node = await startLiveNode({
      P2P_ENABLED: 'false',
      ALLOWED_HOSTS: 'node2.example',
      TRUSTED_PROXIES: '127.0.0.1,::1',
    });
    way = await createWay(Number(new URL(node.url).port));
    port = await freePort();
    const [command, args] = configure(directory, port, way.port);
    const { PATH = '' } = process.env;
    const env = { PATH, HOME: join(directory, 'home'), XDG_DATA_HOME: join(directory, 'data') };
    proxy = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    output = '';
    for (const stream of [proxy.stdout, proxy.stderr])
      stream?.on('data', (text: Buffer) => (output += text.toString()));
    await eventually(`${program} answers`, async () => {
      if (proxy.exitCode !== null) throw new Error(output);
      return (await ask(port, 'GET', '/livez')).status === 200;
    });
  });
  afterEach(async () => {
    if (absent) return;
    proxy.kill('SIGTERM');
    if (proxy.exitCode === null) await once(proxy, 'exit');
    way.close();
    await node.end();
    rmSync(directory, { recursive: true, force: true });
  });

  it.skipIf(absent)('its idle connections outlive a pause, so that no write after it meets a close [A27]', async () => {
    const put = (i: number): Promise<Answer> => ask(port, 'PUT', `/api/v1/state/key-${i}`, {}, String(i));
    expect((await put(0)).status).toBe(201);
    const before = way.opened();
    await pause(PAUSE_MS);
    expect((await put(1)).status).toBe(201);
    expect([way.opened(), (await put(2)).status]).toEqual([before, 201]);
  });

  it.skipIf(absent)('each client is one, whatever it says of itself [A27]', async () => {
    const guess = (from: string) =>
      ask(port, 'PUT', '/api/v1/state/a', { authorization: 'Bearer a-wrong-token', 'x-forwarded-for': from }, '1');
    for (let i = 0; i < 10; i++) expect((await guess(`203.0.113.${i}`)).status).toBe(401);
    expect((await guess('203.0.113.99')).status).toBe(429);
  });
});
