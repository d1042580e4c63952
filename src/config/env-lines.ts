import { parseEnv } from 'node:util';
import { namesOf } from './variable.ts';
import { VARIABLES } from './variables.ts';

/** What is wrong with the lines of an env file, as Node's `parseEnv` reads them. */
export interface LineFlaws {
  /** The numbers of the lines that `parseEnv` drops or misreads without an error. */
  readonly unreadable: readonly number[];
  /** Sentences about lines that may not mean what they look like, each with its number: `line 3: …`. */
  readonly warnings: readonly string[];
}

/** Warnings about one file. An operator reads the first ones, corrects them and looks again. */
const MAX_WARNINGS = 20;

/** Names of variables of nodes, and of Node.js itself. Other programs' variables in a shared file are left alone. */
const OURS: ReadonlySet<string> = new Set(VARIABLES.flatMap((variable) => namesOf(variable)));

const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*)$/s;

/**
 * Looks through the lines of an env file: which cannot be read, and which are read otherwise than a shell or a reader
 * of the file would expect. Values are not part of the warnings, since some are secret.
 */
export function flawsOf(text: string): LineFlaws {
  const lines = text.split('\n').map((line) => line.replace(/\r+$/, ''));
  const last = lines.findLastIndex((line) => line.trim() !== '');
  const unreadable: number[] = [];
  const warnings: string[] = [];
  const seen = new Map<string, number>();
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const number = i + 1;
    if (/^\s*(#.*)?$/.test(line)) {
      // To parseEnv such a line with a tab at its beginning is part of the next name.
      if (!/^ *(#|$)/.test(line) && i < last) unreadable.push(number);
      continue;
    }
    const [, name, rest] = ASSIGNMENT.exec(line) ?? [];
    // With a tab beside it, a name is another one to parseEnv. It drops a carriage return that ends no line, and so makes
    // one line of two.
    const isLost =
      line.includes('\r') ||
      (name !== undefined && OURS.has(name) && !Object.hasOwn(parseEnv(`${line.split('=', 1)[0]}=x`), name));
    if (name === undefined || rest === undefined || isLost) {
      unreadable.push(number);
      continue;
    }
    const warn = (sentence: string): void => {
      if (OURS.has(name) && warnings.length < MAX_WARNINGS) warnings.push(`line ${number}: ${name} ${sentence}`);
    };
    const first = seen.get(name);
    if (first !== undefined) warn(`stands in line ${first} too, and the last one counts`);
    seen.set(name, number);
    if (name === 'NODE_OPTIONS' && warnings.length < MAX_WARNINGS)
      warnings.push(`line ${number}: NODE_OPTIONS has no effect in this file: set it in the environment`);

    const quote = /^["'`]/.exec(rest)?.[0];
    let value = rest;
    if (quote === undefined) {
      if (/=#/.test(line) || /\S#/.test(rest.replace(/\s#.*$/s, '')))
        warn('is cut off at the # in its value: put the value in quotes');
    } else {
      // A quoted value may go on over further lines.
      let end = rest.indexOf(quote, 1);
      while (end === -1 && i + 1 < lines.length) {
        value += `\n${lines[++i]}`;
        end = value.indexOf(quote, 1);
      }
      if (end === -1) {
        unreadable.push(number);
        i = number - 1;
        continue;
      }
      if (!/^\s*(#.*)?$/.test(value.slice(end + 1).split('\n')[0] as string)) {
        warn('has text behind its closing quote, which is left out: put the whole value in one pair of quotes');
      }
      value = value.slice(1, end);
    }
    if (/\$(\{\w+\}|\(|[A-Za-z_])/.test(value)) warn('holds a $ reference, which is not expanded: write it out');
    if (/^~(\/|$)/.test(value)) warn('begins with ~, which is not expanded: write the whole path');
  }
  return { unreadable, warnings };
}
