import type { FastifyInstance } from 'fastify';
import { type Bytes, hexToBytes, LatticeError, MAX_GOSSIP_BYTES, MAX_URL_BYTES } from '../../../core/types/index.ts';
import { MAX_ENVELOPE_BYTES } from '../../../core/wire/index.ts';
import { type Addresses, createRateLimit } from '../../http/addresses.ts';
import type { RouteContext } from '../../http/deps.ts';
import { attach, type OpenResponses, openResponse } from '../../http/open-response.ts';
import { acceptCbor, addressOf, queryOf } from '../../http/requests.ts';

/**
 * Identities that one address may ask for within a minute. A peer needs one in ten minutes for each URL that it asks.
 */
const MAX_IDENTITIES = 120;

/** One frame of a push stream (SPEC X7): the length of the message as u32 big-endian, then its bytes. */
function frameOf(bytes: Bytes): Bytes {
  if (bytes.length > MAX_GOSSIP_BYTES) throw new RangeError(`a frame of ${bytes.length} bytes is over the limit`);
  const frame = new Uint8Array(4 + bytes.length);
  new DataView(frame.buffer).setUint32(0, bytes.length);
  frame.set(bytes, 4);
  return frame;
}

/** The server side of the HTTP lung (SPEC X). The routes only move bytes; the sync service checks and answers them. */
export function syncRoutes({ lattice, inTime }: RouteContext, addresses: Addresses, registry: OpenResponses) {
  const identities = createRateLimit(MAX_IDENTITIES);

  return async (scope: FastifyInstance): Promise<void> => {
    acceptCbor(scope, MAX_ENVELOPE_BYTES);

    scope.get('/api/v1/sync/identity', async (request, reply) => {
      const query = queryOf(request, ['nonce', 'url']);
      const nonce = hexToBytes(query.get('nonce') ?? '');
      const url = query.get('url') ?? '';
      if (nonce?.length !== 16) throw new LatticeError('invalid-query', 'nonce must be 32 hex digits');
      if (url === '' || Buffer.byteLength(url) > MAX_URL_BYTES) {
        throw new LatticeError('invalid-query', `url must have 1 to ${MAX_URL_BYTES} bytes`);
      }
      const address = addressOf(request);
      if (!addresses.isExempt(address)) {
        const client = addresses.keyOf(address);
        const blockedMs = identities.blockedFor(client);
        if (blockedMs > 0) {
          throw new LatticeError('overloaded', 'too many identity requests from this address', {
            details: { retryAfterMs: blockedMs },
          });
        }
        identities.count(client);
      }
      return reply
        .header('content-type', 'application/cbor')
        .header('cache-control', 'no-store')
        .send(Buffer.from(lattice.sync.identify(nonce, url)));
    });

    scope.post('/api/v1/sync', async (request, reply) => {
      if (!(request.body instanceof Uint8Array)) {
        throw new LatticeError('unsupported-media-type', 'the body must be a sync envelope of type application/cbor');
      }
      const answer = await inTime(lattice.sync.handle(request.body));
      return reply
        .header('content-type', 'application/cbor')
        .header('cache-control', 'no-store')
        .send(Buffer.from(answer));
    });

    scope.get('/api/v1/sync/stream', { exposeHeadRoute: false }, async (request, reply) => {
      const envelope = /^Lattice ([0-9A-Za-z_-]+)$/.exec(request.headers.authorization ?? '')?.[1];
      if (envelope === undefined) {
        throw new LatticeError(
          'sync-unauthorized',
          'a push stream needs a signed envelope in the Authorization header',
        );
      }
      let source: { close(): void } | undefined;
      const stream = openResponse(reply, 'application/octet-stream', registry, () => source?.close());
      const bytes = new Uint8Array(Buffer.from(envelope, 'base64url'));
      const opening = lattice.sync.open(
        bytes,
        (frame) => stream.send(frameOf(frame)),
        () => stream.end(),
      );
      await attach(stream, reply, inTime, opening, (opened) => {
        source = opened;
      });
      stream.start();
      return reply;
    });
  };
}
