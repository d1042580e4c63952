import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createHint } from '../../../src/cli/hints.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { errorOf, run } from './support.ts';

const program = createProgram({ output: {} } as never, '0', () => undefined);
const NONE = { url: undefined, envFile: undefined, context: undefined } as never;

function everyCommand(command: Command, path: readonly string[] = []): (readonly string[])[] {
  return [path, ...command.commands.flatMap((child) => everyCommand(child, [...path, child.name()]))];
}

describe('help', () => {
  it.each(everyCommand(program).map((path) => [path.join(' '), path] as const))(
    '"help %s" prints what --help after the command prints',
    async (_, path) => {
      const [asked, flagged] = [await run(['help', ...path]), await run([...path, '--help'])];
      expect([asked.code, asked.err]).toEqual([0, '']);
      expect(asked.out).toContain(`Usage: lattice${path.map((word) => ` ${word}`).join('')}`);
      expect(asked).toEqual(flagged);
    },
  );

  it('names the commands that there are where one is misspelt', async () => {
    expect(await run(['help', 'state', 'putt'])).toMatchObject({
      code: 2,
      err: 'error: lattice state has no command "putt"\n  next: Its commands: get, put, delete, ls, root.\n',
    });
  });

  it('of a group that is named alone goes to stderr, and the exit code says that nothing was done', async () => {
    for (const argv of [[], ['state'], ['proof']]) {
      const { code, out, err } = await run(argv);
      expect([code, out]).toEqual([2, '']);
      expect(err).toBe((await run([...argv, '--help'])).out);
    }
    const asData = await run(['state', '--json']);
    expect([asData.code, errorOf(asData).next]).toEqual([2, 'See lattice state --help.']);
  });
});

describe('an error of usage hints at the command at hand', () => {
  it.each([
    [['state', 'put', 'k'], 'Write lattice state put <key> <value>; lattice state put --help has examples.'],
    [['state', 'get', 'a', 'b'], 'Write lattice state get <key>; lattice state get --help has examples.'],
    [['--timeout', '5', 'peers', 'ls', '--nope'], 'See lattice peers ls --help.'],
    [['peers', '--nope'], 'See lattice peers --help.'],
    [['history', 'k', '--limit', 'x'], 'See lattice history --help.'],
    [['nope'], 'See lattice --help.'],
    [['state', 'nope'], 'See lattice state --help.'],
    [['get', 'k'], 'There are lattice state get, lattice proof get and lattice vault get: see lattice --help.'],
    [['rotate'], 'There is lattice members rotate: see lattice --help.'],
  ])('%j', async (argv, next) => {
    const ran = await run([...argv, '--json']);
    expect([ran.code, errorOf(ran).next]).toEqual([2, next]);
  });
});

describe('commands in hints', () => {
  it('carry the node that the user has named', () => {
    const hint = createHint(program, 'npm run -s lattice --', { url: 'http://127.0.0.1:8001', envFile: 'my node.env' });
    expect(hint('Look: lattice state ls lists the keys.')).toBe(
      "Look: npm run -s lattice -- state ls --url http://127.0.0.1:8001 --env-file 'my node.env' lists the keys.",
    );
    expect(hint('lattice conflicts resolve KEY')).toContain(
      "resolve --url http://127.0.0.1:8001 --env-file 'my node.env' KEY",
    );
  });

  it('name no node where the text says on which other one to ask', () => {
    const hint = createHint(program, 'npm run -s lattice --', { url: 'http://127.0.0.1:8001' });
    expect(hint('See lattice state put --help.')).toBe('See npm run -s lattice -- state put --help.');
    expect(hint('see lattice status on rome')).toBe('see npm run -s lattice -- status on rome');
    expect(hint('approve it on their nodes: lattice members approve 12ab34cd')).toBe(
      'approve it on their nodes: npm run -s lattice -- members approve 12ab34cd',
    );
  });

  it('are called as the user has called the program, its help too', () => {
    const hint = createHint(program, 'npm run -s lattice --', {});
    expect(hint('See lattice --help.')).toBe('See npm run -s lattice -- --help.');
  });

  it('that ask no node name none, and what is no command stays as it is', () => {
    const hint = createHint(program, 'lattice', { url: 'http://127.0.0.1:8001' });
    for (const text of [
      'lattice proof verify F',
      'lattice context ls',
      'a lattice node',
      'lattice --help',
      'the lattice',
    ])
      expect(hint(text)).toBe(text);
  });

  it('never carry a token', async () => {
    const { err } = await run(['conflicts', 'show', 'k', '--token', 'a-secret-token', '--url', 'http://127.0.0.1:1']);
    expect(err).not.toContain('a-secret-token');
  });

  it('name only commands that there are as those that ask no node', async () => {
    const { OFFLINE } = await import('../../../src/cli/hints.ts');
    const paths = everyCommand(program).map((path) => path.join(' '));
    for (const path of OFFLINE) expect(paths).toContain(path);
    expect(createHint(program, 'lattice', NONE)('lattice status')).toBe('lattice status');
  });
});
