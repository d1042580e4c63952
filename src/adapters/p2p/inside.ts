import type { Connection } from '@libp2p/interface';

/** The parts of a libp2p connection below its streams, which its interface does not tell of. */
interface Inside {
  readonly muxer: EventTarget & {
    /** Below it bytes are encrypted. It dispatches `idle` when nothing waits for that any more. */
    readonly maConn: EventTarget & { readonly writeBufferLength: number };
  };
}

export function hasInside(connection: object): connection is Connection & Inside {
  const { muxer } = connection as Partial<Inside>;
  return (
    muxer instanceof EventTarget &&
    muxer.maConn instanceof EventTarget &&
    typeof muxer.maConn.writeBufferLength === 'number'
  );
}

/**
 * Calls `done` once all that was handed to the connection so far has been encrypted into other bytes, or thrown away.
 * Never where the connection ends before, or has another shape.
 */
export function whenEncrypted(connection: object, done: () => void): void {
  if (!hasInside(connection)) return;
  const { maConn } = connection.muxer;
  if (maConn.writeBufferLength === 0) done();
  else maConn.addEventListener('idle', done, { once: true });
}
