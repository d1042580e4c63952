import type { ApiConfig, ReloadReport } from '../api/index.ts';
import { type Config, planReload } from '../config/index.ts';
import { LatticeError } from '../core/types/index.ts';
import type { Log } from '../ports/index.ts';
import { keyOfTurn } from './key-of-turn.ts';
import type { TurningNode } from './turning-node.ts';

/** The configuration that a node runs with. This is the one owner of what a reload may change. */
export interface RunningConfig {
  readonly now: Config;
  /** What the API sees of it, as it is at the moment. */
  readonly forApi: ApiConfig;
  /**
   * Reads the env file and the key again, and has the node act by what they say of trust list, peers, token and log level
   * (SPEC N18), and go on under the key that takes the place of its own (RO18). Rejects with LatticeError
   * `invalid-config`, `other-author` or `reload-impossible`; nothing has changed then.
   */
  reload(): Promise<ReloadReport>;
}

/** What a removed author means for a fleet, as after a restart with the shorter list. */
const trustedNoMore = (author: string): string =>
  `author ${author} is trusted no more: what it wrote stays where it is, and a node that lacks some of that takes it ` +
  'from nobody and stays different. Take it off the list of every node once all of them have the same root.';

export function createRunningConfig(deps: {
  readonly initial: Config;
  /** Reads the configuration again. Without it there is nothing to read. */
  readonly again: (() => Config) | undefined;
  /** Has the node act by it. Resolves with the authors who are trusted no more. */
  readonly apply: (config: Config) => Promise<readonly string[]>;
  readonly node: Pick<TurningNode, 'author' | 'checkTurn' | 'turn'>;
  readonly log: Log;
}): RunningConfig {
  const { initial, again, apply, node, log } = deps;
  let now = initial;
  let turn: Promise<unknown> = Promise.resolve();

  async function reload(): Promise<ReloadReport> {
    if (again === undefined) {
      throw new LatticeError('reload-impossible', 'the program that runs this node gave it its configuration', {
        next: 'restart the program with the new configuration',
      });
    }
    const { config, changed, needsRestart } = planReload(now, again());
    const { key, variable, warning } = keyOfTurn(config, node.author);
    if (key !== undefined) node.checkTurn(key.author);
    const untrusted = await apply(config);
    now = config;
    if (key !== undefined) await node.turn(key.seed, key.author);
    const warnings = [...config.warnings, ...config.violations, ...untrusted.map(trustedNoMore)];
    if (warning !== undefined) warnings.push(warning);
    return {
      changed: key === undefined || changed.includes(variable) ? changed : [...changed, variable],
      needsRestart,
      untrusted,
      warnings,
    };
  }

  return {
    get now() {
      return now;
    },
    forApi: {
      ...initial,
      api: {
        ...initial.api,
        get token() {
          return now.api.token;
        },
        get readToken() {
          return now.api.readToken;
        },
      },
      get http() {
        return now.http;
      },
      get violations() {
        return now.violations;
      },
      get settings() {
        return now.settings;
      },
    },
    reload() {
      const result = turn.then(reload);
      turn = result.then(
        (report) => log.info({ ...report }, 'configuration reloaded'),
        (error: unknown) => log.warn({ error: String(error) }, 'configuration not reloaded: nothing has changed'),
      );
      return result;
    },
  };
}
