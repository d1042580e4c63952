import { bytesToHex, type Hlc } from '../../core/types/index.ts';
import type { Head } from '../../core/wire/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import type { ReadOnlyCode, ReadOnlyReason, Warning } from '../facade/codes.ts';

/** How long writes wait for a peer that knows our last commit, when peers are configured and none answers. */
const ALONE_MS = 3_000;
/** How long a node that lost its own history may take to get it back before it says so. */
const CATCH_UP_MS = 30_000;
/** A wall-clock jump against the monotonic clock beyond this stops writing: the same bound as for local HLCs. */
const JUMP_MS = 20_000;
/** A jump is forgiven after this time without another: by then peers would have shown a wrong clock. */
const JUMP_HOLD_MS = 60_000;
/** Own clock against the median of peers. RELIABILITY: warn over 500 ms, refuse writes over 30 s. */
const SKEW_WARN_MS = 500;
const SKEW_REFUSE_MS = 30_000;

/** Reasons that say that the wall clock can't be gone by. */
const CLOCK_REASONS: readonly ReadOnlyCode[] = ['clock-jump', 'clock-skew', 'clock-ahead'];

export interface Guard {
  /** Why this node refuses writes now. */
  reasons(): readonly ReadOnlyReason[];
  warnings(): readonly Warning[];
  /**
   * Why writes cannot be taken yet, resolved once they can or once a reason stands: bounded by ALONE_MS or CATCH_UP_MS.
   */
  ready(): Promise<void>;
  /** Sets or clears a reason. */
  set(code: ReadOnlyCode, text: string | undefined): void;
  has(code: ReadOnlyCode): boolean;
  /** No reason has to do with this machine's clock. */
  clockIsGood(): boolean;
  /** A peer told the greatest HLC of ours that it has seen. */
  toldOwnHlc(hlc: Hlc): void;
  /** A commit of our own key that we did not hold came from outside. */
  sawOwnCommit(hlc: Hlc): void;
  /** We made a commit. */
  madeCommit(hlc: Hlc): void;
  /** A signed head of our own key came from outside. */
  sawOwnHead(head: Head): void;
  /** The URL's owner proved our own key and another incarnation, to a nonce of ours: it is alive. */
  sawTwin(url: string): void;
  /** Clock offsets of the peers heard lately, ms. Called at every tick. */
  tick(offsets: readonly number[]): void;
}

export interface GuardDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly incarnation: Uint8Array;
  /** Greatest HLC of our own author that we hold. */
  readonly ownSeen: () => Hlc;
  readonly hasPeers: boolean;
  /** How far the state's clock is ahead of the wall clock, ms. */
  readonly clockAheadMs: () => number;
}

/**
 * Everything that makes a node read-only, and the gate that writes wait at after a start. Two lives of one key, or a
 * restored backup, would sign two commits with one HLC: both sides stop writing and say so.
 */
