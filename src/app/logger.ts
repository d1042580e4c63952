import { createLog, type LeastLevel, type LogDestination, teeLog } from '../adapters/system/index.ts';
import type { Config } from '../config/index.ts';
import type { Log } from '../ports/index.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';

/** One line of the log of an embedded node. */
export interface NodeLogLine {
  readonly level: Level;
  /** The part of the node that says it, for example `lattice`, `p2p` or `api`. */
  readonly component: string;
  /** A sentence that is constant for each place in the code. */
  readonly message: string;
  /** What the line tells besides. An error stands under `err`. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger with one method for each level, as those of pino, winston and the console are. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Where an embedded node logs: a logger, a function that takes each line, or `'stdout'` for lines on standard output in
 * the format of the configuration.
 */
export type LoggerOption = Logger | ((line: NodeLogLine) => void) | 'stdout';

/** The log of a node, which follows what a reload says of level and token. */
export interface NodeLog {
  readonly root: Log;
  /** Takes another configuration. A level that an operator set otherwise stays while the configured one does. */
  follow(next: Config): void;
}

/**
 * The log of a node, which also writes into the ring that the API shows. Without a logger it writes nowhere else.
 * Secrets of the configuration are struck out of the lines of the ring and of standard output; a logger that was given
 * gets its fields as they are. `hint` is for lines of text on standard output. Lines that `level` does not write reach none of them.
 */
export function openLog(
  config: Config,
  logger: LoggerOption | undefined,
  ring: LogDestination,
  level: LeastLevel,
  hint?: (text: string) => string,
): NodeLog {
  const { logFormat: format } = config;
  let configured = config.logLevel;
  const secrets = secretsOf(config);
  const own =
    logger === 'stdout'
      ? createLog({ level, format, ring, hint, secrets })
      : createLog({ level, format: 'json', destination: ring, secrets });
  return {
    root: logger === undefined || logger === 'stdout' ? own : teeLog(logOf(logger, level), own),
    follow(next) {
      if (next.logLevel !== configured) level.set(next.logLevel);
      configured = next.logLevel;
      // The former ones stay hidden, because somebody may still use them elsewhere.
      for (const secret of secretsOf(next)) own.hide(secret);
    },
  };
}

const secretsOf = ({ api, key }: Config): readonly string[] =>
  [api.token, api.readToken, key.source === 'environment' ? key.seedHex : undefined].filter(
    (secret) => secret !== undefined,
  );

function logOf(logger: Exclude<LoggerOption, 'stdout'>, least: Pick<LeastLevel, 'writes'>, component = 'lattice'): Log {
  const write =
    (level: Level) =>
    (fields: object, message: string): void => {
      if (!least.writes(level)) return;
      try {
        const told: unknown =
          typeof logger === 'function'
            ? logger({ level, component, message, fields: fields as Readonly<Record<string, unknown>> })
            : logger[level]({ component, ...fields }, message);
        if (told instanceof Promise) told.catch(() => undefined);
      } catch {
        // A logger of the program that fails must not fail the node. There is nowhere to tell of it.
      }
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (name) => logOf(logger, least, name),
  };
}
