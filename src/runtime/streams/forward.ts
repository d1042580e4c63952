import { batches } from '../../core/reconcile/index.ts';
import type { Author, Bytes, Fragment } from '../../core/types/index.ts';
import { encodeSync } from '../../core/wire/index.ts';
import type { Clock, Timer } from '../../ports/index.ts';
import { fragmentBytes } from '../commit/sizes.ts';
import { packFragments } from './feed.ts';

/** Commits gathered for one gossip message: long enough to fill messages under load, too short to be noticed. */
const GATHER_MS = 2;
/** Operations waiting to be gossiped; beyond it they are left to anti-entropy. */
const MAX_WAITING_OPERATIONS = 16_384;
/** Their bytes. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

export interface GossipOutbox {
  add(fragments: readonly Fragment[]): void;
  /** Operations waiting. */
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

/** Live pushes of these commits, each under the limit of one sync message. */
export function pushMessages(fragments: readonly Fragment[]): Bytes[] {
  return batches(fragments).map((batch) =>
    encodeSync({ type: 'push', live: true, fragments: batch.map((b) => b.bytes) }),
  );
}

/** Commits grouped by the peer that they came from. */
export function byOrigin(
  pushed: readonly { readonly fragment: Fragment; readonly from: Author | undefined }[],
): ReadonlyMap<Author | undefined, readonly Fragment[]> {
  const groups = new Map<Author | undefined, Fragment[]>();
  for (const { fragment, from } of pushed) {
    const group = groups.get(from);
    if (group === undefined) groups.set(from, [fragment]);
    else group.push(fragment);
  }
  return groups;
}
