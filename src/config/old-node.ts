import { basename, dirname } from 'node:path';
import { isStrictPublicKey, loadKey } from '../adapters/system/keys.ts';
import { type Bytes, hexToBytes, LatticeError } from '../core/types/index.ts';
import { parseBaseUrl } from '../core/wire/base-url.ts';
import { spaceAppOf } from '../core/wire/hugging-face.ts';
import { parseListenMultiaddr } from '../core/wire/multiaddr.ts';
import { placeholderIn } from '../core/wire/placeholder.ts';
import { readEnvFile } from './env-file.ts';
import { inspectConfig } from './load.ts';
import type { Config } from './model.ts';
import { type Problem, problemLine } from './problems.ts';
import { namesOf, PREFIX, type Variable } from './variable.ts';
import { VARIABLES, type VariableName } from './variables.ts';

/** What the env file of one node says, and what of it can go on. */
export interface OldNode {
  /** The path of the file as it was given. */
  readonly path: string;
  /** The absolute directory of the file, to which its paths are relative. */
  readonly base: string;
  /** Its variables by the names that stand in the file. */
  readonly values: Readonly<Record<string, string>>;
  /** The node as the file has it; values of flawed variables mean nothing. */
  readonly config: Config;
  /** The text of a variable, under whatever name it stands; undefined where it is not set. */
  readonly text: (name: VariableName) => string | undefined;
  /** What the node is called: by the file, else by the name of the file. */
  readonly name: string;
  readonly seed: Bytes | undefined;
  readonly token: string | undefined;
  /** The base URLs that it asks; the page of a Space stands as the address of its app. */
  readonly urls: readonly string[];
  readonly trusted: readonly string[];
  readonly listen: string | undefined;
  /** Sentences about what cannot go on as it is and needs nobody's decision. */
  readonly notes: readonly string[];
  /** Lines about what somebody has to correct in the file first. */
  readonly problems: readonly string[];
}

/** Variables that a plan writes anew, so that what is wrong with their texts keeps nothing from going on. */
const WRITTEN_ANEW: ReadonlySet<VariableName> = new Set([
  'NODE_NAMES',
  'TRUSTED_STATE_PUBKEYS',
  'LATTICE_NODES',
  'P2P_LISTEN',
  'P2P_BOOTSTRAP',
]);
/** Variables of which a placeholder means that the node has none yet, and gets one. */
const MADE_WHERE_MISSING: ReadonlySet<VariableName> = new Set(['NODE_PRIVKEY_HEX', 'NODE_PUBKEY_HEX', 'API_TOKEN']);

const variableOf = (name: VariableName): Variable => VARIABLES.find((variable) => variable.name === name) as Variable;

/** The items of a list. */
function itemsOf(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** `.env.node1.huggingface` names node1-huggingface, and `.env` alone the node of its directory. */
function nameOfFile(path: string, base: string): string {
  const bare = basename(path)
    .replace(/^\.?env(?=\.|$)|\.env$/, '')
    .replace(/\.(?:template|example|txt)$/, '');
  const name = bare.replaceAll(/[^A-Za-z0-9_-]+/g, '-').replace(/^[-_]+|-+$/g, '');
  return name !== ''
    ? name
    : basename(base)
        .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
        .replace(/^[-_]+|-+$/g, '') || 'node';
}

/** Reads the env file of a node at an absolute path. `shown` is the path as it was given. */
export function readOldNode(file: string, shown: string): OldNode {
  const base = dirname(file);
  const fileProblems: Problem[] = [];
  const read = readEnvFile(file, true, fileProblems);
  const values: Record<string, string> = {};
  for (const [name, text = ''] of Object.entries(read?.values ?? {}))
    if (text.trim() !== '') values[name] = text.trim();
  // Some files of the original have names without a prefix. Nothing else is meant by them in the file of a node.
  const bare = VARIABLES.filter(
    (variable) =>
      variable.name.includes('_') && values[variable.name] !== undefined && !namesOf(variable).some((n) => n in values),
  ).map(({ name }) => [PREFIX + name, values[name] ?? ''] as const);
  const inspection = inspectConfig({ env: Object.fromEntries(bare), envFile: file, cwd: base });
  const { config } = inspection;
  const text = (name: VariableName): string | undefined =>
    [...namesOf(variableOf(name)), name].flatMap((one) => values[one] ?? []).at(0);

  const notes: string[] = [];
  const problems: string[] = [];
  const isOf = (name: VariableName, { variable }: Problem): boolean => namesOf(variableOf(name)).includes(variable);
  for (const problem of [...inspection.problems, ...inspection.p2pProblems]) {
    const name = VARIABLES.find((variable) => isOf(variable.name, problem))?.name;
    const isMissing =
      name !== undefined && MADE_WHERE_MISSING.has(name) && placeholderIn(text(name) ?? '') === text(name);
    if (name !== undefined && (WRITTEN_ANEW.has(name) || isMissing)) notes.push(problemLine(problem));
    else problems.push(problemLine(problem));
  }
  const isSet = Object.keys(values).some((name) => name.startsWith(PREFIX) || name.startsWith('AETHEL_'));
  if (fileProblems.length === 0 && !isSet)
    problems.push('it has no variable of a node: it may be the file of a front end; leave it out');

  const trusted = itemsOf(text('TRUSTED_STATE_PUBKEYS')).filter((key) => {
    const bytes = hexToBytes(key);
    return bytes?.length === 32 && isStrictPublicKey(bytes);
  });
  return {
    path: shown,
    base,
    values,
    config,
    text,
    name: config.name === '' ? nameOfFile(file, base) : config.name,
    seed: seedOf(config, problems),
    token: placeholderIn(text('API_TOKEN') ?? '') === text('API_TOKEN') ? undefined : config.api.token,
    urls: itemsOf(text('LATTICE_NODES')).flatMap((item) => {
      const url = parseBaseUrl(spaceAppOf(item) ?? item);
      return typeof url === 'string' && placeholderIn(item) === undefined ? url : [];
    }),
    trusted: trusted.map((key) => key.toLowerCase()),
    listen: itemsOf(text('P2P_LISTEN')).find((item) => 'text' in parseListenMultiaddr(item)),
    notes,
    problems,
  };
}

/** The private key that the node has already; what cannot be read of its key file is added to `problems`. */
function seedOf({ key }: Config, problems: string[]): Bytes | undefined {
  if (key.source === 'environment') {
    const seed = hexToBytes(key.seedHex);
    return seed?.length === 32 ? seed : undefined;
  }
  try {
    return loadKey(key.path);
  } catch (error) {
    if (!(error instanceof LatticeError)) throw error;
    problems.push(`${error.message}; ${error.next ?? 'look at the file'}`);
    return undefined;
  }
}
