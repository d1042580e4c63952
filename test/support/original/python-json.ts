/**
 * JSON text as Python's json module writes it. A text is read as tokens and written again: scalars keep their text, so
 * that 1.0 stays 1.0, and only blanks and escapes change. Numbers have to be in Python's form already.
 */

/** How one call of json.dumps writes. */
export interface JsonForm {
  /** What stands between two items, and between a key and its value. */
  readonly item: string;
  readonly colon: string;
  /** Blanks for each level, with every item on a line of its own. */
  readonly indent?: number;
  /** Whether everything outside printable ASCII is escaped. */
  readonly ascii: boolean;
}

/** json.dumps(value): what the original hashes, and a line of its wal.log. */
export const DEFAULT_FORM: JsonForm = { item: ', ', colon: ': ', ascii: true };
/** json.dump(value, file, indent=2): its files. */
export const FILE_FORM: JsonForm = { item: ',', colon: ': ', indent: 2, ascii: true };
/** Its HTTP answers. */
export const HTTP_FORM: JsonForm = { item: ',', colon: ':', ascii: false };

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

function quoted(token: string, ascii: boolean): string {
  // JSON.stringify escapes what Python escapes without ensure_ascii.
  const text = JSON.stringify(JSON.parse(token));
  return ascii ? text.replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`) : text;
}

/** The same JSON in another form. */
export function inForm(json: string, form: JsonForm): string {
  const tokens = json.match(TOKEN) ?? [];
  const { indent } = form;
  let depth = 0;
  let out = '';
  const newLine = (): string => (indent === undefined ? '' : `\n${' '.repeat(indent * depth)}`);
  tokens.forEach((token, i) => {
    const previous = tokens[i - 1];
    if (token === '{' || token === '[') {
      depth++;
      const isEmpty = tokens[i + 1] === '}' || tokens[i + 1] === ']';
      out += isEmpty ? token : token + newLine();
    } else if (token === '}' || token === ']') {
      depth--;
      out += previous === '{' || previous === '[' ? token : newLine() + token;
    } else if (token === ',') out += indent === undefined ? form.item : form.item + newLine();
    else if (token === ':') out += form.colon;
    else out += token.startsWith('"') ? quoted(token, form.ascii) : token;
  });
  return out;
}

/** The members of a JSON object: each key with the text of its value. Of a repeated key the last value counts. */
export function membersOf(json: string): Map<string, string> {
  const members = new Map<string, string>();
  const tokens = json.match(TOKEN) ?? [];
  if (tokens[0] !== '{') throw new Error('not a JSON object');
  let at = 1;
  while (at < tokens.length && tokens[at] !== '}') {
    const key = JSON.parse(tokens[at] ?? '') as string;
    const value: string[] = [];
    let depth = 0;
    for (at += 2; ; at++) {
      const token = tokens[at];
      if (token === undefined) throw new Error('the JSON object does not end');
      if (depth === 0 && (token === ',' || token === '}')) break;
      if (token === '{' || token === '[') depth++;
      if (token === '}' || token === ']') depth--;
      value.push(token);
    }
    members.set(key, value.join(''));
    if (tokens[at] === ',') at++;
  }
  return members;
}

/** A time in seconds since the Unix epoch as Python's time.time() prints it. */
export function pythonTime(ms: number): string {
  const text = String(ms / 1000);
  return text.includes('.') ? text : `${text}.0`;
}
