import { bytesToHex, type Hasher, LatticeError } from '../types/index.ts';
import { type OriginalNumber, type OriginalValue, parseOriginalJson } from './json.ts';
import { compareCodePoints, type OriginalState } from './root.ts';

/**
 * The form of snapshot.json that the original's first state manager wrote: accounts under their names, each with a
 * hash of its own, and a root over these hashes. Nothing in the original turns it into the later form.
 */
export interface OlderSnapshot {
  /** The accounts under the keys that the later form gives them, `account:<name>`; the values are those of the file. */
  readonly state: OriginalState;
  /** `root_hash` of the file. */
  readonly stored: string;
  /** The root by the rule of that form (SPEC I5). */
  readonly computed: string;
  /** Accounts whose own hash is not the one of their balance, nonce and public key. */
  readonly wrongAccounts: readonly string[];
  /** The sum that the file names, and the sum of its balances, where the file names one. */
  readonly supply: { readonly stored: string; readonly computed: string } | undefined;
}

/** The prefix under which the later form has accounts. */
const ACCOUNT = 'account:';
const utf8 = new TextEncoder();

/** Whether a document, which `parseOriginalJson` has read, is of the older form. */
export function isOlderSnapshot(document: OriginalValue): boolean {
  return document instanceof Map && !document.has('state') && document.has('root_hash') && document.has('accounts');
}

/**
 * Reads the older form and computes its root by its own rule: of no account the SHA-256 of `empty`, else that of the
 * concatenated account hashes with the names in code-point order. An account's hash is the SHA-256 of
 * `balance:nonce`, and of `balance:nonce:public_key` since accounts have a public key. Throws LatticeError
 * `snapshot-malformed`.
 */
export function parseOlderSnapshot(text: string, hasher: Hasher): OlderSnapshot {
  const document = parseOriginalJson(text);
  if (!(document instanceof Map)) throw malformed('not a JSON object');
  const fields = document as ReadonlyMap<string, OriginalValue>;
  const stored = fields.get('root_hash');
  const accounts = fields.get('accounts');
  if (typeof stored !== 'string' || !/^[0-9a-f]{64}$/.test(stored))
    throw malformed('"root_hash" is missing or not 64 lower-case hex digits');
  if (!(accounts instanceof Map)) throw malformed('"accounts" is missing or not an object');

  const sha256 = (of: string): string => bytesToHex(hasher.hash(utf8.encode(of)));
  const state = new Map<string, OriginalValue>();
  const hashes = new Map<string, string>();
  const wrongAccounts: string[] = [];
  let sum = 0n;
  for (const [name, account] of accounts as ReadonlyMap<string, OriginalValue>) {
    if (!(account instanceof Map)) throw malformed(`the account ${JSON.stringify(name)} is not an object`);
    const field = (key: string): OriginalValue => (account as ReadonlyMap<string, OriginalValue>).get(key) ?? null;
    const balance = integerOf(field('balance'));
    const nonce = integerOf(field('nonce'));
    const hash = field('hash');
    if (balance === undefined || nonce === undefined || typeof hash !== 'string')
      throw malformed(`the account ${JSON.stringify(name)} needs a whole balance, a whole nonce and a hash`);
    const publicKey = field('public_key');
    const own = `${balance}:${nonce}`;
    // An account made before accounts had public keys is without the member, and its hash is without the last colon.
    if (hash !== sha256(publicKey === null ? own : `${own}:${typeof publicKey === 'string' ? publicKey : ''}`))
      wrongAccounts.push(name);
    sum += BigInt(balance);
    hashes.set(name, hash);
    state.set(`${ACCOUNT}${name}`, account);
  }
  const names = [...hashes.keys()].sort(compareCodePoints);
  const computed = names.length === 0 ? sha256('empty') : sha256(names.map((name) => hashes.get(name)).join(''));
  const named = integerOf(fields.get('total_supply') ?? null);
  return {
    state,
    stored,
    computed,
    wrongAccounts,
    supply: named === undefined ? undefined : { stored: named, computed: String(sum) },
  };
}

/** The digits of an integer; undefined for anything else. */
function integerOf(value: OriginalValue): string | undefined {
  if (value === null || typeof value !== 'object' || value instanceof Map || Array.isArray(value)) return undefined;
  const number = value as OriginalNumber;
  return number.integer ? number.text : undefined;
}

function malformed(message: string): LatticeError {
  return new LatticeError('snapshot-malformed', message, {
    next: 'Nothing was imported. Check that this is the snapshot.json of a node.',
  });
}
