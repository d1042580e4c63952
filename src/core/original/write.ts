import type { JsonValue } from '../types/index.ts';
import { type OriginalNumber, type OriginalValue, originalJsonText, pythonFloat } from './json.ts';

/**
 * A value of our data model as the original would hold it: numbers without a fraction are integers, and objects have
 * their keys in canonical order (SPEC B3), because the model keeps neither the form nor the order of the source.
 */
export function plainToOriginal(value: JsonValue): OriginalValue {
  if (typeof value === 'number') return numberOf(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(plainToOriginal);
  return new Map(Object.entries(value).map(([key, item]) => [key, plainToOriginal(item)]));
}

function numberOf(n: number): OriginalNumber {
  const integer = Number.isInteger(n);
  return { text: integer ? String(n) : pythonFloat(n), integer };
}

/**
 * Whether another form of the same value has another root at the original: a number without a fraction may have been 1
 * or 1.0, and the keys of an object may have stood in any order.
 */
export function hasOtherForms(value: JsonValue): boolean {
  if (typeof value === 'number') return Number.isInteger(value);
  if (value === null || typeof value !== 'object') return false;
  const items = Array.isArray(value) ? (value as readonly JsonValue[]) : Object.values(value);
  return (!Array.isArray(value) && items.length > 1) || items.some((item) => hasOtherForms(item));
}

/** Blanks of each level in the original's files. */
const INDENT = 2;

/**
 * The text that Python's `json.dump(value, file, indent=2)` writes, for a value that stands `depth` levels deep: every
 * item on a line of its own, and nothing on the line of an empty array or object but its brackets.
 */
export function originalFileText(value: OriginalValue, depth = 0): string {
  const inner = `\n${' '.repeat(INDENT * (depth + 1))}`;
  const outer = `\n${' '.repeat(INDENT * depth)}`;
  if (value instanceof Map) {
    const members = Array.from(
      value as ReadonlyMap<string, OriginalValue>,
      ([key, item]) => `${originalJsonText(key)}: ${originalFileText(item, depth + 1)}`,
    );
    return members.length === 0 ? '{}' : `{${inner}${members.join(`,${inner}`)}${outer}}`;
  }
  if (Array.isArray(value)) {
    const items = (value as readonly OriginalValue[]).map((item) => originalFileText(item, depth + 1));
    return items.length === 0 ? '[]' : `[${inner}${items.join(`,${inner}`)}${outer}]`;
  }
  return originalJsonText(value);
}

/** A time as Python's `time.time()` is written: seconds since the Unix epoch, with a fraction always. */
export const originalTime = (ms: number): string => pythonFloat(ms / 1000);
