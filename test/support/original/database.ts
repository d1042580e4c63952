import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_FORM, FILE_FORM, inForm, membersOf, pythonTime } from './python-json.ts';

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');
/** UTF-8 has the order of code points, which is Python's. */
const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** The original's root of a state: 64 hex digits. Values are JSON texts with numbers in Python's form. */
export function rootOf(state: ReadonlyMap<string, string>): string {
  if (state.size === 0) return sha256('empty');
  const keys = [...state.keys()].toSorted(byCodePoint);
  return sha256(keys.map((key) => sha256(`${key}:${inForm(state.get(key) ?? '', DEFAULT_FORM)}`)).join(''));
}

/** The bytes of snapshot.json. `root` is null as in a node that has written nothing. */
export function snapshotText(state: ReadonlyMap<string, string>, root: string | null, ms: number): string {
  const members = Array.from(state, ([key, json]) => `${JSON.stringify(key)}:${json}`).join(',');
  const text = `{"state":{${members}},"merkle_root":${JSON.stringify(root)},"timestamp":${pythonTime(ms)}}`;
  return inForm(text, FILE_FORM);
}

/** The original's state and the files that it keeps it in: snapshot.json and wal.log of one directory. */
export interface Database {
  readonly state: ReadonlyMap<string, string>;
  /** Null until the first write. */
  readonly root: string | null;
  /** Puts the value whose JSON text is given. Its two lines of the log are on disk afterwards, and no snapshot. */
  put(key: string, json: string): void;
  delete(key: string): void;
  /** Writes snapshot.json. */
  save(): void;
}

/** Opens a directory as the original does: it throws when snapshot.json does not have the root that it names. */
export function openDatabase(directory: string): Database {
  mkdirSync(directory, { recursive: true });
  const snapshotFile = join(directory, 'snapshot.json');
  const walFile = join(directory, 'wal.log');
  let state = new Map<string, string>();
  let root: string | null = null;
  // A snapshot of the older form is passed over.
  const fields = existsSync(snapshotFile) ? membersOf(readFileSync(snapshotFile, 'utf8')) : new Map<string, string>();
  const stored = fields.get('state');
  if (stored !== undefined) {
    state = membersOf(stored);
    root = JSON.parse(fields.get('merkle_root') ?? 'null') as string | null;
    if (rootOf(state) !== root) throw new Error('DATABASE CORRUPTION DETECTED! Merkle root mismatch.');
  }
  const lastLine = existsSync(walFile) ? (readFileSync(walFile, 'utf8').trimEnd().split('\n').at(-1) ?? '') : '';
  let sequence = lastLine === '' ? 0 : Number(membersOf(lastLine).get('sequence_number'));

  /** Changes the state, with a line before the change and one after it, as the original logs each change. */
  function change(operation: 'PUT' | 'DELETE', key: string, json: string, apply: () => void): void {
    const before = root ?? 'empty';
    const line = (after: string | null): string => {
      sequence++;
      const fields = [
        `"sequence_number":${sequence},"operation":"${operation}","key":${JSON.stringify(key)},"value":${json}`,
        `"timestamp":${pythonTime(Date.now())},"merkle_root_before":"${before}"`,
        `"merkle_root_after":${JSON.stringify(after)}`,
      ];
      return `${inForm(`{${fields.join(',')}}`, DEFAULT_FORM)}\n`;
    };
    appendFileSync(walFile, line('pending'));
    apply();
    root = rootOf(state);
    appendFileSync(walFile, line(root));
  }

  return {
    get state() {
      return state;
    },
    get root() {
      return root;
    },
    put: (key, json) => change('PUT', key, json, () => state.set(key, json)),
    delete: (key) => change('DELETE', key, 'null', () => state.delete(key)),
    save: () => writeFileSync(snapshotFile, snapshotText(state, root, Date.now())),
  };
}
