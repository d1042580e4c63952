import { Command, InvalidArgumentError, Option } from 'commander';
import type { CliContext } from './context.ts';
import type { Form } from './output.ts';

/** What --since-roster takes, for commands that fetch what is verified elsewhere. */
export const SINCE_ROSTER_HELP =
  'for a verifier that keeps the roster with this hash (default: from the configured trust list)';

/** What --trust takes, for every command that verifies. */
export const TRUST_HELP =
  'whose signatures count: a fleet.json, an env file of a node (its trust list alone is read), a file of keys, or keys and peer ids with commas';

/** What the exit codes of commands that verify mean. */
export const VERDICTS =
  '\nExit codes: 0 verified; 1 it does not hold, is malformed, or was not verified for want of a trust list; 2 wrong options.';

/** The functions that define the groups of commands. */
export interface Definition {
  readonly context: CliContext;
  readonly program: Command;
  /**
   * Adds a command with its examples. `run` gets all options, global ones included, as the option definitions make
   * them, and the arguments in order. It imports the modules of its command only when it runs, so that the start of
   * the program loads none of them.
   */
  readonly define: (
    parent: Command,
    usage: string,
    summary: string,
    examples: readonly string[],
    run: (options: never, args: string[]) => Promise<number>,
  ) => Command;
  /** Does the same for the command that runs when its parent is named alone. */
  readonly defineDefault: Definition['define'];
  /** Adds a command that only groups others. */
  readonly group: (name: string, summary: string, ...examples: readonly string[]) => Command;
}

/** The command that runs when a group is named alone, whose options the group takes too. */
const DEFAULTS = new WeakMap<Command, Command>();

export const defaultOf = (group: Command): Command | undefined => DEFAULTS.get(group);

export function createDefinition(
  context: CliContext,
  program: Command,
  finish: (exitCode: number) => void,
): Definition {
  const add =
    (isDefault: boolean): Definition['define'] =>
    (parent, usage, summary, examples, run) => {
      const command = parent
        .command(usage, { isDefault })
        .description(summary)
        .addHelpText('after', example(...examples))
        .action(async function action(this: Command) {
          finish(await run(globalsOf(this) as never, this.args));
        });
      if (isDefault) DEFAULTS.set(parent, command);
      return command;
    };
  return {
    context,
    program,
    define: add(false),
    defineDefault: add(true),
    group: (name, summary, ...examples) =>
      program
        .command(name)
        .description(summary)
        .addHelpText('after', example(...examples)),
  };
}

/**
 * All options of a command, of which `json` says whether data were asked for, by --json or by --output, and
 * `timeoutGiven` whether the user has named a timeout.
 */
function globalsOf(command: Command): Readonly<Record<string, unknown>> {
  const options = command.optsWithGlobals();
  const timeoutGiven = command.getOptionValueSourceWithGlobals('timeout') !== 'default';
  return { ...options, json: formOf(options) !== 'table', timeoutGiven };
}

/** The form that --output or --json asks for. */
export function formOf({ output, json }: { readonly output?: Form; readonly json?: boolean }): Form {
  return output ?? (json === true ? 'json' : 'table');
}

export function example(...commands: readonly string[]): string {
  return `\n${commands.length > 1 ? 'Examples' : 'Example'}:\n${commands.map((c) => `  $ lattice ${c}`).join('\n')}`;
}

/** Adds --watch and --interval. */
export function watchable(command: Command): Command {
  return command
    .option('--watch', 'repeat until interrupted')
    .addOption(new Option('--interval <seconds>', 'pause between two looks').default(1).argParser(numberIn(0.1, 3600)));
}

/** Adds --fleet, with which a command asks every node. Its value is named last, because it may be left out. */
export function fleetWide(command: Command): Command {
  return command.option(
    '--fleet [file]',
    'a table of all nodes: those of this fleet.json, of the context, or that the asked node knows',
  );
}

/** Adds --limit, the number of items to list at most. */
export function limited(command: Command, what: string, standard: number, greatest: number): Command {
  return command.addOption(
    new Option('--limit <n>', `most ${what} to list`).default(standard).argParser(integerIn(1, greatest)),
  );
}

/** Adds --out and --force, for a command that can write what it fetched to a file. */
export function writesFile(command: Command): Command {
  return command
    .option('--out <file>', 'write it to a file (default: stdout)')
    .option('--force', 'replace the file where there is one');
}

export function numberIn(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= min && value <= max))
      throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
    return value;
  };
}

export function integerIn(min: number, max: number): (text: string) => number {
  return (text) => {
    if (!/^[0-9]{1,15}$/.test(text) || Number(text) < min || Number(text) > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return Number(text);
  };
}
