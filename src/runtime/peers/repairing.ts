import { RefusedDifferences, type SessionTally, SettledKeys } from '../../core/reconcile/index.ts';
import type { RepairProgress, RepairReport } from '../facade/index.ts';
import type { Writable } from './writable.ts';

/**
 * A session that the peer opened counts as over when no request of it came for this long. While it lasts, a session of
 * ours would settle the same differences a second time.
 */
const SERVED_QUIET_MS = 2_000;
/**
 * Sessions of the peer hold back ours for no longer than one session may last, so a peer that never stops asking is not
 * waited for.
 */
const SERVED_MAX_MS = 120_000;
/** The first rest after a fruitless session, and the longest; after which time without one the next is a first again. */
const REST_MIN_MS = 1_000;
const REST_MAX_MS = 600_000;
const REST_FORGOTTEN_MS = 600_000;
/**
 * How often a new incarnation of a peer has what was settled with it forgotten. A peer that takes what it is sent, drops
 * it and starts again then has everything pushed once more in this time, as after the longest rest.
 */
const REBORN_EVERY_MS = 600_000;

/** How many keys differ. When `exact` is false, the number is an estimate. `at`: Unix ms. */
export interface Differing {
  readonly keys: number;
  readonly at: number;
  readonly exact: boolean;
}

/**
 * Repairs with one peer: the sessions that we open and those that it opens. Times are monotonic ms unless they say
 * otherwise. Only this module writes it.
 */
export interface PeerRepair {
  readonly running: boolean;
  /** True: the next difference is repaired without waiting for whether it settles by itself. */
  readonly urgent: boolean;
  /** True: a repair was asked for while one ran, so the next one does not wait for what that one came to. */
  readonly hurried: boolean;
  readonly nextAt: number;
  /** How many sessions in a row were fruitless, and until when the peer rests for that. */
  readonly fruitless: number;
  readonly restUntil: number;
  /** When the rest began or the peer was last probed, and what the peer said of its state then. */
  readonly restedAt: number;
  readonly restedWith: string;
  /** When what was settled was last forgotten, and how many sessions in a row had been fruitless by then. */
  readonly rebornAt: number;
  readonly fruitlessBefore: number;
  /** How many repairs in a row have failed. */
  readonly failures: number;
  /** How many repairs in a row have settled nothing because all that differed was refused. */
  readonly refusals: number;
  /** The number of repairs in a row whose coded symbols did not decode. */
  readonly undecoded: number;
  readonly last: RepairReport | undefined;
  readonly progress: RepairProgress | undefined;
  readonly refused: RefusedDifferences;
  /** The keys that were settled with this peer, by our leaf of each. */
  readonly settled: SettledKeys;
  /** How many keys differed at the last look, less those that have been repaired since. */
  readonly differing: Differing | undefined;
  /**
   * The session that the peer has opened with us, as far as its requests tell: how many of them are being answered,
   * when the last one came or was answered, and when the first one came.
   */
  readonly served: { readonly open: number; readonly at: number; readonly since: number };
}

const write = (repair: PeerRepair): Writable<PeerRepair> => repair;

export function createRepairing(): PeerRepair {
  return {
    running: false,
    urgent: true,
    hurried: false,
    nextAt: 0,
    fruitless: 0,
    restUntil: 0,
    restedAt: 0,
    restedWith: '',
    rebornAt: -Infinity,
    fruitlessBefore: 0,
    failures: 0,
    refusals: 0,
    undecoded: 0,
    last: undefined,
    progress: undefined,
    refused: new RefusedDifferences(),
    settled: new SettledKeys(),
    differing: undefined,
    served: { open: 0, at: -Infinity, since: -Infinity },
  };
}

/** Has the next difference repaired at once, whatever the backoff after failures. */
export function hurry(repair: PeerRepair): void {
  const w = write(repair);
  w.nextAt = 0;
  w.urgent = true;
  w.hurried = true;
  w.refusals = 0;
}

export function beginRepair(repair: PeerRepair): void {
  const w = write(repair);
  w.running = true;
  w.urgent = false;
  w.hurried = false;
}

/**
 * Takes note of how far a repair has come. `remaining`: how many keys are still known to differ, refused ones included;
 * when it is undefined, the number last noted stays. `wall`: Unix ms.
 */
export function noteProgress(
  repair: PeerRepair,
  progress: RepairProgress,
  remaining: number | undefined,
  wall: number,
): void {
  const w = write(repair);
  w.progress = progress;
  if (remaining !== undefined) w.differing = { keys: remaining, at: wall, exact: true };
}