export function createGuard(deps: GuardDeps): Guard {
  const { clock, log } = deps;
  const reasons = new Map<ReadOnlyCode, string>();
  const started = clock.monotonic();
  const startedWall = clock.now();
  const own = bytesToHex(deps.incarnation);
  let open = !deps.hasPeers;
  let ownMax: Hlc = deps.ownSeen();
  /** Our history up to here may still be coming in; what is later and not held was never ours. */
  let historyEnd: Hlc = ownMax;
  let told: Hlc | undefined;
  let waiting: (() => void)[] = [];
  let last = { wall: startedWall, monotonic: started };
  let jumpedAt: number | undefined;
  let skew = 0;
  let warned = false;
  const others = new Map<string, { readonly sequence: number; readonly at: number }>();

  function openGate(why: string): void {
    if (open) return;
    open = true;
    ownMax = deps.ownSeen();
    historyEnd = told ?? ownMax;
    set('own-history', undefined);
    log.info({ why }, 'writes open');
    release();
  }

  function release(): void {
    for (const resolve of waiting) resolve();
    waiting = [];
  }

  function set(code: ReadOnlyCode, text: string | undefined): void {
    if (text === undefined) {
      if (reasons.delete(code)) log.info({ code }, 'read-only reason cleared');
    } else {
      if (!reasons.has(code)) log.error({ code, reason: text }, 'node is read-only');
      reasons.set(code, text);
      release();
    }
  }

  function alarm(what: string): void {
    set(
      'clone',
      `${what}: this key lives twice, or this node was restored from an old copy; stop the other one, or give this node a new key`,
    );
  }

  return {
    reasons: () => Array.from(reasons, ([code, text]) => ({ code, text })),
    warnings: () =>
      Math.abs(skew) > SKEW_WARN_MS
        ? [
            {
              code: 'clock-skew',
              text: `this machine's clock differs from its peers' by ${Math.round(skew)} ms: check NTP`,
            },
          ]
        : [],
    ready: () => (open || reasons.size > 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    set,
    has: (code) => reasons.has(code),
    clockIsGood: () => !CLOCK_REASONS.some((code) => reasons.has(code)),
    toldOwnHlc(hlc) {
      if (!open) {
        told = told === undefined || hlc > told ? hlc : told;
        if (deps.ownSeen() >= told) openGate('a peer confirmed our newest commit');
      } else if (hlc > ownMax && !warned) {
        // Only a claim: the commit itself, when repair brings it, is the evidence that stops writing.
        warned = true;
        log.warn({}, 'a peer claims newer commits of our key than we ever made');
      }
    },
    sawOwnCommit(hlc) {
      if (open && hlc > historyEnd) alarm('a commit of our own key came in that we never made');
    },
    madeCommit(hlc) {
      if (hlc > ownMax) ownMax = hlc;
    },
    sawOwnHead(head) {
      const incarnation = bytesToHex(head.incarnation);
      // What our former life said before it ended may still be on its way; it was said before we started.
      if (incarnation === own || head.wallMs <= startedWall) return;
      const now = clock.monotonic();
      const before = others.get(incarnation);
      // A live clone goes on counting.
      if (before === undefined) {
        if (others.size < 16) others.set(incarnation, { sequence: head.sequence, at: now });
      } else if (head.sequence > before.sequence + 1 && now - before.at >= 1_000 && now - started >= 2_000) {
        alarm('another running node signs with our key');
      }
    },
    sawTwin(url) {
      alarm(`${url} runs with our key`);
    },
    tick(offsets) {
      const now = { wall: clock.now(), monotonic: clock.monotonic() };
      const jump = now.wall - last.wall - (now.monotonic - last.monotonic);
      last = now;
      if (Math.abs(jump) > JUMP_MS) {
        jumpedAt = now.monotonic;
        set(
          'clock-jump',
          `the wall clock jumped by ${Math.round(jump / 1000)} s: writes wait until it has been steady for ${JUMP_HOLD_MS / 1000} s`,
        );
      } else if (jumpedAt !== undefined && now.monotonic - jumpedAt > JUMP_HOLD_MS) {
        jumpedAt = undefined;
        set('clock-jump', undefined);
      }
      const sorted = [...offsets].sort((a, b) => a - b);
      skew = sorted[sorted.length >> 1] ?? 0;
      const off = Math.abs(skew) > SKEW_REFUSE_MS;
      if (off)
        set(
          'clock-skew',
          `this machine's clock is ${Math.round(skew / -1000)} s away from its peers' median: set it right`,
        );
      else if (reasons.has('clock-skew')) set('clock-skew', undefined);

      const ahead = deps.clockAheadMs();
      if (ahead > JUMP_MS)
        set(
          'clock-ahead',
          `the state's clock is ${Math.round(ahead / 1000)} s ahead of this machine's: check the clocks of all nodes`,
        );
      else if (reasons.has('clock-ahead')) set('clock-ahead', undefined);

      if (open) return;
      const waited = now.monotonic - started;
      if (told === undefined) {
        if (waited >= ALONE_MS) openGate('no peer answered in time');
      } else if (deps.ownSeen() >= told) {
        openGate('own history caught up');
      } else if (waited >= CATCH_UP_MS) {
        set(
          'own-history',
          'peers hold newer commits of our own key than we do; writes wait until they have been fetched',
        );
      }
    },
  };
}
