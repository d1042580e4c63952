import type { FastifyReply } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';

/** A response that stays open, and to which a route writes as things happen. */
export interface OpenResponse {
  /**
   * Writes a chunk, after the headers where they have not been sent. Answers false when the response has ended, or when
   * the client is too far behind, whose connection is then cut.
   */
  send(chunk: Uint8Array | string): boolean;
  /** Sends the headers at once, so that the client knows that it is connected. */
  start(): void;
  /** Ends the response after what has been written. One that has not started ends as soon as it starts. */
  end(): void;
  /** Whether the headers have been sent, after which no error can be answered. */
  readonly started: boolean;
  /** Whether the connection is closed. */
  readonly closed: boolean;
}

/** Every open response of the server, which ends them all when it closes. */
export type OpenResponses = Set<OpenResponse>;

/**
 * Bytes that may wait for a client. One that is further behind is cut off, so that slow clients cannot fill the memory;
 * it connects again with its cursor.
 */
const MAX_BEHIND_BYTES = 1024 * 1024;

/**
 * Turns `reply` into an open response. Until it starts, the route may still answer with an error. `onClose` is called
 * once, whichever side ends the connection. Throws LatticeError `invalid-request` when the client has left already.
 */
export function openResponse(
  reply: FastifyReply,
  contentType: string,
  registry: OpenResponses,
  onClose: () => void,
): OpenResponse {
  const { raw } = reply;
  if (raw.destroyed) throw new LatticeError('invalid-request', 'the client has left');
  let started = false;
  let ended = false;
  let closed = false;
  const response: OpenResponse = {
    get started() {
      return started;
    },
    get closed() {
      return closed;
    },
    start() {
      if (started || closed) return;
      started = true;
      reply.hijack();
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) raw.setHeader(name, value);
      raw.setHeader('content-type', contentType);
      // A proxy that compresses or buffers the response would delay its events.
      raw.setHeader('cache-control', 'no-store, no-transform');
      raw.setHeader('x-accel-buffering', 'no');
      raw.writeHead(200);
      raw.flushHeaders();
      if (ended) raw.end();
    },
    send(chunk) {
      if (closed || ended) return false;
      response.start();
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      if (raw.writableLength + bytes.length > MAX_BEHIND_BYTES) {
        ended = true;
        raw.destroy();
        return false;
      }
      raw.write(bytes);
      return true;
    },
    end() {
      if (closed || ended) return;
      ended = true;
      if (started) raw.end();
    },
  };
  registry.add(response);
  raw.once('close', () => {
    closed = true;
    registry.delete(response);
    onClose();
  });
  return response;
}

/**
 * Waits, as long as a request may take, for the source that writes to `response`, and hands it to `opened`. A source
 * that opens after the client has left, or after the time is up, is closed. Rejects with what went wrong while the
 * request can still be answered with an error; later it cuts the connection instead.
 */
export async function attach(
  response: OpenResponse,
  reply: FastifyReply,
  inTime: <T>(work: Promise<T>) => Promise<T>,
  opening: Promise<{ close(): void }>,
  opened: (source: { close(): void }) => void,
): Promise<void> {
  let failed = false;
  const adopted = opening.then((source) => {
    if (response.closed || failed) source.close();
    else opened(source);
  });
  try {
    await inTime(adopted);
  } catch (cause) {
    failed = true;
    response.end();
    if (!response.started) throw cause;
    reply.raw.destroy();
  }
}
