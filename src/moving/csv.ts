import { parseJson } from '../core/cbor/index.ts';
import { counted, LatticeError } from '../core/types/index.ts';
import { type KeyedLine, readKeyed } from './keyed-lines.ts';
import type { Reader } from './plan.ts';

/** One row of a table (RFC 4180): a field is in quotes where it holds a comma, a quote or the end of a line. */
export function csvRow(fields: readonly string[]): string {
  return `${fields.map(field).join(',')}\r\n`;
}

const field = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

interface Row {
  /** The line on which the row begins, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** The rows of a table (RFC 4180). Ends of lines may be LF alone. Throws LatticeError `entries-malformed`. */
export function* csvRows(text: string): Generator<Row> {
  let at = 0;
  let line = 1;
  const fail = (what: string): never => {
    throw new LatticeError('entries-malformed', `line ${line}: ${what}`, {
      next: 'Nothing was imported. A field with a comma, quote or end of line stands in quotes, with its quotes doubled.',
    });
  };
  while (at < text.length) {
    const row: Row & { readonly fields: string[] } = { line, fields: [] };
    for (;;) {
      if (text[at] === '"') {
        let value = '';
        for (;;) {
          const end = text.indexOf('"', at + 1);
          if (end < 0) fail('a quoted field does not end');
          value += text.slice(at + 1, end);
          at = end + 1;
          if (text[at] !== '"') break;
          value += '"';
        }
        row.fields.push(value);
        line += value.split('\n').length - 1;
      } else {
        const start = at;
        while (at < text.length && text[at] !== ',' && text[at] !== '\n' && text[at] !== '\r') at++;
        const value = text.slice(start, at);
        if (value.includes('"')) fail('a quote stands in a field without quotes');
        row.fields.push(value);
      }
      if (text[at] !== ',') break;
      at++;
    }
    if (text[at] === '\r') at++;
    if (at < text.length && text[at] !== '\n') fail('something follows a quoted field');
    at++;
    yield row;
    line++;
  }
}

/** The entries of a table whose first row names its columns, `key` and `value` among them. */
function* entriesOf(text: string): Generator<KeyedLine> {
  let columns: Readonly<Record<'key' | 'value' | 'author' | 'time' | 'count', number>> | undefined;
  for (const { line, fields } of csvRows(text)) {
    if (columns === undefined) {
      const place = (name: string): number => fields.findIndex((one) => one.trim() === name);
      columns = {
        key: place('key'),
        value: place('value'),
        author: place('author'),
        time: place('time'),
        count: fields.length,
      };
      if (columns.key < 0 || columns.value < 0) {
        throw new LatticeError('entries-malformed', `line ${line}: the first row names no columns "key" and "value"`, {
          next: 'Nothing was imported. The first row must be the names of the columns.',
        });
      }
      continue;
    }
    if (fields.length === 1 && fields[0] === '') continue;
    if (fields.length !== columns.count) {
      throw new LatticeError(
        'entries-malformed',
        `line ${line}: ${counted(fields.length, 'field')} in a table of ${counted(columns.count, 'column')}`,
        { next: 'Nothing was imported. Every row has a field for each column.' },
      );
    }
    const { key, value, author, time } = columns;
    yield {
      line,
      key: fields[key] ?? '',
      value: () => parseJson(fields[value] ?? ''),
      author: fields[author],
      time: fields[time],
    };
  }
}

/** Reads a CSV file, whose column `value` has JSON (SPEC I15). */
export const readCsv: Reader = (source, context) => readKeyed(source, context, entriesOf);
