import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { exitCodeOf, reportError } from '../../../src/cli/errors.ts';
import { createOutput } from '../../../src/cli/output.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { LatticeError } from '../../../src/core/types/index.ts';
import { ASKING, COMMANDS } from './asking-commands.ts';
import { errorOf, type FakeNode, problem, run, startFakeNode, TOKEN } from './support.ts';

let node: FakeNode;
beforeEach(async () => {
  node = await startFakeNode();
});
afterEach(() => node.close());

/** What accepts connections and is no HTTP server. */
async function listen(serve: (socket: Socket) => void): Promise<{ readonly url: string; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

let dripping: Awaited<ReturnType<typeof listen>>;
let trickling: Awaited<ReturnType<typeof listen>>;
let speaking: Awaited<ReturnType<typeof listen>>;
beforeAll(async () => {
  const byTheByte = (head: string) => (socket: Socket) => {
    const drip = setInterval(() => socket.write('H'), 10);
    socket.on('close', () => clearInterval(drip));
    socket.write(head);
  };
  dripping = await listen(byTheByte('HTTP/1.1 200 OK\r\nx: '));
  trickling = await listen(
    byTheByte('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n'),
  );
  speaking = await listen((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
});
afterAll(() => {
  dripping.close();
  trickling.close();
  speaking.close();
});

const PEER_ID = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';

describe.each(ASKING.map((argv) => [argv.slice(0, 3).join(' ').slice(0, 20), argv] as const))('%s', (name, argv) => {
  it('answers 3 and one JSON error when nothing listens', async () => {
    await node.close();
    const ran = await run([...argv, '--url', node.url, '--json']);
    expect([ran.code, ran.out]).toEqual([3, '']);
    expect(errorOf(ran)).toMatchObject({
      code: 'unreachable',
      message: `cannot reach ${node.url}: the connection is refused`,
      next: expect.stringContaining('lattice start') as unknown,
    });
  });

  it('answers 3 when the node does not answer in time', async () => {
    node.intercept = () => 'hang';
    const ran = await run([...argv, '--url', node.url, '--timeout', '0.1', '--json']);
    expect([ran.code, errorOf(ran).code]).toEqual([3, 'timeout']);
    expect(errorOf(ran).next).toContain('--timeout');
  });

  it('ends with its time while something sends a byte now and then', async () => {
    const ran = await run([...argv, '--url', dripping.url, '--timeout', '0.1', '--json']);
    expect([ran.code, errorOf(ran).code]).toEqual([3, 'timeout']);
  });

  // These read for as long as something comes.
  const reads = ['events', 'export', 'log show --follow', 'vault get', 'vault verify'];
  it.skipIf(reads.some((one) => name.startsWith(one)))(
    'ends with its time while an answer comes by the byte',
    async () => {
      const ran = await run([...argv, '--url', trickling.url, '--timeout', '0.1', '--json'], { stdin: 'content' });
      expect([ran.code, errorOf(ran).code]).toEqual([3, 'timeout']);
    },
  );

  it('says that something else listens there when the answer is no HTTP', async () => {
    const ran = await run([...argv, '--url', speaking.url, '--json']);
    expect([ran.code, ran.out]).toEqual([3, '']);
    expect(errorOf(ran)).toMatchObject({
      code: 'unreachable',
      message: `cannot reach ${speaking.url}: it does not speak HTTP`,
      next: expect.stringContaining('another program may listen there') as unknown,
    });
  });

  it("passes on the node's problem in two lines", async () => {
    node.intercept = () => problem(503, 'read-only', 'the disk\nis full', 'free some space');
    const ran = await run([...argv, '--url', node.url]);
    expect([ran.code, ran.out, ran.err]).toEqual([1, '', 'error: the disk is full\n  next: free some space\n']);
  });

  it('is not confused by something that is no Lattice node', async () => {
    for (const answer of [
      { status: 200, type: 'text/html', body: '<html>' },
      { status: 502, type: 'text/html', body: '<html>Bad gateway' },
      { status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: '' },
      { status: 200, body: null },
      { status: 200, body: [1] },
      { status: 200, body: {} },
      { status: 200, body: { status: 'UP', components: [] } },
    ]) {
      node.intercept = () => answer;
      const ran = await run([...argv, '--url', node.url, '--token', TOKEN, '--json']);
      expect([ran.code, ran.out], JSON.stringify(answer)).toEqual([1, '']);
      expect(['not-a-lattice-node', 'http-status'], ran.err).toContain(errorOf(ran).code);
    }
  });

  // Streams are expected to be cut: they go on (follow.test.ts).
  it.skipIf(name === 'events' || name === 'log show --follow' || name === 'export')(
    'reports an answer that is cut short',
    async () => {
      node.intercept = () => 'cut';
      const ran = await run([...argv, '--url', node.url, '--token', TOKEN, '--json']);
      expect([ran.code, errorOf(ran).code]).toEqual([3, 'unreachable']);
    },
  );
});

it.each([
  ['history', 'k'],
  ['cuts'],
  ['metrics'],
  ['openapi'],
  ['log'],
  ['config', 'show'],
  ['peers', 'ping', 'http://127.0.0.1:9'],
  ['peers', 'diff', PEER_ID],
])('%s on a node that does not know it says so', async (...argv) => {
  const ran = await run([...argv, '--url', node.url, '--token', TOKEN, '--json']);
  expect([ran.code, errorOf(ran).code]).toEqual([1, 'not-supported']);
  expect(errorOf(ran).message).toContain("this node's version has no");
  expect(errorOf(ran).next).toMatch(/lattice status.* A node of the original has none of these paths\.$/);
});

it.each([
  ['a node of this version', 404, { code: 'no-route', detail: 'whatever it is called' }],
  ['an original node', 404, { detail: 'Not Found' }],
  ['a node that has the path for other methods', 405, { detail: 'Method Not Allowed' }],
])('%s that lacks what a command asks for is known by the form of its answer', async (_name, status, body) => {
  node.intercept = () => ({ status, type: 'application/json', body });
  const ran = await run(['cuts', '--url', node.url, '--json']);
  expect([ran.code, errorOf(ran).code]).toEqual([1, 'not-supported']);
});

it.each([
  ['a proxy that knows no such path', { status: 404, type: 'text/html', body: '<h1>Not Found</h1>' }, 'http-status'],
  ['a missing thing', problem(404, 'not-found', 'there is nothing under this path'), 'not-found'],
  ['a code of a later version', problem(409, 'never-heard-of', 'it cannot be'), 'http-status'],
])('%s is told as it is', async (_name, answer, code) => {
  node.intercept = () => answer;
  const ran = await run(['cuts', '--url', node.url, '--json']);
  expect([ran.code, errorOf(ran).code]).toEqual([1, code]);
  expect(errorOf(ran).message).not.toContain("this node's version");
});

it('a code that this version does not know is told in the message', async () => {
  node.intercept = () => problem(409, 'never-heard-of', 'it cannot be');
  const ran = await run(['cuts', '--url', node.url, '--json']);
  expect(errorOf(ran)).toMatchObject({ code: 'http-status', message: 'it cannot be (never-heard-of)' });
});

describe('authorisation', () => {
  it('without a token a write is exit code 1 and says how to give one', async () => {
    const ran = await run(['state', 'put', 'k', '1', '--url', node.url, '--json']);
    expect([ran.code, errorOf(ran).code]).toEqual([1, 'unauthorized']);
    node.intercept = () => ({ status: 401, type: 'text/plain', body: 'no' });
    expect(errorOf(await run(['state', 'put', 'k', '1', '--url', node.url, '--json'])).next).toContain('--token');
  });

  it('takes URL and token from flags, then the environment, then the env file', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'lattice-cli-'));
    try {
      const port = new URL(node.url).port;
      writeFileSync(join(dir, 'n.env'), `DIOTEC360_API_PORT=${port}\nDIOTEC360_API_TOKEN=${TOKEN}\n`);
      const put = ['state', 'put', 'k', '1'];
      expect((await run([...put, '--env-file', 'n.env'], { cwd: dir })).code).toBe(0);
      expect((await run(put, { env: { DIOTEC360_URL: node.url, DIOTEC360_API_TOKEN: TOKEN } })).code).toBe(0);
      expect(
        (await run([...put, '--env-file', 'n.env'], { cwd: dir, env: { DIOTEC360_API_TOKEN: 'wrong' } })).code,
      ).toBe(1);
      expect(
        (
          await run([...put, '--env-file', 'n.env', '--token', TOKEN], {
            cwd: dir,
            env: { DIOTEC360_API_TOKEN: 'wrong' },
          })
        ).code,
      ).toBe(0);
      expect((await run([...put, '--env-file', 'n.env', '--url', 'http://127.0.0.1:1'], { cwd: dir })).code).toBe(3);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('a token that the node refuses is named by where it comes from: option, environment, context or env file', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'lattice-cli-'));
    try {
      const port = new URL(node.url).port;
      for (const [name, token] of Object.entries({ right: TOKEN, wrong: 'wrong-in-the-file' }))
        writeFileSync(join(dir, `${name}.env`), `DIOTEC360_API_PORT=${port}\nDIOTEC360_API_TOKEN=${token}\n`);
      const put = ['state', 'put', 'k', '1', '--json'];
      const next = async (argv: readonly string[], env: Record<string, string> = {}): Promise<string> =>
        errorOf(await run([...put, ...argv], { cwd: dir, env: { HOME: dir, ...env } })).next;
      const wrong = { DIOTEC360_API_TOKEN: 'wrong' };
      expect(await next(['--url', node.url, '--token', 'wrong'], wrong)).toContain('given with --token is not that');
      expect(await next(['--env-file', 'right.env'], wrong)).toContain(
        'the environment, which wins over the env file,',
      );
      expect(await next(['--url', node.url], wrong)).toContain('The token comes from the environment, and is not that');
      expect(await next(['--env-file', 'wrong.env'])).toContain('wrong.env does not have the DIOTEC360_API_TOKEN');
      const added = ['context', 'add', 'home', '--url', node.url, '--token-file', 'wrong.env'];
      expect((await run(added, { cwd: dir, env: { HOME: dir } })).code).toBe(0);
      expect(await next([])).toContain('wrong.env, which the context names, and is not that of this node');
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

it('a name that nobody knows is told with what to look at', async () => {
  const ran = await run(['status', '--url', 'http://no-such-host.invalid:8000', '--json']);
  expect([ran.code, errorOf(ran)]).toEqual([
    3,
    {
      code: 'unreachable',
      message: expect.stringMatching(/: (no such host|the name could not be looked up)$/),
      next: 'Check the spelling of the host in the URL, and the name server of this machine.',
    },
  ]);
});

describe('usage', () => {
  it.each([
    ['an unknown command', ['fly']],
    ['an unknown option', ['status', '--fast']],
    ['a missing argument', ['state', 'get']],
    ['one argument too many', ['status', 'now']],
    ['a timeout that is none', ['status', '--timeout', 'soon']],
    ['a number out of range', ['init', '--nodes', '51']],
    ['a URL that is none', ['status', '--url', 'localhost:8000']],
    ['a token that no header can carry', ['status', '--token', 'a\nb']],
    ['another scheme', ['status', '--url', 'ftp://127.0.0.1']],
    ['a root that is none', ['proof', 'verify', 'f', '--root', 'abc']],
    ['trusted keys that are none', ['proof', 'verify', 'f', '--trust', 'abc']],
    ['a change whose id is none', ['members', 'wait', 'x']],
    ['URLs twice', ['doctor', 'http://127.0.0.1:1', '--url', 'http://127.0.0.1:2']],
  ])('%s is exit code 2 with a next step, as text and as JSON', async (_name, argv) => {
    const ran = await run(argv);
    expect(ran.code).toBe(2);
    expect(ran.out).toBe('');
    expect(ran.err).toMatch(/^error: .+\n {2}next: .+\n$/);
    const asJson = await run([...argv, '--json']);
    expect(asJson.code).toBe(2);
    expect(errorOf(asJson)).toMatchObject({ code: 'usage', next: expect.stringMatching(/./) as unknown });
  });

  it.each(COMMANDS)('%s names itself where an option is unknown', async (name) => {
    const words = name.split(' ');
    const ran = await run([...words, '--no-such-option']);
    expect([ran.code, ran.out]).toEqual([2, '']);
    expect(ran.err).toMatch(/^error: unknown option '--no-such-option'/);
    expect(ran.err).toMatch(new RegExp(`\\n {2}next: See lattice ${name} --help\\.\\n$`));
  });

  it.each([
    ['doctor', '--fleet'],
    ['status', '--fleet'],
    ['invite', 'new', '--name', 'x', '--fleet'],
    ['context', 'add', 'x', '--fleet'],
    ['proof', 'verify', '/dev/null', '--trust'],
  ])('%s names a file that is no fleet.json, or cannot be read', async (...argv) => {
    const dir = mkdtempSync(join(tmpdir(), 'lattice-cli-'));
    try {
      writeFileSync(join(dir, 'half.json'), '{');
      mkdirSync(join(dir, 'folder'));
      const withFile = async (file: string): Promise<string> => {
        const ran = await run([...argv, file], { cwd: dir, env: { HOME: dir, DIOTEC360_URL: node.url } });
        expect([1, 2], ran.err).toContain(ran.code);
        expect(ran.err).toMatch(/^error: .+\n {2}next: (?!This is a bug).+\n$/);
        return ran.err;
      };
      expect(await withFile('half.json')).toContain('half.json is not a fleet.json: it is not JSON');
      expect(await withFile('missing.json')).toContain('missing.json: no such file or directory');
      expect(await withFile('folder')).toContain('folder: it is a directory');
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('without a next step of its own names the help of the command at hand', async () => {
    const { err } = await run(['doctor', 'http://127.0.0.1:1', '--url', 'http://127.0.0.1:2']);
    expect(err).toContain('next: See lattice doctor --help.');
  });

  it('an unknown word behind a group that has a default command names the commands of the group', async () => {
    for (const argv of [
      ['peers', 'remove', 'oslo'],
      ['log', 'tail'],
    ]) {
      const { code, err } = await run(argv);
      expect(code).toBe(2);
      expect(err).toContain(`lattice ${argv[0]} has no command of that name`);
      expect(err).toContain(
        argv[0] === 'peers' ? 'Its commands: ls, add, rm, ping, diff' : 'Its commands: show, level',
      );
    }
  });

  it('a missing env file is an error that names it', async () => {
    expect(errorOf(await run(['status', '--env-file', '/nowhere/x.env', '--json'])).message).toContain(
      '/nowhere/x.env',
    );
    expect((await run(['start', '--env-file', '/nowhere/x.env'])).code).toBe(2);
  });
});

describe('help', () => {
  const commands = (parent: Command): Command[] => parent.commands.flatMap((c) => [c, ...commands(c)]);
  const pathOf = (command: Command): string[] =>
    command.parent?.parent ? [...pathOf(command.parent), command.name()] : [command.name()];
  const program = createProgram(
    { output: createOutput({ write: () => true }, { write: () => true }, {}) } as never,
    '0',
    () => undefined,
  );

  it.each(commands(program).map((c) => [pathOf(c).join(' '), c] as const))(
    '%s has an example that its own options accept',
    async (name, command) => {
      const { code, out } = await run([...name.split(' '), '--help']);
      expect(code).toBe(0);
      const examples = [...out.matchAll(/^ {2}\$ lattice (.+)$/gm)].map((m) => m[1] ?? '');
      expect(examples.length).toBeGreaterThan(0);
      for (const example of examples) {
        if (command.commands.length === 0) expect(example.startsWith(name)).toBe(true);
        for (const [flag] of example.matchAll(/--[a-z0-9-]+/g)) expect(out).toContain(flag);
      }
    },
  );

  it('version and help are no errors', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, out: '0.0.0-test\n', err: '' });
    expect((await run(['--help'])).code).toBe(0);
  });
});

describe('output', () => {
  it('is coloured on terminals only, and never with NO_COLOR', async () => {
    const status = ['status', '--url', node.url];
    expect((await run(status, { tty: true })).out).toContain('\u001b[');
    expect((await run(status, { tty: true, env: { NO_COLOR: '1' } })).out).not.toContain('\u001b[');
    expect((await run(status)).out).not.toContain('\u001b[');
  });

  it.each([
    ['usage', 2],
    ['invalid-config', 2],
    ['unreachable', 3],
    ['timeout', 3],
    ['store-write-failed', 74],
    ['store-locked', 75],
    ['store-full', 75],
    ['store-damaged', 65],
    ['not-found', 1],
  ] as const)('%s is exit code %i', (code, exit) => {
    expect(exitCodeOf(new LatticeError(code, 'x'))).toBe(exit);
  });
});

it('obeys nothing that an error or a value quotes: control characters and changes of direction are escapes', () => {
  const hostile = 'a\u001b[31mb\u009b2Jc\u202ed\u0007';
  const written: string[] = [];
  const sink = { write: (text: string) => written.push(text), isTTY: true };
  const output = createOutput(sink, sink, { NO_COLOR: '1' });
  const error = new LatticeError('proof-malformed', hostile, { next: hostile });
  reportError(error, output, false);
  expect(written.join('')).toContain('error: a\\u001b[31mb\\u009b2Jc\\u202ed\\u0007\n');
  reportError(error, output, true);
  expect(JSON.parse(written[2] as string)).toMatchObject({ error: { message: hostile, next: hostile } });
  output.data({ [hostile]: hostile });
  expect(JSON.parse(written[3] as string)).toEqual({ [hostile]: hostile });
  expect(written.join('')).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
});
