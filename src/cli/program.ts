import { Command, Option } from 'commander';
import type { CliContext, GlobalOptions } from './context.ts';
import { createDefinition, example, numberIn } from './define.ts';
import { EXIT_CODES_TEXT } from './exit-codes.ts';
import { dataCommands } from './groups/data.ts';
import { fleetCommands } from './groups/fleet.ts';
import { memberCommands } from './groups/members.ts';
import { movingCommands } from './groups/moving.ts';
import { nodeCommands } from './groups/node.ts';
import { setupCommands } from './groups/setup.ts';
import { vaultCommands } from './groups/vault.ts';
import { FORMS } from './output.ts';

/**
 * Builds all commands without loading their code. `finish` is called with the exit code of the command that ran, and
 * `onHelp` with the help of a group that was called without one of its commands.
 */
export function createProgram(
  context: CliContext,
  version: string,
  finish: (exitCode: number) => void,
  onHelp: (text: string) => void = () => undefined,
): Command {
  const program = new Command('lattice')
    .description('One key-value state, identical and tamper-evident on a small fleet of nodes.')
    .version(version)
    .option(
      '--url <url>',
      'the node to talk to (default: DIOTEC360_URL, else --env-file, else the context in use, else http://127.0.0.1:8000)',
    )
    .option(
      '--token <token>',
      'API token (default: DIOTEC360_API_TOKEN, else the one in --env-file; a context brings its own)',
    )
    .option('--env-file <file>', 'environment file of a node; - is standard input')
    .option('--context <name>', 'a fleet by name, see lattice context')
    .addOption(
      new Option('--timeout <seconds>', 'longest wait for one answer').default(10).argParser(numberIn(0.05, 3600)),
    )
    .addOption(
      new Option('-o, --output <form>', 'table for people, or json or yaml for programs, errors too').choices(FORMS),
    )
    .addOption(new Option('--json', 'short for --output json').conflicts('output'))
    .option('--utc', 'show times in UTC (default: the zone of this machine)')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: context.output.write, writeErr: onHelp, outputError: () => undefined })
    .exitOverride()
    .helpCommand(false)
    .addHelpText('after', `\n${EXIT_CODES_TEXT}${example('up', 'status --watch', 'state put greeting \'"hello"\'')}`);
  const definition = createDefinition(context, program, finish);
  setupCommands(definition);
  movingCommands(definition);
  nodeCommands(definition);
  fleetCommands(definition);
  memberCommands(definition);
  dataCommands(definition);
  vaultCommands(definition);
  definition.define(
    program,
    'help [command...]',
    'help for a command, as --help after it',
    ['help state put', 'help peers'],
    async (_options: GlobalOptions, words) => (await import('./commands/help.ts')).help(program, words),
  );
  return program;
}
