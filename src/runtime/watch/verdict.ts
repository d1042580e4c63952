import { counted, joined } from '../../core/types/index.ts';
import type { MemberAgreement, MemberView, Verdict, VerdictKind, VerdictReason } from '../facade/index.ts';
import { timeOf } from '../facade/times.ts';
import type { Judged, MemberFacts, VerdictFacts } from './verdict-facts.ts';
import { reasonsOf } from './verdict-reasons.ts';
import { failings, few, isOfOtherLineage, ofOthers, toldReasons } from './verdict-words.ts';

/*
 * The one verdict on a node and its fleet (SPEC J1). Three steps, all pure:
 *
 * 1. `viewOf` turns what is known of each expected member into a MemberView. A member that was not heard within the
 *    grace is `not-heard` or `never-heard`, whatever its last head said; one that is heard is `equal`, `equal-as-of` a
 *    time, or `differs`.
 * 2. `reasonsOf` (verdict-reasons.ts) makes a reason of everything that keeps the node from CONVERGED, worst first, with
 *    what to do and whether it heals by itself.
 * 3. `judge` chooses the kind and the sentence.
 *
 * `status.ts` collects the facts, and `verdict-keeper.ts` knows since when the kind has held. Status, readiness,
 * metrics, events, the command line and the dashboard show this verdict and compute none of their own.
 */

/** How long after a start a member that no lung has brought yet is waited for: connections come up meanwhile. */
const START_MS = 5_000;
/**
 * While both states keep changing, an equal cut shows that they differ only by what is on its way. It counts for as long
 * as the next two cuts may take to be attested.
 */
const CUT_COUNTS_MS = 30_000;

/** The verdict without the time since when its kind has held, which takes a memory. */
export function judge(given: VerdictFacts): Omit<Verdict, 'since'> {
  // That a mirror takes no writes is what it is there for, and hides nothing of the rest.
  const readOnly = given.readOnly.filter(({ code }) => code !== 'mirror');
  const facts = { ...given, readOnly };
  const judged = facts.members.map((member) => judgeMember(member, facts));
  const kind = kindOf(facts, judged);
  const reasons = reasonsOf(facts, judged);
  const said = sentenceOf(kind, facts, judged, reasons);
  const sentence =
    readOnly.length === given.readOnly.length ? said : `${said} This node is a mirror and takes no writes.`;
  return { kind, sentence, reasons, members: judged.map(({ view }) => view) };
}

function judgeMember(facts: MemberFacts, all: VerdictFacts): Judged {
  const view = viewOf(facts, all);
  const isNew = !facts.heardInThisRun && all.now - all.startedAt <= START_MS;
  return { facts, view, trouble: troubleOf(facts, view, isNew, all) };
}

function troubleOf(
  facts: MemberFacts,
  view: MemberView,
  isNew: boolean,
  { now, graceMs }: VerdictFacts,
): Judged['trouble'] {
  if (view.lastHeardAt === undefined || view.agreement === 'not-heard' || view.agreement === 'never-heard')
    return isNew ? 'unsettled' : 'down';
  // It takes nothing from this node any more, whatever both have at present.
  if (isOfOtherLineage(facts)) return 'diverged';
  if (view.serves === false) return 'starting';
  if (view.agreement === 'differs') return now - (view.since ?? 0) > graceMs ? 'diverged' : 'unsettled';
  return failings(view.readOnly ?? [], facts.isMirror === true).length === 0 ? undefined : 'read-only';
}

function viewOf(facts: MemberFacts, all: VerdictFacts): MemberView {
  const { agreement, asOf, since } = agreementOf(facts, all);
  return {
    ...given('author', facts.author),
    ...given('peerId', facts.peerId),
    ...given('name', facts.name),
    label: facts.label,
    ...given('url', facts.url),
    lung: facts.heard ? facts.lung : 'none',
    agreement,
    ...given('asOf', asOf),
    ...given('lastHeardAt', facts.lastHeardAt),
    ...given('since', since),
    ...given('differing', agreement === 'equal' ? undefined : facts.differing),
    ...given('readOnly', facts.readOnly?.codes),
    ...given('readOnlySince', facts.readOnly?.since),
    ...given('serves', facts.serves),
    ...given('error', facts.heard ? undefined : facts.error),
  };
}

interface Compared {
  readonly agreement: MemberAgreement;
  readonly asOf: number | undefined;
  readonly since: number | undefined;
}

function agreementOf(m: MemberFacts, { now, graceMs }: VerdictFacts): Compared {
  const asOf = newest(m.agreedAt, m.cutAt);
  const since = m.agreementSince;
  if (m.lastHeardAt === undefined) return { agreement: 'never-heard', asOf, since: undefined };
  if (!m.heard) return { agreement: 'not-heard', asOf, since: m.lastHeardAt };
  if (m.sameRoot) return { agreement: 'equal', asOf: m.lastHeardAt, since };
  if (m.agreement === 'equal') return { agreement: 'equal-as-of', asOf: asOf ?? m.lastHeardAt, since };
  const equal: Compared = { agreement: 'equal-as-of', asOf, since };
  const differs: Compared = { agreement: 'differs', asOf, since };
  if (m.agreement === 'equal-except-refused' || asOf === undefined) return differs;
  const began = since ?? now;
  const cutCounts = m.cutAt !== undefined && now - m.cutAt <= CUT_COUNTS_MS;
  // An equal cut later than the begin of the difference shows that only what is on its way differs.
  if (cutCounts && m.cutAt >= began) return equal;
  if (now - began <= graceMs) return equal;
  if (m.repair !== undefined && m.repair.remaining > 0 && now - m.repair.since > graceMs) return differs;
  return m.flowing && cutCounts ? equal : differs;
}

