import { connect } from './connect.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { readContexts } from './contexts.ts';
import { nameOf } from './names.ts';

/** Values that are completed from a node, or from the file of contexts. */
const KINDS = [
  'key',
  'conflict',
  'peer',
  'object',
  'member',
  'change',
  'invitation',
  'token',
  'evidence',
  'context',
] as const;
export type Kind = (typeof KINDS)[number];

/** Seconds for the one request: whoever has typed a tab waits for it. */
const WAIT_S = 1;
/** Values that are offered at most. A list that is longer helps nobody. */
const MAX_VALUES = 100;
/** What would break a line of the answer, or the terminal that shows it. */
const UNSHOWN = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

/**
 * Prints the values of `kind` that begin with `prefix`, one a line. `typed` are the words of the command line before
 * it, whose --url, --env-file, --token and --context name the node. It never fails: where nothing can be found out,
 * nothing is printed.
 */
export async function completeValues(
  context: CliContext,
  [kind = '', prefix = '', ...typed]: readonly string[],
): Promise<void> {
  try {
    const found = await valuesOf(context, kind, prefix, optionsIn(typed));
    const shown = found.filter((value) => value.startsWith(prefix) && !UNSHOWN.test(value));
    for (const value of shown.slice(0, MAX_VALUES)) context.output.line(value);
  } catch {
    // An error message in the middle of a line that somebody is typing would only disturb.
  }
}

async function valuesOf(
  context: CliContext,
  kind: string,
  prefix: string,
  options: GlobalOptions,
): Promise<readonly string[]> {
  switch (kind) {
    case 'context':
      return [...(await readContexts(context.env)).contexts.keys()];
    case 'key':
      return (
        await (await connect(context, options)).listEntries({ prefix: prefix || undefined, limit: MAX_VALUES })
      ).entries.map(({ key }) => key);
    case 'conflict':
      return (await (await connect(context, options)).listConflicts({ limit: 1000 })).conflicts.map(({ key }) => key);
    case 'object':
      return (await (await connect(context, options)).vault.list({ limit: 1000 })).objects.map(({ hash }) => hash);
    case 'member':
      return (await (await connect(context, options)).members.roster()).members.map(
        ({ name, peerId }) => name || peerId,
      );
    case 'change':
      return (await (await connect(context, options)).members.changes()).map(({ id }) => id.slice(0, 8));
    case 'invitation':
      return (await (await connect(context, options)).members.invitations()).map(({ id }) => id.slice(0, 8));
    case 'token':
      return (await (await connect(context, options)).listTokens()).map(({ id }) => id);
    case 'evidence':
      return (await (await connect(context, options)).listEvidence()).items.map(({ id }) => id);
    case 'peer':
      return (await (await connect(context, options)).listPeers()).map(nameOf);
    default:
      return [];
  }
}

const NAMES: ReadonlyMap<string, 'url' | 'token' | 'envFile' | 'context'> = new Map([
  ['--url', 'url'],
  ['--token', 'token'],
  ['--env-file', 'envFile'],
  ['--context', 'context'],
]);

/** The options that name the node, in words that bash may have split at `:` and `=`. */
function optionsIn(typed: readonly string[]): GlobalOptions {
  const words: string[] = [];
  for (const word of typed) {
    const glues = word.startsWith(':') || words.at(-1)?.endsWith(':') || word === '=' || words.at(-1)?.endsWith('=');
    if (glues && words.length > 0) words.push(`${words.pop() ?? ''}${word}`);
    else words.push(word);
  }
  const options: Record<string, string> = {};
  words.forEach((word, i) => {
    const [flag = '', inline] = /^(--[a-z-]+)(?:=(.*))?$/s.exec(word)?.slice(1) ?? [];
    const name = NAMES.get(flag);
    const value = inline ?? words[i + 1];
    // Standard input belongs to the shell in which somebody types.
    if (name !== undefined && value !== undefined && value !== '-') options[name] = value;
  });
  return { ...options, timeout: WAIT_S };
}
