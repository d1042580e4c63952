import { isSentence, momentOf } from '../../adapters/system/log-text.ts';
import type { LogLevel } from '../../client/index.ts';
import { counted, joined, LatticeError } from '../../core/types/index.ts';
import type { ApiClient } from '../client.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { followed } from '../followed.ts';
import { type Output, printable, type Style } from '../output.ts';
import { type Times, timesOf } from '../times.ts';

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

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const STYLES: Readonly<Record<string, Style>> = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' };

/** Prints the node's last log lines, and with --follow also those that come. */
export async function log(context: CliContext, options: LogOptions): Promise<number> {
  const client = await connect(context, options);
  const { output } = context;
  const times = timesOf(options);
  const { level, after, limit } = options;
  if (!options.follow) {
    const { items } = await client.getLogs({ level, after, limit });
    if (options.json) output.data({ items });
    else {
      for (const line of items) output.line(describe(line, output, times));
      if (level === 'debug' && !items.some((line) => line.level === 'debug')) await sayHowToGetMore(context, client);
    }
    return EXIT.ok;
  }
  const stopped = new AbortController();
  const release = context.onStop(() => stopped.abort());
  try {
    for await (const said of client.logs({ level, ...followed(context, stopped.signal, after) })) {
      if (said.type === 'line') {
        if (options.json) output.data(said.line);
        else output.line(describe(said.line, output, times));
        continue;
      }
      const { type: _type, ...gap } = said;
      if (options.json) output.data(gap);
      else output.remark(`… ${counted(gap.dropped, 'line is', 'lines are')} missing here`);
    }
    return EXIT.ok;
  } finally {
    release();
  }
}

/** Tells the level that a running node writes, or sets it. */
export async function logLevel(
  context: CliContext,
  wanted: string | undefined,
  options: GlobalOptions,
): Promise<number> {
  const level = LEVELS.find((known) => known === wanted);
  if (wanted !== undefined && level === undefined)
    throw usageError(`${JSON.stringify(wanted)} is not a level`, `The levels are ${joined(LEVELS)}.`);
  const client = await connect(context, options);
  if (level === undefined) {
    const current = await client.getLogLevel();
    if (options.json) context.output.data({ level: current });
    else context.output.line(current);
    return EXIT.ok;
  }
  const changed = await client.setLogLevel(level);
  if (options.json) context.output.data({ level, changed });
  else context.output.line(changed ? `The node writes lines from ${level} on.` : `The level was ${level} already.`);
  return EXIT.ok;
}

/** A node that writes no debug lines shows none, however they are asked for. */
async function sayHowToGetMore({ output }: CliContext, client: ApiClient): Promise<void> {
  try {
    const level = await client.getLogLevel();
    if (level !== 'debug')
      output.remark(`This node writes no lines below ${level}: lattice log level debug changes that.`);
  } catch (error) {
    // An older node has no such answer, and the lines have been shown.
    if (!(error instanceof LatticeError)) throw error;
  }
}

function describe(
  { id: _id, time, level = '', component, msg, ...fields }: LogLine,
  output: Output,
  times: Times,
): string {
  const ms = typeof time === 'string' ? Date.parse(time) : time;
  const at = ms === undefined ? '' : times.exact(ms);
  const textOf = (name: string, value: unknown): string => {
    const moment = momentOf(name, value);
    if (moment !== undefined) return JSON.stringify(times.at(moment));
    if (typeof value !== 'string') return JSON.stringify(value);
    return isSentence(name) ? output.hint(value) : value;
  };
  const rest = Object.entries(fields)
    .map(([name, value]) => `${name}=${textOf(name, value)}`)
    .join(' ');
  const said = printable(`${component === undefined ? '' : `${component}: `}${output.hint(msg ?? '')}`);
  return `${printable(at)} ${output.paint(STYLES[level] ?? 'dim', level.padEnd(5))} ${said}${rest === '' ? '' : output.paint('dim', ` ${printable(rest)}`)}`;
}
