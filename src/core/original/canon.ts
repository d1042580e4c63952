import { bytesToHex, type Hasher } from '../types/index.ts';
import { type OriginalValue, originalJsonText } from './json.ts';

export type OriginalObject = ReadonlyMap<string, OriginalValue>;

const utf8 = new TextEncoder();

export const isObject = (value: OriginalValue | undefined): value is OriginalObject => value instanceof Map;
export const isList = (value: OriginalValue | undefined): value is readonly OriginalValue[] => Array.isArray(value);

/** Compares by code point, as Python sorts. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** The place of a UTF-16 unit in the order of code points: surrogates come after every other unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** JSON without blanks, its keys in the order of the value or of code points, and its text by `text`. */
function compact(value: OriginalValue, sorted: boolean, text: (value: OriginalValue) => string): string {
  if (isObject(value)) {
    const keys = Array.from(value.keys());
    if (sorted) keys.sort(compareCodePoints);
    const members = keys.map((key) => `${text(key)}:${compact(value.get(key) ?? null, sorted, text)}`);
    return `{${members.join(',')}}`;
  }
  if (isList(value)) return `[${value.map((item) => compact(item, sorted, text)).join(',')}]`;
  return text(value);
}

/** Text with nothing but quotes, backslashes and control characters escaped; everything else as Python writes it. */
const unescaped = (value: OriginalValue): string =>
  typeof value === 'string' ? JSON.stringify(value) : originalJsonText(value);

/**
 * The text that the original hashes and signs (SPEC I9): that of Python's json.dumps with sorted keys, without blanks,
 * and with everything but printable ASCII escaped.
 */
export function canonicalText(value: OriginalValue): string {
  return compact(value, true, originalJsonText);
}

/** The same without escapes beyond ASCII, which the original hashes for its precedents alone. */
export function unescapedCanonicalText(value: OriginalValue): string {
  return compact(value, true, unescaped);
}

/** Compact JSON with every number as Python would write it. NaN and the infinities, which JSON lacks, become null. */
export function compactJson(value: OriginalValue): string {
  return compact(value, false, (part) => {
    const text = unescaped(part);
    return /^-?(?:NaN|Infinity)$/.test(text) ? 'null' : text;
  });
}

/** The text that the original writes to its files: json.dump with an indent of two. */
export function indentedText(value: OriginalValue, indent = ''): string {
  const deeper = `${indent}  `;
  const lines = (open: string, items: readonly string[], close: string): string =>
    items.length === 0 ? open + close : `${open}\n${deeper}${items.join(`,\n${deeper}`)}\n${indent}${close}`;
  if (isObject(value)) {
    const members = Array.from(value, ([key, item]) => `${originalJsonText(key)}: ${indentedText(item, deeper)}`);
    return lines('{', members, '}');
  }
  if (isList(value))
    return lines(
      '[',
      value.map((item) => indentedText(item, deeper)),
      ']',
    );
  return originalJsonText(value);
}

/** SHA-256 of the UTF-8 of a text, in hex. */
export function textHash(text: string, hasher: Hasher): string {
  return bytesToHex(hasher.hash(utf8.encode(text)));
}
