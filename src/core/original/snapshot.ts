import { checkKey, checkValue } from '../cbor/value.ts';
import { bytesToHex, type Hasher, type JsonValue, LatticeError } from '../types/index.ts';
import { type OriginalValue, originalJsonText, originalToPlain, parseOriginalJson } from './json.ts';

/** A verified `snapshot.json` of the original node, its values within our model. */
export interface OriginalSnapshot {
  /** In the file's order, each key once. */
  readonly state: readonly (readonly [key: string, value: JsonValue])[];
  /** 64 hex digits: what the file says, and what its state computes to. */
  readonly root: string;
  /** Seconds since the Unix epoch. */
  readonly timestamp: number;
}

/** A key of a snapshot that cannot be imported, and the rule that its value breaks. */
export interface RefusedEntry {
  readonly key: string;
  readonly reason: string;
}

const utf8 = new TextEncoder();

/** The original's root: over sorted keys (by code point), the hash of the concatenated hex hashes of `key:json`. */
export function originalRoot(state: ReadonlyMap<string, OriginalValue>, hasher: Hasher): string {
  const hex = (text: string): string => bytesToHex(hasher.hash(utf8.encode(text)));
  if (state.size === 0) return hex('empty');
  const keys = Array.from(state.keys()).sort(compareCodePoints);
  const leaves: string[] = [];
  for (const key of keys) {
    if (/\p{Surrogate}/u.test(key))
      throw malformed(`key ${JSON.stringify(key)} holds half of a surrogate pair: the original has no root for it`);
    leaves.push(hex(`${key}:${originalJsonText(state.get(key) as OriginalValue)}`));
  }
  return hex(leaves.join(''));
}

/** Python sorts strings by code point, JavaScript by UTF-16 unit: they differ where surrogates meet U+E000…U+FFFF. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Moves surrogates above every other unit, where their code points belong. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function malformed(message: string): LatticeError {
  return new LatticeError('snapshot-malformed', message, {
    next: 'Nothing was imported. Check that this is the snapshot.json of a node.',
  });
}

/**
 * Reads the original's `snapshot.json` and checks it against its own root. Throws LatticeError: `snapshot-malformed`,
 * `snapshot-old-format`, `snapshot-root-mismatch` (details.stored, details.computed), or `snapshot-values-refused`
 * (details.refused: RefusedEntry[]) when single values are outside our model: a snapshot is taken whole or not at all.
 */
export function readOriginalSnapshot(text: string, hasher: Hasher): OriginalSnapshot {
  const document = parseOriginalJson(text);
  if (!(document instanceof Map)) throw malformed('not a JSON object');
  const fields = document as ReadonlyMap<string, OriginalValue>;
  const state = fields.get('state');
  if (state === undefined && (fields.has('root_hash') || fields.has('accounts'))) {
    throw new LatticeError(
      'snapshot-old-format',
      'this is the older snapshot format (root_hash and accounts, no state)',
      {
        next: 'Nothing was imported. Let an original node of version 3 write its snapshot.json, and import that.',
      },
    );
  }
  if (!(state instanceof Map)) throw malformed('"state" is missing or not an object');
  const stored = fields.get('merkle_root');
  if (typeof stored !== 'string' || !/^[0-9a-f]{64}$/.test(stored))
    throw malformed('"merkle_root" is missing or not 64 lower-case hex digits');
  const timestamp = originalToPlain(fields.get('timestamp') ?? null);
  if (typeof timestamp !== 'number' || !Number.isFinite(timestamp))
    throw malformed('"timestamp" is missing or not a number');

  const computed = originalRoot(state as ReadonlyMap<string, OriginalValue>, hasher);
  if (computed !== stored) {
    throw new LatticeError(
      'snapshot-root-mismatch',
      `the snapshot stores root ${stored} but its state computes to ${computed}`,
      {
        next: 'Nothing was imported. The file was changed or cut after it was written: take another copy.',
        details: { stored, computed },
      },
    );
  }
  return { state: toModel(state as ReadonlyMap<string, OriginalValue>), root: stored, timestamp };
}

function toModel(state: ReadonlyMap<string, OriginalValue>): OriginalSnapshot['state'] {
  const entries: [string, JsonValue][] = [];
  const refused: RefusedEntry[] = [];
  for (const [key, value] of state) {
    try {
      entries.push([checkKey(key), checkValue(originalToPlain(value))]);
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      refused.push({ key, reason: error.message });
    }
  }
  if (refused.length > 0) {
    const names = refused.slice(0, 3).map((r) => `${JSON.stringify(r.key)}: ${r.reason}`);
    throw new LatticeError(
      'snapshot-values-refused',
      `${refused.length} of ${state.size} values cannot be represented: ${names.join('; ')}${refused.length > 3 ? '; …' : ''}`,
      {
        next: 'Nothing was imported. Change these values at the source, or remove their keys, and write the snapshot again.',
        details: { refused },
      },
    );
  }
  return entries;
}
