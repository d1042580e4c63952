import { bytesToHex, equalBytes } from '../../core/types/index.ts';
import type { Condition, Head, SignedHead } from '../../core/wire/index.ts';
import type { Agreement } from '../facade/index.ts';
import type { LungName } from './link.ts';
import { RecentRoots } from './recent-roots.ts';
import type { Writable } from './writable.ts';

/**
 * An incarnation of which nothing was heard for this long is over. A new one is then believed whatever its wall clock
 * says.
 */
const FORMER_INCARNATION_MS = 10_000;
/** How much earlier than the newest head one may be made that a relay brings over the other lung, by the peer's clock. */
const LATE_RELAY_MS = 10_000;
/** How many heads tell of a peer's clock: those of some seconds, so that a clock that was set shows soon. */
const CLOCK_SAMPLES = 8;
/** Two running nodes with one key replace each other with every heartbeat. After so long without that, one has ended. */
const TWIN_MS = 30_000;

/**
 * What is known of a peer's state, and how it compares with ours. Times are monotonic ms unless they say otherwise.
 * Only this module writes it.
 */
export interface PeerView {
  readonly head: Head | undefined;
  readonly heardAt: Readonly<Record<LungName, number | undefined>>;
  /**
   * The number of the newest head of the peer's present incarnation, by each lung. The lungs race, so each is judged by
   * what it brings itself.
   */
  readonly newest: Readonly<Record<LungName, number>>;
  /** Since when its newest head has named commits that have not arrived; undefined when all have. */
  readonly behindSince: number | undefined;
  /** The incarnation before the present one, in hex. */
  readonly formerIncarnation: string | undefined;
  /** When an incarnation that another had replaced last came back, so that two nodes run with this key. */
  readonly twinAt: number | undefined;
  readonly roots: RecentRoots;
  readonly trustMatches: boolean | undefined;
  readonly software: string | undefined;
  /** What it told last of its condition, and since when it refuses writes, Unix ms. Undefined: it told nothing. */
  readonly condition: (Condition & { readonly refusesSince: number | undefined }) | undefined;
  /** The head of the hello that told it. */
  readonly conditionOf: Pick<Head, 'incarnation' | 'sequence'> | undefined;
  /** What its newest heads said of its wall clock, the oldest first. */
  readonly clockSamples: readonly ClockSample[];
  readonly agreement: Agreement;
  /** When the present verdict began, or when it was last confirmed as equal. */
  readonly agreementAt: number;
  /** Since when the verdict holds, Unix ms. */
  readonly agreementSince: number;
  /** When a head of the peer last confirmed that both had the same state; undefined when none has. */
  readonly agreedAt: number | undefined;
  /** Our root and the peer's as they were last compared, and since when they have been these two. */
  readonly pair: { readonly roots: string; readonly at: number };
  /** The pair of roots for which a repair found that only refused items differ. */
  readonly exceptRefused: string | undefined;
}

/** What one head told of the wall clock of its peer. */
export interface ClockSample {
  /** The peer's wall clock less our monotonic clock, in ms. The head's time on the way makes it less than it is. */
  readonly ms: number;
  /** When the head came, monotonic ms. */
  readonly at: number;
}

/** Our side of a comparison. */
export interface OurSide {
  /** Our durable root, hex. */
  readonly root: string;
  readonly recent: RecentRoots;
  /** The greatest HLC of the peer in any operation or context that we have; zero when the peer is not known. */
  readonly seenHlc: bigint;
  readonly trustHash: Uint8Array;
}

/** What a head tells beside the state. */
export interface Heard {
  /** True: a new incarnation of the peer has begun. */
  readonly newIncarnation: boolean;
  /** True: its trust list has changed. */
  readonly newTrust: boolean;
}

interface Rhythm {
  readonly graceMs: number;
  readonly heartbeatMs: number;
}

interface Moment {
  /** Monotonic ms. */
  readonly now: number;
  /** Unix ms. */
  readonly wall: number;
}

/**
 * The peer's clock as its newest heads show it. Of some of them the one that was fastest on its way counts: a head that
 * waited somewhere makes its peer seem behind, and nothing makes it seem ahead (as the clock filter of NTP, RFC 5905
 * §10, takes the sample of the least delay). Undefined when no head came.
 */
