import type { Command } from 'commander';
import type { GlobalOptions } from './context.ts';
import { shellWord } from './output.ts';

/** The commands that ask no node, so that no node need be named to them. A group stands for all of its commands. */
export const OFFLINE: ReadonlySet<string> = new Set([
  'completion',
  'config check',
  'context',
  'cuts verify',
  'evidence verify',
  'help',
  'id',
  'init',
  'join',
  'proof verify',
  'start',
  'up',
  'vault check',
]);

/** What to do where nothing better is known. */
export const HELP = 'See lattice --help.';

/** What a text has where it names a command: the program, then words of which the first ones name the command. */
const NAMED = /\blattice((?: [a-z][a-z-]*)+| --help\b)/g;

/** What a text has before a command that is for somebody else's node. */
const ELSEWHERE = /\bon their nodes: $/;

/**
 * Makes the commands that a text names (`lattice state ls`) ones that can be pasted: with the name by which this
 * program was called, and with the node that the user has named, unless the text says on which other node to ask
 * (`lattice floor on OTHER`, `on their nodes: lattice …`), or asks for help alone. A token is never repeated.
 */
export function createHint(
  program: Command,
  programName: string,
  { url, envFile, context }: Pick<GlobalOptions, 'url' | 'envFile' | 'context'>,
): (text: string) => string {
  const named = [
    ['--url', url],
    ['--env-file', envFile],
    ['--context', context],
  ].flatMap(([option, value]) =>
    option === undefined || value === undefined ? [] : [` ${option} ${shellWord(value)}`],
  );
  return (text) =>
    text.replace(NAMED, (whole, words: string, at: number) => {
      if (words === ' --help') return `${programName}${words}`;
      const { path, rest } = commandIn(program, words.trim().split(' '));
      if (path.length === 0) return whole;
      const asksNode = !path.some((_, i) => OFFLINE.has(path.slice(0, i + 1).join(' ')));
      const isElsewhere =
        rest[0] === 'on' || ELSEWHERE.test(text.slice(0, at)) || text.startsWith(' --help', at + whole.length);
      const after = rest.length === 0 ? '' : ` ${rest.join(' ')}`;
      return `${programName} ${path.join(' ')}${asksNode && !isElsewhere ? named.join('') : ''}${after}`;
    });
}

/** The words that name a command, and those behind them. */
function commandIn(
  program: Command,
  words: readonly string[],
): { readonly path: readonly string[]; readonly rest: readonly string[] } {
  let command = program;
  let i = 0;
  for (; i < words.length; i++) {
    const next = childOf(command, words[i] ?? '');
    if (next === undefined) break;
    command = next;
  }
  return { path: words.slice(0, i), rest: words.slice(i) };
}

export function childOf(command: Command, word: string): Command | undefined {
  return command.commands.find((child) => child.name() === word || child.aliases().includes(word));
}

/** The command that a command line names, though the line may be wrong: the program itself where it names none. */
export function commandAt(program: Command, argv: readonly string[]): Command {
  let command = program;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (word === '--') break;
    if (word.startsWith('-') && word !== '-') {
      const option = [...command.options, ...program.options].find(
        ({ short, long }) => short === word || long === word,
      );
      if (option?.required === true) i++;
      continue;
    }
    const next = childOf(command, word);
    if (next === undefined) break;
    command = next;
  }
  return command;
}

/** The commands of any group within `command` that have this name: `lattice state get` and others for `get`. */
export function commandsNamed(command: Command, name: string): string[] {
  return command.commands.flatMap((child) => [
    ...(child.commands.length === 0 && childOf(command, name) === child ? [pathOf(child)] : []),
    ...commandsNamed(child, name),
  ]);
}

/** The words by which a command is called, without its arguments: `lattice state put`. */
export function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
