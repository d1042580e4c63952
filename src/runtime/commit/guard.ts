import { ZERO_HLC } from '../../core/clock/index.ts';
import { type Author, type Hlc, LatticeError } from '../../core/types/index.ts';
import type { Head } from '../../core/wire/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import type { ReadOnlyCode, ReadOnlyReason, Warning } from '../facade/codes.ts';
import { type ClockWatch, type ClockWatchDeps, createClockWatch } from './clock-watch.ts';
import { createOwnClaims } from './own-claims.ts';
import { createTwinWatch } from './twin-watch.ts';

/** When other nodes are expected and none answers, writes wait this long for one that knows our newest commit. */
const ALONE_MS = 3_000;
/**
 * A node that dials nobody and knows of no commit of its own waits longer: others try a URL that failed every 5.5 s at
 * least, and what they know of it must come before it writes.
 */
const DIALLED_MS = 8_000;
/**
 * A node that lost some of its own history has this long to get it back before it becomes read-only for that reason.
 */
const CATCH_UP_MS = 30_000;
/**
 * What a peer claims of our history, and nobody delivers, holds writes up for no longer than this. Until then repairs
 * and snapshots had time enough for a large state.
 */
const MAX_CATCH_UP_MS = 300_000;

export interface Guard {
  /** The reasons why this node refuses writes at present; empty when there is none. */
  reasons(): readonly ReadOnlyReason[];
  /** Since when the reason has held, Unix ms; undefined where it does not hold. */
  since(code: ReadOnlyCode): number | undefined;
  warnings(): readonly Warning[];
  /**
   * Resolves when writes can be taken, or as soon as there is a reason to refuse them. After a start, and when a running
   * node is given its first others, that takes at most ALONE_MS, DIALLED_MS or CATCH_UP_MS. Rejects with LatticeError
   * `stopping` when the node stops before that.
   */
  ready(): Promise<void>;
  /** Tells whoever still waits that the node stops. */
  stop(): void;
  /** Whether the wait after the start is over. */
  isOpen(): boolean;
  /** Sets a reason, or clears it when `text` is undefined. */
  set(code: ReadOnlyCode, text: string | undefined): void;
  has(code: ReadOnlyCode): boolean;
  /** What is known of this machine's clock. */
  readonly clocks: Pick<ClockWatch, 'now' | 'isGood' | 'hearsPeers'>;
  /** To be called when a peer tells the greatest HLC of our commits that it has seen. */
  toldOwnHlc(peer: Author, hlc: Hlc): void;
  /** To be called when a commit of our own key comes from elsewhere that this node never made. */
  sawOwnCommit(): void;
  /** To be called when we have made a commit. */
  madeCommit(hlc: Hlc): void;
  /** To be called when a signed head of our own key comes from elsewhere. */
  sawOwnHead(head: Head): void;
  /**
   * To be called when the node at this URL has proven our own key and another incarnation by signing a nonce of ours,
   * so that it is running.
   */
  sawTwin(url: string): void;
  /** To be called at every tick, and at once when the configuration names others. */
  tick(): void;
}

export interface GuardDeps extends Pick<ClockWatchDeps, 'expectsOthers' | 'peerClocks' | 'members' | 'clockAheadMs'> {
  readonly clock: Clock;
  readonly log: Log;
  readonly incarnation: Uint8Array;
  /** Whether this node dials anybody, as things stand. Else it only hears those that dial it. */
  readonly dials: () => boolean;
  /** The greatest HLC of our own author in any operation or context that we have. */
  readonly ownSeen: () => Hlc;
  /** What people read in place of a peer's id. */
  readonly nameOf: (peer: Author) => string;
  /** Whether the peer's newest root equals ours. */
  readonly agreesWith: (peer: Author) => boolean;
  /** Called when a reason has been cleared. */
  readonly onCleared: (code: ReadOnlyCode) => void;
  /**
   * Called when the gate closes because the first others of a running node have been named: from here until it opens
   * own commits may come back, as after a start.
   */
  readonly onClosed: () => void;
  /**
   * Called when the gate opens: from here on a commit of our own key that comes from elsewhere and is not ours means a
   * clone. `told` is the greatest HLC of our key that peers told and that is here; undefined when none did.
   */
  readonly onOpen: (told: Hlc | undefined) => void;
  /**
   * Called when an alarm for a twin has ended: what is here of our own key up to `seen` counts as our own from here on.
   */
  readonly onTwinGone: (seen: Hlc) => void;
}

/**
 * Everything that makes a node read-only, and the gate at which writes wait after a start. Twins, or a node restored
 * from an old copy, could sign two commits with one HLC; so both sides stop writing and say why.
 */
