import type { Connection, Stream } from '@libp2p/interface';
import { type Bytes, inSeconds, LatticeError, MAX_SYNC_BYTES } from '../../core/types/index.ts';
import type { Clock, RequestOptions } from '../../ports/index.ts';
import { raceAbort, withDeadline } from '../../timing/index.ts';
import { createKeptStreams } from './kept-streams.ts';
import { SYNC_PER_PEER, SYNC_PROTOCOL, SYNC_WAITING } from './limits.ts';
import { toError, toReason } from './reasons.ts';
import { encodeFrame, readFrame } from './sync-frame.ts';

export interface SyncClient {
  /** Rejects with LatticeError `peer-unreachable`, `timeout`, `oversize`, `malformed`, `overloaded` or `aborted`. */
  request(peerId: string, message: Bytes, options: RequestOptions): Promise<Bytes>;
  /** Aborts the streams that are kept for further requests. */
  clear(): void;
}

interface Places {
  taken: number;
  readonly waiting: (() => void)[];
}

/** Sends sync requests over libp2p streams. `connectionTo` answers an open connection to the peer, if there is one. */
export function createSyncClient(deps: {
  clock: Clock;
  connectionTo(peerId: string): Connection | undefined;
}): SyncClient {
  const places = new Map<string, Places>();
  const streams = createKeptStreams(deps.clock);

  // The other side refuses more than SYNC_PER_PEER requests at a time, so further ones wait here.
  const enter = async (peerId: string, signal: AbortSignal): Promise<void> => {
    const peer = places.get(peerId) ?? { taken: 0, waiting: [] };
    places.set(peerId, peer);
    if (peer.taken < SYNC_PER_PEER) {
      peer.taken++;
      return;
    }
    if (peer.waiting.length >= SYNC_WAITING)
      throw new LatticeError('overloaded', `${SYNC_WAITING} requests already wait for peer ${peerId}`);
    let go!: () => void;
    const turn = new Promise<void>((resolve) => {
      go = resolve;
    });
    peer.waiting.push(go);
    try {
      await raceAbort(turn, signal);
    } catch (cause) {
      const at = peer.waiting.indexOf(go);
      if (at >= 0) peer.waiting.splice(at, 1);
      else leave(peerId); // The place was given to us before the abort, so it is passed on.
      throw cause;
    }
  };

  const leave = (peerId: string): void => {
    const peer = places.get(peerId);
    if (peer === undefined) return;
    const next = peer.waiting.shift();
    if (next !== undefined) next();
    else if (--peer.taken === 0) places.delete(peerId);
  };

  const exchange = async (peerId: string, message: Bytes, signal: AbortSignal): Promise<Bytes> => {
    const connection = deps.connectionTo(peerId);
    if (connection === undefined) throw new LatticeError('peer-unreachable', `no connection to peer ${peerId}`);
    const kept = streams.take(connection);
    if (kept !== undefined) {
      try {
        return await over(connection, kept, peerId, message, signal);
      } catch (cause) {
        // The other side may have reset an idle stream. A new stream is tried, as any request may be sent twice.
        if (
          signal.aborted ||
          !(cause instanceof LatticeError) ||
          cause.code !== 'peer-unreachable' ||
          connection.status !== 'open'
        )
          throw cause;
      }
    }
    let stream: Stream;
    try {
      stream = await connection.newStream(SYNC_PROTOCOL, { signal });
    } catch (cause) {
      throw toRequestError(cause, peerId, signal);
    }
    return over(connection, stream, peerId, message, signal);
  };

  /** Sends one request on a stream, and keeps the stream when the answer has come. */
  const over = async (
    connection: Connection,
    stream: Stream,
    peerId: string,
    message: Bytes,
    signal: AbortSignal,
  ): Promise<Bytes> => {
    try {
      const answer = readFrame(stream, MAX_SYNC_BYTES, signal);
      stream.send(encodeFrame(message));
      const received = await answer;
      streams.keep(connection, stream);
      return received;
    } catch (cause) {
      stream.abort(new Error('the request has ended'));
      throw toRequestError(cause, peerId, signal);
    }
  };

  return {
    async request(peerId, message, options) {
      if (message.length > MAX_SYNC_BYTES) {
        throw new LatticeError(
          'oversize',
          `a request of ${message.length} bytes is longer than the ${MAX_SYNC_BYTES} allowed`,
        );
      }
      const { timeoutMs } = options;
      const work = async (signal: AbortSignal): Promise<Bytes> => {
        await enter(peerId, signal);
        try {
          return await exchange(peerId, message, signal);
        } finally {
          leave(peerId);
        }
      };
      const late = (): LatticeError =>
        new LatticeError('timeout', `peer ${peerId} did not answer within ${inSeconds(timeoutMs)}`);
      return withDeadline(deps.clock, timeoutMs, work, late, options.signal);
    },
    clear: () => streams.clear(),
  };
}

function toRequestError(cause: unknown, peerId: string, signal: AbortSignal): Error {
  if (cause instanceof LatticeError) return cause;
  if (signal.aborted) return toError(signal.reason);
  return new LatticeError('peer-unreachable', `peer ${peerId} did not answer: ${toReason(cause)}`, { cause });
}
