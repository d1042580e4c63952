import { checkKey, checkValue } from '../cbor/value.ts';
import { type Hasher, type JsonValue, LatticeError } from '../types/index.ts';
import { type OriginalValue, originalToPlain, parseOriginalJson } from './json.ts';
import { type OriginalState, originalRoot } from './root.ts';

/** A snapshot of the original node as it is written, with the root that its state really has. */
export interface ParsedSnapshot {
  readonly state: OriginalState;
  /** The root that the snapshot names; undefined where it names none, as a node does before its first write. */
  readonly stored: string | undefined;
  /** The root of the state (SPEC I1). */
  readonly computed: string;
  /** Whether the snapshot names the root of its state, or names none and is empty. */
  readonly matches: boolean;
  /** Seconds since the Unix epoch; undefined where the snapshot names none. */
  readonly timestamp: number | undefined;
}

/** A snapshot whose state has the root that it names, its values as our data model has them. */
export interface OriginalSnapshot {
  /** The keys and values in the file's order, each key once. */
  readonly state: readonly (readonly [key: string, value: JsonValue])[];
  /** 64 hex digits. */
  readonly root: string;
  readonly timestamp: number | undefined;
}

/** A key of such a file that cannot be imported, and the rule that the key or its value breaks. */
export interface RefusedEntry {
  readonly key: string;
  readonly reason: string;
}

function malformed(message: string): LatticeError {
  return new LatticeError('snapshot-malformed', message, {
    next: 'Nothing was imported. Check that this is the snapshot.json of a node.',
  });
}

/**
 * Reads a snapshot of the original in any of the forms that it has: `snapshot.json`, a file of its `snapshots`
 * directory (`state_data` in place of `state`), or the answer of its `/api/lattice/state`. Throws LatticeError
 * `snapshot-malformed`, or `snapshot-old-format` for the older form, which `parseOlderSnapshot` reads.
 */
export function parseOriginalSnapshot(text: string, hasher: Hasher): ParsedSnapshot {
  const document = parseOriginalJson(text);
  if (!(document instanceof Map)) throw malformed('not a JSON object');
  const fields = document as ReadonlyMap<string, OriginalValue>;
  const state = fields.get('state') ?? fields.get('state_data');
  if (state === undefined && (fields.has('root_hash') || fields.has('accounts'))) {
    throw new LatticeError('snapshot-old-format', 'this is the older snapshot format (root_hash and accounts)', {
      next: 'Nothing was imported. Import it with lattice import, which checks it by the rule of that form.',
    });
  }
  if (!(state instanceof Map)) throw malformed('"state" is missing or not an object');
  const entries = state as OriginalState;
  const root = fields.get('merkle_root') ?? null;
  if (root === null ? entries.size > 0 : typeof root !== 'string' || !/^[0-9a-f]{64}$/.test(root))
    throw malformed('"merkle_root" is missing or not 64 lower-case hex digits');
  const timestamp = fields.has('timestamp') ? originalToPlain(fields.get('timestamp') ?? null) : undefined;
  if (timestamp !== undefined && (typeof timestamp !== 'number' || !Number.isFinite(timestamp)))
    throw malformed('"timestamp" is not a number');
  const stored = typeof root === 'string' ? root : undefined;
  const computed = originalRoot(entries, hasher);
  return { state: entries, stored, computed, matches: stored === undefined || stored === computed, timestamp };
}

/**
 * The entries of a state as our data model has them, each key once, in the order of the file. Throws LatticeError
 * `snapshot-values-refused` (details.refused: RefusedEntry[]) when single values are outside our data model, because a
 * state is imported whole or not at all.
 */
export function originalEntries(state: OriginalState): readonly (readonly [key: string, value: JsonValue])[] {
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

/**
 * Reads a snapshot that must verify. Throws what `parseOriginalSnapshot` and `originalEntries` throw, and LatticeError
 * `snapshot-root-mismatch` (details.stored, details.computed).
 */
export function readOriginalSnapshot(text: string, hasher: Hasher): OriginalSnapshot {
  const { state, stored, computed, matches, timestamp } = parseOriginalSnapshot(text, hasher);
  if (!matches) {
    throw new LatticeError(
      'snapshot-root-mismatch',
      `the snapshot stores root ${stored} but its state computes to ${computed}`,
      {
        next: 'Nothing was imported. The file was changed or cut after it was written: take another copy.',
        details: { stored, computed },
      },
    );
  }
  return { state: originalEntries(state), root: computed, timestamp };
}
