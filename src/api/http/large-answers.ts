import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import type { Clients } from './clients.ts';

/** Bytes that are handed to a connection at a time. Whether a reader gets on is seen in steps of this size. */
const PIECE_BYTES = 64 * 1024;
/** Bytes of large answers that readers have not yet taken, in all: as many as 64 pages of lists. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
/** The part of it that one client may take: a page on each of its connections. */
const MAX_UNREAD_OF_CLIENT = 16 * 1024 * 1024;

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/**
 * Sends answers of more than PIECE_BYTES in pieces, each when the connection has taken the one before, and bounds what
 * all of them hold in memory for readers that are slow. Answers of the sync protocol are bounded by the slots of
 * members (SPEC X6) and are only divided.
 */
export function divideLargeAnswers(app: FastifyInstance, clients: Clients): void {
  let unread = 0;
  // Each entry has at least one open answer.
  const perClient = new Map<string, number>();

  /** Throws LatticeError `overloaded` where there is no room. */
  function hold(request: FastifyRequest, reply: FastifyReply, bytes: number): void {
    // Nothing waits for a client that has left, and nothing would tell that it has.
    if (reply.raw.destroyed) return;
    const client = clients.of(request);
    const mine = (client === undefined ? 0 : (perClient.get(client) ?? 0)) + bytes;
    if (unread + bytes > MAX_UNREAD_BYTES || (client !== undefined && mine > MAX_UNREAD_OF_CLIENT))
      throw new LatticeError('overloaded', 'too many large answers wait to be read', {
        next: 'read the answers that are under way first',
      });
    unread += bytes;
    if (client !== undefined) perClient.set(client, mine);
    reply.raw.once('close', () => {
      unread -= bytes;
      if (client === undefined) return;
      const left = (perClient.get(client) ?? bytes) - bytes;
      if (left === 0) perClient.delete(client);
      else perClient.set(client, left);
    });
  }

  app.addHook('onSend', (request, reply, payload, done) => {
    const isBytes = typeof payload === 'string' || Buffer.isBuffer(payload);
    if (!isBytes || payload.length <= PIECE_BYTES || request.method === 'HEAD') return done();
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    try {
      if (request.routeOptions.config.isSync !== true) hold(request, reply, bytes.length);
    } catch (error) {
      return done(error as LatticeError);
    }
    reply.header('content-length', bytes.length);
    done(null, Readable.from(piecesOf(bytes), { objectMode: false, highWaterMark: PIECE_BYTES }));
  });
}
