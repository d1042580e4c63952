import { MAX_REMEMBERED_MESSAGES } from './limits.ts';

/**
 * The part of GossipSub that remembers messages by time only: ids for SEEN_TTL_MS, and a score's record of each for two
 * minutes.
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

/** How many messages GossipSub remembers, by what it remembers of them. */
export interface RememberedMessages {
  readonly seen: number;
  readonly published: number;
  readonly scored: number;
}

/**
 * Makes GossipSub forget the oldest beyond MAX_REMEMBERED_MESSAGES of each kind: by time alone its memory would follow
 * the rate of messages. A copy that comes later than that is looked at again, which is harmless: applying is
 * idempotent, and this network scores invalid messages only, as they come. What is left. Undefined where GossipSub is
 * built otherwise than we know it.
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

/** Maps keep the order of insertion: the oldest come first. */
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
