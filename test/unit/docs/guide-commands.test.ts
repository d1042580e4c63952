import { describe, expect, it } from 'vitest';
import { programToRead } from '../../../scripts/reference/cli.ts';
import { guideSteps } from '../../support/guide.ts';
import { commandOf, commandsInScript, commandsInText, type NamedCommand } from '../../support/guide-commands.ts';
import { namesIn, readDocument } from './support.ts';

const GUIDES = ['README.md', ...namesIn('docs').flatMap((name) => (name.endsWith('.md') ? `docs/${name}` : []))];

/** Which test runs the shell blocks of a guide as they are written. */
const RUN_BY: Readonly<Record<string, string>> = {
  'README.md': 'test/integration/guides.test.ts',
  'docs/deployment.md': 'test/integration/containers.test.ts',
  'docs/first-hour.md': 'test/integration/guides.test.ts',
  'docs/hugging-face.md': 'test/integration/hugging-face.test.ts',
  'docs/moving.md': 'test/integration/moving.test.ts',
  'docs/operating.md': 'test/integration/operating-guide.test.ts',
  'docs/second-week.md': 'test/integration/second-week.test.ts',
  'docs/three-hosts.md': 'test/integration/guides.test.ts',
  'docs/vault.md': 'test/integration/guides.test.ts',
};

/** Guides of which a test takes each block by its note. */
const BY_NOTE: readonly string[] = ['docs/hugging-face.md', 'docs/operating.md', 'docs/three-hosts.md'];

/** Releases are made by hand, and a release is what their steps make. */
const BY_HAND = 'docs/releasing.md';

/**
 * Commands, with their options, that stand in sentences and that no guide shows as a block, with the test that runs them
 * and how.
 */
const ELSEWHERE: Readonly<Record<string, readonly [file: string, call: string]>> = {
  'vault original': ['test/integration/original-vault.test.ts', "'vault', 'original'"],
  'vault check': ['test/integration/original-vault.test.ts', "'vault', 'check'"],
  'token rm': ['test/integration/cli.test.ts', "'token', 'rm'"],
  'members add': ['test/unit/cli/members.test.ts', "'members', 'add'"],
  'members approve': ['test/unit/cli/members.test.ts', "'members', 'approve'"],
  'members promote': ['test/unit/cli/members.test.ts', "'members', 'promote'"],
  'invite new': ['test/unit/cli/members.test.ts', "'invite', '--name'"],
  'invite ls': ['test/unit/cli/members.test.ts', "'invite', 'ls'"],
  'invite rm': ['test/integration/cli.test.ts', "'invite', 'rm'"],
  'members remove': ['test/integration/cli.test.ts', "'members', 'remove'"],
  'members drop': ['test/integration/cli.test.ts', "'members', 'drop'"],
  'members clean': ['test/integration/clean.test.ts', "'members', 'clean'"],
  'members force': ['test/integration/force.test.ts', "'members', 'force'"],
  'members force --env-file --record': ['test/integration/force.test.ts', "'--record'"],
  'members force --record': ['test/integration/force.test.ts', "'--record'"],
  'recover --key': ['test/unit/cli/recover.test.ts', "'recover', '--key'"],
  'recover --all': ['test/unit/cli/recover.test.ts', "'recover', '--all'"],
  'recover --all --forget': ['test/unit/cli/recover.test.ts', "'recover', '--all', '--forget'"],
  'evidence ls': ['test/unit/cli/members.test.ts', "'evidence', 'ls'"],
  'evidence export': ['test/unit/cli/members.test.ts', "'evidence', 'export'"],
  'evidence verify': ['test/unit/cli/members.test.ts', "'evidence', 'verify'"],
  'proof get --since-roster': ['test/unit/cli/members.test.ts', "'--since-roster'"],
};

const isElsewhere = ({ path, options }: NamedCommand): boolean =>
  [path, [path, ...options].join(' ')].some((name) => ELSEWHERE[name] !== undefined);

const program = programToRead('0');
const stepsOf = (guide: string) => guideSteps(readDocument(guide));
const shown: readonly NamedCommand[] = Object.keys(RUN_BY)
  .flatMap(stepsOf)
  .filter(({ notes }) => !notes.some((note) => note.startsWith('skip')))
  .flatMap(({ script }) => commandsInScript(script))
  .map((line) => commandOf(program, line));
const isShown = ({ path, options }: NamedCommand): boolean =>
  shown.some((one) => one.path === path && options.every((option) => one.options.includes(option)));

describe('every command of a guide is run by a test', () => {
  it.each(GUIDES)('%s: its shell blocks', (guide) => {
    const test = RUN_BY[guide];
    if (guide !== BY_HAND) expect(readDocument(guide)).not.toMatch(/^ +```sh/m);
    if (test === undefined) expect(stepsOf(guide)).toEqual([]);
    else expect(readDocument(test)).toContain(guide);
  });

  it.each(Object.entries(RUN_BY))('%s: no block is left out by %s that does not say why', (guide, test) => {
    const chosen = Array.from(readDocument(test).matchAll(/'([a-z][a-z ]*)'/g), ([, note = '']) => note);
    const isChosen = (notes: readonly string[]): boolean =>
      notes.some((note) => note.startsWith('skip') || chosen.includes(note));
    // The other tests follow every block, whatever its notes are.
    if (!BY_NOTE.includes(guide)) return;
    for (const { script, notes } of stepsOf(guide)) expect(isChosen(notes), script).toBe(true);
  });

  it.each(GUIDES)('%s: what stands in its sentences', (guide) => {
    const left = commandsInText(readDocument(guide))
      .map((line) => commandOf(program, line))
      .filter((command) => !isShown(command) && !isElsewhere(command));
    expect(left).toEqual([]);
  });

  it('which really calls those that no guide shows', () => {
    for (const [path, [file, call]] of Object.entries(ELSEWHERE)) expect(readDocument(file), path).toContain(call);
  });

  it('and is found by its group, its name and its options, however it is written', () => {
    const of = (line: string) => {
      const { path, options } = commandOf(program, line);
      return [path, ...options];
    };
    expect(of('conflicts')).toEqual(['conflicts ls']);
    expect(of('log -f')).toEqual(['log show', '--follow']);
    expect(of('state put a \'"--x"\' --env-file f')).toEqual(['state put', '--env-file']);
    expect(commandsInText('Run `lattice peers\nadd URL`, or\n```sh\nlattice status\n```\n')).toEqual(['peers add URL']);
    expect(commandsInScript('npm run -s lattice -- proof get x --force &&\n  lattice doctor | cat')).toEqual([
      'proof get x --force',
      'doctor',
    ]);
  });
});
