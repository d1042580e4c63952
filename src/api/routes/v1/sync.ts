import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  type Bytes,
  giveBack,
  hexToBytes,
  LatticeError,
  MAX_GOSSIP_BYTES,
  MAX_URL_BYTES,
} from '../../../core/types/index.ts';
import type { RouteContext } from '../../http/deps.ts';
import { attach, type OpenResponses, openResponse } from '../../http/open-response.ts';
import { queryOf } from '../../http/requests.ts';
import type { SyncSenders } from '../../http/sync-senders.ts';

/** One frame of a push stream (SPEC X7): the length of the message as u32 big-endian, then its bytes. */
function frameOf(bytes: Bytes): Bytes {
  if (bytes.length > MAX_GOSSIP_BYTES) throw new RangeError(`a frame of ${bytes.length} bytes is over the limit`);
  const frame = new Uint8Array(4 + bytes.length);
  new DataView(frame.buffer).setUint32(0, bytes.length);
  frame.set(bytes, 4);
  return frame;
}

/** The envelope in a request's Authorization header; undefined when there is none. */
export function headerEnvelope(request: FastifyRequest): Uint8Array | undefined {
  const text = /^Lattice ([0-9A-Za-z_-]+)$/.exec(request.headers.authorization ?? '')?.[1];
  return text === undefined ? undefined : new Uint8Array(Buffer.from(text, 'base64url'));
}

/** The server side of the HTTP lung (SPEC X). The routes only move bytes; the sync service checks and answers them. */
export function syncRoutes(
  { lattice, inTime }: RouteContext,
  senders: SyncSenders,
  checkUrl: (request: FastifyRequest, url: string) => void,
  registry: OpenResponses,
) {
  return async (scope: FastifyInstance): Promise<void> => {
    // The route reads the body itself, because how much of it is read depends on how it begins.
    scope.addContentTypeParser('application/cbor', (_request, _payload, done) => done(null));

    scope.get('/api/v1/sync/identity', async (request, reply) => {
      const query = queryOf(request, ['nonce', 'url']);
      const nonce = hexToBytes(query.get('nonce') ?? '');
      const url = query.get('url') ?? '';
      if (nonce?.length !== 16) throw new LatticeError('invalid-query', 'nonce must be 32 hex digits');
      if (url === '' || Buffer.byteLength(url) > MAX_URL_BYTES) {
        throw new LatticeError('invalid-query', `url must have 1 to ${MAX_URL_BYTES} bytes`);
      }
      checkUrl(request, url);
      return reply
        .header('content-type', 'application/cbor')
        .header('cache-control', 'no-store')
        .send(Buffer.from(lattice.sync.identify(nonce, url)));
    });

    scope.post('/api/v1/sync', async (request, reply) => {
      if (request.headers['content-type'] === undefined) {
        throw new LatticeError('unsupported-media-type', 'the body must be a sync envelope of type application/cbor');
      }
      const answer = await inTime(lattice.sync.handle(await senders.read(request, reply)));
      senders.proved(request);
      // By then the system has all of it. After a connection that was cut, nobody can tell who still reads it.
      reply.raw.once('finish', () => giveBack(answer));
      return (
        reply
          .header('content-type', 'application/cbor')
          .header('cache-control', 'no-store')
          // A view: a copy of 1 MiB for each answer would cost the vault a part of its speed.
          .send(Buffer.from(answer.buffer, answer.byteOffset, answer.length))
      );
    });

    scope.get('/api/v1/sync/stream', { exposeHeadRoute: false }, async (request, reply) => {
      const envelope = headerEnvelope(request);
      if (envelope === undefined) {
        throw new LatticeError(
          'sync-unauthorized',
          'a push stream needs a signed envelope in the Authorization header',
        );
      }
      senders.screen(request, reply, envelope);
      let source: { close(): void } | undefined;
      const stream = openResponse(reply, 'application/octet-stream', registry, () => source?.close());
      const opening = lattice.sync.open(
        envelope,
        (frame) => stream.send(frameOf(frame)),
        () => stream.end(),
      );
      await attach(stream, reply, inTime, opening, (opened) => {
        source = opened;
      });
      senders.proved(request);
      stream.start();
      return reply;
    });
  };
}
