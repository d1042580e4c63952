import { readSettings } from '../config/environment.ts';
import { invalidConfig, type Problem } from '../config/problems.ts';
import type { Variable } from '../config/variable.ts';
import { VARIABLES, type VariableName } from '../config/variables.ts';
import type { CliContext } from './context.ts';

/** Answers the text of a variable; undefined when it is not set. */
export type Setting = (name: VariableName) => string | undefined;

/** What was read for a command, by env file: a pipe can be read once only, and some commands connect several times. */
const READ = new WeakMap<CliContext, Map<string | undefined, Setting>>();

/**
 * Reads variables as a node does: the environment wins over the env file, and older names count. Without `envFile` only
 * the environment is read. Throws LatticeError `invalid-config` when the file cannot be used.
 */
export function readVariables(context: CliContext, envFile: string | undefined): Setting {
  const read = READ.get(context) ?? new Map<string | undefined, Setting>();
  READ.set(context, read);
  const known = read.get(envFile);
  if (known !== undefined) return known;
  const problems: Problem[] = [];
  const settings = readSettings({ env: context.env, envFile: envFile ?? null, cwd: context.cwd }, problems);
  if (problems.length > 0) throw invalidConfig(problems);
  const setting: Setting = (name) =>
    settings.find(VARIABLES.find((variable) => variable.name === name) as Variable)?.text;
  read.set(envFile, setting);
  return setting;
}
