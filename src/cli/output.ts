import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Where a command's words go. Data goes to stdout; errors and remarks go to stderr. */
export interface Output {
  /** True when stdout is a terminal that can be redrawn. */
  readonly interactive: boolean;
  /** One line (or several) on stdout. */
  readonly line: (text?: string) => void;
  /** One line on stderr. */
  readonly remark: (text: string) => void;
  /** A value as one line of JSON on stdout. */
  readonly json: (value: unknown) => void;
  /** Raw text on stdout. */
  readonly write: (text: string) => void;
  /** `text` in a style when stdout shows colours, else `text`. */
  readonly paint: (style: Style, text: string) => string;
}

/** The part of a writable stream that is used here. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Colours on terminals only, never with NO_COLOR (https://no-color.org) or TERM=dumb. */
export function createOutput(
  stdout: TextSink,
  stderr: TextSink,
  env: Readonly<Record<string, string | undefined>>,
): Output {
  const colours = stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return {
    interactive: stdout.isTTY === true && env['TERM'] !== 'dumb',
    line: (text = '') => void stdout.write(`${text}\n`),
    remark: (text) => void stderr.write(`${text}\n`),
    json: (value) => void stdout.write(`${JSON.stringify(value)}\n`),
    write: (text) => void stdout.write(text),
    paint: (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text),
  };
}

/** Column-aligned lines. Cells are plain text, the last column is not padded. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  '),
  );
}

/**
 * Text of others (keys, names, errors) with control characters and changes of direction shown as escapes: a terminal
 * must not obey them. JSON stays the same JSON: they stand inside its strings only.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A duration in ms as people say it. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** `text` as one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A number of bytes as people say it. */
export function byteCount(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
