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

/** A date and time in the user's time zone: `2026-03-01 14:05:09`. */
export function dateTime(ms: number): string {
  const d = new Date(ms);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${clockTime(ms)}`;
}

/** A time of day in the user's time zone: `14:05:09`. */
export function clockTime(ms: number): string {
  const d = new Date(ms);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

/** The end of a long name. Peer ids differ from each other only there. */
export const tail = (id: string, length = 8): string => (id.length <= length + 1 ? id : `…${id.slice(-length)}`);

/** A hash shortened to its beginning and its end. */
export const short = (hash: string, length = 8): string =>
  hash.length <= 2 * length + 1 ? hash : `${hash.slice(0, length)}…${hash.slice(-4)}`;

/** The name of a peer on screen: the end of its peer id, or its URL when it has no id. */
export function peerName(peer: { readonly peerId?: string; readonly url?: string }): string {
  if (peer.peerId !== undefined) return tail(peer.peerId);
  return peer.url === undefined ? 'unknown' : peer.url.replace(/^https?:\/\//, '');
}
