import { CommanderError } from 'commander';
import { LatticeError } from '../core/types/index.ts';
import { advised } from './advice.ts';
import type { CliContext } from './context.ts';
import { exitCodeOf, reportError } from './errors.ts';
import { EXIT } from './exit-codes.ts';
import { createProgram } from './program.ts';

/** Runs one command line (without program name). Never rejects; resolves with the exit code. */
export async function runCli(argv: readonly string[], context: CliContext, version: string): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = createProgram(context, version, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    // What was asked for and shown (help, version) is no error.
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    const shown = error instanceof CommanderError ? usageOf(error) : advised(error);
    reportError(shown, context.output, argv.includes('--json'));
    return exitCodeOf(shown);
  }
}

function usageOf(error: CommanderError): LatticeError {
  // "help" is thrown when a group of commands was called without naming one.
  if (error.code === 'commander.help')
    return new LatticeError('usage', 'no command was given', { next: 'See lattice --help.' });
  return new LatticeError('usage', error.message.replace(/^error: /, ''), {
    next: 'See lattice --help, or --help after a command.',
  });
}
