import { createRequire } from 'node:module';
import { type Logger, pino, stdSerializers, stdTimeFunctions } from 'pino';
import type { Log } from '../../ports/index.ts';

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** 'json': one object a line. 'pretty': coloured text for a terminal. */
  readonly format: 'json' | 'pretty';
  /** Receives whole lines, each with its line feed. Default: standard output. */
  readonly destination?: LogDestination;
  /** Receives every line as JSON too, whatever the format. */
  readonly ring?: LogDestination;
  /** Texts that are struck out wherever they stand, in messages of libraries too. */
  readonly secrets?: readonly string[];
}

export interface LogDestination {
  write(line: string): void;
}

/** Names whose values never reach a log, whatever their case and wherever they stand. */
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
/** A shorter text is no secret, and would strike out half the log. */
const MIN_SECRET_LENGTH = 8;
/** Fields are looked through to this depth; what lies deeper is left out, so a secret cannot hide below. */
const MAX_FIELD_DEPTH = 6;
/**
 * Bytes kept for a destination that refuses them for now; what comes on top is dropped. Logging never takes a node
 * down.
 */
const MAX_HELD_BYTES = 1024 * 1024;

/**
 * Structured log. Each line: `time` (ISO 8601, UTC), `level` (its name), `component` (of a child), the fields, and
 * `msg`, which is constant per place in the code. An error goes under `err`. Fields must not be named time, level,
 * component or msg.
 */
export function createLog({ level, format, destination = standardOutput(), ring, secrets = [] }: LogOptions): Log {
  const written = format === 'pretty' ? prettyTo(destination) : destination;
  const hidden = secrets.filter((secret) => secret.length >= MIN_SECRET_LENGTH);
  const sink: LogDestination = {
    write(line) {
      const safe = hidden.reduce((text, secret) => text.replaceAll(secret, REDACTED), line);
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
  // Always a child of the root: a child's child would carry `component` twice.
  const logOf = (logger: Logger): Log => ({
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (component) => logOf(root.child({ component })),
  });
  return logOf(root);
}

/** Every line to both. */
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
 * Synchronous, so that the last line of a dying process is out before it ends. A closed pipe, a full disk or a reader
 * that does not keep up costs lines, never the process: by default the library throws on the second and sleeps on the
 * third.
 */
function standardOutput(): LogDestination {
  const stream = pino.destination({ dest: 1, sync: true, maxLength: MAX_HELD_BYTES, retryEAGAIN: () => false });
  stream.on('error', () => {});
  return stream;
}

/** Type, message, stack and own fields (code, next, details); causes are in the message and the stack. */
function serialisedError(error: unknown): unknown {
  // The library's result has a prototype of its own; a plain copy is looked through like any field.
  return error instanceof Error ? withoutSecrets({ ...stdSerializers.err(error) }, 0) : withoutSecrets(error, 0);
}

function prettyTo(destination: LogDestination): LogDestination {
  // Loaded only here, because it costs start-up time, and synchronously, because nothing may be logged before it is
  // there.
  const require = createRequire(import.meta.url);
  const { prettyFactory } = require('pino-pretty') as typeof import('pino-pretty');
  const toText = prettyFactory({ colorize: true, translateTime: 'SYS:HH:MM:ss.l' });
  return { write: (line) => destination.write(toText(line) ?? '') };
}

/**
 * A copy of plain objects and arrays without secrets. Anything else, errors included, is passed on: serialisers see to
 * those.
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
