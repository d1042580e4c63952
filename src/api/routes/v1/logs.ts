import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import { type Access, type TokenCheck, tokenHook } from '../../http/access.ts';
import type { ApiLog, RouteContext } from '../../http/deps.ts';
import { keepAlive } from '../../http/heartbeat.ts';
import { type OpenResponse, type OpenResponses, openResponse } from '../../http/open-response.ts';
import { acceptJson, integerOf, jsonOf, queryOf } from '../../http/requests.ts';
import { LOG_LEVELS, type LogLevel, type LogLevelControl, type LogSource } from '../../http/sources.ts';

const MAX_PAGE = 1000;
const DEFAULT_PAGE = 100;
const MAX_ID = 64;
/**
 * Streams at a time, for operators and dashboards. For each, at most MAX_UNSENT_BYTES and one batch of lines wait in
 * memory.
 */
const MAX_STREAMS = 16;
/**
 * Unsent bytes of a stream beyond which it takes no further lines until the client has read. The rest stays in the ring
 * meanwhile.
 */
const MAX_UNSENT_BYTES = 64 * 1024;
/** Lines that are read from the ring at a time, so that little is read in vain for a client that stops reading. */
const BATCH = 32;

/** What a request asks for. */
interface Wanted {
  readonly level: LogLevel;
  readonly after: string | undefined;
  /** The most lines of a page; undefined for a stream. */
  readonly page: number | undefined;
}

function wantedOf(request: FastifyRequest): Wanted {
  const query = queryOf(request, ['level', 'after', 'format', 'limit']);
  const named = query.get('level') ?? 'info';
  const level = LOG_LEVELS.find((known) => known === named);
  if (level === undefined) throw new LatticeError('invalid-query', `'level' must be one of ${LOG_LEVELS.join(', ')}`);
  const format = query.get('format') ?? 'stream';
  if (format !== 'stream' && format !== 'json')
    throw new LatticeError('invalid-query', "'format' must be stream or json");
  if (format === 'stream' && query.has('limit'))
    throw new LatticeError('invalid-query', "'limit' goes with format=json only");
  const header = request.headers['last-event-id'];
  const after = (typeof header === 'string' ? header : undefined) ?? query.get('after');
  if (after !== undefined && (after === '' || after.length > MAX_ID)) {
    throw new LatticeError('invalid-query', `a line id has 1 to ${MAX_ID} characters`);
  }
  const limit = integerOf(query, 'limit', { min: 1, max: MAX_PAGE, default: DEFAULT_PAGE });
  return { level, after, page: format === 'json' ? limit : undefined };
}

/** GET and POST /api/v1/logs/level: the least level of the lines that the node writes, which an operator may change. */
export function logLevelRoutes(log: Pick<ApiLog, 'warn'>, level: LogLevelControl, checkToken: TokenCheck) {
  const withToken = tokenHook(checkToken);
  return async (scope: FastifyInstance): Promise<void> => {
    acceptJson(scope);
    scope.get('/api/v1/logs/level', withToken, async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      return { level: level.get() };
    });
    scope.post('/api/v1/logs/level', withToken, async (request) => {
      const { level: wanted } = jsonOf(request) as { level: LogLevel };
      const before = level.get();
      level.set(wanted);
      // A warning, so that the log says why it has more or fewer lines from here on.
      if (wanted !== before) log.warn({ from: before, to: wanted }, 'log level changed by the API');
      return { level: wanted, changed: wanted !== before };
    });
  };
}

/** One server-sent event (HTML standard, §9.2) with `data` as JSON. */
function eventText(event: string, data: unknown, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/**
 * GET /api/v1/logs: the newest lines, then each new one as it is written, as server-sent events. A reader that is too
 * slow, or asks for lines that are gone, is told how many it misses. The node never waits for a reader.
 */
export function logRoutes(
  context: Pick<RouteContext, 'clock' | 'log'>,
  logs: LogSource,
  access: Pick<Access, 'operate' | 'holds'>,
  registry: OpenResponses,
  heartbeatMs: number,
) {
  /** Each with the request that opened it. */
  const streams = new Map<OpenResponse, FastifyRequest>();

  /** Ends a stream whose token counts no more, replaced (SPEC N18) or withdrawn: whoever reads it may have no other. */
  function endsByToken(response: OpenResponse): boolean {
    const request = streams.get(response);
    if (request === undefined || access.holds(request)) return false;
    response.end();
    return true;
  }

  function stream(request: FastifyRequest, reply: FastifyReply, { level, after }: Wanted): void {
    if (streams.size >= MAX_STREAMS) {
      throw new LatticeError('overloaded', 'too many log streams are open', { details: { retryAfterMs: 10_000 } });
    }
    let place = after;
    let scheduled = false;
    let unfollow = (): void => undefined;
    const { raw } = reply;
    const response = openResponse(reply, 'text/event-stream; charset=utf-8', registry, () => {
      streams.delete(response);
      unfollow();
    });
    streams.set(response, request);

    function pump(): void {
      scheduled = false;
      if (endsByToken(response)) return;
      while (!response.closed && raw.writableLength < MAX_UNSENT_BYTES) {
        const { lines, dropped, restarted, next } = logs.read({ after: place, level, limit: BATCH });
        // A gap has no id, so that a reader that reconnects before the next line is told of it again.
        if (dropped > 0 || restarted) response.send(eventText('gap', { dropped, ...(restarted ? { restarted } : {}) }));
        for (const line of lines) response.send(eventText('line', line, line.id));
        const atEnd = lines.length < BATCH;
        place = next;
        if (atEnd) return;
      }
    }
    // Lines come in bursts, and those of one turn of the event loop are sent together.
    function schedule(): void {
      if (scheduled) return;
      scheduled = true;
      setImmediate(pump);
    }

    response.start();
    // The first comment tells the client and proxies that the stream is open, even while there are no lines.
    response.send(':\n\n');
    unfollow = logs.follow(schedule);
    raw.on('drain', schedule);
    pump();
  }

  return async (scope: FastifyInstance): Promise<void> => {
    keepAlive(scope, context, heartbeatMs, () => {
      for (const response of streams.keys()) if (!endsByToken(response)) response.send(':\n\n');
    });

    scope.get(
      '/api/v1/logs',
      { exposeHeadRoute: false, onRequest: async (request) => access.operate(request) },
      async (request, reply): Promise<FastifyReply> => {
        const wanted = wantedOf(request);
        if (wanted.page === undefined) {
          stream(request, reply, wanted);
          return reply;
        }
        const after = wanted.after ?? logs.tail(wanted.page, wanted.level);
        const { lines, dropped, restarted, next } = logs.read({ after, level: wanted.level, limit: wanted.page });
        return reply.header('cache-control', 'no-store').send({ items: lines, dropped, restarted, next });
      },
    );
  };
}
