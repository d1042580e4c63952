import { parseJson } from '../core/cbor/index.ts';
import { LatticeError, MAX_DEPTH } from '../core/types/index.ts';
import { type KeyedLine, readKeyed } from './keyed-lines.ts';
import type { Reader } from './plan.ts';

const NEXT = 'Nothing was imported. Each line is a JSON object with "key" and "value".';

/** The entries of a file that has a JSON object on each line. Throws LatticeError `entries-malformed`. */
function* entriesOf(text: string): Generator<KeyedLine> {
  let line = 0;
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at);
    const json = text.slice(at, end < 0 ? text.length : end);
    at += json.length + 1;
    line++;
    if (json.trim() === '') continue;
    yield entryOf(json, line);
  }
}

function entryOf(json: string, line: number): KeyedLine {
  const fail = (what: string): never => {
    throw new LatticeError('entries-malformed', `line ${line}${what}`, { next: NEXT });
  };
  let object: unknown;
  try {
    object = parseJson(json, MAX_DEPTH + 1);
  } catch (error) {
    if (!(error instanceof LatticeError)) throw error;
    // The parser counts the lines of what it is given, which is this one.
    return fail(error.message.replace(/^line 1/, ''));
  }
  if (object === null || typeof object !== 'object' || Array.isArray(object)) return fail(': it is not a JSON object');
  const { key, value, expires, author, time } = object as Readonly<Record<string, unknown>>;
  if (typeof key !== 'string') return fail(': it has no text as "key"');
  if (value === undefined) return fail(': it has no "value"');
  return { line, key, value: () => value, expires, author, time };
}

/** A line holds one value, which is smaller than this. Of a file without lines no more is looked at. */
const MAX_FIRST_LINE = 1024 * 1024;

/** Whether a text is one of these files, as its first line shows, whatever the name of the file. */
export function isNdjson(text: string): boolean {
  const [line = ''] = text
    .replace(/^\uFEFF/, '')
    .trimStart()
    .slice(0, MAX_FIRST_LINE)
    .split('\n', 1);
  try {
    const { value } = entryOf(line, 1);
    return value() !== undefined;
  } catch (error) {
    if (error instanceof LatticeError) return false;
    throw error;
  }
}

/** The same for a text that came by another way than a file. */
export const readNdjsonText = (text: string, ...[source, context]: Parameters<Reader>): ReturnType<Reader> =>
  readKeyed(source, context, entriesOf, text);

/** Reads a file of one JSON object a line, of which `key`, `value` and `expires` count (SPEC I15, EX8). */
export const readNdjson: Reader = (source, context) => readKeyed(source, context, entriesOf);