export function clockOf({ clockSamples }: Pick<PeerView, 'clockSamples'>): ClockSample | undefined {
  const newest = clockSamples.at(-1);
  return newest === undefined ? undefined : { ms: Math.max(...clockSamples.map(({ ms }) => ms)), at: newest.at };
}

const write = (view: PeerView): Writable<PeerView> => view;

export function createView({ wall }: Moment): PeerView {
  return {
    head: undefined,
    heardAt: { p2p: undefined, http: undefined },
    newest: { p2p: 0, http: 0 },
    behindSince: undefined,
    formerIncarnation: undefined,
    twinAt: undefined,
    roots: new RecentRoots(),
    trustMatches: undefined,
    software: undefined,
    condition: undefined,
    conditionOf: undefined,
    clockSamples: [],
    agreement: 'unknown',
    agreementAt: 0,
    agreementSince: wall,
    agreedAt: undefined,
    pair: { roots: '', at: -Infinity },
    exceptRefused: undefined,
  };
}

/** When the peer was last heard over any lung; −Infinity: never. */
export function lastHeard({ heardAt }: PeerView): number {
  return Math.max(heardAt.p2p ?? -Infinity, heardAt.http ?? -Infinity);
}

/** Whether two nodes run with the peer's key, as its heads of this last half minute show. */
export function hasTwin({ twinAt }: PeerView, now: number): boolean {
  return twinAt !== undefined && now - twinAt < TWIN_MS;
}

/**
 * Whether a head would count (SPEC E5): it is neither a replay nor older than what this lung has brought of its
 * incarnation. `direct`: the peer itself sent it to us, without a relay.
 */
export function isNews(view: PeerView, head: Head, lung: LungName, direct: boolean, { now }: Moment): boolean {
  const known = view.head;
  if (known === undefined) return true;
  if (equalBytes(known.incarnation, head.incarnation)) {
    if (head.sequence <= view.newest[lung]) return false;
    // Whoever relays heads may have recorded them on the other lung, and a recording shows nobody alive.
    const isNewest = head.sequence > Math.max(view.newest.p2p, view.newest.http);
    return direct || isNewest || head.wallMs >= known.wallMs - LATE_RELAY_MS;
  }
  // A head of another incarnation counts at once when the peer itself sent it. By a relay it counts only when its
  // wall clock is later, or when the known incarnation has been silent.
  return direct || head.wallMs > known.wallMs || now - lastHeard(view) >= FORMER_INCARNATION_MS;
}

/**
 * Takes note of a verified head (SPEC E5). Returns undefined when this lung has brought that head or a newer one before
 * (by a replay or a slow relay). `direct`: the peer itself sent it to us, without a relay.
 */
export function hearHead(
  view: PeerView,
  { head }: SignedHead,
  lung: LungName,
  direct: boolean,
  moment: Moment,
): Heard | undefined {
  const { now } = moment;
  if (!isNews(view, head, lung, direct, moment)) return undefined;
  const known = view.head;
  const w = write(view);
  let newIncarnation = false;
  if (known === undefined || !equalBytes(known.incarnation, head.incarnation)) {
    if (known !== undefined) {
      if (view.formerIncarnation === bytesToHex(head.incarnation)) w.twinAt = now;
      w.formerIncarnation = bytesToHex(known.incarnation);
      w.agreementAt = now;
      newIncarnation = true;
    }
    w.newest = { p2p: 0, http: 0 };
  }
  w.newest = { ...view.newest, [lung]: head.sequence };
  w.heardAt = { ...view.heardAt, [lung]: now };
  if (head.sequence < Math.max(view.newest.p2p, view.newest.http)) return { newIncarnation, newTrust: false };
  const newTrust = known !== undefined && !equalBytes(known.trustHash, head.trustHash);
  w.head = head;
  view.roots.add(bytesToHex(head.root), now);
  // A new incarnation may run on a machine whose clock has been set meanwhile.
  const samples = newIncarnation ? [] : view.clockSamples;
  w.clockSamples = [...samples, { ms: head.wallMs - now, at: now }].slice(-CLOCK_SAMPLES);
  return { newIncarnation, newTrust };
}

