import type { Transition } from '../../runtime/facade/facade.ts';
import { connect } from '../connect.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { follow } from '../follow.ts';
import { printable } from '../output.ts';

export interface EventsOptions extends GlobalOptions {
  readonly after?: string;
  readonly type?: string;
  readonly count?: number;
}

/** Prints events as they come, until a signal or --count of them. */
export async function events(context: CliContext, options: EventsOptions): Promise<number> {
  const client = await connect(context, options);
  const types = options.type?.split(',').map((type) => type.trim());
  const stopped = new AbortController();
  const release = context.onStop(() => stopped.abort());
  let left = options.count ?? Number.POSITIVE_INFINITY;
  let last = options.after;
  try {
    await follow(client, {
      path: '/api/v1/events',
      after: options.after,
      signal: stopped.signal,
      take({ id, event, data }) {
        last = id ?? last;
        if (types !== undefined && !types.includes(event)) return true;
        if (options.json) context.output.line(printable(data));
        else context.output.line(describe(event, data));
        return --left > 0;
      },
      lost: (cause) => context.output.remark(`${printable(cause.message)}; trying again`),
    });
  } finally {
    release();
    client.close();
  }
  if (last !== undefined && !options.json)
    context.output.remark(`go on from here: ${context.programName} events --after ${last}`);
  return EXIT.ok;
}

function describe(event: string, data: string): string {
  const { id: _id, type: _type, ...fields } = parse(data);
  if (event === 'change' && typeof fields['key'] === 'string') {
    return `change      ${printable(fields['key'])}  ${fields['deleted'] === true ? 'deleted' : 'written'}  ${String(fields['version'])}`;
  }
  const inner = fields['transition'];
  if (event === 'transition' && typeof inner === 'object' && inner !== null) {
    const { peer = 'node', from, to, cause } = inner as Transition;
    return printable(`transition  ${peer}: ${from} → ${to} (${cause})`);
  }
  return printable(`${event.padEnd(10)}  ${JSON.stringify(fields)}`);
}

function parse(data: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : { data: value };
  } catch {
    return { data };
  }
}
