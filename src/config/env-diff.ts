import { shownValue } from './problems.ts';
import { namesOf, PREFIX, type Variable } from './variable.ts';
import { VARIABLES } from './variables.ts';

/** One line of a diff: `' '` stays, `'-'` goes, `'+'` comes. */
export interface DiffLine {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** What is another in a new env file than in an old one, by variable and without secrets. */
export interface EnvDiff {
  readonly from: string;
  readonly to: string;
  readonly lines: readonly DiffLine[];
}

/** Texts of a diff are shown whole up to this length, which has the addresses of a few nodes. */
const MAX_SHOWN = 400;

/** Compares the variables of an old env file with those of the new one at `to`. */
export function envDiff(
  old: { readonly path: string; readonly values: Readonly<Record<string, string>> },
  to: string,
  next: Readonly<Record<string, string | undefined>>,
): EnvDiff {
  const lines: DiffLine[] = [];
  const told = new Set<string>();
  for (const variable of VARIABLES as readonly Variable[]) {
    const name = PREFIX + variable.name;
    const text = next[name] ?? '';
    const before = [...namesOf(variable), variable.name].filter((one) => one in old.values && !told.has(one));
    for (const one of before) told.add(one);
    const [was] = before;
    const same = was !== undefined && old.values[was] === text;
    const show = (one: string, value: string, how: string): string =>
      `${one}=${variable.secret === true ? `(${how})` : shownValue(value, false, MAX_SHOWN)}`;
    if (same) lines.push({ sign: ' ', text: show(name, text, 'as it was') });
    else {
      for (const one of before) lines.push({ sign: '-', text: show(one, old.values[one] ?? '', 'not shown') });
      if (text !== '') lines.push({ sign: '+', text: show(name, text, 'a new one') });
    }
  }
  // What other programs read may be secret, and stays where it is.
  for (const name of Object.keys(old.values))
    if (!told.has(name)) lines.push({ sign: '-', text: `${name}  (no variable of a node; it stays in the old file)` });
  return { from: old.path, to, lines };
}
