import type { Transition } from '../../client/index.ts';
import { connect } from '../connect.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { followed } from '../followed.ts';
import { printable } from '../output.ts';

export interface EventsOptions extends GlobalOptions {
  readonly after?: string;
  readonly type?: string;
  readonly count?: number;
}

/** Prints events as they come, until a signal comes or --count events are printed. */
export async function events(context: CliContext, options: EventsOptions): Promise<number> {
  const client = await connect(context, options);
  const types = options.type?.split(',').map((type) => type.trim());
  const stopped = new AbortController();
  const release = context.onStop(() => stopped.abort());
  let left = options.count ?? Number.POSITIVE_INFINITY;
  let last = options.after;
  try {
    const stream = followed(context, stopped.signal, options.after);
    for await (const { id, event, data } of client.follow('/api/v1/events', stream)) {
      last = id ?? last;
      if (types !== undefined && !types.includes(event)) continue;
      context.output.line(options.json ? printable(data) : describe(event, data));
      if (--left === 0) break;
    }
  } finally {
    release();
  }
  if (last !== undefined && !options.json) context.output.remark(`go on from here: lattice events --after ${last}`);
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
