import { isStrictPublicKey } from '../adapters/system/ed25519.ts';
import type { ProofTrust } from '../audit/trust.ts';
import { parseEnvText } from '../config/env-file.ts';
import { namesOf } from '../config/variable.ts';
import { VARIABLES } from '../config/variables.ts';
import { type Author, counted, hexToBytes, joined, LatticeError } from '../core/types/index.ts';
import { peerIdToAuthor } from '../core/wire/peer-id.ts';
import { type CliContext, usageError } from './context.ts';
import { readFleet } from './fleet-file.ts';
import { readTextFile } from './input.ts';
import { printable } from './output.ts';

/** Whose signatures count. */
export interface TrustList {
  /** Each once. */
  readonly authors: readonly Author[];
  /** The network of these authors, where the file names it. */
  readonly network: string | undefined;
  /** The names of these authors, where the file tells them. */
  readonly names: ReadonlyMap<Author, string>;
}

/** A fleet.json of a thousand nodes fits, and so does the longest env file that a node reads. */
const MAX_FILE_BYTES = 1024 * 1024;
/** Names that an error lists at most. */
const LISTED = 20;
const HEX_32 = /^[0-9a-fA-F]{64}$/;
const ASSIGNMENT = /^\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=/m;
const FORMS = 'Give a fleet.json, an env file of a node, a file of keys, or keys and peer ids separated by commas.';

/**
 * The trust list that `--trust` names: public keys (64 hex digits) or peer ids with commas between them, or a file. A
 * file is a fleet.json, an env file, of which the variable with the trust list is taken and nothing else, or a list of
 * keys and peer ids with `#` before comments. Rejects with LatticeError `usage`, `file-too-large` or `fleet-malformed`.
 */
export async function readTrust(context: CliContext, given: string): Promise<TrustList> {
  const items = given.split(',').map((item) => item.trim());
  if (items.some(looksLikeKey)) return listOf(items, 'the value of --trust');
  if (given.trim() === '') throw usageError('--trust names nobody', FORMS);
  const text = await readFile(context, given);
  if (/^\s*\{/.test(text)) {
    const { network, nodes, founders } = readFleet(text, given);
    const names = new Map<Author, string>();
    const authors = nodes.map(({ name, publicKey, peerId }) => {
      const author = authorOf(publicKey, given);
      if (peerIdToAuthor(peerId) !== author)
        throw new LatticeError('fleet-malformed', `${given}: key and peer id of ${name} are not of one node`, {
          next: 'Compare both with what lattice id prints on that node.',
        });
      names.set(author, name);
      return author;
    });
    const first = founders?.map((key) => authorOf(key, given)) ?? authors;
    return { authors: [...new Set(first)], network, names };
  }
  if (ASSIGNMENT.test(text)) return listOf(wordsOf(trustVariable(text, given)), given);
  return listOf(wordsOf(text.replaceAll(/#.*$/gm, '')), given);
}

/** From what a proof or a certificate is checked, and what else the file of `--trust` tells. */
export interface ProofTrustGiven {
  readonly trusted: Exclude<ProofTrust, 'anyone'>;
  /** Undefined where a roster is pinned. */
  readonly list: TrustList | undefined;
}

/**
 * What `--trust` names of `proof verify` and `cuts verify`: a trust list, as `readTrust` reads it, or `roster:` and the
 * hash of a roster. Rejects as `readTrust` does.
 */
export async function readProofTrust(context: CliContext, given: string): Promise<ProofTrustGiven> {
  const pinned = /^\s*roster:(.*)$/.exec(given)?.[1]?.trim();
  if (pinned === undefined) {
    const list = await readTrust(context, given);
    return { trusted: list.authors, list };
  }
  if (!HEX_32.test(pinned)) throw usageError('--trust roster: takes the hash of a roster, 64 hex digits');
  return { trusted: { roster: pinned.toLowerCase() }, list: undefined };
}

/** The hash that `--since-roster` names, or undefined without it. Throws LatticeError `usage`. */
export function rosterHashOf(given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  if (!HEX_32.test(given)) throw usageError('--since-roster takes the hash of a roster, 64 hex digits');
  return given.toLowerCase();
}

/**
 * The author that the user names: by its public key or peer id, or by the name that the trust list has for it. Throws
 * LatticeError `usage`.
 */
export function authorNamed(given: string, trust: TrustList | undefined, option: string): Author {
  if (looksLikeKey(given)) return authorOf(given, option);
  const found = [...(trust?.names ?? [])].filter(([, name]) => name === given);
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first[0];
  const shown = JSON.stringify(printable(given));
  if (first !== undefined)
    throw usageError(
      `${option}: ${counted(found.length, 'node')} have the name ${shown}`,
      `Give the public key of one: ${found.map(([author]) => author).join(', ')}.`,
    );
  const known = [...(trust?.names.values() ?? [])];
  throw usageError(
    `${option}: ${shown} is neither a public key nor a peer id, and no node that --trust names is called so`,
    known.length === 0
      ? 'Give its public key, or its name and --trust with a fleet.json.'
      : `Known are ${joined(known.slice(0, LISTED))}.`,
  );
}

async function readFile(context: CliContext, path: string): Promise<string> {
  try {
    return await readTextFile(context, path, MAX_FILE_BYTES);
  } catch (cause) {
    if (!(cause instanceof LatticeError) || cause.code !== 'file-unreadable') throw cause;
    throw usageError(`--trust names neither keys nor a file that can be read: ${cause.message}`, FORMS);
  }
}

/** The text of the variable with the trust list in an env file. No other variable is looked at. */
function trustVariable(text: string, file: string): string {
  const variable = VARIABLES.find(({ name }) => name === 'TRUSTED_STATE_PUBKEYS');
  const names = variable === undefined ? [] : namesOf(variable);
  const { values } = parseEnvText(text);
  const found = names.map((name) => values[name]?.trim()).find(Boolean);
  if (found === undefined)
    throw usageError(`${file} has no trust list: it sets no ${names[0]}`, 'Name the env file of a node of a fleet.');
  return found;
}

function wordsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}

function looksLikeKey(text: string): boolean {
  return HEX_32.test(text) || peerIdToAuthor(text) !== undefined;
}

function listOf(words: readonly string[], source: string): TrustList {
  const authors = new Set(words.map((word) => authorOf(word, source)));
  if (authors.size === 0) throw usageError(`${source} has no keys`, FORMS);
  return { authors: [...authors], network: undefined, names: new Map() };
}

function authorOf(word: string, source: string): Author {
  const author = peerIdToAuthor(word) ?? (HEX_32.test(word) ? (word.toLowerCase() as Author) : undefined);
  if (author === undefined) {
    const shown = printable(word.length > 80 ? `${word.slice(0, 80)}…` : word);
    throw usageError(`${source}: ${JSON.stringify(shown)} is neither a public key nor a peer id`, FORMS);
  }
  const bytes = hexToBytes(author);
  if (bytes === undefined || !isStrictPublicKey(bytes))
    throw usageError(`${source}: no node can have the public key ${author}`, 'Run "lattice id" on that node.');
  return author;
}
