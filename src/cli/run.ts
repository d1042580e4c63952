import { CommanderError } from 'commander';
import { LatticeError } from '../core/types/index.ts';
import { advised } from './advice.ts';
import type { CliContext } from './context.ts';
import { exitCodeOf, reportError } from './errors.ts';
import { EXIT } from './exit-codes.ts';
import { createProgram } from './program.ts';

/** Runs one command line, given without the program's name. Resolves with the exit code and never rejects. */
export async function runCli(argv: readonly string[], context: CliContext, version: string): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = createProgram(context, version, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    // The library throws after it has shown the help or the version, which is not an error.
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    const shown = error instanceof CommanderError ? usageOf(error) : advised(error);
    reportError(shown, context.output, argv.includes('--json'));
    return exitCodeOf(shown);
  }
}

function usageOf(error: CommanderError): LatticeError {
  // The library throws this when a group of commands is called without one of its commands.
  if (error.code === 'commander.help')
    return new LatticeError('usage', 'no command was given', { next: 'See lattice --help.' });
  return new LatticeError('usage', error.message.replace(/^error: /, ''), {
    next: 'See lattice --help, or --help after a command.',
  });
}
