import type { Command, Option } from 'commander';
import type { CliContext } from '../../src/cli/context.ts';
import { EXIT_CODES_TEXT } from '../../src/cli/exit-codes.ts';
import { createOutput } from '../../src/cli/output.ts';
import { createProgram } from '../../src/cli/program.ts';
import { anchorOf, code, page, table } from './markdown.ts';

/** Makes docs/reference/cli.md, with the options and examples of every command. */
export function cliPage(version: string): string {
  let written = '';
  const program = createProgram(
    contextFor((text) => (written += text)),
    version,
    () => undefined,
  );
  const helpOf = (command: Command): string => {
    written = '';
    command.outputHelp();
    return written;
  };
  const commands = leavesOf(program);
  return page('Command line', [
    `\`lattice <command> [options]\`. In a checkout \`lattice\` is \`npm run -s lattice --\`. \`--help\` after a command, or \`lattice help\` before it, says what stands here.
${EXIT_CODES_TEXT}
\`doctor --check\` has those of monitoring plugins. A group that is named without one of its commands shows its help and ends with 2,
unless the group has a command that runs then.`,
    `Data are printed as text for people, and with \`--output json\` (short \`--json\`) or \`--output yaml\` for programs:
one line or document for each value of \`--watch\` and of streams. Times are in the zone of the machine, or in UTC with
\`--utc\`; data have Unix ms. A peer is named by its name, peer id, key or URL. With \`--fleet\` a command shows a table of
all nodes: those of the fleet.json that is named or that the context has, else those that the asked node knows, which get
no token. A node that does not answer has a row with the reason, and the exit code is 1, or 3 when none answers.`,
    table(
      ['Command', 'What it does'],
      commands.map((command) => [
        `[${code(pathOf(command))}](#${anchorOf(headingOf(command))})`,
        command.description(),
      ]),
    ),
    '## Options of every command',
    optionTable(program),
    '## Commands',
    ...commands.flatMap((command) => [
      `### ${headingOf(command)}`,
      introOf(command),
      optionTable(command),
      examplesIn(helpOf(command)),
    ]),
  ]);
}

/** Builds all commands for reading them and their help, not for running them. */
export function programToRead(version: string, write: (text: string) => void = () => undefined): Command {
  return createProgram(contextFor(write), version, () => undefined);
}

/** The commands that can be run, without those that only group others. */
function leavesOf(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
}

function pathOf(command: Command): string {
  const parent = command.parent;
  return parent === null || parent.parent === null ? command.name() : `${pathOf(parent)} ${command.name()}`;
}

function headingOf(command: Command): string {
  const args = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return code(['lattice', pathOf(command), ...args].join(' '));
}

function introOf(command: Command): string {
  const aliases = command.aliases().map(code);
  return `${sentence(command.description())}${aliases.length === 0 ? '' : ` Also ${aliases.join(', ')}.`}${isDefault(command) ? ` Also ${code(`lattice ${command.parent?.name() ?? ''}`)} alone.` : ''}`;
}

/** Commander keeps the name of a group's default command in a field that its types leave out. */
function isDefault(command: Command): boolean {
  return (command.parent as { _defaultCommandName?: string | null } | null)?._defaultCommandName === command.name();
}

function optionTable(command: Command): string {
  if (command.options.length === 0) return '';
  return table(
    ['Option', 'Meaning'],
    command.options.map((option) => [code(option.flags), meaningOf(option)]),
  );
}

function meaningOf({ description, defaultValue, argChoices }: Option): string {
  const choices = argChoices === undefined ? '' : `; ${argChoices.map(code).join(', ')}`;
  const otherwise = defaultValue === undefined ? '' : ` (default: ${String(defaultValue)})`;
  return `${description}${choices}${otherwise}`;
}

function examplesIn(help: string): string {
  const lines = help.slice(help.search(/^Examples?:$/m)).split('\n');
  return [
    '```sh',
    ...lines.filter((line) => line.startsWith('  $ ')).map((line) => line.slice('  $ '.length)),
    '```',
  ].join('\n');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** A context for printing help, which uses nothing but the output. */
function contextFor(write: (text: string) => void): CliContext {
  const ignore = (): void => undefined;
  return {
    env: {},
    cwd: '.',
    output: { ...createOutput({ write: ignore }, { write: ignore }, {}), write },
    stdin: (async function* () {})(),
    programName: 'lattice',
    self: [],
    onStop: () => ignore,
    onReload: () => ignore,
    exitNow: ignore,
  };
}
