import { InvalidArgumentError } from 'commander';
import type { GlobalOptions } from './context.ts';

/** Writes a time (Unix ms) for people, to the second or with milliseconds. */
export interface Times {
  /** `2026-11-28 14:05:31+01:00`, the form of RFC 3339 with a space. A time that no calendar has is a number of ms. */
  at(ms: number): string;
  /** The same with milliseconds, for lists in which much happens in one second. */
  exact(ms: number): string;
}

/** Times in the zone of this machine, or in UTC with --utc. The offset is always shown, so that none is ambiguous. */
export function timesOf({ utc }: Pick<GlobalOptions, 'utc'>): Times {
  const write = (ms: number, withMs: boolean): string => {
    const date = new Date(ms);
    if (Number.isNaN(date.getTime())) return `${ms} ms after 1970`;
    const minutes = utc === true ? 0 : -date.getTimezoneOffset();
    // The fields of a local time are those that UTC has at the time that is moved by the offset.
    const moved = new Date(ms + minutes * 60_000);
    if (Number.isNaN(moved.getTime())) return `${ms} ms after 1970`;
    const text = moved.toISOString().replace('T', ' ').replace('Z', '');
    return `${withMs ? text : text.slice(0, -4)}${offsetOf(minutes)}`;
  };
  return { at: (ms) => write(ms, false), exact: (ms) => write(ms, true) };
}

/**
 * Reads a time of RFC 3339 with its offset, with `T` or a space and seconds where they are given, or Unix ms. What is a
 * time but too early or too late is left to the node, whose clock decides.
 */
export function readTime(text: string): number {
  const isMs = /^\d{1,16}$/.test(text);
  const [, date = '', clock = '', offset = ''] =
    /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})$/.exec(text) ?? [];
  const ms = isMs ? Number(text) : Date.parse(`${date}T${clock}${offset}`);
  if (!Number.isSafeInteger(ms) || (!isMs && !isOnCalendar(date, clock)))
    throw new InvalidArgumentError('It must be a time with its offset, such as 2027-01-31T12:00Z, or Unix ms.');
  return ms;
}

/** Whether there is such a day and time. `Date` takes the 30th of February for a day of March, 24:00 for the next day. */
function isOnCalendar(date: string, clock: string): boolean {
  const ms = Date.parse(`${date}T${clock}Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(`${date}T${clock.slice(0, 5)}`);
}

function offsetOf(minutes: number): string {
  if (minutes === 0) return 'Z';
  const size = Math.abs(minutes);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** The time in Unix ms of a hybrid logical clock as the API writes it: 16 hex digits, of which 12 are the ms. */
export function timeOfHlc(hlc: string): number {
  return Number.parseInt(hlc.slice(0, 12), 16);
}
