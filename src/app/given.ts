import { counted, type ErrorCode, LatticeError } from '../core/types/index.ts';

/**
 * Takes what a program has given under a name, or throws a LatticeError that says what belongs there. Programs in
 * JavaScript give anything, whatever the types say.
 */
export type Take<T> = (given: unknown, name: string) => T;

/** The fields of an object by their names. */
type Takes<T> = { readonly [K in keyof T]-?: Take<Exclude<T[K], undefined>> };

const refuse = (code: ErrorCode, name: string, form: string): LatticeError =>
  new LatticeError(code, `${name} is not ${form}`, { next: `give ${form} as ${name}` });

/** What fits, which is of the type that its caller says. */
const has =
  <T>(code: ErrorCode, form: string, fits: (given: unknown) => boolean): Take<T> =>
  (given, name) => {
    if (fits(given)) return given as T;
    throw refuse(code, name, form);
  };

const isFunction = (given: unknown): boolean => typeof given === 'function';

/** Text that has a UTF-8 form, and fits the pattern where there is one. */
export const text = (code: ErrorCode, form = 'a text', pattern = /^/u): Take<string> =>
  has(code, form, (given) => typeof given === 'string' && !/\p{Cs}/u.test(given) && pattern.test(given));

/** 64 hex digits, as hashes, authors and secrets have. */
export const digits64 = (code: ErrorCode): Take<string> => text(code, '64 lower-case hex digits', /^[0-9a-f]{64}$/);

export const flag = (code: ErrorCode): Take<boolean> =>
  has(code, 'true or false', (given) => typeof given === 'boolean');

/** A number that is one. Whether it is within its bounds is for whoever works with it. */
export const number = (code: ErrorCode, form = 'a number'): Take<number> =>
  has(code, form, (given) => typeof given === 'number' && !Number.isNaN(given));

export const wholeNumber = (code: ErrorCode, min: number, max = Number.MAX_SAFE_INTEGER): Take<number> =>
  has(
    code,
    max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min} on` : `a whole number from ${min} to ${max}`,
    (given) => typeof given === 'number' && Number.isSafeInteger(given) && given >= min && given <= max,
  );

export const oneOf = <const T extends string | boolean>(code: ErrorCode, ...words: readonly T[]): Take<T> =>
  has(code, words.length === 1 ? String(words[0]) : `one of ${words.join(', ')}`, (given) =>
    (words as readonly unknown[]).includes(given),
  );

/** A function of the program. What it does when it is called is the program's. */
export const callback = <F extends (...given: never[]) => unknown>(): Take<F> =>
  has('invalid-request', 'a function', isFunction);

/** A signal of this process, or of another realm in it, which is no instance of the same class. */
const signal: Take<AbortSignal> = has(
  'invalid-request',
  'an AbortSignal',
  (given) =>
    given instanceof AbortSignal ||
    (typeof given === 'object' &&
      given !== null &&
      'aborted' in given &&
      typeof given.aborted === 'boolean' &&
      'throwIfAborted' in given &&
      isFunction(given.throwIfAborted) &&
      'addEventListener' in given &&
      isFunction(given.addEventListener) &&
      'removeEventListener' in given &&
      isFunction(given.removeEventListener)),
);

/** A list as a copy. It is read from its beginning, so that one that pretends to be long is refused at once. */
export const list =
  <T>(code: ErrorCode, take: Take<T>, max?: number): Take<readonly T[]> =>
  (given, name) => {
    if (!Array.isArray(given)) throw refuse(code, name, 'an array');
    if (max !== undefined && given.length > max)
      throw refuse(code, name, `an array of at most ${counted(max, 'item')}`);
    const own: T[] = [];
    for (let i = 0; i < given.length; i++) own.push(take(given[i], `${name}[${i}]`));
    return own;
  };

/**
 * An object as a copy with these fields. Each is read once, so that one that answers otherwise the second time changes
 * nothing. A field that there is not is refused, because a misspelt one would be a call without it.
 */
export function fields<R extends object, O extends object>(
  code: ErrorCode,
  required: Takes<R>,
  optional: Takes<O>,
): Take<R & O> {
  const all: ReadonlyMap<string, Take<unknown>> = new Map(Object.entries<Take<unknown>>({ ...required, ...optional }));
  return (given, name) => {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) throw refuse(code, name, 'an object');
    for (const found of Object.keys(given))
      if (!all.has(found))
        throw new LatticeError(code, `${name} has no field ${JSON.stringify(found)}`, {
          next: all.size === 0 ? 'leave it out' : `${name} may have ${[...all.keys()].join(', ')}`,
        });
    const own: Record<string, unknown> = {};
    for (const [field, take] of all) {
      const value = (given as Readonly<Record<string, unknown>>)[field];
      if (value !== undefined) own[field] = take(value, field);
      else if (field in required)
        throw new LatticeError(code, `${name} lacks the field ${field}`, { next: `give ${name} that field` });
    }
    return own as R & O;
  };
}

/** What a call is told besides, which may be left out, with the signal that every call takes. */
export function options<O extends object = object>(
  optional: Takes<Omit<O, 'signal'>>,
): Take<Omit<O, 'signal'> & { readonly signal?: AbortSignal }> {
  const take = fields<object, object>('invalid-request', {}, { ...optional, signal });
  return (given) =>
    take(given === undefined ? {} : given, 'what is given as options') as ReturnType<ReturnType<typeof options<O>>>;
}

/** What a call is told, of which some is required. */
export function wanted<R extends object, O extends object>(
  code: ErrorCode,
  required: Takes<R>,
  optional: Takes<O>,
): Take<R & O & { readonly signal?: AbortSignal }> {
  const take = fields<R, O>(code, required, { ...optional, signal });
  return (given) => take(given, 'what is asked for');
}

/** The same without a signal, of calls that answer at once. */
export function choices<O extends object>(optional: Takes<O>): Take<O> {
  const take = fields<object, O>('invalid-request', {}, optional);
  return (given) => take(given === undefined ? {} : given, 'what is given as options');
}

/** An argument that may be left out. */
export const maybe =
  <T>(take: Take<T>): Take<T | undefined> =>
  (given, name) =>
    given === undefined ? undefined : take(given, name);

/** An argument by the name that messages give it. */
export const called =
  <T>(name: string, take: Take<T>): Take<T> =>
  (given) =>
    take(given, name);

/** What was given and could not even be read, because its own code throws. */
export function unreadable(error: unknown): LatticeError {
  if (error instanceof LatticeError) return error;
  return new LatticeError('invalid-request', 'what was given cannot be read: its own code throws', {
    next: 'give plain objects',
    cause: error,
  });
}
