import { dirname, resolve } from 'node:path';
import { readEnvFile } from './env-file.ts';
import type { Problem } from './problems.ts';
import { fileNameWarnings, unknownNameWarning } from './unknown-names.ts';
import { namesOf, type Variable } from './variable.ts';
import { VARIABLES } from './variables.ts';

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of the process. No other function reads it. */
export function processEnvironment(): Environment {
  return process.env;
}

/**
 * The text of a variable. `name` is the one that it was found under, and `base` the directory of its relative paths.
 */
export interface Setting {
  readonly name: string;
  readonly text: string;
  readonly base: string;
  readonly from: 'environment' | 'file' | 'options';
}

/** The variables of the process environment and of an env file, of which those of the environment win. */
export interface Settings {
  /** The first text among the variable's names that is not empty; undefined when there is none. */
  find(variable: Variable): Setting | undefined;
  /** Every text of a variable that is not empty, the one that wins first. */
  findAll(variable: Variable): readonly Setting[];
  /** Sentences about unknown names, and about secrets in a file that others can read. */
  readonly warnings: readonly string[];
}

/** Warnings about unknown names. A fleet's operator makes few such errors, and the log of a start stays readable. */
const MAX_UNKNOWN_WARNINGS = 20;

/**
 * Reads `env` and an env file: `envFile` (`-` is standard input, null is none), else `.env` in `cwd` where there is one.
 * A name that `env` has, even with an empty text, is not taken from the file. Relative paths in the file are relative to
 * its directory, and those in a pipe and in `env` to `cwd`. What is wrong with the file is added to `problems`.
 */
export function readSettings(
  options: { readonly env: Environment; readonly envFile?: string | null | undefined; readonly cwd: string },
  problems: Problem[],
): Settings {
  const path = options.envFile === '-' ? '-' : resolve(options.cwd, options.envFile ?? '.env');
  const file = options.envFile === null ? undefined : readEnvFile(path, options.envFile !== undefined, problems);
  const base = file?.mode === undefined ? options.cwd : dirname(path);
  const setInFile = Object.entries(file?.values ?? {}).flatMap(([name, text = '']) => (text.trim() === '' ? [] : name));
  const warnings: string[] = [
    ...(file?.warnings ?? []),
    ...fileNameWarnings(setInFile, file?.path ?? '', options.envFile !== undefined),
  ];

  function findAll(variable: Variable): readonly Setting[] {
    const found: Setting[] = [];
    for (const name of namesOf(variable)) {
      const own = options.env[name];
      const text = (own ?? file?.values[name] ?? '').trim();
      if (text === '') continue;
      found.push(
        own === undefined ? { name, text, base, from: 'file' } : { name, text, base: options.cwd, from: 'environment' },
      );
    }
    return found;
  }

  const names = new Set([...Object.keys(options.env), ...Object.keys(file?.values ?? {})]);
  for (const name of [...names].sort()) {
    const warning = unknownNameWarning(name);
    if (warning !== undefined && warnings.length < MAX_UNKNOWN_WARNINGS) warnings.push(warning);
  }
  const exposed = VARIABLES.flatMap((variable: Variable) => (variable.secret ? namesOf(variable) : [])).find(
    (name) => (file?.values[name] ?? '') !== '',
  );
  if (file?.mode !== undefined && exposed !== undefined && (file.mode & 0o077) !== 0 && process.platform !== 'win32') {
    warnings.push(`${file.path} holds ${exposed} and can be read by others: run chmod 600 on it`);
  }
  return { find: (variable) => findAll(variable)[0], findAll, warnings };
}
