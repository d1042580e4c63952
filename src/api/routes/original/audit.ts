import { setImmediate as turn } from 'node:timers/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type AuditKind, auditRowText } from '../../../core/original/audit.ts';
import { pythonFloat } from '../../../core/original/json.ts';
import type { AttackRow, AuditStats, ExecutionRow } from '../../../runtime/facade/index.ts';
import type { RouteContext } from '../../http/deps.ts';
import type { StreamSlots } from '../../http/stream-slots.ts';
import { openTextStream } from '../../http/text-stream.ts';

/** The rows of a list that is asked for without a limit, as in the original. */
const DEFAULT_LIMIT = 100;
/** UTF-16 units of text that are handed to the socket at a time. */
const TARGET_CHARS = 64 * 1024;

/** `limit` of the query. The error form of the original where it is no integer. */
function limitOf(request: FastifyRequest): { readonly limit: number } | { readonly problem: object } {
  const url = request.raw.url ?? '';
  const text = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?')) : '').get('limit');
  if (text === null) return { limit: DEFAULT_LIMIT };
  if (/^[+-]?\d{1,18}$/.test(text)) return { limit: Number(text) };
  return { problem: { detail: [{ loc: ['query', 'limit'], msg: 'limit must be an integer', type: 'int_parsing' }] } };
}

async function* listText(
  name: string,
  kind: AuditKind,
  chunks: AsyncIterable<readonly (ExecutionRow | AttackRow)[]>,
): AsyncGenerator<string> {
  let text = `{"success":true,"${name}":[`;
  let count = 0;
  for await (const rows of chunks) {
    for (const row of rows) {
      text += `${count++ === 0 ? '' : ','}${auditRowText(kind, row)}`;
      if (text.length < TARGET_CHARS) continue;
      yield text;
      text = '';
    }
    // Without a turn of the event loop a fast reader would keep all other requests waiting.
    await turn();
  }
  yield `${text}],"count":${count}}`;
}

/** Executions and attacks as the original lists them: newest first, `limit` of them, and all where that is negative. */
export function originalAuditRoutes({ lattice, clock, inTime }: RouteContext, longLists: StreamSlots) {
  const { audit } = lattice;
  const lists = [
    { name: 'executions', kind: 'execution', rows: audit.executions },
    { name: 'attacks', kind: 'attack', rows: audit.attacks },
  ] as const;

  return async (scope: FastifyInstance): Promise<void> => {
    for (const { name, kind, rows } of lists) {
      // A HEAD that made the list would cost as much as a GET, and its client would pay for no byte of it.
      scope.head(`/api/persistence/${name}`, async (_request, reply) =>
        reply.type('application/json; charset=utf-8').send(),
      );
      scope.get(`/api/persistence/${name}`, { exposeHeadRoute: false }, async (request, reply) => {
        const asked = limitOf(request);
        if ('problem' in asked) return reply.code(422).send(asked.problem);
        const { limit } = asked;
        const isLong = limit < 0 || limit > DEFAULT_LIMIT;
        const release = isLong ? longLists.take(request) : () => undefined;
        const opening = openTextStream(listText(name, kind, rows(limit)), clock, release);
        const stream = await inTime(opening).catch((cause: unknown) => {
          // The stream may still open after the time is up, and nobody reads it then.
          opening.then(
            (late) => late.destroy(),
            () => undefined,
          );
          throw cause;
        });
        return reply.type('application/json; charset=utf-8').send(stream);
      });
    }
  };
}

const wordsText = (words: ReadonlyMap<string, number>): string =>
  `{${Array.from(words, ([word, count]) => `${JSON.stringify(word)}:${count}`).join(',')}}`;

/** The members `executions` and `attacks` of the original's statistics, as JSON text without braces around. */
export function auditStatsText({ executions, attacks }: AuditStats): string {
  const { count, statuses, meanElapsedMs } = executions;
  // The original has the integer 0 where nothing was timed, and a float everywhere else.
  const mean = meanElapsedMs === 0 ? '0' : pythonFloat(meanElapsedMs);
  const executed = `"total_executions":${count},"status_breakdown":${wordsText(statuses)},"avg_execution_time_ms":${mean}`;
  const blocked = `"total_attacks_blocked":${attacks.count},"attack_type_breakdown":${wordsText(attacks.types)}`;
  return `"executions":{${executed}},"attacks":{${blocked},"layer_breakdown":${wordsText(attacks.layers)}}`;
}
