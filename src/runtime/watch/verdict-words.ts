import type { ReadOnlyCode } from '../facade/codes.ts';

const DAY_MS = 86_400_000;
/** How many nodes a sentence names before it counts the others. */
const MAX_NAMED = 3;

/** What a read-only code says of another node. */
const TOLD: Readonly<Record<ReadOnlyCode, string>> = {
  'safe-mode': 'its configuration breaks a rule for production',
  'untrusted-self': 'its own key is not on its trust list',
  clone: 'its key is in use by another node, or it was restored from an old copy',
  'own-history': 'it waits for commits of its own that its peers hold',
  'clock-jump': 'its clock jumped',
  'clock-skew': "its clock is away from its peers' clocks",
  'clock-ahead': 'its state is ahead of its clock',
  'lost-batches': 'its store lost its newest batches',
  disk: 'its disk is full',
};

/** Why another node refuses writes, for people. A later version of a node may tell codes that this one does not know. */
export function toldReasons(codes: readonly string[]): string {
  const known: Readonly<Record<string, string>> = TOLD;
  return joined(codes.map((code) => (Object.hasOwn(known, code) ? (known[code] as string) : code)));
}

/** Which ends by itself once the clock is right, history is here or there is room again. */
export function healsByItself(codes: readonly string[]): boolean {
  return codes.every((code) => code === 'own-history' || code === 'lost-batches');
}

/** The time of day in UTC, with the date where it is not that of `now`. Both are Unix ms. */
export function timeOf(at: number, now: number): string {
  const day = Math.floor(at / DAY_MS);
  const seconds = Math.floor((at - day * DAY_MS) / 1000);
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(twoDigits).join(':');
  return day === Math.floor(now / DAY_MS) ? `${clock} UTC` : `${dateOf(day)} ${clock} UTC`;
}

const twoDigits = (n: number): string => String(n).padStart(2, '0');

/** The date of a day since 1970-01-01, by H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days. */
function dateOf(day: number): string {
  const shifted = day + 719_468; // days since 0000-03-01, from where years end with their leap day
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * ofYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${year}-${twoDigits(month)}-${twoDigits(ofYear - Math.floor((153 * marchMonth + 2) / 5) + 1)}`;
}

/** `a`, `a and b`, or `a, b and c`. */
export function joined(texts: readonly string[]): string {
  if (texts.length < 2) return texts[0] ?? '';
  return `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}`;
}

/** The first few of the texts, and how many more there are. */
export function few(texts: readonly string[]): string {
  const rest = texts.length - MAX_NAMED;
  return rest <= 0 ? joined(texts) : `${texts.slice(0, MAX_NAMED).join(', ')} and ${rest} more`;
}

/** `1 key` or `2 keys`, with the plural by s unless another is given. */
export function counted(n: number, one: string, more = `${one}s`): string {
  return `${n} ${n === 1 ? one : more}`;
}

/** `1 of 2 other nodes is` or `2 of 3 other nodes are`, then what they are. */
export function ofOthers(n: number, all: number, one: string, more: string): string {
  if (all === 1) return `The only other node ${one}`;
  return n === all ? `All ${all} other nodes ${more}` : `${n} of ${all} other nodes ${n === 1 ? one : more}`;
}
