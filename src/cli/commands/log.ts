import type { LogLevel } from '../../client/index.ts';
import { connect } from '../connect.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { followed } from '../followed.ts';
import { type Output, printable, type Style } from '../output.ts';

export interface LogOptions extends GlobalOptions {
  readonly follow?: boolean;
  readonly level: LogLevel;
  readonly after?: string;
  readonly limit: number;
}

interface LogLine {
  readonly id?: number | string;
  /** Unix ms or an ISO time. */
  readonly time?: number | string;
  readonly level?: string;
  readonly component?: string;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

const STYLES: Readonly<Record<string, Style>> = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' };

/** Prints the node's last log lines, and with --follow also those that come. */
export async function log(context: CliContext, options: LogOptions): Promise<number> {
  const client = await connect(context, options);
  const { output } = context;
  const { level, after, limit } = options;
  if (!options.follow) {
    const { items } = await client.getLogs({ level, after, limit });
    if (options.json) output.data({ items });
    else for (const line of items) output.line(describe(line, output));
    return EXIT.ok;
  }
  const stopped = new AbortController();
  const release = context.onStop(() => stopped.abort());
  try {
    for await (const said of client.logs({ level, ...followed(context, stopped.signal, after) })) {
      if (said.type === 'line') {
        if (options.json) output.line(printable(JSON.stringify(said.line)));
        else output.line(describe(said.line, output));
        continue;
      }
      const { type: _type, ...gap } = said;
      if (options.json) output.data(gap);
      else output.remark(`… ${gap.dropped} lines are missing here`);
    }
    return EXIT.ok;
  } finally {
    release();
  }
}

function describe({ id: _id, time, level = '', component, msg, ...fields }: LogLine, output: Output): string {
  const at = typeof time === 'number' ? new Date(time).toISOString() : (time ?? '');
  const rest = Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  const said = printable(`${component === undefined ? '' : `${component}: `}${msg ?? ''}`);
  return `${printable(at)} ${output.paint(STYLES[level] ?? 'dim', level.padEnd(5))} ${said}${rest === '' ? '' : output.paint('dim', ` ${printable(rest)}`)}`;
}
