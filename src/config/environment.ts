import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import type { Problem } from './problems.ts';
import { unknownNameWarning } from './unknown-names.ts';
import { namesOf, VARIABLES, type Variable } from './variables.ts';

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
  readonly from: 'environment' | 'file';
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

/** Bytes of an env file. One has some dozens of lines, and its longest lists have a few tens of KiB. */
const MAX_ENV_FILE_BYTES = 256 * 1024;
/** Warnings about unknown names. A fleet's operator makes few such errors, and the log of a start stays readable. */
const MAX_UNKNOWN_WARNINGS = 20;

interface EnvFile {
  readonly path: string;
  readonly mode: number;
  readonly values: Environment;
}

/**
 * The numbers of the lines that are neither blank, nor a comment, nor NAME=value, nor inside a quoted value. Node's
 * parseEnv drops or misreads such lines without an error.
 */
function unreadableLines(text: string): readonly number[] {
  const withoutQuoted = text.replace(/^(\s*(?:export\s+)?[\w.-]+\s*=\s*)(["'`])[^]*?\2/gm, (all, name: string) => {
    const lines = all.slice(name.length).split('\n').length - 1;
    return name + '\n#'.repeat(lines);
  });
  return withoutQuoted
    .split('\n')
    .flatMap((line, i) =>
      /^\s*(#.*|(export\s+)?[A-Za-z_][\w.-]*\s*=.*)?$/.test(line.replace(/\r$/, '')) ? [] : [i + 1],
    );
}

/**
 * Reads the env file at `path`. Undefined when it is missing or cannot be read. What is wrong with it is added to
 * `problems`; a missing file is a problem only when it is `required`.
 */
function readEnvFile(path: string, required: boolean, problems: Problem[]): EnvFile | undefined {
  const problem = (value: string, rule: string, fix: string): void => {
    problems.push({ variable: path, value, rule, fix });
  };
  let text: string;
  let mode: number;
  try {
    const stat = statSync(path);
    if (stat.size > MAX_ENV_FILE_BYTES) {
      problem(`${stat.size} bytes`, `an env file has at most ${MAX_ENV_FILE_BYTES} bytes`, 'name the right file');
      return undefined;
    }
    mode = stat.mode;
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    if (!required && error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    problem(
      '',
      `it cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      'name an env file that exists and is readable',
    );
    return undefined;
  }
  const unreadable = unreadableLines(text);
  if (unreadable.length > 0) {
    const lines = `line ${unreadable.slice(0, 10).join(', ')}`;
    problem(lines, 'it is not of the form NAME=value', 'write NAME=value, or # in front of a comment');
  }
  return { path, mode, values: parseEnv(text) };
}

/**
 * Reads `env` and an env file: `envFile`, else `.env` in `cwd` where there is one. A name that `env` has, even with an
 * empty text, is not taken from the file. Relative paths in the file are relative to its directory, and others to
 * `cwd`. What is wrong with the file is added to `problems`.
 */
export function readSettings(
  options: { readonly env: Environment; readonly envFile?: string | undefined; readonly cwd: string },
  problems: Problem[],
): Settings {
  const path = resolve(options.cwd, options.envFile ?? '.env');
  const file = readEnvFile(path, options.envFile !== undefined, problems);
  const warnings: string[] = [];

  function findAll(variable: Variable): readonly Setting[] {
    const found: Setting[] = [];
    for (const name of namesOf(variable)) {
      const own = options.env[name];
      const text = (own ?? file?.values[name] ?? '').trim();
      if (text === '') continue;
      found.push(
        own === undefined
          ? { name, text, base: dirname(path), from: 'file' }
          : { name, text, base: options.cwd, from: 'environment' },
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
  if (file !== undefined && exposed !== undefined && (file.mode & 0o077) !== 0 && process.platform !== 'win32') {
    warnings.push(`${file.path} holds ${exposed} and can be read by others: run chmod 600 on it`);
  }
  return { find: (variable) => findAll(variable)[0], findAll, warnings };
}
