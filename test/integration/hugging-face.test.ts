import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { createServer, request as httpsRequest, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { nextFreeRange } from '../../src/cli/up/ports.ts';
import { inspectConfig } from '../../src/config/index.ts';
import type { NodeStatus } from '../../src/runtime/facade/index.ts';
import { type Api, createApiClient } from '../support/api.ts';
import { recipeOf } from '../support/dockerfile.ts';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { guideSteps } from '../support/guide.ts';
import { DEADLINE_MS, eventually } from '../support/wait.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(ROOT + path, 'utf8');
const recipe = recipeOf(read('examples/hugging-face-space/Dockerfile'));
const CLI_IN_IMAGE = '/app/dist/cli/main.js';
const EXIT_MS = 90_000;

/** The Space as its Dockerfile has it: its variables, its user and its command, in directories of this test. */
interface Space {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  output(): string;
}

describe('a node in a Hugging Face Space', () => {
  let fleet: Fleet;
  let self: Node;
  let others: readonly Node[];
  /** The root of the container's file system. */
  let root: string;
  let port: number;
  let proxy: Server;
  let certificate: string;
  let url: string;
  /** What the operator sets in the settings of the Space: variables and secrets. */
  let settings: Record<string, string>;
  let api: Api;
  let space: Space | undefined;
  const forwarded: IncomingHttpHeaders[] = [];

  /** Starts the container of the image: its disk is new. */
  async function start(own: Readonly<Record<string, string>> = settings): Promise<void> {
    rmSync(root, { recursive: true, force: true });
    const isRoot = process.getuid?.() === 0;
    const user = Number(recipe.user);
    for (const { path, mode } of recipe.directories) {
      mkdirSync(join(root, path), { recursive: true });
      execFileSync('chmod', [mode, join(root, path)]);
      if (isRoot) chownSync(join(root, path), user, user);
    }
    const env = Object.fromEntries(
      Object.entries(recipe.env).map(([name, value]) => [name, value.startsWith('/') ? root + value : value]),
    );
    const [, ...args] = recipe.command.map((word) => (word === CLI_IN_IMAGE ? join(ROOT, 'dist/cli/main.js') : word));
    const child = spawn(process.execPath, args, {
      cwd: join(root, recipe.directories[0]?.path ?? ''),
      env: { ...env, ...own, DIOTEC360_API_PORT: String(port), DIOTEC360_TRUSTED_PROXIES: 'loopback' },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(isRoot ? { uid: user, gid: user } : {}),
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part: string) => (text += part));
    const exited = once(child, 'close').then(([code]) => code as number | null);
    space = { child, exited, output: () => text };
    await eventually('the Space answers', async () => {
      if (child.exitCode !== null) throw new Error(text);
      return (await api.status()) !== undefined;
    });
  }

  /** As the platform does it before another start. */
  async function stop(): Promise<string> {
    const { child, exited, output } = space ?? expect.fail('it was not started');
    space = undefined;
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), EXIT_MS);
    expect(await exited).toBe(0);
    clearTimeout(late);
    return output();
  }

  const isWell = ({ verdict, writable }: NodeStatus): boolean => verdict.kind === 'CONVERGED' && writable;
  const untilWell = (): Promise<NodeStatus> =>
    eventually(
      'the Space has converged and takes writes',
      async () => {
        const status = await api.status();
        return isWell(status) ? status : undefined;
      },
      DEADLINE_MS,
    );
  async function settled(): Promise<void> {
    const all = [api, ...others.map((other) => other.api)];
    await eventually(
      'all three have one root',
      async () => new Set(await Promise.all(all.map(async (one) => (await one.status()).root))).size === 1,
      DEADLINE_MS,
    );
  }

  /** A request through the proxy, as programs and browsers make it. */
  function through(method: string, path: string, body?: unknown): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${self.token}`, 'content-type': 'application/json' };
      const outgoing = httpsRequest(url + path, { method, headers, ca: certificate }, (incoming) => {
        incoming.resume();
        resolve(incoming.statusCode ?? 0);
      });
      outgoing.on('error', reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  beforeAll(async () => {
    const files: { cert?: string; key?: string } = {};
    fleet = await startFleet({
      nodes: 3,
      start: [],
      surroundings: () => ({ env: { NODE_EXTRA_CA_CERTS: files.cert ?? '' } }),
    });
    [self, ...others] = fleet.nodes as [Node, Node, Node];
    [files.cert, files.key] = [join(fleet.dir, 'proxy.pem'), join(fleet.dir, 'proxy.key')];
    // biome-ignore format: one option a word
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', files.key, '-out', files.cert], { stdio: 'ignore' });
    certificate = readFileSync(files.cert, 'utf8');
    port = await nextFreeRange(30_100 + (process.pid % 1000), 1);
    // The proxy of the platform: it ends TLS, and tells the app by headers who asked and how.
    proxy = createServer({ cert: certificate, key: readFileSync(files.key) }, (incoming, outgoing) => {
      const headers = {
        ...incoming.headers,
        'x-forwarded-for': incoming.socket.remoteAddress ?? '',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': incoming.headers.host ?? '',
      };
      forwarded.push(headers);
      const inner = httpRequest(
        { host: '127.0.0.1', port, method: incoming.method ?? 'GET', path: incoming.url ?? '/', headers },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        },
      );
      inner.on('error', () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(503).end()));
      outgoing.on('close', () => inner.destroy());
      incoming.pipe(inner);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    url = `https://localhost:${(proxy.address() as AddressInfo).port}`;
    root = join(fleet.dir, 'container');
    execFileSync('chmod', ['755', fleet.dir]);
    api = createApiClient(`http://127.0.0.1:${port}`, self.token);
    const env = parseEnv(readFileSync(self.envFile, 'utf8'));
    settings = {
      DIOTEC360_NODE_NAME: env['DIOTEC360_NODE_NAME'] ?? '',
      DIOTEC360_NETWORK: env['DIOTEC360_NETWORK'] ?? '',
      DIOTEC360_TRUSTED_STATE_PUBKEYS: env['DIOTEC360_TRUSTED_STATE_PUBKEYS'] ?? '',
      DIOTEC360_LATTICE_NODES: others.map((other) => other.api.url).join(','),
      DIOTEC360_API_TOKEN: self.token,
      DIOTEC360_NODE_PRIVKEY_HEX: readFileSync(self.keyFile, 'utf8').trim(),
    };
    const [second, third] = others as [Node, Node];
    second.configure({ LATTICE_NODES: `${url},${third.api.url}` });
    third.configure({ LATTICE_NODES: `${url},${second.api.url}` });
    await Promise.all(others.map((other) => other.start()));
  });
  afterAll(async () => {
    space?.child.kill('SIGKILL');
    proxy.closeAllConnections();
    proxy.close();
    await fleet.stop();
  });

  it('has one port, the user and the front matter that Spaces ask for, and copies what is there', () => {
    const [, front = ''] = /^---\n(.*?)\n---\n/s.exec(read('examples/hugging-face-space/README.md')) ?? [];
    expect(parse(front)).toMatchObject({ sdk: 'docker', app_port: 7860 });
    expect([recipe.ports, recipe.user, recipe.env['DIOTEC360_API_PORT']]).toEqual([[7860], '1000', '7860']);
    expect(recipe.env).toMatchObject({ DIOTEC360_P2P_ENABLED: 'false', DIOTEC360_API_HOST: '0.0.0.0' });
    // No secret is part of an image.
    expect(Object.keys(recipe.env).filter((name) => /TOKEN|PRIVKEY/.test(name))).toEqual([]);
    expect(recipe.command).toEqual(['node', '--', CLI_IN_IMAGE, 'start']);
    for (const [, words = ''] of read('examples/hugging-face-space/Dockerfile').matchAll(/^COPY (?!--from)(.+)$/gm))
      for (const source of words.split(' ').slice(0, -1)) expect(existsSync(ROOT + source), source).toBe(true);
  });

  it('without settings comes up read-only, and says what it lacks [N7]', async () => {
    await start({});
    const { readOnlyReasons, p2p } = await api.status();
    expect(p2p.enabled).toBe(false);
    const text = JSON.stringify(readOnlyReasons);
    for (const name of ['DIOTEC360_TRUSTED_STATE_PUBKEYS', 'DIOTEC360_API_TOKEN']) expect(text).toContain(name);
    await stop();
  });

  it('takes the state from the fleet, is heard behind the proxy, and writes through it [X5, N8]', async () => {
    await others[0]?.api.put('before', 1);
    await fleet.settled([1, 2]);
    await start();
    await untilWell();
    expect(await api.get('before')).toMatchObject({ value: 1 });
    expect(await through('PUT', '/api/v1/state/of-the-space', 'first')).toBe(201);
    expect(await through('PUT', '/api/v1/state/kept', 'by the space')).toBe(201);
    await settled();
    // The others reach it by its public URL, and their requests come with the headers of the proxy.
    await fleet.status(1, 'the Space is heard', ({ verdict }) => verdict.kind === 'CONVERGED');
    // It may be heard by its own connections, or over a third node, before its URL has been asked who it is.
    await eventually('the Space is reached at its public URL', async () => {
      const peer = await others[0]?.api.peer(self.author);
      return peer?.url === url && peer.http.reachable;
    });
    expect(forwarded.some((headers) => headers['x-forwarded-proto'] === 'https')).toBe(true);
    // A browser is shown the dashboard.
    expect(await through('GET', '/dashboard/')).toBe(200);
  });

  it('starts again with an empty disk: it has its own old commits, goes on, and is taken for no clone [N8, N16]', async () => {
    const output = await stop();
    expect(output).not.toContain(self.token);
    expect(output).not.toContain(settings['DIOTEC360_NODE_PRIVKEY_HEX']);
    await others[1]?.api.put('meanwhile', 2);
    await others[0]?.api.put('of-the-space', 'second');
    await fleet.settled([1, 2]);
    await start();
    const status = await untilWell();
    expect([status.readOnlyReasons, status.conflicts]).toEqual([[], 0]);
    expect(await api.get('kept')).toMatchObject({ value: 'by the space', author: self.author });
    // It writes over what it wrote in its former life, and over what others wrote over that.
    expect(await through('PUT', '/api/v1/state/kept', 'again')).toBe(200);
    expect(await through('PUT', '/api/v1/state/of-the-space', 'third')).toBe(200);
    await settled();
    for (const node of [api, ...others.map((other) => other.api)]) {
      expect(await node.conflicts()).toEqual([]);
      expect(await node.get('of-the-space')).toMatchObject({ value: 'third', author: self.author });
      const { warnings, readOnlyReasons, refused } = await node.status();
      // For a while it keeps out of decisions and attests nothing, because its key may have signed what it lost ([RO11]).
      const expected = new Set(['configuration', ...(node === api ? ['abstains'] : [])]);
      expect([warnings.map(({ code }) => code).filter((code) => !expected.has(code)), readOnlyReasons]).toEqual([
        [],
        [],
      ]);
      expect(Object.values(refused)).toEqual([]);
    }
  });

  it('with an empty disk while no other node answers writes alone, and that replaces what it wrote before [N8, N16]', async () => {
    await stop();
    for (const other of others) other.freeze();
    await start();
    await eventually('writes are open', async () => (await api.status()).writesWait !== true);
    expect(await through('PUT', '/api/v1/state/kept', 'alone')).toBe(201);
    for (const other of others) other.thaw();
    await untilWell();
    await settled();
    for (const node of [api, ...others.map((other) => other.api)]) {
      expect([await node.conflicts(), (await node.status()).readOnlyReasons]).toEqual([[], []]);
      expect(await node.get('kept')).toMatchObject({ value: 'alone' });
    }
  });

  it('is set up by the commands of its guide, as they are written', () => {
    const steps = guideSteps(read('docs/hugging-face.md'));
    const dir = join(fleet.dir, 'guide');
    mkdirSync(dir);
    const follow = (note: string): string => {
      const { script } = steps.find(({ notes }) => notes.includes(note)) ?? expect.fail(note);
      // The sources are those of this checkout, and what is written goes into a directory of this test.
      const there = script.replaceAll(/(?<=[ /])(fleet|space)\//g, `${dir}/$1/`).replace('-p space', `-p ${dir}/space`);
      const lattice = `lattice() { node -- ${join(ROOT, 'dist/cli/main.js')} "$@"; }`;
      return execFileSync('bash', ['-ec', `${lattice}\n${there.replace('--dir fleet', `--dir ${dir}/fleet`)}`], {
        cwd: ROOT,
        encoding: 'utf8',
      });
    };
    expect(follow('space files')).toContain('https://acme-ledger.hf.space');
    follow('space sources');
    for (const [, words = ''] of read('examples/hugging-face-space/Dockerfile').matchAll(/^COPY (?!--from)(.+)$/gm))
      for (const source of words.split(' ').slice(0, -1)) expect(existsSync(join(dir, 'space', source))).toBe(true);
    expect(existsSync(join(dir, 'space', 'Dockerfile'))).toBe(true);
    // With the printed variables and secrets alone a node of production takes writes.
    const printed = parseEnv(follow('space variables') + follow('space secrets'));
    const { problems, config } = inspectConfig({ env: { ...recipe.env, ...printed }, cwd: dir });
    expect([problems, config.violations, config.warnings]).toEqual([[], [], []]);
    expect([config.api.port, config.http.nodes, config.trusted.length]).toEqual([
      7860,
      ['https://a.example', 'https://b.example'],
      3,
    ]);
    expect(config.key).toMatchObject({ source: 'environment' });
  });
});
