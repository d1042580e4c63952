import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { makeDirectory } from '../adapters/system/make-directory.ts';
import { parseEnvText } from '../config/env-file.ts';
import { namesOf } from '../config/variable.ts';
import { VARIABLES } from '../config/variables.ts';
import { fileFailure, LatticeError } from '../core/types/index.ts';
import type { CliContext } from './context.ts';
import { readTextFile } from './input.ts';
import { fileUnwritable, replaceFile } from './replace-file.ts';

/** A named fleet: the node to talk to, the file with its token, and the fleet's description. Paths are absolute. */
export interface FleetContext {
  readonly url: string;
  /** A file with the token alone, or an env file with DIOTEC360_API_TOKEN. Contexts never contain a token itself. */
  readonly tokenFile?: string;
  /** The path of fleet.json, which names the nodes that `doctor` examines. */
  readonly fleet?: string;
}

export interface Contexts {
  /** The context that is used where nothing else names a node. */
  readonly current?: string;
  readonly contexts: ReadonlyMap<string, FleetContext>;
}

/** A file of a hundred fleets with a few lines each is smaller. */
const MAX_FILE_BYTES = 64 * 1024;
export const MAX_CONTEXTS = 100;
/** The names of the token in an env file, the one that wins first. Where it has none for operators, one for reading does. */
const TOKEN_NAMES = (['API_TOKEN', 'READ_TOKEN'] as const).flatMap((name) =>
  VARIABLES.flatMap((variable) => (variable.name === name ? namesOf(variable) : [])),
);
/** The beginning of the names of variables. */
const OUR_NAME = /^(DIOTEC360|AETHEL)_/;
/** A token has at most 512 characters, and an env file a few lines. */
const MAX_TOKEN_FILE_BYTES = 256 * 1024;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

export const isContextName = (name: string): boolean => NAME.test(name);

/**
 * The path of the file of contexts, in the user's configuration directory (XDG Base Directory Specification).
 * Undefined where there is no home directory.
 */
function pathOf(env: CliContext['env']): string | undefined {
  const configured = env['XDG_CONFIG_HOME'];
  const base =
    configured !== undefined && isAbsolute(configured) ? configured : env['HOME'] && join(env['HOME'], '.config');
  return base ? join(base, 'diotec360-lattice', 'contexts.json') : undefined;
}

function malformed(path: string, why: string): LatticeError {
  return new LatticeError('contexts-malformed', `${path} is not a list of contexts: ${why}`, {
    next: 'Correct or remove that file, then add the contexts again with lattice context add.',
  });
}

/**
 * Reads the contexts of this user, which are none where there is no file. Rejects with LatticeError
 * `contexts-malformed` or `file-unreadable`.
 */
export async function readContexts(env: CliContext['env']): Promise<Contexts> {
  const path = pathOf(env);
  if (path === undefined) return { contexts: new Map() };
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { contexts: new Map() };
    throw new LatticeError('file-unreadable', `cannot read ${path}: ${fileFailure(cause)}`, {
      next: 'Check its permissions, or name the node with --url.',
      cause,
    });
  }
  if (text.length > MAX_FILE_BYTES) throw malformed(path, `it has more than ${MAX_FILE_BYTES} characters`);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw malformed(path, 'it is not JSON');
  }
  const { current, contexts } = (document ?? {}) as { readonly current?: unknown; readonly contexts?: unknown };
  if (typeof contexts !== 'object' || contexts === null) throw malformed(path, '"contexts" is missing');
  const found = new Map<string, FleetContext>();
  for (const [name, value] of Object.entries(contexts)) {
    const { url, tokenFile, fleet } = (value ?? {}) as Readonly<Record<string, unknown>>;
    if (!isContextName(name) || typeof url !== 'string') throw malformed(path, `${JSON.stringify(name)} has no URL`);
    found.set(name, {
      url,
      ...(typeof tokenFile === 'string' ? { tokenFile } : {}),
      ...(typeof fleet === 'string' ? { fleet } : {}),
    });
  }
  return { ...(typeof current === 'string' ? { current } : {}), contexts: found };
}

/**
 * Replaces the file of contexts, which only its owner can read, and resolves with its path. Rejects with LatticeError
 * `file-unwritable`.
 */
export async function writeContexts(env: CliContext['env'], { current, contexts }: Contexts): Promise<string> {
  const path = pathOf(env);
  if (path === undefined) {
    throw new LatticeError(
      'file-unwritable',
      'there is no place for contexts: neither XDG_CONFIG_HOME nor HOME is set',
      {
        next: 'Set one of them, or name the node with --url.',
      },
    );
  }
  const document = { ...(current === undefined ? {} : { current }), contexts: Object.fromEntries(contexts) };
  try {
    makeDirectory(dirname(path), 0o700);
  } catch (cause) {
    throw fileUnwritable(path, cause);
  }
  await replaceFile(path, `${JSON.stringify(document, undefined, 2)}\n`, 0o600);
  return path;
}

/**
 * Reads the token that a context refers to. Undefined where the context names no file. Rejects as `readToken` does.
 */
export async function tokenOf(context: CliContext, { tokenFile }: FleetContext): Promise<string | undefined> {
  return tokenFile === undefined ? undefined : await readToken(context, tokenFile);
}

/**
 * Reads the token from a file that contains nothing else, or from an env file. Rejects with LatticeError
 * `file-unreadable`, `file-too-large` or `no-token`.
 */
export async function readToken(context: CliContext, file: string): Promise<string> {
  const text = (await readTextFile(context, file, MAX_TOKEN_FILE_BYTES)).trim();
  const { values } = parseEnvText(text);
  const inLine = TOKEN_NAMES.map((name) => values[name]).find((value) => value !== undefined && value !== '');
  // A token (token68 of RFC 9110, as a node takes them) of base64 ends in = and looks like a name without a value, unless
  // it begins as our names do.
  const alone = /^[A-Za-z0-9._~+/-]+={0,2}$/.test(text) && !Object.keys(values).some((name) => OUR_NAME.test(name));
  const token = alone ? text : inLine;
  if (token === undefined) {
    throw new LatticeError('no-token', `${file} holds no token`, {
      next: 'It must hold the token alone, or a line DIOTEC360_API_TOKEN=….',
    });
  }
  return token;
}
