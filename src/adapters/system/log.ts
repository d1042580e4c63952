import { type Logger, pino, stdSerializers, stdTimeFunctions } from 'pino';
import type { Log } from '../../ports/index.ts';
import { createLeastLevel, type LeastLevel, type LogLevel } from './log-level.ts';
import { logText } from './log-text.ts';

export interface LogOptions {
  /** The least level of the lines that are written. The object can change it while the log is used. */
  readonly level: LogLevel | Pick<LeastLevel, 'writes'>;
  /** 'json' writes one object a line, 'pretty' one short line of text for people. */
  readonly format: 'json' | 'pretty';
  /** Receives whole lines, each with its line feed. Default: standard output. */
  readonly destination?: LogDestination;
  /** Receives every line as JSON, whatever the format of the destination is. */
  readonly ring?: LogDestination;
  /** With 'pretty': returns a sentence with the commands that it names as the user would type them. */
  readonly hint?: ((text: string) => string) | undefined;
  /** Texts that are replaced wherever they occur, even in messages of libraries. */
  readonly secrets?: readonly string[];
}

/** A log whose owner may learn of another secret while it runs. */
export interface OwnedLog extends Log {
  /** Replaces one more text wherever it occurs from now on, in the lines of children too. */
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
export function createLog(options: LogOptions): OwnedLog {
  const { level, format, destination = standardOutput(), ring, hint, secrets = [] } = options;
  const written =
    format === 'pretty' ? { write: (line: string) => destination.write(logText(line, hint)) } : destination;
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
      // What is written is decided for each line below, because children of the library keep the level of their making.
      level: 'debug',
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
  // Every child is one of the root, because a child's child would carry `component` twice.
  const least = typeof level === 'string' ? createLeastLevel(level) : level;
  const writer =
    (logger: Logger, of: LogLevel) =>
    (fields: object, message: string): void => {
      if (least.writes(of)) logger[of](fields, message);
    };
  const logOf = (logger: Logger): Log => ({
    debug: writer(logger, 'debug'),
    info: writer(logger, 'info'),
    warn: writer(logger, 'warn'),
    error: writer(logger, 'error'),
    child: (component) => logOf(root.child({ component })),
  });
  return {
    ...logOf(root),
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
