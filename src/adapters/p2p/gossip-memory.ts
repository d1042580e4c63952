import { MAX_REMEMBERED_MESSAGES } from './limits.ts';

/**
 * The parts of GossipSub that forget messages by age only: ids after SEEN_TTL_MS, and the score's record of each after
 * two minutes.
 */
interface Remembering {
  readonly seenCache: { readonly entries: Map<string, unknown> };
  readonly publishedMessageIds: { readonly entries: Map<string, unknown> };
  readonly score: {
    readonly deliveryRecords: {
      readonly records: Map<string, unknown>;
      readonly queue: { readonly length: number; shift(): { readonly msgId: string } | undefined };
    };
  };
}

/** The number of messages in each of GossipSub's memories. */
export interface RememberedMessages {
  readonly seen: number;
  readonly published: number;
  readonly scored: number;
}

/**
 * Makes GossipSub forget the oldest messages beyond MAX_REMEMBERED_MESSAGES in each memory. By age alone, its memory
 * would grow with the rate of messages. A later copy of a forgotten message is validated again, which is harmless:
 * applying is idempotent, and scores here count invalid messages only, when they come. Answers what is left, or
 * undefined when GossipSub's internals have another shape than this module expects.
 */
export function forgetOldMessages(pubsub: unknown): RememberedMessages | undefined {
  if (!isRemembering(pubsub)) return undefined;
  const { seenCache, publishedMessageIds, score } = pubsub;
  const { records, queue } = score.deliveryRecords;
  keepNewest(seenCache.entries);
  keepNewest(publishedMessageIds.entries);
  while (queue.length > MAX_REMEMBERED_MESSAGES) records.delete(queue.shift()?.msgId ?? '');
  return { seen: seenCache.entries.size, published: publishedMessageIds.entries.size, scored: records.size };
}

/** A Map keeps the order of insertion, so the oldest entries come first. */
function keepNewest(entries: Map<string, unknown>): void {
  if (entries.size <= MAX_REMEMBERED_MESSAGES) return;
  for (const id of entries.keys()) {
    entries.delete(id);
    if (entries.size <= MAX_REMEMBERED_MESSAGES) return;
  }
}

function isRemembering(pubsub: unknown): pubsub is Remembering {
  const { seenCache, publishedMessageIds, score } = pubsub as Partial<Remembering>;
  return (
    seenCache?.entries instanceof Map &&
    publishedMessageIds?.entries instanceof Map &&
    score?.deliveryRecords?.records instanceof Map &&
    typeof score.deliveryRecords.queue?.shift === 'function'
  );
}
