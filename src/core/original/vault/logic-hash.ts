import type { Hasher } from '../../types/index.ts';
import { canonicalText, compareCodePoints, isList, isObject, type OriginalObject, textHash } from '../canon.ts';
import type { OriginalValue } from '../json.ts';

/** What str.strip of Python takes off, which is not what String.trim takes off. */
const PYTHON_SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
const ENDS = new RegExp(`^${PYTHON_SPACE}|${PYTHON_SPACE}$`, 'g');

/** The text of a value in Python; undefined for lists and objects, which no condition of the original is. */
function pythonText(value: OriginalValue): string | undefined {
  if (typeof value === 'string') return value;
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (isObject(value) || isList(value)) return undefined;
  const words: Readonly<Record<string, string>> = { NaN: 'nan', Infinity: 'inf', '-Infinity': '-inf' };
  return words[value.text] ?? value.text;
}

/** The sorted texts of conditions. Undefined where the original has no rule for them. */
function expressions(conditions: OriginalValue | undefined): readonly string[] | undefined {
  if (conditions === undefined) return [];
  if (!isList(conditions)) return undefined;
  const found: string[] = [];
  for (const condition of conditions) {
    const text = pythonText(isObject(condition) ? (condition.get('expression') ?? '') : condition);
    if (text === undefined) return undefined;
    const bare = text.replace(ENDS, '');
    if (bare !== '') found.push(bare);
  }
  return found.sort(compareCodePoints);
}

/**
 * The hash of the logic of a function (SPEC I9): of its sorted constraints, its sorted post-conditions and its
 * instructions, without names and parameters. Undefined where the original has no rule for such an AST.
 */
export function logicHash(ast: OriginalObject, hasher: Hasher): string | undefined {
  const constraints = expressions(ast.get('constraints'));
  const postConditions = expressions(ast.get('post_conditions'));
  if (constraints === undefined || postConditions === undefined) return undefined;
  const logic = new Map<string, OriginalValue>([
    ['constraints', constraints],
    ['post_conditions', postConditions],
    ['ai_instructions', ast.get('ai_instructions') ?? (ast.has('ai_instructions') ? null : new Map())],
  ]);
  return textHash(canonicalText(logic), hasher);
}
