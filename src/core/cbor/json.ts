import { type JsonValue, LatticeError, MAX_DEPTH } from '../types/index.ts';
import { quoted, utf8Length } from './text.ts';
import { FORBIDDEN_KEY } from './value.ts';

interface Parser {
  readonly text: string;
  readonly maxDepth: number;
  readonly exactNumbers: boolean;
  at: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const DECIMAL = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;
const HEX4 = /^[0-9a-fA-F]{4}$/;
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
const LITERALS: readonly (readonly [string, JsonValue])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

function fail(parser: Parser, at: number, problem: string): never {
  const lines = parser.text.slice(0, at).split('\n');
  const line = lines.length;
  const column = (lines[line - 1] as string).length + 1;
  throw new LatticeError('invalid-json', `line ${line}, column ${column}: ${problem}`, { details: { line, column } });
}

function unexpected(parser: Parser, wanted: string): never {
  if (parser.at >= parser.text.length) fail(parser, parser.at, `the text ends where ${wanted} was expected`);
  return fail(
    parser,
    parser.at,
    `${quoted(String.fromCodePoint(parser.text.codePointAt(parser.at) as number))} where ${wanted} was expected`,
  );
}

function skipSpace(parser: Parser): void {
  const { text } = parser;
  for (;;) {
    const unit = text.charCodeAt(parser.at);
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
    parser.at++;
  }
}

/** Reads the escape after a backslash. */
function readEscape(parser: Parser): string {
  const { text, at } = parser;
  const letter = text.charAt(at);
  if (letter === 'u') {
    const digits = text.slice(at + 1, at + 5);
    if (!HEX4.test(digits)) fail(parser, at - 1, '\\u is followed by four hex digits');
    parser.at = at + 5;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }
  const character = ESCAPES[letter];
  if (character === undefined) fail(parser, at - 1, 'an escape that JSON does not know');
  parser.at = at + 1;
  return character;
}

/** Reads a string whose opening quote is at the position. */
function readString(parser: Parser): string {
  const { text } = parser;
  const open = parser.at;
  let out = '';
  let from = open + 1;
  let wide = false;
  parser.at = from;
  for (;;) {
    const unit = text.charCodeAt(parser.at);
    if (unit === QUOTE) break;
    if (unit === BACKSLASH) {
      out += text.slice(from, parser.at++);
      out += readEscape(parser);
      wide = true; // a \u escape may have made half of a surrogate pair
      from = parser.at;
    } else if (unit >= 0x20) {
      if (unit >= 0xd800) wide = true;
      parser.at++;
    } else if (parser.at >= text.length) {
      fail(parser, open, 'a string that is never closed');
    } else {
      fail(parser, parser.at, 'a control character inside a string; escape it');
    }
  }
  out += text.slice(from, parser.at++);
  if (wide && utf8Length(out) < 0) fail(parser, open, 'a string with a lone surrogate');
  return out;
}

/**
 * A decimal as its sign, its digits without zeros at either end, and the power of ten of the last one; the same for
 * every notation of one number.
 */
function decimalOf(text: string): string {
  const [, sign, whole = '', fraction = '', exponent = '0'] = DECIMAL.exec(text) ?? [];
  const digits = whole + fraction;
  let from = 0;
  while (digits.charAt(from) === '0') from++;
  let to = digits.length;
  while (to > from && digits.charAt(to - 1) === '0') to--;
  if (from === to) return '0';
  return `${sign}${digits.slice(from, to)}e${Number(exponent) - fraction.length + digits.length - to}`;
}

function readNumber(parser: Parser): number {
  const { text, at } = parser;
  NUMBER.lastIndex = at;
  if (!NUMBER.test(text)) return unexpected(parser, 'a value');
  parser.at = NUMBER.lastIndex;
  const n = Number(text.slice(at, parser.at));
  if (!Number.isFinite(n)) fail(parser, at, 'a number beyond the range of a double');
  if (Number.isInteger(n) && !Number.isSafeInteger(n))
    fail(parser, at, 'an integer beyond ±(2^53-1); write it as a string');
  if (parser.exactNumbers && decimalOf(text.slice(at, parser.at)) !== decimalOf(String(n)))
    fail(parser, at, `a number with digits that are lost: it reads as ${n}`);
  return n === 0 ? 0 : n; // JSON's -0 is 0 in the data model
}

function readArray(parser: Parser, depth: number): JsonValue {
  const out: JsonValue[] = [];
  parser.at++;
  skipSpace(parser);
  if (parser.text.charAt(parser.at) === ']') {
    parser.at++;
    return out;
  }
  for (;;) {
    out.push(readValue(parser, depth));
    skipSpace(parser);
    if (parser.text.charCodeAt(parser.at) === COMMA) {
      parser.at++;
      skipSpace(parser);
    } else if (parser.text.charAt(parser.at) === ']') {
      parser.at++;
      return out;
    } else {
      unexpected(parser, '"," or "]"');
    }
  }
}

function readObject(parser: Parser, depth: number): JsonValue {
  const { text } = parser;
  const out: Record<string, JsonValue> = {};
  parser.at++;
  skipSpace(parser);
  if (text.charAt(parser.at) === '}') {
    parser.at++;
    return out;
  }
  for (;;) {
    if (text.charCodeAt(parser.at) !== QUOTE) unexpected(parser, 'a key in double quotes');
    const start = parser.at;
    const key = readString(parser);
    if (key === FORBIDDEN_KEY) fail(parser, start, `the key ${FORBIDDEN_KEY} is refused`);
    if (Object.hasOwn(out, key)) fail(parser, start, `the key ${quoted(key)} stands twice in one object`);
    skipSpace(parser);
    if (text.charCodeAt(parser.at) !== COLON) unexpected(parser, '":"');
    parser.at++;
    skipSpace(parser);
    out[key] = readValue(parser, depth);
    skipSpace(parser);
    if (text.charCodeAt(parser.at) === COMMA) {
      parser.at++;
      skipSpace(parser);
    } else if (text.charAt(parser.at) === '}') {
      parser.at++;
      return out;
    } else {
      unexpected(parser, '"," or "}"');
    }
  }
}

/** Reads the value at the position, where white space has been skipped. `depth` arrays and objects enclose it. */
function readValue(parser: Parser, depth: number): JsonValue {
  const { text, at } = parser;
  const first = text.charAt(at);
  if (first === '"') return readString(parser);
  if (first === '{' || first === '[') {
    if (depth >= parser.maxDepth) fail(parser, at, `arrays and objects nest at most ${parser.maxDepth} deep`);
    return first === '{' ? readObject(parser, depth + 1) : readArray(parser, depth + 1);
  }
  for (const [word, value] of LITERALS) {
    if (!text.startsWith(word, at)) continue;
    parser.at = at + word.length;
    return value;
  }
  return readNumber(parser);
}

/**
 * Parses strict JSON (RFC 8259). What `JSON.parse` lets pass is an error here: duplicate keys, integers beyond
 * ±(2^53−1) in any spelling, numbers beyond a double, lone surrogates, `__proto__` as a key, and nesting beyond
 * `maxDepth`. Values come out as the data model has them (−0 as 0), in plain objects. Throws LatticeError
 * `invalid-json` with `line` and `column` in its details; both count from 1, columns in UTF-16 units. Callers bound the
 * length of `text`. A greater `maxDepth` is for bodies that wrap values in a few levels of their own; it must stay
 * small, because the parser recurses. With `exactNumbers` a number is an error too unless its decimal is the shortest
 * one that reads as the same double, in any notation (SPEC P5): 1.50e1 is read, 5.0000000000000000001 is not.
 */
export function parseJson(
  text: string,
  maxDepth: number = MAX_DEPTH,
  { exactNumbers = false }: { readonly exactNumbers?: boolean } = {},
): JsonValue {
  const parser: Parser = { text, maxDepth, exactNumbers, at: 0 };
  skipSpace(parser);
  const value = readValue(parser, 0);
  skipSpace(parser);
  if (parser.at < text.length) unexpected(parser, 'the end of the text');
  return value;
}
