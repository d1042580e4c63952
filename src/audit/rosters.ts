import {
  type CheckedChain,
  checkChain,
  doubleSigners,
  type Roster,
  type RosterPin,
  type RosterSpan,
} from '../core/roster/index.ts';
import { type Author, type Bytes, bytesToHex, hexToBytes } from '../core/types/index.ts';
import type { AuditDeps, Checklist } from './checks.ts';
import { decode, fromBase64url, invalid } from './document.ts';
import { checkProofTrust, isPinned, type ProofTrust } from './trust.ts';

/** The rosters that a document is checked by. */
export interface KnownFleet {
  /** From the pinned roster on, in order. */
  readonly spans: readonly [RosterSpan, ...RosterSpan[]];
  /** Whether any of these rosters names the author as one whose commits counted. */
  readonly wrote: (author: Author) => boolean;
  /** Whether the rosters begin with epoch 0, so that everybody who ever counted stands in them. */
  readonly whole: boolean;
  /** Whether a list is all that there is: no roster was decided, as far as the document and the verifier know. */
  readonly plain: boolean;
}

export interface CheckRostersOptions extends AuditDeps {
  readonly trusted: ProofTrust;
  /**
   * Roster certificates that the verifier knows already, base64url, in order of their epochs. A later roster among them
   * ends an earlier one of a document, also where the document keeps silent about it.
   */
  readonly rosters?: readonly string[] | undefined;
}

/**
 * Checks the chain of rosters that goes along with a document, from what the verifier pins (SPEC Z11), and makes the
 * check `rosters` of the list. Undefined where nobody or anyone is trusted. Rejects with `proof-malformed` or `proof-invalid`.
 */
export async function checkRosters<Name extends string>(
  carried: readonly Bytes[],
  network: string,
  { trusted: given, rosters: known = [], hasher, verifier }: CheckRostersOptions,
  list: Checklist<Name | 'rosters'>,
): Promise<KnownFleet | undefined> {
  // Programs that are not checked by types may leave it out.
  const unpinned = given as ProofTrust | undefined;
  if (unpinned === undefined || unpinned === 'anyone' || (!isPinned(unpinned) && unpinned.length === 0)) {
    list.skip('rosters', 'no trust list was given, from which rosters could be checked');
    return undefined;
  }
  list.begin('rosters');
  const trusted = checkProofTrust(unpinned) as typeof unpinned;
  const pin = pinOf(trusted);
  const chains: CheckedChain[] = [];
  for (const certificates of [carried, known.map((one) => fromBase64url(one, 'rosters'))]) {
    // Without any certificate a pinned list is the chain, and a pinned hash is refused.
    if (certificates.length === 0 && (known.length > 0 || carried.length > 0)) continue;
    const chain = decode('rosters', () => checkChain(certificates, pin, { network, hasher }));
    for (const { author, message, signature } of chain.signatures)
      if (!(await verifier.verify(author, message, signature)))
        throw invalid(`the vote of ${author} for a roster is not signed by it`);
    chains.push(chain);
  }
  const [first, other] = chains as [CheckedChain, CheckedChain | undefined];
  const spans = other === undefined ? first.spans : joined(first.spans, other.spans);
  const wrote = new Set<Author>();
  for (const { state } of spans)
    for (const { author, role } of state.roster.members) if (role !== 'mirror') wrote.add(author);
  const last = spans[spans.length - 1] as RosterSpan;
  const plain = !isPinned(trusted) && spans.length === 1;
  list.ok(
    plain
      ? 'the trust list is taken as it was given; the document names no later roster'
      : `the rosters lead from epoch ${spans[0].state.roster.epoch} to epoch ${last.state.roster.epoch} (${bytesToHex(last.state.hash)})`,
  );
  return { spans, wrote: (author) => wrote.has(author), whole: !isPinned(trusted), plain };
}

function pinOf(trusted: Exclude<ProofTrust, 'anyone'>): RosterPin {
  if (!isPinned(trusted)) return { authors: trusted };
  return { hash: hexToBytes(trusted.roster) as Bytes };
}

/**
 * Two chains from one pin as one. Quorums that differ may name different starts of one epoch, each of them rightly: what
 * the roster before certified is not later than the earlier one.
 */
function joined(
  a: readonly [RosterSpan, ...RosterSpan[]],
  b: readonly [RosterSpan, ...RosterSpan[]],
): readonly [RosterSpan, ...RosterSpan[]] {
  const [longer, shorter] = a.length >= b.length ? [a, b] : [b, a];
  const spans = longer.map((span, i): RosterSpan => {
    const beside = shorter[i];
    if (beside === undefined) return span;
    const { epoch } = span.state.roster;
    if (bytesToHex(span.state.hash) !== bytesToHex(beside.state.hash))
      throw invalid(`two rosters were decided for epoch ${epoch}: some writers signed two things`);
    const ends = [span.end, beside.end].filter((end) => end !== undefined);
    return {
      state: span.state,
      start: Math.min(span.start, beside.start),
      end: ends.length === 0 ? undefined : Math.min(...ends),
    };
  });
  return spans as unknown as readonly [RosterSpan, ...RosterSpan[]];
}

/**
 * Tells what a quorum of this roster is safe against, as a sentence for people (SPEC Z13).
 *
 * @throws nothing
 * @example
 * const { roster } = await verifyCertificate(certificate, { ...bundledCrypto(), trusted });
 * console.log(roster.epoch, safetyOf(roster));
 */
export function safetyOf(roster: Roster): string {
  const needed = doubleSigners(roster);
  const keys = needed === 1 ? 'one key that signs' : `${needed} keys that each sign`;
  return roster.certify === 'majority'
    ? `A majority is safe while nodes crash, stall or lie about what they serve; ${keys} two roots for one time could have both certified.`
    : `More than two thirds is safe also while fewer than ${needed} of the keys sign two roots for one time.`;
}
