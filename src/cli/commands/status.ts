import { setTimeout as wait } from 'node:timers/promises';
import { LatticeError } from '../../core/types/index.ts';
import type { NodeStatus } from '../../runtime/facade.ts';
import { type CliContext, connect, type GlobalOptions } from '../context.ts';
import { EXIT, reportError } from '../errors.ts';
import { alignColumns, duration, type Output, printable } from '../output.ts';

export interface StatusOptions extends GlobalOptions {
  readonly watch?: boolean;
  /** Seconds. */
  readonly interval: number;
}

/** Clears from the cursor's home position down: a redraw without flicker. */
const REDRAW = '\u001b[H\u001b[J';

export async function status(context: CliContext, options: StatusOptions): Promise<number> {
  const client = await connect(context, options);
  const look = (): Promise<NodeStatus> => client.json<NodeStatus>('GET', '/api/v1/status');
  const show = (now: NodeStatus): void => {
    if (options.json) context.output.json(now);
    else for (const line of describe(now, context.output)) context.output.line(line);
  };
  if (!options.watch) {
    show(await look());
    return EXIT.ok;
  }

  const stopped = new AbortController();
  const release = context.onStop(() => stopped.abort());
  try {
    while (!stopped.signal.aborted) {
      let now: NodeStatus | undefined;
      let problem: unknown;
      try {
        now = await look();
      } catch (error) {
        // Watching goes on: the node may be restarting.
        if (!(error instanceof LatticeError)) throw error;
        problem = error;
      }
      if (context.output.interactive && !options.json) context.output.write(REDRAW);
      if (now !== undefined) show(now);
      else reportError(problem, context.output, options.json === true);
      await wait(options.interval * 1000, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
    return EXIT.ok;
  } finally {
    release();
  }
}

function describe(now: NodeStatus, output: Output): string[] {
  const colour = now.health === 'OPTIMAL' ? 'green' : now.health === 'ISOLATED' ? 'red' : 'yellow';
  const rows = [
    [
      'node',
      `${printable(now.name || '(no name)')}${now.role ? ` (${printable(now.role)})` : ''}, version ${printable(now.version)}, up ${duration(now.now - now.startedAt)}`,
    ],
    ['peer id', now.peerId],
    ['network', printable(now.network)],
    ['health', output.paint(colour, now.health)],
    ['root', now.root],
    ['state', `${now.live} keys, ${now.entries - now.live} deleted, ${now.conflicts} in conflict`],
    ['agreement', `${now.converged.equal} of ${now.converged.peers} peers hold the same root`],
    ['P2P', lung(now.p2p, `${now.p2p.peers} peers`)],
    ['HTTP', lung(now.http, `${now.http.peers} peers, ${now.http.streaming} streaming`)],
    ['mode', now.mode],
    ['writes', now.writable ? 'accepted' : output.paint('red', 'refused')],
  ];
  const lines = alignColumns(rows);
  for (const reason of now.readOnlyReasons) lines.push(output.paint('red', `read-only: ${printable(reason)}`));
  for (const warning of now.warnings) lines.push(output.paint('yellow', `warning: ${printable(warning)}`));
  return lines;
}

function lung(state: NodeStatus['p2p'] | NodeStatus['http'], running: string): string {
  if (!state.enabled) return 'off';
  if (state.state === 'running') return running;
  return `${state.state}${state.error === undefined ? '' : `: ${printable(state.error)}`}`;
}
