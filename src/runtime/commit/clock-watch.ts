import { middleClock } from '../../core/clock/index.ts';
import { quorumOf } from '../../core/cut/index.ts';
import { duration, MAX_AHEAD_MS, MAX_CLOCK_ERROR_MS } from '../../core/types/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import type { ReadOnlyCode, Warning } from '../facade/codes.ts';
import { timeOf } from '../facade/times.ts';
import type { PeerClock } from '../peers/clocks.ts';

/** A clock that nobody has told of for this long is not compared with: many heartbeats have been missed by then. */
const FRESH_MS = 30_000;
/** After a start, the clocks of all members that can be heard are heard within this time. */
const START_WAIT_MS = 3_000;
/**
 * After a jump of the wall clock, a node that hears nobody waits this long for it to jump back, as clocks do that are
 * being set. Peers end the wait within a heartbeat or two.
 */
const JUMP_WAIT_MS = 30_000;
/**
 * For so long a warning tells of a jump that no other clock could judge. Whoever set the clock knows of it by then, and
 * a machine that wakes each morning is not to be warned of all day.
 */
const JUMP_TOLD_MS = 3_600_000;
/** How far this machine's clock may be from the middle one before the node warns: NTP keeps clocks within a tenth. */
const WARN_MS = 500;

/** The reasons for which the wall clock cannot be relied on. */
type ClockCode = Extract<ReadOnlyCode, 'clock-jump' | 'clock-skew' | 'clock-ahead'>;

export interface ClockWatch {
  /** Judges all clocks. To be called at every tick. */
  look(): void;
  /**
   * The time in Unix ms by which commits are made and judged: that of this machine's wall clock, or, where the wall
   * clock has just jumped or is far away from the others, the time that the clocks of the fleet show.
   */
  now(): number;
  /** Whether the clocks have been compared since the start, or nobody could be heard in time. */
  isCompared(): boolean;
  /** Whether the wall clock can be relied on at this very moment to say what time has passed. */
  isGood(): boolean;
  /** Whether any peer has told of its clock lately. */
  hearsPeers(): boolean;
  warnings(): readonly Warning[];
}

export interface ClockWatchDeps {
  readonly clock: Clock;
  readonly log: Log;
  /**
   * Whether the node is to hear others, which it dials or which dial it: else there is nobody to compare with. Asked at
   * each look, because a reload or an operator may name the first others of a running node.
   */
  readonly expectsOthers: () => boolean;
  readonly peerClocks: () => Iterable<PeerClock>;
  /** How many nodes the fleet has, this one included, as far as it is known. */
  readonly members: () => number;
  /** How far the clock of the state is ahead of the wall clock, in ms. */
  readonly clockAheadMs: () => number;
  /** Sets a reason for being read-only, or clears it when `text` is undefined. */
  readonly set: (code: ClockCode, text: string | undefined) => void;
}

const span = (ms: number): string => duration(Math.round(Math.abs(ms)));
const away = (ms: number): string => `${span(ms)} ${ms > 0 ? 'ahead of' : 'behind'}`;
const jumpOf = (ms: number): string => `jumped ${ms > 0 ? 'ahead' : 'back'} by ${span(ms)}`;

/**
 * Judges this machine's clock by the clocks of the peers, its own monotonic clock and the clock of the state (SPEC C6,
 * N7). All clocks are measured against the monotonic one, so a step of the wall clock shows before anybody is heard
 * again.
 */
