import { checkKey, checkValue } from '../cbor/value.ts';
import { bytesToHex, type Hasher, type JsonValue, LatticeError } from '../types/index.ts';
import { type OriginalValue, originalJsonText, originalToPlain, parseOriginalJson } from './json.ts';

/** A verified `snapshot.json` of the original node, its values as our data model has them. */
export interface OriginalSnapshot {
  /** The keys and values in the file's order, each key once. */
  readonly state: readonly (readonly [key: string, value: JsonValue])[];
  /** 64 hex digits: the root of the state, which is also the one that the file names unless it was never written. */
  readonly root: string;
  /** Seconds since the Unix epoch. */
  readonly timestamp: number;
}

/** A key of such a file that cannot be imported, and the rule that the key or its value breaks. */
export interface RefusedEntry {
  readonly key: string;
  readonly reason: string;
}

const utf8 = new TextEncoder();

/**
 * The original's root (SPEC I1): with the keys sorted by code point, the hash of the concatenated hex hashes of
 * `key:json`. Throws LatticeError `snapshot-malformed` for a key with half of a surrogate pair.
 */
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

/**
 * Compares by code point, as Python does. JavaScript compares by UTF-16 unit, which differs where surrogates meet the
 * units U+E000…U+FFFF.
 */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** The place of a unit in the order of code points: surrogates come after every other unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function malformed(message: string): LatticeError {
  return new LatticeError('snapshot-malformed', message, {
    next: 'Nothing was imported. Check that this is the snapshot.json of a node.',
  });
}

/**
 * Reads the original's `snapshot.json` and checks it against its own root. Throws LatticeError `snapshot-malformed`,
 * `snapshot-old-format`, `snapshot-root-mismatch` (details.stored, details.computed), or `snapshot-values-refused`
 * (details.refused: RefusedEntry[]) when single values are outside our data model, because the file is imported whole
 * or not at all.
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
  // The original writes null until its first write, when its state is empty.
  const stored = fields.get('merkle_root') ?? (state.size === 0 ? originalRoot(new Map(), hasher) : null);
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
