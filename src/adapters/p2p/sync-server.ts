import type { Connection, Stream } from '@libp2p/interface';
import { peerIdToAuthor } from '../../core/codec/peer-id.ts';
import { MAX_SYNC_BYTES } from '../../core/types/index.ts';
import type { Clock, Log, P2pHandlers } from '../../ports/index.ts';
import { createDeadline, raceAbort, toError, toReason } from './deadline.ts';
import { SYNC_PER_PEER, SYNC_SERVE_MS, SYNC_TOTAL } from './limits.ts';
import { encodeFrame, readFrame } from './sync-frame.ts';

/**
 * Serves one request per stream: at most SYNC_PER_PEER of one peer, SYNC_TOTAL in all, SYNC_SERVE_MS each. A stream
 * over a limit, with a message too long or whose handler rejects is reset.
 */
export function createSyncServer(deps: {
  clock: Clock;
  log: Log;
  handlers: Pick<P2pHandlers, 'onRequest'>;
}): (stream: Stream, connection: Connection) => Promise<void> {
  const active = new Map<string, number>();
  let open = 0;

  return async (stream, connection) => {
    const peerId = connection.remotePeer.toString();
    const ofPeer = active.get(peerId) ?? 0;
    if (ofPeer >= SYNC_PER_PEER || open >= SYNC_TOTAL) {
      stream.abort(new Error('too many sync requests at once'));
      return;
    }
    active.set(peerId, ofPeer + 1);
    open++;
    const deadline = createDeadline(deps.clock, SYNC_SERVE_MS, 'serving the request');
    let counted = true;
    const uncount = (): void => {
      if (!counted) return;
      counted = false;
      const left = (active.get(peerId) ?? 1) - 1;
      if (left === 0) active.delete(peerId);
      else active.set(peerId, left);
    };
    try {
      const message = await readFrame(stream, MAX_SYNC_BYTES, deadline.signal);
      const answer = await raceAbort(deps.handlers.onRequest(peerIdToAuthor(peerId), message), deadline.signal);
      if (answer.length > MAX_SYNC_BYTES) throw new RangeError(`the answer has ${answer.length} bytes`);
      stream.send(encodeFrame(answer));
      // From here on the peer may have the answer and send its next request before our side has closed.
      uncount();
      await stream.close({ signal: deadline.signal });
    } catch (cause) {
      // A client that has its answer resets the stream, which our close may see.
      if (counted) deps.log.debug({ peer: peerId, reason: toReason(cause) }, 'sync request not answered');
      stream.abort(toError(cause));
    } finally {
      uncount();
      open--;
      deadline.clear();
    }
  };
}
