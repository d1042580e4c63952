import type { Command } from 'commander';
import { defaultOf } from '../../src/cli/define.ts';

/** A command as a guide names it: the names of its group and its own, and the options that stand with it. */
export interface NamedCommand {
  readonly line: string;
  /** Such as `conflicts resolve`; the default command of a group where none is named. */
  readonly path: string;
  /** In their long form where they have one. */
  readonly options: readonly string[];
}

/** What the text of a guide names in its sentences and tables, without the program's name. */
export function commandsInText(markdown: string): readonly string[] {
  const text = markdown.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');
  return Array.from(text.matchAll(/`lattice ([a-z][^`]*)`/g), ([, line = '']) => line.replaceAll(/\s+/g, ' '));
}

/** The commands of a script that a guide shows, without the program's name. */
export function commandsInScript(script: string): readonly string[] {
  const whole = script.replaceAll(/\\\n\s*/g, ' ');
  const called = whole.matchAll(/(?:\blattice(?: --)?|dist\/cli\/main\.js|^ *diotec360-lattice) ([a-z][^\n]*)/gm);
  return Array.from(called, ([, line = '']) => line.replace(/ (?:&&|\|).*$/, ''));
}

/** Finds which command a line is. Words that are no command are its arguments. */
export function commandOf(program: Command, line: string): NamedCommand {
  const words = line
    .replaceAll(/"[^"]*"|'[^']*'/g, 'TEXT')
    .replaceAll(/[)"].*$/g, '')
    .split(/\s+/);
  const path: string[] = [];
  const options: string[] = [];
  const known = [...program.options];
  let command = program;
  for (const word of words) {
    if (word.startsWith('-')) {
      const option = known.find(({ long, short }) => long === word || short === word);
      options.push(option?.long ?? word);
      continue;
    }
    const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (next === undefined) continue;
    path.push(next.name());
    command = next;
    known.push(...command.options, ...(defaultOf(command)?.options ?? []));
  }
  const own = command === program ? undefined : defaultOf(command);
  return { line, path: [...path, ...(own === undefined ? [] : [own.name()])].join(' '), options };
}
