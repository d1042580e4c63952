import type { LatticeEvent } from '../api/contract/event-entities.ts';
import { cursorLost } from '../core/types/errors.ts';
import { streamOf } from '../timing/stream.ts';
import type { RemoteChange, RemoteChanges } from './stream-client.ts';

/**
 * The changes among the events of a node, of the keys that begin with `prefix`. `follow` opens the events after `after`,
 * and opens them again by itself.
 */
export function changesAmong(
  follow: (signal: AbortSignal) => AsyncGenerator<LatticeEvent, void>,
  {
    prefix = '',
    after,
    signal,
  }: {
    readonly prefix: string | undefined;
    readonly after: string | undefined;
    readonly signal: AbortSignal | undefined;
  },
): RemoteChanges {
  let cursor = after;

  async function* changes(ending: AbortSignal): AsyncGenerator<RemoteChange, void> {
    for await (const event of follow(ending)) {
      if (event.type === 'reset') throw cursorLost(event.reason, event.id);
      if (event.type === 'batch') cursor = event.id;
      if (event.type !== 'change') continue;
      cursor = event.id;
      const { type: _, ...change } = event;
      if (event.key.startsWith(prefix)) yield change;
    }
  }

  const stream = streamOf(changes, signal);
  const among: RemoteChanges = {
    ...stream,
    get cursor() {
      return cursor;
    },
    [Symbol.asyncIterator]: () => among,
  };
  return among;
}
