import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ARGUMENTS, WORDS } from '../../../src/cli/commands/completion.ts';
import { childOf } from '../../../src/cli/hints.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { type FakeNode, peerOf, type Ran, run, startFakeNode } from './support.ts';

const script = async (shell: string): Promise<string> => (await run(['completion', shell])).out;
/** Stands for the program where a script asks it for values: prints the words, then keys with what shells split at. */
const PROGRAM = `lattice() { printf 'asked:%s|' "$@" >&2; printf '%s\\n' account:north account:south 'a b' "it's"; }`;

/** What a shell offers, and what it asked the program. */
function asked(
  source: string,
  ...words: readonly string[]
): { readonly offers: string[]; readonly question: string[] } {
  const quoted = ['lattice', ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const ask = `${source}\n${PROGRAM.replace('>&2', '>&3')}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _lattice 3>&2; printf '%s\\n' "\${COMPREPLY[@]}"`;
  // The script sends the program's errors away, so that its words come by a descriptor of their own.
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', ask], { encoding: 'utf8' });
  return {
    offers: stdout.split('\n').filter((line) => line !== ''),
    question: [...stderr.matchAll(/asked:([^|]*)\|/g)].map((match) => match[1] ?? ''),
  };
}

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

/** What bash offers for a command line that ends with the last word. */
function offered(source: string, ...words: readonly string[]): string[] {
  const quoted = ['lattice', ...words].map((word) => `'${word}'`).join(' ');
  const ask = `${source}\n${PROGRAM}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _lattice; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', ask], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion', () => {
  it.skipIf(!has('bash'))('bash offers commands, their commands and their options', async () => {
    const source = await script('bash');
    expect(offered(source, 'st')).toEqual(['start', 'status', 'state']);
    expect(offered(source, 'state', '')).toEqual(
      expect.arrayContaining(['get', 'put', 'delete', 'ls', 'root', '--json']),
    );
    expect(offered(source, '--json', 'conflicts', 'resolve', 'key', '--t')).toEqual(['--take', '--token', '--timeout']);
    expect(offered(source, 'status', '--w')).toEqual(['--watch']);
  });

  it.skipIf(!has('bash'))('bash asks for keys, peers and contexts, and takes them as they are typed', async () => {
    const source = await script('bash');
    expect(asked(source, '--url', 'http', ':', '//x', 'state', 'get', '')).toEqual({
      offers: ['account:north', 'account:south', 'a\\ b', "it\\'s"],
      question: ['__complete', 'key', '', '--url', 'http', ':', '//x', 'state', 'get'],
    });
    // bash has split the word at its colon, and replaces only what is behind it.
    expect(asked(source, 'state', 'get', 'account', ':', 'n')).toMatchObject({
      offers: ['north', 'south', 'a\\ b', "it\\'s"],
      question: ['__complete', 'key', 'account:n', 'state', 'get'],
    });
    expect(asked(source, 'history', "'a")).toMatchObject({ question: ['__complete', 'key', 'a', 'history'] });
    expect(asked(source, 'peers', 'ping', 'o').question.slice(0, 3)).toEqual(['__complete', 'peer', 'o']);
    expect(asked(source, 'status', '--context', '').question.slice(0, 2)).toEqual(['__complete', 'context']);
    expect(asked(source, 'conflicts', 'resolve', 'k').question.slice(0, 2)).toEqual(['__complete', 'conflict']);
    expect(asked(source, 'state', 'get', '--ur')).toEqual({ offers: ['--url'], question: [] });
    for (const [words, offers] of [
      [
        ['status', '-o', ''],
        ['table', 'json', 'yaml'],
      ],
      [['log', '--level', 'w'], ['warn']],
      [['sync', 'mode', 'a'], ['auto']],
      [['peers', '--w'], ['--watch']],
      [['state', 'del', '--if'], ['--if-match']],
    ] as const)
      expect(asked(source, ...words)).toEqual({ offers, question: [] });
  });

  it('zsh and fish ask for the same values at the same places', async () => {
    const [zsh, fish] = await Promise.all([script('zsh'), script('fish')]);
    for (const [at, kind] of Object.entries(ARGUMENTS)) {
      expect(zsh).toContain(`'${at}') kind=${kind} ;;`);
      expect(fish).toContain(`'__lattice_at "${at}"' -f -a '(__lattice_values ${kind})'`);
    }
  });

  it('knows only arguments of commands that there are', () => {
    const program = createProgram({ output: {} } as never, '0', () => undefined);
    for (const at of [...Object.keys(ARGUMENTS), ...Object.keys(WORDS)]) {
      let command: Command | undefined = program;
      for (const word of at.split('/').slice(1)) command = command && childOf(command, word);
      expect([at, command?.registeredArguments.length]).toEqual([at, expect.toSatisfy((n: number) => n > 0)]);
    }
  });

  it('knows every argument whose values a node can tell', () => {
    const told = new Set(['key', 'peer', 'member', 'id', 'hash', 'change']);
    const missing = (command: Command, at: string): string[] => [
      ...(told.has(command.registeredArguments[0]?.name() ?? '') && ARGUMENTS[at] === undefined ? [at] : []),
      ...command.commands.flatMap((child) => missing(child, `${at}/${child.name()}`)),
    ];
    const program = createProgram({ output: {} } as never, '0', () => undefined);
    // A newcomer's key is known to the newcomer alone.
    expect(missing(program, '')).toEqual(['/members/add']);
  });

  describe('values', () => {
    let node: FakeNode;
    let dir: string;
    beforeEach(async () => {
      node = await startFakeNode();
      dir = mkdtempSync(join(tmpdir(), 'lattice-complete-'));
    });
    afterEach(async () => {
      await node.close();
      rmSync(dir, { recursive: true, force: true });
    });
    const values = async (...argv: string[]): Promise<Ran> =>
      await run(['__complete', ...argv], { env: { HOME: dir } });

    it('come from the node that the words before name, also where bash has split its URL', async () => {
      for (const key of ['account:north', 'account:south', 'other', 'account:\u001b[2J']) node.state.set(key, 1);
      node.peers = [peerOf({ name: 'oslo', label: 'oslo' }), peerOf({ name: 'my node', label: 'my node' })];
      expect((await values('key', 'acc', 'state', 'get', '--url', node.url)).out).toBe(
        'account:north\naccount:south\n',
      );
      const split = node.url.split(/(:)/).filter((word) => word !== '');
      expect((await values('key', 'o', '--url', ...split, 'state', 'get')).out).toBe('other\n');
      expect((await values('peer', 'my', 'peers', 'ping', `--url=${node.url}`)).out).toBe('my node\n');
      expect((await values('conflict', 'k', '--url', node.url)).out).toBe('k0\n');
      await run(['context', 'add', 'home', '--url', node.url], { env: { HOME: dir } });
      expect((await values('context', '', 'status', '--context')).out).toBe('home\n');
      expect((await values('key', 'oth', 'state', 'get')).out).toBe('other\n');
    });

    it('are none, in silence and soon, where no node answers', async () => {
      const silence = { code: 0, out: '', err: '' };
      expect(await values('key', '', '--url', 'http://127.0.0.1:1')).toEqual(silence);
      expect(await values('key', '', '--url', 'no url')).toEqual(silence);
      expect(await values('nothing', '')).toEqual(silence);
      expect(await values()).toEqual(silence);
      node.intercept = () => 'hang';
      expect(await values('peer', '', '--url', node.url)).toEqual(silence);
    });
  });

  it.each(['zsh', 'fish'])('%s names every command of bash', async (shell) => {
    const [bash, other] = await Promise.all([script('bash'), script(shell)]);
    const paths = [...bash.matchAll(/^ {6}'(\/[^']*)'\)/gm)].map((match) => match[1] ?? '');
    expect(paths.length).toBeGreaterThan(40);
    for (const path of paths) expect(other).toContain(path);
    if (!has(shell)) return;
    const dir = mkdtempSync(join(tmpdir(), 'lattice-complete-'));
    writeFileSync(join(dir, 'script'), other);
    expect(spawnSync(shell, ['-n', join(dir, 'script')], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
    rmSync(dir, { recursive: true, force: true });
  });

  it('another shell is a usage error that names the three', async () => {
    expect(await run(['completion', 'cmd'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('bash, zsh, fish') as unknown,
    });
  });
});
