import { createLog, type LeastLevel, type LogDestination, teeLog } from '../adapters/system/index.ts';
import type { Config } from '../config/index.ts';
import type { Log } from '../ports/index.ts';

/** The log of a node, which follows what a reload says of level and token. */
export interface NodeLog {
  readonly root: Log;
  /** Takes another configuration. A level that an operator set otherwise stays while the configured one does. */
  follow(next: Config): void;
}

/**
 * Opens the log, which also writes into the ring. Secrets of the configuration are struck out of the lines of the ring
 * and of standard output. A log that was given gets its lines as they are.
 */
export function openLog(config: Config, given: Log | undefined, ring: LogDestination, level: LeastLevel): NodeLog {
  const { logFormat: format } = config;
  let configured = config.logLevel;
  const secrets = secretsOf(config);
  const own =
    given === undefined
      ? createLog({ level, format, ring, secrets })
      : createLog({ level, format: 'json', destination: ring, secrets });
  return {
    root: given === undefined ? own : teeLog(given, own),
    follow(next) {
      if (next.logLevel !== configured) level.set(next.logLevel);
      configured = next.logLevel;
      // The former ones stay hidden, because somebody may still use them elsewhere.
      for (const secret of secretsOf(next)) own.hide(secret);
    },
  };
}

const secretsOf = ({ api, key }: Config): readonly string[] =>
  [api.token, key.source === 'environment' ? key.seedHex : undefined].filter((s) => s !== undefined);
