import type { Connection, Stream } from '@libp2p/interface';
import { type Bytes, giveBack, inSeconds, LatticeError, MAX_SYNC_BYTES } from '../../core/types/index.ts';
import { peerIdToAuthor } from '../../core/wire/peer-id.ts';
import type { Clock, Log, P2pHandlers } from '../../ports/index.ts';
import { raceAbort, withDeadline } from '../../timing/index.ts';
import { nextEvent } from './gossip.ts';
import { whenEncrypted } from './inside.ts';
import { SYNC_IDLE_MS, SYNC_PER_PEER, SYNC_SERVE_MS, SYNC_TOTAL } from './limits.ts';
import { toError, toReason } from './reasons.ts';
import { createFrameReader, encodeFrame, feed, readSome, readUntil } from './sync-frame.ts';

type FirstBytes = Awaited<ReturnType<typeof readSome>>;

/**
 * Serves the requests of each stream one after another: at one time at most SYNC_PER_PEER of one peer and SYNC_TOTAL of
 * all peers, each within SYNC_SERVE_MS from its first byte. A stream is reset when it exceeds a limit, when a message
 * is too long, when the handler rejects, and when no request comes for SYNC_IDLE_MS.
 */
export function createSyncServer(deps: {
  clock: Clock;
  log: Log;
  handlers: Pick<P2pHandlers, 'onRequest'>;
}): (stream: Stream, connection: Connection) => Promise<void> {
  const active = new Map<string, number>();
  let serving = 0;

  const enter = (peerId: string): void => {
    const ofPeer = active.get(peerId) ?? 0;
    if (ofPeer >= SYNC_PER_PEER || serving >= SYNC_TOTAL) throw new Error('too many sync requests at once');
    active.set(peerId, ofPeer + 1);
    serving++;
  };
  const leave = (peerId: string): void => {
    const left = (active.get(peerId) ?? 1) - 1;
    if (left === 0) active.delete(peerId);
    else active.set(peerId, left);
    serving--;
  };

  /** Resolves with the first bytes of the next request. */
  const awaitRequest = (stream: Stream): ReturnType<typeof readSome> =>
    withDeadline(
      deps.clock,
      SYNC_IDLE_MS,
      (signal) => readSome(stream, signal),
      () => new LatticeError('timeout', `no request came within ${inSeconds(SYNC_IDLE_MS)}`),
    );

  /** Answers one request. `sent` is called when the answer has been handed to the stream. */
  const answer = async (
    stream: Stream,
    connection: Connection,
    first: FirstBytes,
    sent: () => void,
    signal: AbortSignal,
  ): Promise<void> => {
    const reader = createFrameReader(MAX_SYNC_BYTES);
    const message = feed(reader, first) ?? (await readUntil(stream, reader, signal));
    const author = peerIdToAuthor(connection.remotePeer.toString());
    const bytes: Bytes = await raceAbort(deps.handlers.onRequest(author, message), signal);
    if (bytes.length > MAX_SYNC_BYTES) throw new RangeError(`the answer has ${bytes.length} bytes`);
    stream.send(encodeFrame(bytes));
    sent();
    // The next request is not read before the answer is sent, so a peer that takes no answers is served no more.
    while (stream.writeBufferLength > 0 && stream.status === 'open') {
      await nextEvent([stream], signal);
      signal.throwIfAborted();
    }
    // Of a stream that was cut in the midst of it, nobody can tell who still reads the bytes.
    if (stream.status === 'open') whenEncrypted(connection, () => giveBack(bytes));
  };

  const serve = async (stream: Stream, connection: Connection, first: FirstBytes): Promise<void> => {
    const peerId = connection.remotePeer.toString();
    enter(peerId);
    let counted = true;
    /** Frees the place when the answer is sent: the peer may then send its next request, on any stream. */
    const release = (): void => {
      if (counted) leave(peerId);
      counted = false;
    };
    try {
      await withDeadline(
        deps.clock,
        SYNC_SERVE_MS,
        (signal) => answer(stream, connection, first, release, signal),
        () => new LatticeError('timeout', `the request was not served within ${inSeconds(SYNC_SERVE_MS)}`),
      );
    } catch (cause) {
      deps.log.debug({ peer: peerId, reason: toReason(cause) }, 'sync request not answered');
      throw cause;
    } finally {
      release();
    }
  };

  return async (stream, connection) => {
    try {
      // The loop ends when the stream does, or by one of the deadlines that every round has.
      for (;;) await serve(stream, connection, await awaitRequest(stream));
    } catch (cause) {
      stream.abort(toError(cause));
    }
  };
}
