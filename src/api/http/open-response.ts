import type { FastifyReply } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';

/** A response that stays open and is written to as things happen. */
export interface OpenResponse {
  /**
   * Writes; false when the client is gone or too far behind, and then the connection is cut. The first write sends the
   * headers.
   */
  send(chunk: Uint8Array | string): boolean;
  /** Sends the headers now, so that the client knows it is connected. */
  start(): void;
  /** Ends it in good order; before it starts, whatever starts it ends it too. */
  end(): void;
  readonly started: boolean;
  readonly closed: boolean;
}

/** Every open response, for close() and for heartbeats. */
export type OpenResponses = Set<OpenResponse>;

/** RELIABILITY: a consumer further behind than this is dropped; it comes back with its cursor. */
const MAX_BEHIND_BYTES = 1024 * 1024;

/**
 * Turns `reply` into an open response. Until it starts, the route may still answer with an error. `onClose` is
 * called once, whichever side ended it.
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
      // Proxies that compress or collect would hold events back.
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
 * Opens what feeds `response`, within the time a request has, and makes sure that it is closed whenever the response
 * is: the client may leave, or the time may be up, while it is still being opened. Rejects when the request may still
 * be answered with an error.
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