export function createGuard(deps: GuardDeps): Guard {
  const { clock, log } = deps;
  const reasons = new Map<ReadOnlyCode, { readonly text: string; readonly since: number }>();
  /** When the gate closed: at the start, or when the first others of a running node were named. */
  let closedAt = clock.monotonic();
  let expected = deps.expectsOthers();
  let open = !expected;
  let ownMax: Hlc = deps.ownSeen();
  /** Whether this node knew of no commit of its own key when it started: it is new, or its disk is. */
  const isBlank = ownMax === ZERO_HLC;
  /** How long the first word of a peer is waited for. */
  const aloneMs = (): number => (isBlank && !deps.dials() ? DIALLED_MS : ALONE_MS);
  const claims = createOwnClaims({ ownSeen: deps.ownSeen, agreesWith: deps.agreesWith });
  /** The peers whose claims were given up, which warnings name. */
  let unfulfilled: readonly Author[] = [];
  let waiting: { readonly resolve: () => void; readonly reject: (error: LatticeError) => void }[] = [];
  let stopped: LatticeError | undefined;
  let warned = false;
  const clocks = createClockWatch({ ...deps, set });
  const twins = createTwinWatch({
    clock,
    log,
    incarnation: deps.incarnation,
    hearsPeers: clocks.hearsPeers,
    isCaughtUp: () => claims.missing().length === 0,
    set: (text) => set('clone', text),
    onCleared() {
      unfulfilled = claims.missing();
      ownMax = deps.ownSeen();
      deps.onTwinGone(ownMax);
    },
  });

  function openGate(why: string): void {
    if (open) return;
    clocks.look();
    // The last word of the tick opens the gate when the clocks take longer than our own history.
    if (!clocks.isCompared()) return;
    open = true;
    ownMax = deps.ownSeen();
    deps.onOpen(claims.fulfilled());
    set('own-history', undefined);
    log.info({ why }, 'writes open');
    release();
  }

  /**
   * Whether one more claim is worth waiting for. Who knows nothing of its own history cannot tell from one peer that
   * there is none, because that peer may be as new: what another one brings later would look like the work of a clone.
   */
  function awaitsMore(): boolean {
    return isBlank && claims.size + 1 < deps.members() && clock.monotonic() - closedAt < aloneMs();
  }

  /** Follows the configuration of a running node: with the first others that it names, the gate is as at a start. */
  function expect(): void {
    const before = expected;
    expected = deps.expectsOthers();
    if (expected === before) return;
    if (!expected) {
      openGate('no other node is expected');
      return;
    }
    if (!open) return;
    open = false;
    closedAt = clock.monotonic();
    deps.onClosed();
    log.info({}, 'writes wait: other nodes are expected, which may know commits of our key');
  }

  function release(): void {
    for (const { resolve } of waiting) resolve();
    waiting = [];
  }

  function set(code: ReadOnlyCode, text: string | undefined): void {
    if (text === undefined) {
      if (!reasons.delete(code)) return;
      log.info({ code }, 'read-only reason cleared');
      deps.onCleared(code);
    } else {
      if (!reasons.has(code)) log.error({ code, reason: text }, 'node is read-only');
      reasons.set(code, { text, since: reasons.get(code)?.since ?? clock.now() });
      release();
    }
  }

  return {
    reasons: () => Array.from(reasons, ([code, { text }]) => ({ code, text })),
    since: (code) => reasons.get(code)?.since,
    warnings: () => [...clocks.warnings(), ...unfulfilled.map((peer) => claimWarning(deps.nameOf(peer)))],
    isOpen: () => open,
    ready() {
      if (open || reasons.size > 0) return Promise.resolve();
      if (stopped !== undefined) return Promise.reject(stopped);
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    stop() {
      stopped ??= new LatticeError('stopping', 'the node is stopping');
      for (const { reject } of waiting) reject(stopped);
      waiting = [];
    },
    set,
    has: (code) => reasons.has(code),
    clocks: { ...clocks, isGood: () => clocks.isGood() && !reasons.has('clock-ahead') },
    toldOwnHlc(peer, hlc) {
      claims.note(peer, hlc);
      if (!open) {
        if (claims.missing().length === 0 && !awaitsMore()) openGate('a peer confirmed our newest commit');
      } else if (hlc > ownMax && !warned) {
        // A peer only claims it here. The commit itself, when a repair brings it, is the evidence that stops writes.
        warned = true;
        log.warn({ peer }, 'a peer claims newer commits of our key than we ever made');
      }
    },
    sawOwnCommit: twins.sawCommit,
    madeCommit(hlc) {
      if (hlc > ownMax) ownMax = hlc;
    },
    sawOwnHead: twins.sawHead,
    sawTwin: twins.sawAt,
    tick() {
      expect();
      clocks.look();
      twins.look();
      if (open) return;
      const waited = clock.monotonic() - closedAt;
      if (claims.size === 0) {
        if (waited >= aloneMs()) openGate('no peer answered in time');
        return;
      }
      const missing = claims.missing();
      if (missing.length === 0) {
        if (!awaitsMore()) openGate('own history caught up');
      } else if (waited >= MAX_CATCH_UP_MS) {
        unfulfilled = missing;
        log.warn({ peers: missing }, 'peers claim commits of our key that nobody has: writes open without them');
        openGate('nobody delivered what peers claim');
      } else if (waited >= CATCH_UP_MS) {
        set(
          'own-history',
          'other nodes hold newer commits of this node than its own store; writes wait until they have been fetched',
        );
      }
    },
  };
}

function claimWarning(peer: string): Warning {
  return {
    code: 'own-history-claim',
    text: `${peer} claims to have commits of this node that nobody delivers: compare what both hold with lattice peers diff`,
  };
}
