import { type ErrorCode, joined } from '../../core/types/index.ts';
import type { ReadOnlyCode } from '../facade/codes.ts';

/** How many nodes a sentence names before it counts the others. */
const MAX_NAMED = 3;

/** What a read-only code says of another node. */
const TOLD: Readonly<Record<ReadOnlyCode, string>> = {
  'safe-mode': 'its configuration forbids writes',
  'untrusted-self': 'its own key is no member of the fleet, as it knows it',
  mirror: 'it is a mirror',
  retired: 'its key is retired',
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

/** The reasons among those that a member told that are faults: a mirror takes no writes, because it is one. */
export const failings = (told: readonly string[], isMirror: boolean): readonly string[] =>
  isMirror ? told.filter((code) => code !== 'mirror') : told;

/** Reasons that end once time has passed or peers have delivered, without anybody's help. */
const PASSING: ReadonlySet<string> = new Set<ReadOnlyCode>([
  'own-history',
  'lost-batches',
  'clock-jump',
  'clock-ahead',
]);

export function healsByItself(codes: readonly string[]): boolean {
  return codes.every((told) => PASSING.has(told));
}

/** What an operator can do where the trust list is not what the fleet goes by, because no change was decided yet. */
const LISTED_NEXT =
  'Put the key of this node on the trust list of every node, and have each read it again (lattice config reload).';

/**
 * What an operator can do so that this node takes writes again, for a reason why it refuses them; without an `epoch`
 * the configured trust list counts.
 */
export function ownNext(code: ReadOnlyCode, epoch: number | undefined): string {
  return code === 'untrusted-self' && epoch === undefined ? LISTED_NEXT : OWN_NEXT[code];
}

const OWN_NEXT: Readonly<Record<ReadOnlyCode, string>> = {
  'safe-mode':
    'Correct the settings that the reason names, and have the node read them again (lattice config reload) or restart it.',
  'untrusted-self':
    'Have the fleet take this node in (lattice members add, or an invitation), or let it catch up with the roster.',
  mirror: 'Write to another node, or make this one a writer: lattice members promote.',
  retired: 'Write to another node; a key that is retired never writes again, so give this node a new one.',
  clone:
    'Stop the other node, or give this one a new key; writes go on by themselves once no other node with this key has been heard for a while.',
  'own-history': 'Wait until they are fetched; when it stays, make the peers that hold them reachable.',
  'clock-jump':
    "Set the clock of this machine right (NTP); writes go on by themselves once it has been compared with the peers', or after 30 s where none is heard.",
  'clock-skew': 'Set the clock of this machine right (NTP); writes go on by themselves then.',
  'clock-ahead':
    'Set the clock of this machine right (NTP), or wait: writes go on by themselves at the time that the reason names.',
  'lost-batches':
    'Keep the peers reachable that have them; to go on without them, remove the file "witness" as the reason says.',
  disk: 'Make room on the disk; writes go on by themselves then.',
};

/** The first few of the texts, and how many more there are. */
export function few(texts: readonly string[]): string {
  const rest = texts.length - MAX_NAMED;
  return rest <= 0 ? joined(texts) : `${texts.slice(0, MAX_NAMED).join(', ')} and ${rest} more`;
}

/** `1 of 2 other nodes is` or `2 of 3 other nodes are`, then what they are. */
export function ofOthers(n: number, all: number, one: string, more: string): string {
  if (all === 1) return `The only other node ${one}`;
  if (n === all) return `${all === 2 ? 'Both' : `All ${all}`} other nodes ${more}`;
  return `${n} of ${all} other nodes ${n === 1 ? one : more}`;
}

/** What the most frequent failures of a connection mean; each is looked for in the text of the error. */
const FAILURES: readonly (readonly [code: RegExp, words: string])[] = [
  [/ECONNREFUSED/, 'the connection is refused'],
  [/ENOTFOUND|EAI_AGAIN/, 'its host name is not known'],
  [/EHOSTUNREACH|ENETUNREACH/, 'no route leads to it'],
  [/ECONNRESET|EPIPE|other side closed/, 'the connection breaks'],
  [/ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|did not answer|no answer within|timed? ?out/i, 'it does not answer'],
];

/** Whether a member answers that it has gone on by force without this node (SPEC RO15). */
export const isOfOtherLineage = ({ errorCode }: { readonly errorCode?: ErrorCode | undefined }): boolean =>
  errorCode === 'other-lineage';

/** Why a node is not reached, for people; `code` is that of the failure. */
export function failureOf(error: string, code: ErrorCode | undefined): string {
  if (code === 'sync-forbidden') return "this node's key is no member there";
  if (code === 'other-lineage') return 'it has begun another lineage by force, without this node';
  return FAILURES.find(([known]) => known.test(error))?.[1] ?? error;
}
