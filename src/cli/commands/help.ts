import type { Command } from 'commander';
import { usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { childOf, pathOf } from '../hints.ts';

/** Prints what --help after the command prints; without words, the help of the program. */
export function help(program: Command, words: readonly string[]): number {
  let command = program;
  for (const word of words) {
    const next = childOf(command, word);
    if (next === undefined) {
      throw usageError(
        `${pathOf(command)} has no command ${JSON.stringify(word)}`,
        command.commands.length === 0 ? `See ${pathOf(command)} --help.` : `Its commands: ${namesOf(command)}.`,
      );
    }
    command = next;
  }
  command.outputHelp();
  return EXIT.ok;
}

const namesOf = (command: Command): string => command.commands.map((child) => child.name()).join(', ');
