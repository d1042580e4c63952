import type { Bytes, Fragment } from '../../core/types/index.ts';
import type { Clock, Timer } from '../../ports/index.ts';
import { fragmentBytes } from '../commit/sizes.ts';
import { packFragments } from './pack.ts';

/**
 * How long commits are gathered for one gossip message: enough to fill messages under load, too short to be noticed.
 */
const GATHER_MS = 2;
/** How many operations may wait to be gossiped. Beyond it commits are dropped, and repairs bring them. */
const MAX_WAITING_OPERATIONS = 16_384;
/** How many bytes of them may wait. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

export interface GossipOutbox {
  add(fragments: readonly Fragment[]): void;
  /** How many operations wait. */
  waiting(): number;
  stop(): void;
}

/** Gathers fresh commits for a moment and gossips them in messages of about the target size. */
export function createGossipOutbox(deps: {
  readonly clock: Clock;
  readonly publish: (data: Bytes) => void;
  readonly onDropped: (operations: number) => void;
}): GossipOutbox {
  let waiting: Fragment[] = [];
  let operations = 0;
  let bytes = 0;
  let timer: Timer | undefined;

  function flush(): void {
    timer = undefined;
    const messages = packFragments(waiting);
    waiting = [];
    operations = 0;
    bytes = 0;
    for (const message of messages) deps.publish(message);
  }

  return {
    add(fragments) {
      for (const fragment of fragments) {
        const size = fragment.operations.length;
        const length = fragmentBytes(fragment);
        if (operations + size > MAX_WAITING_OPERATIONS || bytes + length > MAX_WAITING_BYTES) deps.onDropped(size);
        else {
          waiting.push(fragment);
          operations += size;
          bytes += length;
        }
      }
      if (waiting.length > 0) timer ??= deps.clock.after(GATHER_MS, flush);
    },
    waiting: () => operations,
    stop() {
      timer?.cancel();
    },
  };
}
