import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { run } from './support.ts';

const script = async (shell: string): Promise<string> => (await run(['completion', shell])).out;
const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

/** What bash offers for a command line that ends with the last word. */
function offered(source: string, ...words: readonly string[]): string[] {
  const quoted = ['lattice', ...words].map((word) => `'${word}'`).join(' ');
  const ask = `${source}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _lattice; printf '%s\\n' "\${COMPREPLY[@]}"`;
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

  it.each(['zsh', 'fish'])('%s names every command of bash', async (shell) => {
    const [bash, other] = await Promise.all([script('bash'), script(shell)]);
    const paths = [...bash.matchAll(/^ {4}'(\/[^']*)'\)/gm)].map((match) => match[1] ?? '');
    expect(paths.length).toBeGreaterThan(40);
    for (const path of paths) expect(other).toContain(path);
    if (has(shell))
      expect(spawnSync(shell, ['-n'], { input: other, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });

  it('another shell is a usage error that names the three', async () => {
    expect(await run(['completion', 'cmd'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('bash, zsh, fish') as unknown,
    });
  });
});
