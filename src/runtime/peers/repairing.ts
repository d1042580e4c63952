import { RefusedDifferences } from '../../core/reconcile/index.ts';
import type { RepairProgress, RepairReport } from '../facade/index.ts';
import type { Writable } from './writable.ts';

/** A session that the peer opened is over when nothing came of it for this long. What it still settles would be settled twice. */
const SERVED_QUIET_MS = 2_000;
/** A peer's sessions don't hold back ours for longer than one may last: one that asks for ever is not waited for. */
const SERVED_MAX_MS = 120_000;

/** How many keys differ. Not `exact`: an estimate. `at`: Unix ms. */
export interface Differing {
  readonly keys: number;
  readonly at: number;
  readonly exact: boolean;
}

/** Repairs with one peer, ours and its own. Times are monotonic ms unless they say otherwise. This module alone writes it. */
export interface PeerRepair {
  readonly running: boolean;
  /** The next difference is repaired without waiting for it to settle. */
  readonly urgent: boolean;
  readonly nextAt: number;
  /** Failed repairs in a row. */
  readonly failures: number;
  /** Repairs in a row whose coded symbols did not decode. */
  readonly undecoded: number;
  readonly last: RepairReport | undefined;
  readonly progress: RepairProgress | undefined;
  readonly refused: RefusedDifferences;
  /** How many keys differed when it was last looked, without what has been repaired since. */
  readonly differing: Differing | undefined;
  /**
   * The peer's own session with us, as far as its requests tell: how many are being answered, when the last came or was
   * answered, and when the first of them came.
   */
  readonly served: { readonly open: number; readonly at: number; readonly since: number };
}

const write = (repair: PeerRepair): Writable<PeerRepair> => repair;

export function createRepairing(): PeerRepair {
  return {
    running: false,
    urgent: true,
    nextAt: 0,
    failures: 0,
    undecoded: 0,
    last: undefined,
    progress: undefined,
    refused: new RefusedDifferences(),
    differing: undefined,
    served: { open: 0, at: -Infinity, since: -Infinity },
  };
}

/** The next difference is repaired at once, whatever the backoff. */
export function hurry(repair: PeerRepair): void {
  const w = write(repair);
  w.nextAt = 0;
  w.urgent = true;
}

/** The next difference does not wait to settle; a backoff stays. */
export function expectDifference(repair: PeerRepair): void {
  write(repair).urgent = true;
}

export function beginRepair(repair: PeerRepair): void {
  const w = write(repair);
  w.running = true;
  w.urgent = false;
}

/** `remaining`: keys that are still known to differ, refused ones included; undefined: as before. `wall`: Unix ms. */
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

/** Takes the report of a repair. Returns how many have failed in a row. `wall`: Unix ms. */
export function noteReport(repair: PeerRepair, report: RepairReport, wall: number): number {
  const w = write(repair);
  w.last = report;
  if (report.outcome === 'equal') w.differing = { keys: 0, at: wall, exact: true };
  else if (report.outcome === 'equal-except-refused') w.differing = { keys: report.found, at: wall, exact: true };
  w.failures = report.outcome === 'failed' ? repair.failures + 1 : 0;
  return w.failures;
}

/** No repair before this time, unless `hurry` is called. */
export function waitUntil(repair: PeerRepair, at: number): void {
  write(repair).nextAt = at;
}

export function endRepair(repair: PeerRepair): void {
  const w = write(repair);
  w.running = false;
  w.progress = undefined;
}

/** Whether the coded symbols of a repair decoded. */
export function noteDecoded(repair: PeerRepair, decoded: boolean): void {
  write(repair).undecoded = decoded ? 0 : repair.undecoded + 1;
}

export function noteDiffering(repair: PeerRepair, differing: Differing): void {
  write(repair).differing = differing;
}

/** A request of a session that the peer opened is being answered, until the function returned is called. */
export function serve(repair: PeerRepair, now: () => number): () => void {
  const w = write(repair);
  const { open, at, since } = repair.served;
  const began = open === 0 && now() - at >= SERVED_QUIET_MS;
  w.served = { open: open + 1, at: now(), since: began ? now() : since };
  return () => {
    w.served = { ...repair.served, open: repair.served.open - 1, at: now() };
  };
}

/** Whether the peer repairs with us by a session of its own: it settles what ours would. */
export function isServed({ served }: PeerRepair, now: number): boolean {
  return (served.open > 0 || now - served.at < SERVED_QUIET_MS) && now - served.since < SERVED_MAX_MS;
}
