import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { LatticeError } from '../core/types/index.ts';
import { type LoadOptions, loadConfig } from './load.ts';
import type { Config } from './model.ts';

/** Where the configuration of a process comes from, and comes from again. */
export interface ConfigSource {
  readonly config: Config;
  /**
   * Reads the env file once more. Throws LatticeError `reload-impossible` when there is no file that could have
   * changed, and `invalid-config` as loadConfig does.
   */
  again(): Config;
}

const impossible = (why: string, next: string): LatticeError => new LatticeError('reload-impossible', why, { next });

/** Loads a configuration, and remembers what it was loaded from. Throws as loadConfig does. */
export function openConfigSource(options: LoadOptions): ConfigSource {
  const { cwd, envFile } = options;
  const path = resolve(cwd, envFile ?? '.env');
  // It is looked at before it is read: later another file may have the descriptor of a pipe.
  const isFile = envFile === '-' ? false : statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  const config = loadConfig(options);
  return {
    config,
    again() {
      if (isFile) return loadConfig({ ...options, envFile: path });
      if (envFile !== undefined)
        throw impossible(
          `the configuration came from ${envFile === '-' ? 'standard input' : 'a pipe'}, which cannot be read again`,
          'restart the node, or start it with --env-file and a file',
        );
      throw impossible(
        'the node was started without an env file, and the environment of a running process does not change',
        'restart the node, or start it with --env-file',
      );
    },
  };
}
