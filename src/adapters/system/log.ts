import { createRequire } from 'node:module';
import { type Logger, pino, stdSerializers, stdTimeFunctions } from 'pino';
import type { Log } from '../../ports/index.ts';

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** 'json' writes one object a line, 'pretty' coloured text for a terminal. */
  readonly format: 'json' | 'pretty';
  /** Receives whole lines, each with its line feed. Default: standard output. */
  readonly destination?: LogDestination;
  /** Receives every line as JSON, whatever the format of the destination is. */
  readonly ring?: LogDestination;
  /** Texts that are replaced wherever they occur, even in messages of libraries. */
  readonly secrets?: readonly string[];
}

/** A log whose owner may change, while it runs, what is written. Both hold for every child, too. */
export interface OwnedLog extends Log {
  setLevel(level: LogOptions['level']): void;
  /** Replaces one more text wherever it occurs from now on. */
  hide(secret: string): void;
}

export interface LogDestination {
  write(line: string): void;
}

/** Names of fields whose values never reach a log, in upper or lower case and at any depth. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'token',
  'apitoken',
  'seed',
  'seedhex',
  'privatekey',
  'secret',
  'authorization',
]);
const REDACTED = '[redacted]';
/** Shorter secrets are not replaced, because they would match all over the log. */
const MIN_SECRET_LENGTH = 8;
/** Fields are searched to this depth. What lies deeper is left out, so that no secret hides there. */
const MAX_FIELD_DEPTH = 6;
/**
 * Bytes that wait while standard output takes none. Lines beyond that are dropped, so that logging never ends a node.
 */
const MAX_HELD_BYTES = 1024 * 1024;

/**
 * A structured log. Each line has `level` (its name), `time` (ISO 8601, UTC), `component` (of a child), the fields, and
 * `msg`, which is constant for each place in the code. An error goes under `err`. Fields must not be named time, level,
 * component or msg.
 */
export function createLog({ level, format, destination = standardOutput(), ring, secrets = [] }: LogOptions): OwnedLog {
  const written = format === 'pretty' ? prettyTo(destination) : destination;
  const hidden = new Set(secrets);
  const sink: LogDestination = {
    write(line) {
      let safe = line;
      for (const secret of hidden) if (secret.length >= MIN_SECRET_LENGTH) safe = safe.replaceAll(secret, REDACTED);
      written.write(safe);
      ring?.write(safe);
    },
  };
  const root = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => withoutSecrets(fields, 0) as Record<string, unknown>,
      },
      serializers: { err: serialisedError },
    },
    sink,
  );
  // A child has a level of its own. Children are made once for each part of the program, so they are few.
  const loggers: Logger[] = [root];
  // Every child is one of the root, because a child's child would carry `component` twice.
  const childOf = (component: string): Logger => {
    const child = root.child({ component });
    loggers.push(child);
    return child;
  };
  const logOf = (logger: Logger): Log => ({
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (component) => logOf(childOf(component)),
  });
  return {
    ...logOf(root),
    setLevel(next) {
      for (const logger of loggers) logger.level = next;
    },
    hide: (secret) => void hidden.add(secret),
  };
}

/** A log that writes every line to both. */
export function teeLog(a: Log, b: Log): Log {
  const both =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: object, message: string): void => {
      a[level](fields, message);
      b[level](fields, message);
    };
  return {
    debug: both('debug'),
    info: both('info'),
    warn: both('warn'),
    error: both('error'),
    child: (component) => teeLog(a.child(component), b.child(component)),
  };
}

/**
 * Standard output is written synchronously, so that the last line of a process is out before it ends. A closed pipe, a
 * full disk or a reader that does not keep up costs lines and never the process. By default the library would throw on
 * a full disk and block on a slow reader.
 */
function standardOutput(): LogDestination {
  const stream = pino.destination({ dest: 1, sync: true, maxLength: MAX_HELD_BYTES, retryEAGAIN: () => false });
  stream.on('error', () => {});
  return stream;
}

/** Gives type, message, stack and own fields (code, next, details). Causes are part of the message and the stack. */
function serialisedError(error: unknown): unknown {
  // The library's result has a prototype of its own. A plain copy of it is searched for secrets like any field.
  return error instanceof Error ? withoutSecrets({ ...stdSerializers.err(error) }, 0) : withoutSecrets(error, 0);
}

function prettyTo(destination: LogDestination): LogDestination {
  // The module is loaded only where it is used, because loading takes time at the start, and synchronously, because
  // the first line may come at once.
  const require = createRequire(import.meta.url);
  const { prettyFactory } = require('pino-pretty') as typeof import('pino-pretty');
  const toText = prettyFactory({ colorize: true, translateTime: 'SYS:HH:MM:ss.l' });
  return { write: (line) => destination.write(toText(line) ?? '') };
}

/**
 * Copies plain objects and arrays without their secrets. Anything else, errors included, is returned as it is, because
 * a serialiser takes care of it.
 */
function withoutSecrets(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_FIELD_DEPTH) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, depth + 1));
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      SECRET_NAMES.has(name.toLowerCase()) && item !== undefined ? REDACTED : withoutSecrets(item, depth + 1),
    ]),
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
