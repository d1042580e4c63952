import { styleText } from 'node:util';

/** Fields of one line. What else there is stands in the JSON lines, and `lattice log` shows it. */
const MAX_FIELDS = 6;
/** Characters of one value. */
const MAX_VALUE = 60;
/** Characters of a sentence for people, which says at its end what to do. */
const MAX_SENTENCE = 300;
/** Fields that hold a sentence of the program itself, in which commands may be named. No text of a user stands there. */
const SENTENCES: ReadonlySet<string> = new Set(['error', 'next', 'reason', 'warning', 'why']);
/** Fields that hold a moment, in Unix ms; what lasts has its unit in its name, such as waitedMs. */
const MOMENTS: ReadonlySet<string> = new Set(['at', 'expires', 'since', 'start', 'until']);
/** Unix ms that are later are a moment. What is less, such as the start 0 of a first roster, is none. */
const FIRST_MOMENT = Date.UTC(2001);
const MAX_ITEMS = 3;
/** Hex and base58 texts of this length or more are keys, hashes and ids, which people tell apart by a few characters. */
const ID_LENGTH = 32;
const COMPONENT_WIDTH = 9;

type Style = Parameters<typeof styleText>[0];
const STYLES: Readonly<Record<string, Style>> = { debug: 'dim', warn: 'yellow', error: 'red' };

/** Colours where standard output is a terminal that wants them (NO_COLOR, https://no-color.org). */
const painted = (style: Style, text: string): string =>
  styleText(style, text, { stream: process.stdout, validateStream: true });

/** Shows what would move the cursor, or the order of characters, as an escape: a line may quote what a peer sent. */
const harmless = (text: string): string =>
  text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

export const isSentence = (field: string): boolean => SENTENCES.has(field);

/** The moment that a field holds, if it does. */
export const momentOf = (field: string, value: unknown): number | undefined =>
  MOMENTS.has(field) && typeof value === 'number' && value > FIRST_MOMENT && !Number.isNaN(new Date(value).getTime())
    ? value
    : undefined;

/** The local time of a moment, with the date where it is another day than that of the line. */
function momentText(ms: number, line: Date): string {
  const date = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = (of: Date): string => `${of.getFullYear()}-${two(of.getMonth() + 1)}-${two(of.getDate())}`;
  return `${day(date) === day(line) ? '' : `${day(date)} `}${date.toTimeString().slice(0, 8)}`;
}

function valueText(value: unknown, most = MAX_VALUE): string {
  if (typeof value === 'string') {
    if (value.length >= ID_LENGTH && /^[0-9a-f]+$/.test(value)) return `${value.slice(0, 8)}…`;
    if (value.length >= ID_LENGTH && /^12D3KooW\w+$/.test(value)) return `…${value.slice(-8)}`;
    return harmless(cut(/[\s"=]/.test(value) ? JSON.stringify(value) : value, most));
  }
  if (Array.isArray(value)) {
    const shown = value
      .slice(0, MAX_ITEMS)
      .map((item) => valueText(item))
      .join(',');
    return value.length > MAX_ITEMS ? `${shown},… (${value.length})` : `[${shown}]`;
  }
  return harmless(cut(JSON.stringify(value) ?? 'undefined', most));
}

/**
 * One line of a log for people, from its line of JSON: local time, level where it is not info, component, message and a
 * few fields. Only an error brings the lines of its stack along. `hint` makes the commands that the program's own
 * sentences name those of the user.
 */
export function logText(json: string, hint = (text: string): string => text): string {
  const { level, time, component = '', msg, err, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const named = err === undefined ? fields : { ...fields, ...errorFields(err) };
  const pairs = Object.entries(named);
  const at = new Date(String(time));
  const shown = pairs.slice(0, MAX_FIELDS).map(([name, value]) => {
    const moment = momentOf(name, value);
    if (moment !== undefined) return `${name}=${valueText(momentText(moment, at))}`;
    const isOwn = typeof value === 'string' && isSentence(name);
    return `${name}=${isOwn ? valueText(hint(value), MAX_SENTENCE) : valueText(value)}`;
  });
  if (pairs.length > shown.length) shown.push(`(${pairs.length - shown.length} more)`);
  const style = STYLES[String(level)];
  const word = String(level).toUpperCase().padEnd(5);
  const head = [
    painted('dim', at.toTimeString().slice(0, 8)),
    style === undefined ? word : painted(style, word),
    String(component).padEnd(COMPONENT_WIDTH),
    harmless(hint(String(msg))),
  ].join(' ');
  const line = shown.length === 0 ? head : `${head}  ${painted('dim', shown.join(' '))}`;
  return `${line}\n${level === 'error' ? stackOf(err) : ''}`;
}

function errorFields(err: unknown): Readonly<Record<string, unknown>> {
  if (typeof err !== 'object' || err === null) return { err };
  const { code, message, next } = err as { readonly [field in 'code' | 'message' | 'next']?: unknown };
  return { ...(code === undefined ? {} : { code }), error: message, ...(next === undefined ? {} : { next }) };
}

function stackOf(err: unknown): string {
  const stack = typeof err === 'object' && err !== null ? (err as { readonly stack?: unknown }).stack : undefined;
  if (typeof stack !== 'string') return '';
  return stack
    .split('\n')
    .map((line) => `    ${harmless(line.trim())}\n`)
    .join('');
}
