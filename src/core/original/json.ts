import { LatticeError } from '../types/index.ts';

/**
 * A JSON value as Python's json module reads and writes it, because the original's root hashes that text: numbers keep
 * their form (1 is not 1.0), integers of any size are exact, NaN and the infinities exist, and object keys keep their
 * order.
 */
export type OriginalValue =
  | null
  | boolean
  | string
  | OriginalNumber
  | readonly OriginalValue[]
  | ReadonlyMap<string, OriginalValue>;

/** A number as Python would print it. `integer` tells that it is written without fraction and exponent. */
export interface OriginalNumber {
  readonly text: string;
  readonly integer: boolean;
}

/**
 * Deepest nesting that is read. Python's own recursion limit is near a thousand; this one is lower, so that our stack
 * is never what ends the parser.
 */
const MAX_NESTING = 512;
/** Python refuses to convert integers with more digits, so the original can never have written one. */
const MAX_INTEGER_DIGITS = 4300;

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const WORDS: readonly (readonly [string, OriginalValue])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
  ['NaN', { text: 'NaN', integer: false }],
  ['Infinity', { text: 'Infinity', integer: false }],
  ['-Infinity', { text: '-Infinity', integer: false }],
];
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * Parses `text` as Python's json.loads does: of a repeated key the first place and the last value are kept. Throws
 * LatticeError `snapshot-malformed`.
 */
export function parseOriginalJson(text: string): OriginalValue {
  let at = 0;

  function fail(what: string): never {
    const before = text.slice(0, at);
    const line = before.split('\n').length;
    const column = at - before.lastIndexOf('\n');
    throw new LatticeError('snapshot-malformed', `not JSON: ${what} at line ${line}, column ${column}`);
  }
  function skipSpace(): void {
    for (let c = text.charCodeAt(at); c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09; c = text.charCodeAt(at))
      at++;
  }
  function readString(): string {
    at++;
    let out = '';
    for (;;) {
      const start = at;
      let c = text.charCodeAt(at);
      while (c >= 0x20 && c !== 0x22 && c !== 0x5c) c = text.charCodeAt(++at);
      out += text.slice(start, at);
      if (c === 0x22) {
        at++;
        return out;
      }
      if (c !== 0x5c) fail(at >= text.length ? 'unterminated string' : 'control character in a string');
      const escape = text[at + 1] ?? '';
      if (escape === 'u') {
        const hex = text.slice(at + 2, at + 6);
        if (!/^[0-9a-fA-F]{4}$/.test(hex)) fail('bad \\u escape');
        out += String.fromCharCode(Number.parseInt(hex, 16));
        at += 6;
      } else {
        const plain = ESCAPES[escape];
        if (plain === undefined) fail('bad escape');
        out += plain;
        at += 2;
      }
    }
  }
  function readNumber(): OriginalNumber | undefined {
    NUMBER.lastIndex = at;
    const match = NUMBER.exec(text);
    if (match === null) return undefined;
    const integer = match[1] === undefined && match[2] === undefined;
    if (integer && match[0].length > MAX_INTEGER_DIGITS) fail('integer of more than 4300 digits');
    at += match[0].length;
    return { text: integer ? (match[0] === '-0' ? '0' : match[0]) : pythonFloat(Number(match[0])), integer };
  }
  function readValue(depth: number): OriginalValue {
    skipSpace();
    const c = text[at];
    if (c === '"') return readString();
    if (c === '{' || c === '[') {
      if (depth >= MAX_NESTING) fail(`nesting over ${MAX_NESTING} levels`);
      return c === '{' ? readObject(depth) : readArray(depth);
    }
    for (const [word, value] of WORDS) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return value;
      }
    }
    return readNumber() ?? fail(c === undefined ? 'unexpected end' : `unexpected ${JSON.stringify(c)}`);
  }
  /**
   * Reads what follows an item: true for a comma, after which another item comes, and false for `close`, which ends the
   * container.
   */
  function more(close: string): boolean {
    skipSpace();
    const c = text[at];
    if (c !== ',' && c !== close) fail(`expected "," or "${close}"`);
    at++;
    return c === ',';
  }
  function readArray(depth: number): OriginalValue {
    at++;
    skipSpace();
    const items: OriginalValue[] = [];
    if (text[at] === ']') {
      at++;
      return items;
    }
    do items.push(readValue(depth + 1));
    while (more(']'));
    return items;
  }
  function readObject(depth: number): OriginalValue {
    at++;
    skipSpace();
    const members = new Map<string, OriginalValue>();
    if (text[at] === '}') {
      at++;
      return members;
    }
    do {
      skipSpace();
      if (text[at] !== '"') fail('expected a string as key');
      const key = readString();
      skipSpace();
      if (text[at] !== ':') fail('expected ":"');
      at++;
      members.set(key, readValue(depth + 1));
    } while (more('}'));
    return members;
  }

  const value = readValue(0);
  skipSpace();
  if (at < text.length) fail('something after the end');
  return value;
}

/** Python's repr of a float: the shortest digits that read back as it, with an exponent below 1e-4 and from 1e16 on. */
export function pythonFloat(x: number): string {
  if (!Number.isFinite(x)) return x > 0 ? 'Infinity' : '-Infinity';
  const sign = x < 0 || Object.is(x, -0) ? '-' : '';
  const [mantissa = '0', exponentText = '0'] = Math.abs(x).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

/**
 * The text that Python's json.dumps writes with its defaults: ", " and ": " as separators, and everything outside
 * printable ASCII escaped.
 */
export function originalJsonText(value: OriginalValue): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return quote(value);
  if (value instanceof Map) {
    return `{${Array.from(value as ReadonlyMap<string, OriginalValue>, ([key, item]) => `${quote(key)}: ${originalJsonText(item)}`).join(', ')}}`;
  }
  if (Array.isArray(value)) return `[${(value as readonly OriginalValue[]).map(originalJsonText).join(', ')}]`;
  return (value as OriginalNumber).text;
}

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function quote(text: string): string {
  const escaped = text.replace(
    /[^ !#-[\]-~]/g,
    (c) => SHORT[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `"${escaped}"`;
}

/**
 * The same value in plain JavaScript: maps become objects, and numbers become doubles. What the data model does not
 * take, such as NaN, is left for `checkValue` to refuse.
 */
export function originalToPlain(value: OriginalValue): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Map) {
    // `fromEntries` defines own properties, so a key "__proto__" stays a key.
    return Object.fromEntries(
      Array.from(value as ReadonlyMap<string, OriginalValue>, ([key, item]) => [key, originalToPlain(item)]),
    );
  }
  if (Array.isArray(value)) return (value as readonly OriginalValue[]).map(originalToPlain);
  return Number((value as OriginalNumber).text);
}
