import { parseOriginalJson } from '../core/original/json.ts';
import { isOlderSnapshot, parseOlderSnapshot } from '../core/original/older-form.ts';
import type { OriginalState } from '../core/original/root.ts';
import { parseOriginalSnapshot, type RefusedEntry } from '../core/original/snapshot.ts';
import { counted, type Hasher, LatticeError } from '../core/types/index.ts';
import type { Refusal, Source, Verification } from './plan.ts';

/** A whole state that a file or a running node of the original told, verified or not. */
export interface ToldState {
  readonly source: Source;
  readonly state: OriginalState;
  readonly checked: Verification;
  /** The root of the state by the original's rule; undefined for the older form, whose root is of another kind. */
  readonly root: string | undefined;
  /** The root by the rule of its own form. */
  readonly ownRoot: string;
  /** Seconds since the Unix epoch. */
  readonly timestamp: number | undefined;
  /** Why it is not taken without `--unverified`; undefined where it verifies. */
  readonly refusal: Refusal | undefined;
  readonly remarks: readonly string[];
}

const TAKE_ANOTHER = 'The file was changed or cut after it was written: take another copy.';
const OR_UNVERIFIED = 'With --unverified it is taken as it is.';

/**
 * Reads the text of a snapshot in any form that the original has written, the older one included. Throws LatticeError
 * `snapshot-malformed` for what is none.
 */
export function tellSnapshot(source: Source, text: string, hasher: Hasher): ToldState {
  if (/"(?:accounts|root_hash)"/.test(text.slice(0, 1024)) && isOlderSnapshot(parseOriginalJson(text)))
    return tellOlder({ kind: 'older-snapshot', at: source.at }, text, hasher);
  const { state, stored, computed, matches, timestamp } = parseOriginalSnapshot(text, hasher);
  const told = { source, state, root: computed, ownRoot: computed, timestamp, remarks: [] };
  if (matches) {
    const by = stored === undefined ? 'it is empty and has never been written' : `its own Merkle root ${stored}`;
    return { ...told, checked: { verified: true, by }, refusal: undefined };
  }
  const because = `it names root ${stored}, but its state has root ${computed}`;
  const refusal: Refusal = {
    source,
    code: 'snapshot-root-mismatch',
    reason: because,
    next: `${TAKE_ANOTHER} ${OR_UNVERIFIED}`,
    stored,
    computed,
    takenUnverified: true,
  };
  return { ...told, checked: { verified: false, because }, refusal };
}

/** The older form (SPEC I5). Its root covers what accounts hold, and not what they are called. */
function tellOlder(source: Source, text: string, hasher: Hasher): ToldState {
  const { state, stored, computed, wrongAccounts, supply } = parseOlderSnapshot(text, hasher);
  const remarks = [
    'Its root covers balance, nonce and public key of each account, but not the name: names are taken as they stand.',
    'Its accounts are imported as account:<name>, the keys that the later form gives them.',
  ];
  const told = { source, state, root: undefined, ownRoot: computed, timestamp: undefined, remarks };
  const because = flawOf(stored, computed, wrongAccounts, supply);
  if (because === undefined)
    return { ...told, checked: { verified: true, by: `its own root_hash ${stored}` }, refusal: undefined };
  const refusal: Refusal = {
    source,
    code: 'snapshot-root-mismatch',
    reason: because,
    next: `${TAKE_ANOTHER} ${OR_UNVERIFIED} The original never writes this form anew.`,
    stored,
    computed,
    takenUnverified: true,
  };
  return { ...told, checked: { verified: false, because }, refusal };
}

function flawOf(
  stored: string,
  computed: string,
  wrong: readonly string[],
  supply: { readonly stored: string; readonly computed: string } | undefined,
): string | undefined {
  if (computed !== stored) return `it names root_hash ${stored}, but its account hashes have root ${computed}`;
  const [first] = wrong;
  if (first !== undefined) {
    const others = wrong.length > 1 ? ` and ${counted(wrong.length - 1, 'other account')}` : '';
    return `the hash of ${JSON.stringify(first)}${others} is not that of balance, nonce and public key`;
  }
  if (supply === undefined || supply.stored === supply.computed) return undefined;
  return `it names a total supply of ${supply.stored}, but its balances are ${supply.computed} together`;
}

/** A refusal of a whole source that could not be read. Anything but a LatticeError is thrown again. */
export function refusalOf(source: Source, error: unknown): Refusal {
  if (!(error instanceof LatticeError)) throw error;
  const { code, message, next, details } = error;
  const text = (name: string): string | undefined => {
    const detail = details[name];
    return typeof detail === 'string' ? detail : undefined;
  };
  const refused = details['refused'] as readonly RefusedEntry[] | undefined;
  return {
    source,
    code,
    reason: withoutPath(message, source.at),
    each: refused?.map(({ key, reason }) => ({ what: key, reason })),
    next: next ?? 'Nothing of it was taken. Take another copy of it while the original is stopped.',
    stored: text('stored'),
    computed: text('computed'),
    takenUnverified: false,
  };
}

/** What an error says of a file, without its path, which stands before the reason wherever a refusal is told. */
export function withoutPath(message: string, path: string): string {
  const unreadable = `cannot read ${path}: `;
  if (message.startsWith(unreadable)) return `it cannot be read: ${message.slice(unreadable.length)}`;
  return message.startsWith(`${path} `) ? `it ${message.slice(path.length + 1)}` : message;
}
