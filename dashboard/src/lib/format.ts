/** Formats numbers, times and names for people. All functions are pure. */

const WHOLE = new Intl.NumberFormat('en');

export const count = (n: number): string => WHOLE.format(n);

/** A number with its noun: `1 key`, `2 keys`. */
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(n: number | undefined): string {
  if (n === undefined) return 'not told';
  let value = n;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${BYTE_UNITS[unit]}`;
}

/** A duration in one or two units: `340 ms`, `4 s`, `3 min 20 s`, `2 d 4 h`. A negative one counts as zero. */
export function duration(ms: number): string {
  if (ms < 1000) return ms < 10 && ms > 0 ? `${ms.toFixed(1)} ms` : `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 || minutes >= 10 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return hours % 24 === 0 ? `${Math.floor(hours / 24)} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long ago. Under 1.5 s it is "just now", because the page is refreshed only every other second. */
export function ago(ms: number): string {
  return ms < 1500 ? 'just now' : `${duration(ms)} ago`;
}

/** The Unix ms of an HLC of 16 hex digits: its upper 48 bits. */
export const hlcMs = (hlc: string): number => Number.parseInt(hlc.slice(0, 12), 16);

const pad = (n: number, width = 2): string => String(n).padStart(width, '0');

/**
 * A date and time: `2026-03-01 14:05:09 UTC`. The page shows every time in UTC, as the node's sentences and its log do.
 */
export function dateTime(ms: number): string {
  const d = new Date(ms);
  return `${d.getUTCFullYear()}-${pad(d.getUTCMonth() + 1)}-${pad(d.getUTCDate())} ${clockTime(ms)} UTC`;
}

/** A time of day in UTC: `14:05:09`. */
export function clockTime(ms: number): string {
  const d = new Date(ms);
  return `${pad(d.getUTCHours())}:${pad(d.getUTCMinutes())}:${pad(d.getUTCSeconds())}`;
}

/** Since when something holds: the time of day, and the date where it is not that of `now`. */
export const sinceTime = (ms: number, now: number): string =>
  dateTime(ms).slice(0, 10) === dateTime(now).slice(0, 10) ? `${clockTime(ms)} UTC` : dateTime(ms);

/** Offsets of clocks below this are those of the network, ms. */
const IN_STEP_MS = 50;

/** How a clock stands to this node's: `in step`, `340 ms ahead`, `5 min behind`. `ms` is that clock less ours. */
export function clockOffset(ms: number): string {
  const size = Math.abs(ms);
  return size < IN_STEP_MS ? 'in step' : `${duration(size)} ${ms > 0 ? 'ahead' : 'behind'}`;
}

/** The end of a long id. Peer ids differ from each other only there. */
export const tail = (id: string, length = 8): string => (id.length <= length + 1 ? id : `…${id.slice(-length)}`);

/** A hash shortened to its beginning and its end. */
export const short = (hash: string, length = 8): string =>
  hash.length <= 2 * length + 1 ? hash : `${hash.slice(0, length)}…${hash.slice(-4)}`;

/** A part of a key: text as it is, or a character that people would not see, as the sign that is shown for it. */
export interface KeyPart {
  readonly text: string;
  readonly unseen: boolean;
}

/** Signs for characters of keys that a page would not show. */
const SIGNS: Readonly<Record<string, string>> = { ' ': '␣', '\t': '⇥', '\n': '↵', '\r': '␍', '\u00a0': '⍽' };

/**
 * The parts of a key, in which no character is lost: spaces at its ends and several in a row, and characters that have
 * no form of their own. A single space between words stays a space.
 */
export function keyParts(key: string): readonly KeyPart[] {
  // What the expression captures has every second place.
  return key
    .split(/(^ +| +$| {2,}|[\t\n\r\u00a0]+)/)
    .map((text, i) =>
      i % 2 === 0
        ? { text, unseen: false }
        : { text: Array.from(text, (character) => SIGNS[character] ?? character).join(''), unseen: true },
    )
    .filter(({ text }) => text !== '');
}
