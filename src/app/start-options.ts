import { type Config, configProblems, invalidConfig, type Problem, settingsToConfig } from '../config/index.ts';
import { LatticeError } from '../core/types/index.ts';
import type { LoggerOption } from './logger.ts';
import type { ConfigOption, StartSettings } from './started-node.ts';

/** What a node is started with, once it is known to be that. */
export interface TakenOptions extends Omit<ConfigOption, 'config'> {
  readonly config: Config;
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

function isLogger(given: unknown): given is LoggerOption {
  if (given === 'stdout' || typeof given === 'function') return true;
  if (typeof given !== 'object' || given === null) return false;
  return LEVELS.every((level) => typeof (given as Readonly<Record<string, unknown>>)[level] === 'function');
}

const problem = (variable: string, rule: string, fix: string): Problem => ({ variable, value: '', rule, fix });

/**
 * The options that a program gives `startNode`, read once. All that is wrong with them is thrown as one LatticeError
 * `invalid-config`. `cwd` is the absolute path to which relative paths are relative.
 */
export function takeOptions(given: unknown, cwd: string): TakenOptions {
  try {
    return takeReadable(given, cwd);
  } catch (error) {
    if (error instanceof LatticeError) throw error;
    throw new LatticeError('invalid-config', 'the options cannot be read: their own code throws', {
      next: 'give plain objects',
      cause: error,
    });
  }
}

function takeReadable(given: unknown, cwd: string): TakenOptions {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new LatticeError('invalid-config', 'the options are no object', {
      next: "give the settings of the node, such as { dataDir: 'state' }",
    });
  const { logger, ...others } = { ...given } as Readonly<Record<string, unknown>>;
  const problems: Problem[] = [];
  if (logger !== undefined && !isLogger(logger))
    problems.push(
      problem('logger', 'it is no logger', `give a function, 'stdout', or an object with ${LEVELS.join(', ')}`),
    );
  const own = { logger: logger as LoggerOption | undefined };
  if (!('config' in others))
    return { ...own, config: settingsToConfig(others as unknown as StartSettings, cwd, problems) };

  const { config, readConfig, hint, ...both } = others;
  for (const [name, one] of Object.entries({ readConfig, hint }))
    if (one !== undefined && typeof one !== 'function')
      problems.push(problem(name, 'it is no function', 'give a function, or leave it out'));
  for (const [name, one] of Object.entries(both))
    if (one !== undefined)
      problems.push(
        problem(
          name,
          'it is given beside config, which has every setting already',
          'leave it out, or give the settings without config',
        ),
      );
  problems.push(...configProblems(config));
  if (problems.length > 0) throw invalidConfig(problems);
  return {
    ...own,
    readConfig: readConfig as ConfigOption['readConfig'],
    hint: hint as ConfigOption['hint'],
    config: config as Config,
  };
}