/** Compares the peer's newest head with our state. */
export function compareHead(view: PeerView, ours: OurSide, moment: Moment): void {
  const { head } = view;
  if (head === undefined) return;
  const { now } = moment;
  const w = write(view);
  w.trustMatches = equalBytes(head.trustHash, ours.trustHash);
  const theirs = bytesToHex(head.root);
  const isOurs = theirs === ours.root || ours.recent.has(theirs, now);
  w.behindSince = isOurs || head.hlc <= ours.seenHlc ? undefined : (view.behindSince ?? now);
  const roots = pairOf(ours.root, theirs);
  if (roots !== view.pair.roots) w.pair = { roots, at: now };
  const equal = isOurs || view.roots.has(ours.root, now);
  if (equal) {
    setAgreement(view, 'equal', moment);
    // A peer that is silent confirms nothing, however long our own state stays as it was.
    w.agreedAt = lastHeard(view);
  } else setAgreement(view, view.exceptRefused === roots ? 'equal-except-refused' : 'different', moment);
}

/** Notes that a repair of the present pair of states found that only refused items differ. `ourRoot`: hex. */
export function agreeExceptRefused(view: PeerView, ourRoot: string, moment: Moment): void {
  if (view.head === undefined) return;
  write(view).exceptRefused = pairOf(ourRoot, bytesToHex(view.head.root));
  setAgreement(view, 'equal-except-refused', moment);
}

/**
 * Forgets that only refused items differ, because they may be accepted the next time. Returns true when there was
 * something to forget.
 */
export function forgetExceptRefused(view: PeerView): boolean {
  if (view.exceptRefused === undefined) return false;
  write(view).exceptRefused = undefined;
  return true;
}

/** Lets the difference count from this moment on only. */
export function restartAgreement(view: PeerView, now: number): void {
  write(view).agreementAt = now;
}

/** Takes note of the peer's software. Returns true when it is other software than the peer last told. */
export function noteSoftware(view: PeerView, software: string): boolean {
  const changed = view.software !== undefined && view.software !== software;
  write(view).software = software;
  return changed;
}

/**
 * Takes note of the condition that the peer told. It refuses writes since it first told so, whatever reasons come and
 * go meanwhile. Returns true when a reason that it told before has gone. `wall`: Unix ms. `head`: that of the hello,
 * by which one is known that another has overtaken on its way.
 */
export function noteCondition(
  view: PeerView,
  condition: Condition | undefined,
  wall: number,
  head: Pick<Head, 'incarnation' | 'sequence'>,
): boolean {
  const { conditionOf } = view;
  if (
    conditionOf !== undefined &&
    equalBytes(conditionOf.incarnation, head.incarnation) &&
    head.sequence < conditionOf.sequence
  )
    return false;
  write(view).conditionOf = { incarnation: head.incarnation, sequence: head.sequence };
  const before = view.condition?.readOnly ?? [];
  const refuses = condition !== undefined && condition.readOnly.length > 0;
  const refusesSince = refuses ? (view.condition?.refusesSince ?? wall) : undefined;
  write(view).condition = condition === undefined ? undefined : { ...condition, refusesSince };
  return condition !== undefined && before.some((reason) => !condition.readOnly.includes(reason));
}

/** The name of the two states that are compared. */
function pairOf(ours: string, theirs: string): string {
  return `${ours}:${theirs}`;
}

/** Takes note of the verdict. `agreementAt` starts again only when the verdict changes or is confirmed as equal. */
function setAgreement(view: PeerView, agreement: Agreement, { now, wall }: Moment): void {
  const w = write(view);
  if (view.agreement !== agreement) {
    w.agreement = agreement;
    w.agreementSince = wall;
    w.agreementAt = now;
  } else if (agreement === 'equal') w.agreementAt = now;
}

/**
 * How long after its newest head a peer counts as heard, in ms: the grace, and half a heartbeat, within which a fail-over
 * brings the first head over the other lung.
 */
export function heardMs({ graceMs, heartbeatMs }: Rhythm): number {
  return graceMs + heartbeatMs / 2;
}

/** Whether a fresh head of the peer came over any lung within that time (SPEC J2). `now`: monotonic ms. */
export function isHeard(view: PeerView, now: number, rhythm: Rhythm): boolean {
  return now - lastHeard(view) <= heardMs(rhythm);
}

/** The same for one lung. */
export function isHeardOver({ heardAt }: PeerView, lung: LungName, now: number, rhythm: Rhythm): boolean {
  return now - (heardAt[lung] ?? -Infinity) <= heardMs(rhythm);
}
