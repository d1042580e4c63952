import { type Command, CommanderError } from 'commander';
import { LatticeProblem } from '../client/errors.ts';
import { joined, LatticeError } from '../core/types/index.ts';
import { advised, type Known } from './advice.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { formOf } from './define.ts';
import { exitCodeOf, reportError } from './errors.ts';
import { EXIT } from './exit-codes.ts';
import { commandAt, commandsNamed, createHint, pathOf } from './hints.ts';
import { FORMS, type Form } from './output.ts';
import { createProgram } from './program.ts';

/** The word by which the scripts of completion ask for values. It is no command, and no help lists it. */
const COMPLETE = '__complete';

/** Runs one command line, given without the program's name. Resolves with the exit code and never rejects. */
export async function runCli(argv: readonly string[], context: CliContext, version: string): Promise<number> {
  const { output } = context;
  if (argv[0] === COMPLETE) {
    const { completeValues } = await import('./complete-values.ts');
    await completeValues(context, argv.slice(1));
    return EXIT.ok;
  }
  let exitCode: number = EXIT.ok;
  let help = '';
  const program = createProgram(
    context,
    version,
    (code) => {
      exitCode = code;
    },
    (text) => {
      help += text;
    },
  );
  program.hook('preAction', () => {
    prepare(program, argv, context);
    if (program.getOptionValueSource('timeout') !== 'default')
      context.limitLookups?.(program.opts()['timeout'] as number);
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    // The library throws after it has shown the help or the version, which is not an error.
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    if (pathOf(commandAt(program, argv)).endsWith(' doctor') && argv.includes('--check')) {
      const { checkFailed } = await import('./check.ts');
      const { code, line } = checkFailed(error);
      output.line(line);
      return code;
    }
    prepare(program, argv, context);
    const asData = formAsked(program, argv) !== 'table';
    // A line without its command did nothing, which a script whose variable is empty must not take for success.
    if (help !== '' && !asData) {
      output.remark(help.replace(/\n$/, ''));
      return EXIT.usage;
    }
    const command = commandAt(program, argv);
    const shown =
      error instanceof CommanderError
        ? usageOf(error, command)
        : withHelp(
            advised(await meant(error, context, program.opts()), await knownOf(error, context, program.opts())),
            pathOf(command),
          );
    reportError(shown, output, asData);
    return exitCodeOf(shown);
  }
}

/** An error that no command expects may come of an answer that no node gives. */
async function meant(cause: unknown, context: CliContext, options: GlobalOptions): Promise<unknown> {
  if (!(cause instanceof TypeError)) return cause;
  const [{ connect }, { understood }] = await Promise.all([import('./connect.ts'), import('./understood.ts')]);
  const client = await connect(context, options).catch(() => undefined);
  return client === undefined ? cause : await understood(cause, client.url);
}

/** Gives a wrong use that says no more the help of the command at hand as its next step. */
function withHelp(error: unknown, path: string): unknown {
  if (!(error instanceof LatticeError) || error.code !== 'usage' || error.next !== undefined) return error;
  return new LatticeError(error.code, error.message, { next: `See ${path} --help.`, cause: error });
}

/** What an error is explained with: the options, and for a refused token where it comes from. */
async function knownOf(error: unknown, context: CliContext, options: GlobalOptions): Promise<Known> {
  if (!(error instanceof LatticeProblem) || error.status !== 401) return options;
  const { tokenSourceOf } = await import('./connect.ts');
  return { ...options, tokenFrom: await tokenSourceOf(context, options) };
}

/** Tells the output in which form data are asked for, and which node is named, as far as the line has been parsed. */
function prepare(program: Command, argv: readonly string[], { output, programName }: CliContext): void {
  const form = formAsked(program, argv);
  if (form !== 'table') output.setForm(form);
  output.setHint(createHint(program, programName, program.opts()));
}

/** The form that a command line asks for. A line that is wrong is parsed only up to what is wrong. */
function formAsked(program: Command, argv: readonly string[]): Form {
  const parsed = formOf(program.opts());
  if (parsed !== 'table') return parsed;
  const rest = argv.join('\n');
  const named = /^(?:-o\n?|--output[\n=])(json|yaml)$/m.exec(rest)?.[1];
  return FORMS.find((form) => form === named) ?? (argv.includes('--json') ? 'json' : 'table');
}

function usageOf(error: CommanderError, command: Command): LatticeError {
  const path = pathOf(command);
  // The library throws this when a group of commands is called without one of its commands.
  if (error.code === 'commander.help')
    return new LatticeError('usage', 'no command was given', { next: `See ${path} --help.` });
  // A group whose default command was given one word too many: the word was meant for a command of the group.
  if (error.code === 'commander.excessArguments' && command.commands.length > 0)
    return new LatticeError('usage', `${path} has no command of that name`, {
      next: `Its commands: ${command.commands.map((child) => child.name()).join(', ')}.`,
    });
  const meant = commandsNamed(command, /^error: unknown command '([^']+)'/.exec(error.message)?.[1] ?? '');
  if (meant.length > 0)
    return new LatticeError('usage', error.message.replace(/^error: /, ''), {
      next: `${meant.length === 1 ? 'There is' : 'There are'} ${joined(meant)}: see ${path} --help.`,
    });
  const isAboutArguments = error.code === 'commander.missingArgument' || error.code === 'commander.excessArguments';
  return new LatticeError('usage', error.message.replace(/^error: /, ''), {
    next: isAboutArguments
      ? `Write ${path} ${argumentsOf(command)}; ${path} --help has examples.`
      : `See ${path} --help.`,
  });
}

/** The arguments of a command as its usage line shows them. */
function argumentsOf(command: Command): string {
  return command.usage().replace(/^\[options\] ?/, '') || '[options]';
}
