import type { FastifyInstance } from 'fastify';
import { LatticeError } from '../core/types/index.ts';
import type { EventSubscription, LatticeEvent } from '../runtime/facade.ts';
import type { Addresses } from './addresses.ts';
import type { RouteContext } from './deps.ts';
import { feed, type OpenResponse, type OpenResponses, openResponse } from './open-response.ts';
import { addressOf, queryOf } from './requests.ts';

/** RELIABILITY: event streams of one address. */
const MAX_PER_ADDRESS = 4;
/** In all: each may hold 1 MiB of unsent events. */
const MAX_STREAMS = 128;
const MAX_EVENT_ID = 128;

/** One event in the format of the HTML standard, §9.2. Its data is the whole event as JSON on one line. */
function eventText(event: LatticeEvent): string {
  const id = 'id' in event ? `id: ${event.id}\n` : '';
  return `${id}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

const tooMany = (whose: string): LatticeError =>
  new LatticeError('overloaded', `too many event streams ${whose}`, { details: { retryAfterMs: 10_000 } });

/** Server-sent events: GET /api/v1/events, from `Last-Event-ID` or `?after=` on. */
export function eventRoutes({ lattice, inTime }: RouteContext, addresses: Addresses, registry: OpenResponses, heartbeatMs: number) {
  const streams = new Set<OpenResponse>();
  const perAddress = new Map<string, number>();

  return async (scope: FastifyInstance): Promise<void> => {
    const heartbeat = setInterval(() => {
      for (const stream of streams) if (stream.started) stream.send(':\n\n');
    }, heartbeatMs);
    heartbeat.unref();
    scope.addHook('onClose', async () => clearInterval(heartbeat));

    scope.get('/api/v1/events', { exposeHeadRoute: false }, async (request, reply) => {
      const header = request.headers['last-event-id'];
      const after = (typeof header === 'string' ? header : undefined) ?? queryOf(request, ['after']).get('after');
      if (after !== undefined && (after === '' || after.length > MAX_EVENT_ID)) {
        throw new LatticeError('invalid-query', `an event id has 1 to ${MAX_EVENT_ID} characters`);
      }
      const address = addressOf(request);
      const client = addresses.isExempt(address) ? undefined : addresses.keyOf(address);
      const mine = client === undefined ? 0 : (perAddress.get(client) ?? 0);
      if (mine >= MAX_PER_ADDRESS) throw tooMany('from this address');
      if (streams.size >= MAX_STREAMS) throw tooMany('open');

      let subscription: EventSubscription | undefined;
      if (client !== undefined) perAddress.set(client, mine + 1);
      const stream = openResponse(reply, 'text/event-stream; charset=utf-8', registry, () => {
        subscription?.close();
        streams.delete(stream);
        if (client === undefined) return;
        const left = (perAddress.get(client) ?? 1) - 1;
        if (left === 0) perAddress.delete(client);
        else perAddress.set(client, left);
      });
      streams.add(stream);
      const opening = lattice.subscribe(after, (event) => stream.send(eventText(event)));
      await feed(stream, reply, inTime, opening, (source) => {
        subscription = source;
      });
      // A first comment, so that the client's connection is known to be open at both ends.
      stream.send(':\n\n');
      return reply;
    });
  };
}
