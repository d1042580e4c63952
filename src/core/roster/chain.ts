import { type Author, type Bytes, bytesToHex, equalBytes, type Hasher, LatticeError } from '../types/index.ts';
import { checkRosterCertificate, decodeRosterCertificate } from './certificate.ts';
import { type RosterState, stateOf } from './change.ts';
import { checkForcedRoster, isForcedAfter } from './force.ts';
import { initialRoster } from './roster.ts';
import type { Signature } from './statements.ts';

/** A roster with the time for which it certifies cuts: later than `start`, up to `end`, both Unix ms (SPEC Z12). */
export interface RosterSpan {
  readonly state: RosterState;
  readonly start: number;
  /** Undefined where nobody is known to have decided the next roster. */
  readonly end: number | undefined;
}

/** From what a chain is believed: the configured list, whose roster is epoch 0, or the hash of any later roster. */
export type RosterPin = { readonly authors: readonly Author[] } | { readonly hash: Bytes };

/** (wire) Most roster certificates beside one document. Whoever has more epochs behind them pins a later roster. */
export const MAX_CHAIN = 256;

export interface CheckedChain {
  /** From the pinned roster on, in order: at least one. */
  readonly spans: readonly [RosterSpan, ...RosterSpan[]];
  /** The chain holds as soon as all of these are good. */
  readonly signatures: readonly Signature[];
  /** The rosters of the chain that were forced, for which no votes vouch. */
  readonly forced: readonly RosterState[];
}

/**
 * Checks everything about a chain of roster certificates but the signatures (SPEC Z11). With a pinned list it begins
 * with epoch 1, or is empty. With a pinned hash it has the certificate of the pinned roster, which is believed for its
 * hash, and what stands before that is not looked at. `most` bounds their number, MAX_CHAIN by default. A forced roster
 * is refused unless `forced` says otherwise; then something else than votes has to vouch for it. LatticeError
 * `malformed`, `unknown-version` or `not-certified`.
 */
export function checkChain(
  certificates: readonly Bytes[],
  pin: RosterPin,
  options: { readonly network: string; readonly hasher: Hasher; readonly most?: number; readonly forced?: boolean },
): CheckedChain {
  const { most = MAX_CHAIN } = options;
  if (certificates.length > most)
    throw new LatticeError('malformed', `${certificates.length} roster certificates, and at most ${most} go along`);
  const { first, later } =
    'hash' in pin
      ? pinnedByHash(certificates, pin.hash, options)
      : { first: firstSpan(pin.authors, options.hasher), later: certificates };
  const spans: [RosterSpan, ...RosterSpan[]] = [first];
  const signatures: Signature[] = [];
  const forced: RosterState[] = [];
  for (const bytes of later) {
    const before = spans[spans.length - 1] as RosterSpan;
    const isForced = isForcedAfter(bytes, before.state, options);
    if (isForced && options.forced !== true)
      throw notCertified(
        `that of epoch ${before.state.roster.epoch + 1} was forced after a quorum was lost, and no votes vouch for it; whoever trusts it pins its hash or that of a later one`,
      );
    const check = isForced ? checkForcedRoster : checkRosterCertificate;
    const { state, start: voted, signatures: votes } = check(bytes, before.state, options);
    if (isForced) forced.push(state);
    const start = laterStart(before.start, voted);
    spans[spans.length - 1] = { ...before, end: start };
    spans.push({ state, start, end: undefined });
    signatures.push(...votes);
  }
  return { spans, signatures, forced };
}

/**
 * Where a roster begins whose voters named `voted` at the latest, after one that began at `before`. Voters of two
 * decisions in a row may all have attested less than the first decision's end, so that the roster between them certifies
 * nothing; what the roster before that certified must still not be certified again.
 */
export const laterStart = (before: number, voted: number): number => Math.max(before, voted);

/** The roster of a configured trust list, in a fleet that has not changed as far as is known. */
export function firstSpan(authors: readonly Author[], hasher: Hasher): RosterSpan {
  return { state: stateOf(initialRoster(authors), new Set(), hasher), start: 0, end: undefined };
}

/** Nothing verifies the votes for the pinned roster, whose voters nobody knows here. It is bound by its hash alone. */
function pinnedByHash(
  certificates: readonly Bytes[],
  hash: Bytes,
  { network, hasher }: { readonly network: string; readonly hasher: Hasher },
): { first: RosterSpan; later: readonly Bytes[] } {
  for (const [i, bytes] of certificates.entries()) {
    const certificate = decodeRosterCertificate(bytes);
    const state = stateOf(certificate.roster, new Set(), hasher);
    if (!equalBytes(state.hash, hash)) continue;
    if (certificate.network !== network)
      throw notCertified(`the pinned roster is of network ${JSON.stringify(certificate.network)}`);
    const start = Math.max(...certificate.votes.map(({ attested }) => attested));
    return { first: { state, start, end: undefined }, later: certificates.slice(i + 1) };
  }
  throw notCertified(`the pinned roster ${bytesToHex(hash)} is not among those that go along`);
}

function notCertified(why: string): LatticeError {
  return new LatticeError('not-certified', `the chain of rosters does not hold: ${why}`);
}

/** The roster of a chain that has this hash. */
export function spanWithHash(spans: readonly RosterSpan[], hash: Bytes): RosterSpan | undefined {
  return spans.find(({ state }) => equalBytes(state.hash, hash));
}
