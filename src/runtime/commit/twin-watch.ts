import { bytesToHex, dropOldest } from '../../core/types/index.ts';
import type { Head } from '../../core/wire/index.ts';
import type { Clock, Log } from '../../ports/index.ts';

/**
 * How long nothing may be seen of a twin before the node takes it for gone: many heartbeats, and several tries of a
 * URL. A sign that comes again doubles the time, so that a twin which is heard now and then does not let writes through
 * in between.
 */
const QUIET_MS = 30_000;
const QUIET_MAX_MS = 3_600_000;
/** Claims of own commits that nobody delivers hold the end of an alarm up for no longer than this. */
const CLAIMS_MS = 300_000;
/** Heads of this many other incarnations are told apart; those that were heard last are kept. */
const MAX_INCARNATIONS = 16;
/** Heads of a former incarnation are on their way for no longer than this; a node that has just started waits for it. */
const LATE_HEADS_MS = 2_000;
/** A twin is alive when its heads go on counting for at least this long. */
const COUNTING_MS = 1_000;

export interface TwinWatchDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** This node's own incarnation, 8 bytes. */
  readonly incarnation: Uint8Array;
  /** Whether a member has been heard lately: one who hears nobody cannot tell that the twin is gone. */
  readonly hearsPeers: () => boolean;
  /** Whether everything that peers say they have of this node's own commits is here. */
  readonly isCaughtUp: () => boolean;
  /** Sets the reason against writes, or clears it when `text` is undefined. */
  readonly set: (text: string | undefined) => void;
  /** Called when the alarm has ended: the own commits that came in are taken for this node's own from here on. */
  readonly onCleared: () => void;
}

/**
 * Watches for a second node with this node's key, and for own commits that this store never made, as after the restore
 * of an old backup (SPEC N7). The alarm ends by itself once no sign of a twin has been seen for a while although others
 * are heard, and the node has what they have of its own commits or has waited long enough for it.
 */
export interface TwinWatch {
  /** To be called when a commit of our own key comes from elsewhere that this node never made. */
  sawCommit(): void;
  /** To be called when a signed head of our own key comes from elsewhere. */
  sawHead(head: Head): void;
  /** To be called when the node at this URL has proven our own key and another incarnation. */
  sawAt(url: string): void;
  /** To be called at every tick. */
  look(): void;
}

export function createTwinWatch(deps: TwinWatchDeps): TwinWatch {
  const { clock, log } = deps;
  const own = bytesToHex(deps.incarnation);
  const started = clock.monotonic();
  const startedWall = clock.now();
  const others = new Map<string, { readonly sequence: number; readonly at: number }>();
  /** When the newest sign was seen; undefined while there is no alarm. */
  let seenAt: number | undefined;
  let quietMs = QUIET_MS / 2;

  function alarm(what: string): void {
    if (seenAt === undefined) quietMs = Math.min(QUIET_MAX_MS, quietMs * 2);
    seenAt = clock.monotonic();
    deps.set(
      `${what}. Stop the other node, or give it a key of its own; writes go on by themselves ${Math.round(quietMs / 1000)} s after the last sign of it`,
    );
  }

  return {
    sawCommit() {
      alarm(
        "Another node uses this node's key, or this node was restored from an old backup: a commit of this key came in that this store never made",
      );
    },
    sawHead(head) {
      const incarnation = bytesToHex(head.incarnation);
      // What our former incarnation sent before it ended may still be on its way; its heads are from before our start.
      if (incarnation === own || head.wallMs <= startedWall) return;
      const now = clock.monotonic();
      const before = others.get(incarnation);
      // The heads of a running twin go on counting.
      others.delete(incarnation);
      dropOldest(others, MAX_INCARNATIONS);
      others.set(incarnation, before ?? { sequence: head.sequence, at: now });
      if (
        before !== undefined &&
        head.sequence > before.sequence + 1 &&
        now - before.at >= COUNTING_MS &&
        now - started >= LATE_HEADS_MS
      ) {
        alarm("Another node runs with this node's key: its signed heads come in");
      }
    },
    sawAt(url) {
      alarm(`Another node runs with this node's key, at ${url}`);
    },
    look() {
      if (seenAt === undefined) return;
      const quiet = clock.monotonic() - seenAt;
      if (quiet < quietMs || !deps.hearsPeers()) return;
      // Anybody can claim what does not exist.
      if (quiet < quietMs + CLAIMS_MS && !deps.isCaughtUp()) return;
      seenAt = undefined;
      log.info({ quietMs: Math.round(quiet) }, "no sign of another node with this node's key is left");
      deps.set(undefined);
      deps.onCleared();
    },
  };
}
