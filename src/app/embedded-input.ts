import { checkKey, checkValue } from '../core/cbor/index.ts';
import { LatticeError, MAX_OPERATIONS, MAX_SIBLINGS } from '../core/types/index.ts';
import type { WriteOperation } from '../runtime/index.ts';

type Field = keyof WriteOperation;

const isText = (given: unknown): boolean => typeof given === 'string';
const isNumber = (given: unknown): boolean => typeof given === 'number';
/** More than the siblings that a key can have are no versions that anybody has read. */
const isVersions = (given: unknown): boolean =>
  isText(given) || (Array.isArray(given) && given.length <= MAX_SIBLINGS && given.every(isText));

/** What each field may be, beside key and value, whose rules are their own. */
const FIELDS: Readonly<Record<Exclude<Field, 'key' | 'value'>, readonly [(given: unknown) => boolean, string]>> = {
  op: [(given) => given === 'put' || given === 'delete', 'is put or delete'],
  expires: [isNumber, 'is a number: Unix ms'],
  ttl: [isNumber, 'is a number of seconds'],
  ifMatch: [isVersions, 'is a version, several in an array, or *'],
  ifNoneMatch: [isVersions, 'is a version, several in an array, or *'],
  mustExist: [(given) => typeof given === 'boolean', 'is true or false'],
};
const isField = (name: string): name is Field => name === 'key' || name === 'value' || Object.hasOwn(FIELDS, name);

const refuse = (what: string): LatticeError =>
  new LatticeError('invalid-operation', what, {
    next: "write operations such as { op: 'put', key: 'a', value: 1 } or { op: 'delete', key: 'a' }",
  });

function ownOperation(given: unknown, at: number): WriteOperation {
  if (typeof given !== 'object' || given === null) throw refuse(`operation ${at} is no object`);
  // Each field is read once, so that one that answers otherwise the second time changes nothing.
  const own: Partial<Record<Field, unknown>> = {};
  for (const [name, read] of Object.entries(given)) {
    const value: unknown = Array.isArray(read) && name !== 'value' ? Array.from(read.slice(0, MAX_SIBLINGS + 1)) : read;
    // A misspelt condition would be a write without it.
    if (!isField(name)) throw refuse(`operation ${at} has a field ${JSON.stringify(name)}, which none has`);
    if (value === undefined) continue;
    if (name === 'key') own.key = checkKey(value);
    else if (name === 'value') own.value = checkValue(value);
    else {
      const [fits, rule] = FIELDS[name];
      if (!fits(value)) throw refuse(`operation ${at}: ${name} ${rule}`);
      own[name] = value;
    }
  }
  if (own.op === undefined) throw refuse(`operation ${at}: op is put or delete`);
  checkKey(own.key);
  return own as WriteOperation;
}

/**
 * The operations that a program gives, checked and copied: what the program does with its own from here on changes
 * nothing, and nothing of another form gets to the writer, which all writes share. Throws LatticeError
 * `invalid-operation`, `invalid-key`, `invalid-value`, `value-too-large` or `commit-too-large`.
 */
export function ownOperations(given: unknown): WriteOperation[] {
  if (!Array.isArray(given)) throw refuse('the operations are an array');
  if (given.length > MAX_OPERATIONS)
    throw new LatticeError(
      'commit-too-large',
      `a commit has at most ${MAX_OPERATIONS} operations, not ${given.length}`,
      { next: 'split it into several commits', details: { limit: MAX_OPERATIONS, operations: given.length } },
    );
  return Array.from(given as readonly unknown[], ownOperation);
}

const MAX_CAUSE_LENGTH = 300;

/** A line of text that says why. Throws LatticeError `invalid-request`. */
export function causeOf(given: unknown): string {
  if (typeof given === 'string' && given.length <= MAX_CAUSE_LENGTH && /^[^\p{Cc}\p{Cs}]+$/u.test(given)) return given;
  throw new LatticeError(
    'invalid-request',
    `the cause is a line of text of at most ${MAX_CAUSE_LENGTH} characters, for the log and the status`,
    { next: "say why, as in setMode('http', 'P2P is blocked here')" },
  );
}

/** Throws LatticeError `invalid-operation` for what cannot be an idempotency key: 1 to 128 visible ASCII characters. */
export function idempotencyKeyOf(given: unknown): string {
  if (typeof given === 'string' && /^[!-~]{1,128}$/.test(given)) return given;
  throw new LatticeError('invalid-operation', 'an idempotency key has 1 to 128 visible ASCII characters', {
    next: 'take a random UUID',
  });
}

const noContent = (what: string): LatticeError =>
  new LatticeError('invalid-value', what, { next: 'give a stream or an async generator of Uint8Array' });

/**
 * Content that comes in pieces, as `for await` reads it. Throws LatticeError `invalid-value` for what is no such thing,
 * and while it is read, where an answer of it is none; what the content itself throws is the program's own.
 */
export function contentOf(given: unknown): AsyncIterable<Uint8Array> {
  if (typeof given !== 'object' || given === null || !(Symbol.asyncIterator in given))
    throw noContent('the content is no async iterable of bytes');
  const make: unknown = given[Symbol.asyncIterator];
  if (typeof make !== 'function') throw noContent('the content is no async iterable of bytes');
  return {
    [Symbol.asyncIterator]() {
      const pieces: unknown = Reflect.apply(make, given, []);
      if (typeof pieces !== 'object' || pieces === null || !('next' in pieces) || typeof pieces.next !== 'function')
        throw noContent('the content has no iterator');
      const steps = pieces as AsyncIterator<Uint8Array>;
      return {
        async next() {
          const step: unknown = await steps.next();
          if (typeof step !== 'object' || step === null) throw noContent('the iterator of the content answers no step');
          return step as IteratorResult<Uint8Array>;
        },
        async return() {
          await steps.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
