import { stripVTControlCharacters, styleText } from 'node:util';
import { documentText } from './yaml.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** The forms of what a command prints: text with tables for people, and two for programs. */
export const FORMS = ['table', 'json', 'yaml'] as const;
export type Form = (typeof FORMS)[number];

/** Where a command writes. Data goes to stdout; errors and remarks go to stderr. */
export interface Output {
  /** True when stdout is a terminal that can be redrawn. */
  readonly interactive: boolean;
  /** Writes one line or several to stdout, as they are: data of the user, which may look like a command. */
  readonly line: (text?: string) => void;
  /** Writes one line to stdout that this program or a node says, in which commands are as `hint` makes them. */
  readonly say: (text: string) => void;
  /** Writes one line to stderr, in which commands that it names are as `hint` makes them. */
  readonly remark: (text: string) => void;
  /** Returns `text` with the commands that it names as the user would type them here (hints.ts). */
  readonly hint: (text: string) => string;
  readonly setHint: (hint: (text: string) => string) => void;
  /** Chooses the form of data. It is JSON until then. */
  readonly setForm: (form: Form) => void;
  /**
   * Writes a value to stdout in the form that was chosen: as one line of JSON, or as a YAML document. Several values
   * are a line each, or documents with `---` between them.
   */
  readonly data: (value: unknown) => void;
  /** Writes a value to stderr in the same way. */
  readonly remarkData: (value: unknown) => void;
  /** Writes text to stdout as it is. */
  readonly write: (text: string) => void;
  /** Writes bytes to stdout as they are, and resolves when more can be taken. */
  readonly bytes: (bytes: Uint8Array) => Promise<void>;
  /** Shows a line on stderr that the next one replaces, where that is a terminal; undefined takes it away. */
  readonly progress: (text: string | undefined) => void;
  /** Returns `text` in a style when stdout shows colours, and `text` otherwise. */
  readonly paint: (style: Style, text: string) => string;
}

/** The part of a writable stream that the output uses. */
export interface TextSink {
  write(text: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
  /** Calls `listener` once, when more can be taken after `write` has answered false. */
  once?(event: 'drain' | 'close', listener: () => void): unknown;
}

/** The output shows colours on terminals only, and never with NO_COLOR (https://no-color.org) or TERM=dumb. */
export function createOutput(
  stdout: TextSink,
  stderr: TextSink,
  env: Readonly<Record<string, string | undefined>>,
): Output {
  const colours = stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  let form: Form = 'json';
  let documents = 0;
  let hint = (text: string): string => text;
  const textOf = (value: unknown): string =>
    form === 'yaml' ? documentText(value, printable) : `${printable(JSON.stringify(value))}\n`;
  return {
    interactive: stdout.isTTY === true && env['TERM'] !== 'dumb',
    line: (text = '') => void stdout.write(`${text}\n`),
    say: (text) => void stdout.write(`${hint(text)}\n`),
    remark: (text) => void stderr.write(`${hint(text)}\n`),
    hint: (text) => hint(text),
    setHint: (given) => void (hint = given),
    setForm: (chosen) => void (form = chosen),
    data: (value) => void stdout.write(`${form === 'yaml' && documents++ > 0 ? '---\n' : ''}${textOf(value)}`),
    remarkData: (value) => void stderr.write(textOf(value)),
    write: (text) => void stdout.write(text),
    async bytes(bytes) {
      if (stdout.write(bytes) !== false || stdout.once === undefined) return;
      await new Promise<void>((resolve) => {
        stdout.once?.('drain', resolve);
        stdout.once?.('close', resolve);
      });
    },
    progress(text) {
      if (stderr.isTTY !== true || env['TERM'] === 'dumb') return;
      stderr.write(text === undefined ? '\r\u001b[K' : `\r${text}\u001b[K`);
    },
    paint: (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text),
  };
}

/**
 * Makes a line of each row, with aligned columns. The last cell of a row is not padded, and a row that ends early may
 * have a long one there.
 */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.slice(0, -1).forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, widthOf(cell))));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat((widths[i] ?? 0) - widthOf(cell))))
      .join('  ')
      .trimEnd(),
  );
}

/** The characters of a cell that a terminal shows, without those that choose a style. */
const widthOf = (cell: string): number => stripVTControlCharacters(cell).length;

/**
 * Makes text from elsewhere (keys, names, errors) safe for a terminal: control characters and changes of direction are
 * shown as escapes, so that the terminal does not obey them. JSON text keeps its meaning, because it has such
 * characters only inside its strings.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The digits of a root that tables show. Two roots that begin alike are all but surely equal. */
export const SHORT_ROOT = 12;

/** Quotes `text` as one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Formats a number of bytes for people. */
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
