import type { Connection, Stream } from '@libp2p/interface';
import type { Clock } from '../../ports/index.ts';
import { SYNC_KEEP_MS, SYNC_PER_PEER } from './limits.ts';

/**
 * Keeps streams whose last answer has come for the next request to the same peer, because opening a stream costs a
 * round trip.
 */
export interface KeptStreams {
  /**
   * Answers a stream that is open, and fresh enough that the other side has not given it up. The caller then owns it.
   */
  take(connection: Connection): Stream | undefined;
  keep(connection: Connection, stream: Stream): void;
  clear(): void;
}

interface Kept {
  readonly stream: Stream;
  readonly connection: Connection;
  /** Monotonic ms. */
  readonly since: number;
  /** Aborts the stream. It is the listener for whatever comes while the stream is kept, when nothing should. */
  readonly stray: () => void;
}

const STRAY_EVENTS = ['message', 'end', 'close'] as const;

export function createKeptStreams(clock: Clock): KeptStreams {
  const all = new Set<Kept>();

  const release = (one: Kept): void => {
    all.delete(one);
    for (const type of STRAY_EVENTS) one.stream.removeEventListener(type, one.stray);
  };
  const end = (one: Kept): void => {
    release(one);
    one.stream.abort(new Error('the stream is not needed any more'));
  };

  return {
    take(connection) {
      for (const one of all) {
        if (clock.monotonic() - one.since > SYNC_KEEP_MS || one.stream.status !== 'open') end(one);
        else if (one.connection === connection) {
          release(one);
          return one.stream;
        }
      }
      return undefined;
    },
    keep(connection, stream) {
      let ofConnection = 0;
      for (const one of all) if (one.connection === connection) ofConnection++;
      if (
        ofConnection >= SYNC_PER_PEER ||
        stream.status !== 'open' ||
        stream.readableEnded ||
        stream.remoteWriteStatus !== 'writable'
      ) {
        stream.abort(new Error('the request has ended'));
        return;
      }
      const one: Kept = { stream, connection, since: clock.monotonic(), stray: () => end(one) };
      all.add(one);
      for (const type of STRAY_EVENTS) stream.addEventListener(type, one.stray);
    },
    clear() {
      for (const one of all) end(one);
    },
  };
}
