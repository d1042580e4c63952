import { LatticeError } from '../core/types/errors.ts';

const tagOf = (value: object): string => Object.prototype.toString.call(value).slice('[object '.length, -1);

/** Why JSON would turn the value into another one; undefined where it does not. `inArray`: it is an item of an array. */
function flawOf(given: unknown, shown: unknown, inArray: boolean): string | undefined {
  switch (typeof given) {
    case 'number':
      return Number.isFinite(given) ? undefined : `the number ${given}`;
    case 'bigint':
    case 'function':
    case 'symbol':
      return `a ${typeof given}`;
    case 'undefined':
      return inArray ? 'undefined' : undefined;
    case 'object': {
      if (given === null) return undefined;
      const tag = tagOf(given);
      return shown === given && (tag === 'Object' || tag === 'Array') ? undefined : `a ${tag}`;
    }
    case 'string':
    case 'boolean':
      return undefined;
  }
}

/**
 * The JSON of what a program gives, of which nothing becomes another value: what JSON.stringify would convert, such as
 * NaN to null or a Map to {}, is LatticeError `invalid-value`. Fields that are undefined are left out.
 */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value, function (this: unknown, name, shown: unknown) {
      const given = (this as Readonly<Record<string, unknown>>)[name];
      const flaw = flawOf(given, shown, Array.isArray(this));
      if (flaw !== undefined)
        throw new LatticeError(
          'invalid-value',
          `${flaw}${name === '' ? '' : ` at ${JSON.stringify(name)}`} is not JSON`,
          {
            next: 'Give texts, finite numbers, true, false, null, arrays and plain objects.',
          },
        );
      return shown;
    });
  } catch (cause) {
    if (cause instanceof LatticeError) throw cause;
    // It refers to itself, is too deep, or one of its getters has failed.
    throw new LatticeError(
      'invalid-value',
      `the value has no JSON: ${cause instanceof Error ? cause.message : 'it fails'}`,
      {
        next: 'Give texts, finite numbers, true, false, null, arrays and plain objects.',
        cause,
      },
    );
  }
}
