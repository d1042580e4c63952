import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorOf, type FakeNode, run, startFakeNode, TOKEN } from './support.ts';

let node: FakeNode;
let other: FakeNode;
let dir: string;
beforeEach(async () => {
  [node, other] = await Promise.all([startFakeNode(), startFakeNode()]);
  dir = mkdtempSync(join(tmpdir(), 'lattice-context-'));
  writeFileSync(join(dir, 'token'), `${TOKEN}\n`);
});
afterEach(async () => {
  await Promise.all([node.close(), other.close()]);
  rmSync(dir, { recursive: true, force: true });
});

const at = (argv: readonly string[], env: Record<string, string> = {}) =>
  run(argv, { cwd: dir, env: { XDG_CONFIG_HOME: dir, ...env } });
const file = (): string => join(dir, 'diotec360-lattice', 'contexts.json');
const listed = async () =>
  JSON.parse((await at(['context', 'ls', '--json'])).out) as { current?: string; contexts: Record<string, object> };

describe('context', () => {
  it('the first one added is in use at once, and its token is kept by reference', async () => {
    const added = await at(['context', 'add', 'home', '--url', node.url, '--token-file', 'token']);
    expect(added).toMatchObject({ code: 0, out: `The context home is ${node.url}, and commands go there\n` });
    expect((await at(['state', 'put', 'k', '1'])).code).toBe(0);
    expect(node.state.get('k')).toBe(1);
    expect(readFileSync(file(), 'utf8')).not.toContain(TOKEN);
    expect(await listed()).toEqual({
      current: 'home',
      contexts: { home: { url: node.url, tokenFile: join(dir, 'token') } },
    });
  });

  it.each([
    ['a token of base64 with its padding', (token: string) => `${token}\n`],
    [
      'a line with the older name, behind a byte order mark',
      (token: string) => `\uFEFFAETHEL_API_TOKEN="${token}"\r\n`,
    ],
  ])('the token may stand as %s', async (_, written) => {
    const token = 'dGhpcyBpcyBhIHRva2Vu==';
    writeFileSync(join(dir, 'other-token'), written(token));
    await at(['context', 'add', 'home', '--url', node.url, '--token-file', 'other-token']);
    let sent: string | undefined;
    node.intercept = (_path, headers) => void (sent = headers.authorization);
    await at(['state', 'put', 'k', '1']);
    expect(sent).toBe(`Bearer ${token}`);
  });

  it('an empty line of the token is no token', async () => {
    writeFileSync(join(dir, 'other-token'), 'DIOTEC360_API_TOKEN=\n');
    const added = await at(['context', 'add', 'home', '--url', node.url, '--token-file', 'other-token', '--json']);
    expect(errorOf(added).code).toBe('no-token');
  });

  it('the file can be read by its owner only', async () => {
    await at(['context', 'add', 'home', '--url', node.url]);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, 'diotec360-lattice')).mode & 0o777).toBe(0o700);
    await at(['context', 'add', 'more', '--url', node.url]);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it('use changes where commands go, --context asks another once, rm forgets', async () => {
    await at(['context', 'add', 'one', '--url', node.url]);
    await at(['context', 'add', 'two', '--url', other.url]);
    node.status = { ...node.status, root: 'aa'.repeat(32) };
    other.status = { ...other.status, root: 'bb'.repeat(32) };
    const root = async (...argv: string[]) => (await at(['state', 'root', ...argv])).out.slice(0, 2);
    expect(await root()).toBe('aa');
    expect(await root('--context', 'two')).toBe('bb');
    expect((await at(['context', 'use', 'two'])).code).toBe(0);
    expect(await root()).toBe('bb');
    expect((await at(['context', 'rm', 'two'])).code).toBe(0);
    expect(await listed()).toEqual({ contexts: { one: { url: node.url } } });
  });

  it('what is named on the command line or in the environment wins, and no other fleet gets its token', async () => {
    await at(['context', 'add', 'home', '--url', other.url, '--token-file', 'token']);
    expect((await at(['status', '--url', node.url])).code).toBe(0);
    expect((await at(['status'], { DIOTEC360_URL: node.url })).code).toBe(0);
    expect(other.seen).toEqual([]);
    let sent: string | undefined;
    other.intercept = (_path, headers) => void (sent = headers.authorization);
    await at(['status'], { DIOTEC360_API_TOKEN: 'of-another-fleet' });
    expect(sent).toBe(`Bearer ${TOKEN}`);
    expect((await at(['status', '--context', 'home', '--url', node.url])).code).toBe(2);
  });

  it('a fleet.json names the node, its token, and what doctor looks at', async () => {
    const nodes = [node, other].map((n, i) => ({
      name: `n${i}`,
      role: '',
      peerId: '12D3KooWTest',
      publicKey: '',
      api: n.url,
      p2p: '',
      envFile: `n${i}.env`,
    }));
    writeFileSync(join(dir, 'fleet.json'), JSON.stringify({ network: 'n', nodes }));
    writeFileSync(join(dir, 'n1.env'), `DIOTEC360_API_TOKEN=${TOKEN}\n`);
    expect((await at(['context', 'add', 'f', '--fleet', 'fleet.json', '--node', 'n1'])).code).toBe(0);
    expect((await at(['state', 'put', 'k', '1'])).code).toBe(0);
    expect(other.state.get('k')).toBe(1);
    const { out } = await at(['doctor', '--settle', '0', '--json']);
    expect((JSON.parse(out) as { nodes: { url: string }[] }).nodes.map(({ url }) => url)).toEqual([
      node.url,
      other.url,
    ]);
    expect((await at(['context', 'add', 'g', '--fleet', 'fleet.json', '--node', 'nobody'])).code).toBe(2);
  });

  it.each([
    ['a token on the command line', ['add', 'x', '--url', 'http://127.0.0.1:1', '--token', 'abc'], 'usage'],
    ['a name that is none', ['add', '../x', '--url', 'http://127.0.0.1:1'], 'usage'],
    ['no node', ['add', 'x'], 'usage'],
    ['a URL that is none', ['add', 'x', '--url', 'nowhere'], 'usage'],
    [
      'a token file that is missing',
      ['add', 'x', '--url', 'http://127.0.0.1:1', '--token-file', 'none'],
      'file-unreadable',
    ],
    [
      'an env file without a token',
      ['add', 'x', '--url', 'http://127.0.0.1:1', '--token-file', 'empty.env'],
      'no-token',
    ],
    ['a file that is no token', ['add', 'x', '--url', 'http://127.0.0.1:1', '--token-file', 'fleet.json'], 'no-token'],
    ['using what is not there', ['use', 'x'], 'no-context'],
    ['removing what is not there', ['rm', 'x'], 'no-context'],
  ])('refuses %s, and nothing is written', async (_name, argv, code) => {
    writeFileSync(join(dir, 'empty.env'), 'DIOTEC360_NODE_NAME=x\n');
    writeFileSync(join(dir, 'fleet.json'), '{"nodes":[]}');
    const ran = await at(['context', ...argv, '--json']);
    expect(errorOf(ran).code).toBe(code);
    expect(await listed()).toEqual({ contexts: {} });
  });

  it('a damaged file is named, and commands with --url go on', async () => {
    mkdirSync(join(dir, 'diotec360-lattice'));
    for (const text of [
      '{',
      'null',
      '[]',
      '{"contexts":{"x":{}}}',
      '{"contexts":{"../x":{"url":"http://x"}}}',
      'x'.repeat(70_000),
    ]) {
      writeFileSync(file(), text);
      const ran = await at(['status', '--json']);
      expect([ran.code, errorOf(ran).code]).toEqual([1, 'contexts-malformed']);
      expect(errorOf(ran).message).toContain(file());
    }
    expect((await at(['status', '--url', node.url])).code).toBe(0);
  });

  it('without a home there are no contexts, and making one says why', async () => {
    expect((await run(['context', 'ls'])).out).toContain('no contexts');
    expect(errorOf(await run(['context', 'add', 'x', '--url', node.url, '--json'])).message).toContain('HOME');
  });
});
