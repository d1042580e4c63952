import type { ReadOnlyCode } from '../facade/codes.ts';

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

/** Reasons that end once time has passed or peers have delivered, without anybody's help. */
const PASSING: ReadonlySet<string> = new Set<ReadOnlyCode>(['own-history', 'lost-batches', 'clock-ahead']);

export function healsByItself(codes: readonly string[]): boolean {
  return codes.every((told) => PASSING.has(told));
}

/** What an operator of this node can do about a reason for which it refuses writes. */
export const OWN_NEXT: { readonly [C in ReadOnlyCode]?: string } = {
  'safe-mode': 'Correct the settings that the reason names, and restart the node.',
  'untrusted-self':
    'Put the key of this node on the trust list of every node, and have each read its configuration again.',
  clone: 'Stop the other node, or give this one a new key.',
  'clock-jump': 'Set the clock of this machine right (NTP); writes go on by themselves then.',
  'clock-skew': 'Set the clock of this machine right (NTP); writes go on by themselves then.',
  disk: 'Make room on the disk; writes go on by themselves then.',
};

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
  if (n === all) return `${all === 2 ? 'Both' : `All ${all}`} other nodes ${more}`;
  return `${n} of ${all} other nodes ${n === 1 ? one : more}`;
}

/** What a node answers to one whose key is not on its trust list, as its HTTP exchange tells it. */
const FORBIDDEN = /status 403: this node does not sync with/;

/** Whether a failure says that the other node does not let this one sync. */
export const isForbidden = (error: string): boolean => FORBIDDEN.test(error);

/** What the most frequent failures of a connection mean; each is looked for in the text of the error. */
const FAILURES: readonly (readonly [code: RegExp, words: string])[] = [
  [FORBIDDEN, "this node's key is not on its trust list"],
  [/ECONNREFUSED/, 'the connection is refused'],
  [/ENOTFOUND|EAI_AGAIN/, 'its host name is not known'],
  [/EHOSTUNREACH|ENETUNREACH/, 'no route leads to it'],
  [/ECONNRESET|EPIPE|other side closed/, 'the connection breaks'],
  [/ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|did not answer|no answer within|timed? ?out/i, 'it does not answer'],
];

/** Why a node is not reached, for people. */
export function failureOf(error: string): string {
  return FAILURES.find(([code]) => code.test(error))?.[1] ?? error;
}
