import { type Hlc, MAX_AHEAD_MS } from '../types/index.ts';
import { MAX_HLC, ZERO_HLC } from './hlc.ts';

/**
 * A hybrid logical clock after Kulkarni et al., "Logical Physical Clocks" (2014), in its packed form: 48 bits of
 * milliseconds above a 16-bit counter, so that adding one carries a full counter into the milliseconds.
 */
export interface HlcState {
  /** The greatest HLC issued or observed. */
  readonly last: Hlc;
}

/** The state of a clock that has issued and observed nothing. */
export const INITIAL_HLC_STATE: HlcState = { last: ZERO_HLC };

/** A new HLC with the state of the clock after it, or a refusal. */
export type Tick =
  | { readonly ok: true; readonly hlc: Hlc; readonly state: HlcState }
  /** The write must be refused, because its HLC would be `aheadMs` ahead of wall time. */
  | { readonly ok: false; readonly aheadMs: number };

const COUNTER_BITS = 16n;
const COUNTER_MASK = 0xffffn;
const MAX_MS = 2 ** 48 - 1;
const MAX_COUNTER = 2 ** 16 - 1;

/**
 * The HLC of these milliseconds and counter. RangeError unless `ms` is an integer of 48 bits and `counter` one of 16.
 */
export function makeHlc(ms: number, counter: number): Hlc {
  if (!Number.isInteger(ms) || ms < 0 || ms > MAX_MS)
    throw new RangeError(`the milliseconds of an HLC have 48 bits, not ${ms}`);
  if (!Number.isInteger(counter) || counter < 0 || counter > MAX_COUNTER)
    throw new RangeError(`its counter has 16 bits, not ${counter}`);
  return ((BigInt(ms) << COUNTER_BITS) | BigInt(counter)) as Hlc;
}

/** The greatest HLC of these milliseconds. RangeError as for `makeHlc`. */
export function lastHlcAt(ms: number): Hlc {
  return makeHlc(ms, MAX_COUNTER);
}

/** The Unix milliseconds of an HLC. */
export function hlcMs(hlc: Hlc): number {
  return Number(hlc >> COUNTER_BITS);
}

/** The counter of an HLC, 0…65,535. */
export function hlcCounter(hlc: Hlc): number {
  return Number(hlc & COUNTER_MASK);
}

/** Compares by time: negative when `a` is earlier, positive when it is later, zero when they are equal. */
export function compareHlc(a: Hlc, b: Hlc): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * The HLC of a local event at wall time `nowMs` (integer Unix ms): strictly greater than every HLC issued or observed
 * (SPEC C2). It is refused when it would lie more than MAX_AHEAD_MS ahead of `nowMs` (SPEC C3) or does not fit 64
 * bits.
 */
export function tick(state: HlcState, nowMs: number): Tick {
  const next = state.last + 1n;
  const hlc = nowMs > hlcMs(state.last) ? makeHlc(nowMs, 0) : (next as Hlc);
  const aheadMs = hlcMs(hlc) - nowMs;
  if (aheadMs > MAX_AHEAD_MS || hlc > MAX_HLC) return { ok: false, aheadMs };
  return { ok: true, hlc, state: { last: hlc } };
}

/** The state after an HLC from elsewhere was observed: that of an applied commit, or the persisted one at a start. */
export function observe(state: HlcState, hlc: Hlc): HlcState {
  return hlc > state.last ? { last: hlc } : state;
}

/**
 * Whether a received commit must be deferred because it is MAX_AHEAD_MS or more ahead of wall time (SPEC C4). The HLC
 * after any other one is at most MAX_AHEAD_MS ahead, so `tick` gives it out.
 */
export function isFuture(hlc: Hlc, nowMs: number): boolean {
  return hlcMs(hlc) - nowMs >= MAX_AHEAD_MS;
}