function newest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.max(a, b);
}

function kindOf(facts: VerdictFacts, judged: readonly Judged[]): VerdictKind {
  const any = (...troubles: readonly Judged['trouble'][]): boolean =>
    judged.some(({ trouble }) => troubles.includes(trouble));
  if (facts.readOnly.length > 0) return 'READ_ONLY';
  // What differs while the state is being taken over is what is not here yet.
  if (facts.bootstrap !== undefined) return 'STARTING';
  if (judged.length === 0) return 'ALONE';
  if (any('diverged')) return 'DIVERGED';
  if (judged.every(({ trouble }) => trouble === 'down')) return 'ISOLATED';
  if (any('down', 'read-only', 'starting')) return 'DEGRADED';
  return any('unsettled') ? 'STARTING' : 'CONVERGED';
}

function sentenceOf(
  kind: VerdictKind,
  facts: VerdictFacts,
  judged: readonly Judged[],
  reasons: readonly VerdictReason[],
): string {
  switch (kind) {
    case 'READ_ONLY': {
      const [first, ...others] = facts.readOnly;
      const more = others.length === 0 ? '' : `, and for ${counted(others.length, 'other reason')}`;
      return `This node refuses writes: ${first?.text ?? ''}${more}.`;
    }
    case 'DIVERGED':
      return divergence(judged, reasons);
    case 'ISOLATED':
      return `${judged.length === 1 ? 'The only other node is not' : `None of the ${judged.length} other nodes is`} reachable: ${silent(judged, facts.now)}.`;
    case 'DEGRADED':
      return `${joined(degradations(judged, facts.now))}.`;
    case 'STARTING': {
      if (facts.bootstrap !== undefined) {
        const { done, total } = facts.bootstrap;
        return `This node takes over the state of the fleet: ${done} of ${counted(total, 'chunk')} are here.`;
      }
      const waited = judged.filter(({ trouble }) => trouble === 'unsettled').map(({ view }) => view.label);
      return `This node has just started and has not compared its state yet with ${few(waited)}.`;
    }
    case 'CONVERGED':
      return agreement(judged);
    case 'ALONE':
      return alone(facts);
  }
}

function alone({ epoch, left = [] }: VerdictFacts): string {
  const list = epoch === undefined ? 'trust list' : 'roster';
  if (left.length === 0) return `This node expects no other node: neither its ${list} nor its configuration names one.`;
  return `This node expects no other node: its ${list} names none, and its configuration names only ${few(left)}, which left the fleet.`;
}

/** Says of what is still on its way that it is, because equal as of a time is not equal now. */
function agreement(judged: readonly Judged[]): string {
  const isNow = judged.every(({ view }) => view.agreement === 'equal');
  const [hold, rest] = isNow ? ['hold', ''] : ['held', ' a short while ago, and the newest writes are on their way'];
  if (judged.length > 1)
    return `${judged.length === 2 ? 'Both' : `All ${judged.length}`} other nodes ${hold} the same state as this one${rest}.`;
  return `The other node, ${judged[0]?.view.label ?? ''}, ${isNow ? 'holds' : hold} the same state as this one${rest}.`;
}

function divergence(judged: readonly Judged[], reasons: readonly VerdictReason[]): string {
  const differing = judged.filter(({ trouble }) => trouble === 'diverged');
  const who = differing.map(({ facts, view: { label, differing: keys } }) => {
    if (isOfOtherLineage(facts)) return `${label}, which has begun another lineage`;
    return keys === undefined ? label : `${label} in ${counted(keys, 'key')}`;
  });
  const of = reasons.filter(({ code }) => code === 'refused' || code === 'differs' || code === 'repairing');
  const heals = of.some((reason) => reason.heals === 'operator')
    ? 'this does not heal by itself'
    : 'this heals by itself';
  return `${ofOthers(differing.length, judged.length, 'differs', 'differ')} from this one: ${few(who)}; ${heals}.`;
}

/** Who is not heard, each with its time. */
function silent(judged: readonly Judged[], now: number): string {
  const down = judged.filter(({ trouble }) => trouble === 'down');
  return few(
    down.map(({ view: { label, lastHeardAt } }) =>
      lastHeardAt === undefined ? `${label}, never heard` : `${label}, since ${timeOf(lastHeardAt, now)}`,
    ),
  );
}

function degradations(judged: readonly Judged[], now: number): string[] {
  const of = (trouble: Judged['trouble']) => judged.filter((member) => member.trouble === trouble);
  const [down, full, starting] = [of('down'), of('read-only'), of('starting')];
  const all = judged.length;
  const out: string[] = [];
  if (down.length > 0) out.push(`${ofOthers(down.length, all, 'is', 'are')} unreachable: ${silent(judged, now)}`);
  const also = (n: number, one: string, more: string): string =>
    out.length === 0 ? ofOthers(n, all, one, more) : `${n} ${n === 1 ? one : more}`;
  if (full.length > 0) {
    const who = full.map(
      ({ facts, view: { label, readOnly = [], readOnlySince = now } }) =>
        `${label}, since ${timeOf(readOnlySince, now)}, because ${toldReasons(failings(readOnly, facts.isMirror === true))}`,
    );
    out.push(`${also(full.length, 'refuses writes', 'refuse writes')}: ${few(who)}`);
  }
  if (starting.length > 0)
    out.push(
      `${also(starting.length, 'takes', 'take')} over the state: ${few(starting.map(({ view }) => view.label))}`,
    );
  return out;
}

function given<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]?: V });
}
