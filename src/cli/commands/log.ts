import { connect } from '../connect.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { follow } from '../follow.ts';
import { type Output, printable, type Style } from '../output.ts';

export interface LogOptions extends GlobalOptions {
  readonly follow?: boolean;
  readonly level: string;
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

const PATH = '/api/v1/logs';
const STYLES: Readonly<Record<string, Style>> = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' };

/** The node's last log lines; with --follow also those that come. */
export async function log(context: CliContext, options: LogOptions): Promise<number> {
  const client = await connect(context, options);
  const { output } = context;
  const query = { level: options.level, after: options.after };
  if (!options.follow) {
    const page = await client.json<{ readonly items?: readonly LogLine[]; readonly lines?: readonly LogLine[] }>(
      'GET',
      PATH,
      {
        query: { ...query, format: 'json', limit: options.limit },
      },
    );
    const lines = page.items ?? page.lines ?? [];
    if (options.json) output.json({ items: lines });
    else for (const line of lines.slice(-options.limit)) output.line(describe(line, output));
    return EXIT.ok;
  }
  const stopped = new AbortController();
  const release = context.onStop(() => stopped.abort());
  try {
    await follow(client, {
      path: PATH,
      query: { level: options.level },
      after: options.after,
      signal: stopped.signal,
      take({ event, data }) {
        if (options.json) output.line(printable(data));
        else if (event === 'gap')
          output.remark(`… ${(JSON.parse(data) as { dropped?: number }).dropped ?? 'some'} lines are missing here`);
        else output.line(describe(JSON.parse(data) as LogLine, output));
        return true;
      },
      lost: (cause) => output.remark(`${printable(cause.message)}; trying again`),
    });
    return EXIT.ok;
  } finally {
    release();
    client.close();
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