/** Takes the report of a repair and returns how many repairs have failed in a row. `wall`: Unix ms. */
export function noteReport(repair: PeerRepair, report: RepairReport, wall: number): number {
  const w = write(repair);
  w.last = report;
  if (report.outcome === 'equal') w.differing = { keys: 0, at: wall, exact: true };
  else if (report.outcome === 'equal-except-refused') w.differing = { keys: report.found, at: wall, exact: true };
  w.failures = report.outcome === 'failed' ? repair.failures + 1 : 0;
  w.refusals = report.outcome === 'equal-except-refused' ? repair.refusals + 1 : 0;
  return w.failures;
}

/** A moment, in monotonic ms, and what the peer says of its state then. */
interface Seen {
  readonly now: number;
  readonly state: string;
}

/**
 * Takes note of whether anything came of a session. After a fruitless one the peer rests, longer each time: what makes
 * it so is said by the peer, who could say anything else by which a rest would end.
 */
export function noteCame(repair: PeerRepair, came: SessionTally['came'], { now, state }: Seen): void {
  const w = write(repair);
  if (came === 'fruitful') w.fruitless = 0;
  if (came !== 'fruitless') return;
  // One fruitful session after everything was forgotten proves nothing: whatever the peer took then was new to it.
  const before = now - repair.rebornAt < REST_FORGOTTEN_MS ? repair.fruitlessBefore : 0;
  w.fruitless = Math.max(now - repair.restUntil > REST_FORGOTTEN_MS ? 0 : repair.fruitless, before) + 1;
  w.restUntil = now + Math.min(REST_MAX_MS, REST_MIN_MS * 2 ** Math.min(w.fruitless - 1, 10));
  w.restedAt = now;
  w.restedWith = state;
}

/** Takes note of what a probe of a peer that rests came to: what it delivers ends the rest, and nothing lengthens it. */
export function noteProbed(repair: PeerRepair, came: SessionTally['came'], { now, state }: Seen): void {
  const w = write(repair);
  w.restedAt = now;
  w.restedWith = state;
  if (came !== 'fruitful') return;
  w.fruitless = 0;
  w.restUntil = now;
}

/**
 * Takes note that a new incarnation of the peer has begun. It may have lost its disk, so that all that was settled with
 * it has to be settled again: that is forgotten, and a rest ends, but not more often than every REBORN_EVERY_MS. `now`:
 * monotonic ms.
 */
export function noteReborn(repair: PeerRepair, now: number): void {
  const w = write(repair);
  w.urgent = true;
  if (now - repair.rebornAt < REBORN_EVERY_MS || (repair.settled.size === 0 && repair.fruitless === 0)) return;
  w.rebornAt = now;
  w.fruitlessBefore = repair.fruitless;
  w.settled = new SettledKeys();
  w.restUntil = Math.min(repair.restUntil, now);
}

/** Whether the last session with the peer failed, or one was fruitless not long ago. `now`: monotonic ms. */
export function isDoubtful({ failures, fruitless, restUntil }: PeerRepair, now: number): boolean {
  return failures > 0 || (fruitless > 0 && now - restUntil < REST_FORGOTTEN_MS);
}

/** Lets no repair begin before this time, unless `hurry` is called. */
export function waitUntil(repair: PeerRepair, at: number): void {
  write(repair).nextAt = at;
}

export function endRepair(repair: PeerRepair): void {
  const w = write(repair);
  w.running = false;
  w.progress = undefined;
}

/** Takes note of whether the coded symbols of a repair decoded. */
export function noteDecoded(repair: PeerRepair, decoded: boolean): void {
  write(repair).undecoded = decoded ? 0 : repair.undecoded + 1;
}

export function noteDiffering(repair: PeerRepair, differing: Differing): void {
  write(repair).differing = differing;
}

/**
 * Notes that a request of a session of the peer is being answered. The returned function notes that it has been
 * answered.
 */
export function serve(repair: PeerRepair, now: () => number): () => void {
  const w = write(repair);
  const { open, at, since } = repair.served;
  const began = open === 0 && now() - at >= SERVED_QUIET_MS;
  w.served = { open: open + 1, at: now(), since: began ? now() : since };
  return () => {
    w.served = { ...repair.served, open: repair.served.open - 1, at: now() };
  };
}

/** Whether the peer repairs with us in a session of its own, which settles what a session of ours would. */
export function isServed({ served }: PeerRepair, now: number): boolean {
  return (served.open > 0 || now - served.at < SERVED_QUIET_MS) && now - served.since < SERVED_MAX_MS;
}
