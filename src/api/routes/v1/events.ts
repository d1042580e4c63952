import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import type { EventSubscription, LatticeEvent } from '../../../runtime/facade/index.ts';
import type { Access } from '../../http/access.ts';
import type { RouteContext } from '../../http/deps.ts';
import { keepAlive } from '../../http/heartbeat.ts';
import { attach, type OpenResponse, type OpenResponses, openResponse } from '../../http/open-response.ts';
import type { StreamSlots } from '../../http/stream-slots.ts';

/** Characters. Ids of events are much shorter. */
const MAX_EVENT_ID = 128;

/** One server-sent event (HTML standard, §9.2). Its data is the whole event as JSON on one line. */
function eventText(event: LatticeEvent): string {
  const id = 'id' in event ? `id: ${event.id}\n` : '';
  return `${id}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/**
 * The id of the event after which to resume: `Last-Event-ID`, which browsers send when they reconnect, else `?after=`.
 * Undefined when there is neither. Throws LatticeError `invalid-query`.
 */
export function resumeAfter(request: FastifyRequest): string | undefined {
  const header = request.headers['last-event-id'];
  const after = typeof header === 'string' ? header : (request.query as { after?: string }).after;
  if (after !== undefined && (after === '' || after.length > MAX_EVENT_ID)) {
    throw new LatticeError('invalid-query', `an event id has 1 to ${MAX_EVENT_ID} characters`);
  }
  return after;
}

/** GET /api/v1/events: server-sent events, from `Last-Event-ID` or `?after=` on (SPEC A8). */
export function eventRoutes(
  context: RouteContext,
  access: Pick<Access, 'holds'>,
  slots: StreamSlots,
  registry: OpenResponses,
  heartbeatMs: number,
) {
  const { lattice, inTime } = context;
  const streams = new Map<OpenResponse, FastifyRequest>();

  return async (scope: FastifyInstance): Promise<void> => {
    keepAlive(scope, context, heartbeatMs, () => {
      for (const [stream, request] of streams) {
        if (!access.holds(request)) stream.end();
        else if (stream.started) stream.send(':\n\n');
      }
    });

    scope.get('/api/v1/events', { exposeHeadRoute: false }, async (request, reply) => {
      const after = resumeAfter(request);
      const release = slots.take(request);
      let subscription: EventSubscription | undefined;
      const stream = openResponse(reply, 'text/event-stream; charset=utf-8', registry, () => {
        subscription?.close();
        streams.delete(stream);
        release();
      });
      streams.set(stream, request);
      const opening = lattice.subscribe(
        after,
        (event) => {
          if (access.holds(request)) return stream.send(eventText(event));
          stream.end();
          return false;
        },
        // An open connection on which nothing comes any more would hide a gap. The client connects again.
        () => stream.end(),
      );
      await attach(stream, reply, inTime, opening, (source) => {
        subscription = source;
      });
      // The first comment sends the headers, so that the client knows at once that the stream is open.
      stream.send(':\n\n');
      return reply;
    });
  };
}
