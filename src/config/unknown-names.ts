import { whatReplaces } from './original-names.ts';
import { namesOf, PREFIX } from './variable.ts';
import { VARIABLES } from './variables.ts';

/**
 * The optimal string alignment distance (restricted Damerau-Levenshtein): how many insertions, deletions and
 * substitutions of a character, and swaps of two neighbours, turn `a` into `b`.
 */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (before[j - 2] as number) + 1);
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length] as number;
}

/** Characters of a name that is compared. No longer name is a typing error, and the distance takes quadratic time. */
const MAX_NAME = 64;

/**
 * A warning for a name that begins with DIOTEC360_, in any case, and is no variable of a node. It names the variable
 * that is meant where one is similar. Undefined for every other name.
 */
export function unknownNameWarning(name: string): string | undefined {
  const upper = name.toUpperCase();
  if (!upper.startsWith(PREFIX)) return undefined;
  const known = VARIABLES.flatMap((variable) => namesOf(variable)).filter((candidate) => candidate.startsWith(PREFIX));
  if (known.includes(name)) return undefined;
  const replaced = whatReplaces(name.slice(PREFIX.length));
  if (replaced !== undefined) return `${name} of the original has no effect here: ${replaced}`;
  // Variables for a service in the same Kubernetes namespace; the port among them is refused where it hides ours.
  if (/_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/.test(name))
    return undefined;
  const shown = name.slice(0, MAX_NAME);
  const nearest = nearestName(upper, known, PREFIX.length);
  return `${shown} is not a variable of this node and has no effect${nearest === undefined ? '' : `: did you mean ${nearest}?`}`;
}

/**
 * Warnings about the names in an env file of nodes: those that a node reads with its prefix only, and, in a file that
 * was named for a node, that there is no variable of a node at all.
 */
export function fileNameWarnings(names: readonly string[], path: string, wasNamed: boolean): string[] {
  const ours = VARIABLES.flatMap((variable) => namesOf(variable));
  const set = new Set(names);
  const bare = VARIABLES.map((variable) => variable.name).filter(
    (name) => name.includes('_') && set.has(name) && !set.has(PREFIX + name),
  );
  const warnings = bare.map((name) => `${name} in ${path} is not read without its prefix: write ${PREFIX}${name}`);
  if (names.some((name) => ours.includes(name) || name.startsWith(PREFIX))) return warnings;
  return wasNamed && names.length > 0
    ? [`${path} has no variable of a node, and everything is at its default: look whether it is the right file`]
    : [];
}

/**
 * The one of the known names that was probably meant; undefined when none is similar. The first `prefix` characters are
 * the same in all of them.
 */
export function nearestName(name: string, known: readonly string[], prefix = 0): string | undefined {
  let nearest: string | undefined;
  // A name of which more than a third is wrong means something else.
  let least = Math.max(2, Math.floor((name.length - prefix) / 3)) + 1;
  for (const candidate of name.length <= MAX_NAME ? known : []) {
    const distance = editDistance(name, candidate);
    if (distance < least) [least, nearest] = [distance, candidate];
  }
  return nearest;
}