export function createClockWatch(deps: ClockWatchDeps): ClockWatch {
  const { clock, log, set } = deps;
  /** The wall clock less the monotonic one. */
  const wall = (): number => clock.now() - clock.monotonic();
  /** The wall clock as it was at the last look. */
  let last = wall();
  /** The wall clock as it was before a jump that has not been judged yet. */
  let before: number | undefined;
  /** The comparison that is awaited: clocks count that were heard since then. Undefined when it is done. */
  let awaited: { readonly since: number; readonly until: number } | undefined;
  let expected = false;
  /** The clocks that were heard lately, as of the last look: their order is that of time. */
  let peers: readonly PeerClock[] = [];
  let times: readonly number[] = [];
  let everHeard = false;
  /** The jump, in ms, that nobody could be heard to judge, and the monotonic time at which it was last waited for. */
  let unjudged: { readonly ms: number; readonly at: number } | undefined;
  let outliers: ReadonlyMap<string, number> = new Map();

  const jumped = (): boolean => Math.abs(wall() - last) > MAX_CLOCK_ERROR_MS;
  /** How far the wall clock is ahead of the middle clock. */
  const ahead = (): number => wall() - middleClock(wall(), times);

  /** Begins a comparison when the first others are named: at a start, or later. */
  function expect(): void {
    const before = expected;
    expected = deps.expectsOthers();
    if (expected && !before) awaited ??= { since: Number.NEGATIVE_INFINITY, until: clock.monotonic() + START_WAIT_MS };
  }
  expect();

  function hear(): void {
    const oldest = clock.monotonic() - FRESH_MS;
    peers = [...deps.peerClocks()].filter(({ heardAt }) => heardAt >= oldest).sort((a, b) => a.ms - b.ms);
    times = peers.map(({ ms }) => ms);
    everHeard ||= peers.length > 0;
    if (peers.length > 0) unjudged = undefined;
  }

  /** Ends the wait for a comparison once it has come out, or nobody is left to wait for. */
  function compare(): void {
    if (awaited === undefined) return;
    const { since, until } = awaited;
    const heard = peers.filter(({ heardAt }) => heardAt > since);
    const agreeing = heard.filter(({ ms }) => Math.abs(ms - wall()) <= MAX_CLOCK_ERROR_MS).length;
    const members = Math.max(deps.members(), 2);
    // Whatever the others would say, it cannot outvote a majority; and when all have spoken, the middle clock decides.
    const decided = agreeing + 1 >= quorumOf(members) || heard.length + 1 >= members;
    // Those who were waited for after a start may have been taken away again.
    const isOver = !expected && since === Number.NEGATIVE_INFINITY;
    if (!isOver && !(decided && heard.length > 0) && clock.monotonic() < until) return;
    const jump = before === undefined ? 0 : wall() - before;
    if (Math.abs(jump) > MAX_CLOCK_ERROR_MS && peers.length === 0) unjudged = { ms: jump, at: clock.monotonic() };
    awaited = undefined;
    before = undefined;
    set('clock-jump', undefined);
    log.info({ heard: heard.length, agreeing, members, aheadMs: Math.round(ahead()) }, 'clocks compared');
  }

  /** Names the peers whose clocks are away from the middle one, in the log when that begins and ends. */
  function nameOutliers(): void {
    const middle = middleClock(wall(), times);
    const now = new Map(
      peers.filter(({ ms }) => Math.abs(ms - middle) > MAX_CLOCK_ERROR_MS).map(({ name, ms }) => [name, ms - middle]),
    );
    for (const [peer, ms] of now)
      if (!outliers.has(peer)) log.warn({ peer, aheadMs: Math.round(ms) }, "a peer's clock is away from the others");
    for (const peer of outliers.keys())
      if (!now.has(peer)) log.info({ peer }, "a peer's clock is not away from the others any more");
    outliers = now;
  }

  function look(): void {
    const jump = wall() - last;
    if (jumped()) {
      before ??= last;
      const now = clock.monotonic();
      awaited = { since: now, until: Math.max(awaited?.until ?? 0, now + JUMP_WAIT_MS) };
      const wait = expected
        ? "until it has been compared with the peers', or for 30 s while none of them is heard"
        : 'for 30 s, because a clock that is being set may jump back, and there is no other one to compare it with';
      set('clock-jump', `this machine's clock ${jumpOf(jump)}: writes wait ${wait}`);
    }
    last = wall();
    expect();
    hear();
    compare();
    if (awaited !== undefined) return;
    const stateAhead = deps.clockAheadMs() - (now() - clock.now());
    set(
      'clock-ahead',
      stateAhead > MAX_AHEAD_MS
        ? `the state's clock is ${span(stateAhead)} ahead of this machine's, after writes that this node made with its clock ahead: writes go on at ${timeOf(Math.ceil(now() + stateAhead - MAX_AHEAD_MS), now())}`
        : undefined,
    );
    const off = ahead();
    set(
      'clock-skew',
      Math.abs(off) > MAX_CLOCK_ERROR_MS
        ? `this machine's clock is ${away(off)} its peers': set it right (NTP)`
        : undefined,
    );
    nameOutliers();
  }

  function now(): number {
    const steady = before ?? (jumped() ? last : undefined);
    const own = steady ?? wall();
    const middle = middleClock(own, times);
    if (Math.abs(own - middle) > MAX_CLOCK_ERROR_MS) return Math.round(clock.monotonic() + middle);
    return steady === undefined ? clock.now() : Math.round(clock.monotonic() + steady);
  }

  return {
    look,
    now,
    isCompared: () => awaited === undefined,
    isGood: () => awaited === undefined && !jumped() && Math.abs(ahead()) <= MAX_CLOCK_ERROR_MS,
    hearsPeers: () => peers.length > 0,
    warnings() {
      const found: Warning[] = [];
      const off = ahead();
      if (Math.abs(off) > WARN_MS)
        found.push({
          code: 'clock-skew',
          text: `this machine's clock is ${away(off)} its peers': set it right (NTP)`,
        });
      for (const [name, ms] of outliers)
        found.push({ code: 'peer-clock', text: `the clock of ${name} is ${away(ms)} the others: set it right (NTP)` });
      if (expected && awaited === undefined && !everHeard)
        found.push({
          code: 'clock-unchecked',
          text: "no peer has been heard since the start: this machine's clock could not be compared with any other; check it (NTP), and that the peers can be reached",
        });
      if (unjudged !== undefined && clock.monotonic() - unjudged.at < JUMP_TOLD_MS)
        found.push({
          code: 'clock-unchecked',
          text: `this machine's clock ${jumpOf(unjudged.ms)}, and no other node was heard to compare it with: check it (NTP)`,
        });
      return found;
    },
  };
}
