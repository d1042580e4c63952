import type { Status } from '../../client/index.ts';
import { connect } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { alignColumns, duration, type Output, printable } from '../output.ts';
import { type WatchOptions, watch } from '../watch.ts';

export type StatusOptions = WatchOptions;

export async function status(context: CliContext, options: StatusOptions): Promise<number> {
  const client = await connect(context, options);
  return await watch(
    context,
    options,
    () => client.getStatus(),
    (now) => {
      if (options.json) context.output.data(now);
      else for (const line of describe(now, context.output)) context.output.line(line);
    },
  );
}

function describe(now: Status, output: Output): string[] {
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
    ...cutsOf(now),
    ...progressOf(now),
    ['P2P', lung(now.p2p, `${now.p2p.peers} peers`)],
    ['HTTP', lung(now.http, `${now.http.peers} peers, ${now.http.streaming} streaming`)],
    ['mode', now.mode],
    ['writes', now.writable ? 'accepted' : output.paint('red', 'refused')],
  ];
  const lines = alignColumns(rows);
  for (const { text } of now.readOnlyReasons) lines.push(output.paint('red', `read-only: ${printable(text)}`));
  for (const { author, at } of now.cuts?.disagreeing ?? []) {
    lines.push(output.paint('red', `warning: ${author} attested another root for ${new Date(at).toISOString()}`));
  }
  for (const { text } of now.warnings) lines.push(output.paint('yellow', `warning: ${printable(text)}`));
  return lines;
}

function cutsOf({ cuts, now }: Status): string[][] {
  if (cuts === undefined) return [];
  const rows: string[][] = [];
  if (cuts.convergedAsOf !== undefined) {
    rows.push([
      'converged',
      `as of ${new Date(cuts.convergedAsOf).toISOString()}, ${duration(now - cuts.convergedAsOf)} ago`,
    ]);
  }
  if (cuts.certified !== undefined) {
    const { at, attesters, quorum } = cuts.certified;
    rows.push(['certified', `${new Date(at).toISOString()} by ${attesters.length} nodes, ${quorum} are needed`]);
  }
  if (cuts.lagging !== undefined) rows.push(['cuts', `none: ${printable(cuts.lagging)}`]);
  return rows;
}

/** Rows for the work that a node still does after its start: a bootstrap, a check of its store. */
function progressOf({ bootstrap, integrity, scrub }: Status): string[][] {
  const rows: string[][] = [];
  if (bootstrap !== undefined && bootstrap.phase !== 'done') {
    const { phase, chunks, entries, ratePerSecond, verified, error } = bootstrap;
    const parts = [
      phase,
      `${chunks.done} of ${chunks.total} chunks`,
      `${entries} entries`,
      `${Math.round(ratePerSecond)}/s`,
    ];
    if (verified !== undefined) parts.push(`${verified.done} of ${verified.total} signatures checked`);
    if (error !== undefined) parts.push(error);
    rows.push(['bootstrap', printable(parts.join(', '))]);
  }
  if (integrity !== undefined && integrity.checked < integrity.total) {
    rows.push(['integrity', `${integrity.checked} of ${integrity.total} entries checked since the start`]);
  } else if (scrub?.completedAt !== undefined) {
    rows.push(['scrub', `the whole store was found good at ${new Date(scrub.completedAt).toISOString()}`]);
  }
  return rows;
}

function lung(state: Status['p2p'] | Status['http'], running: string): string {
  if (!state.enabled) return 'off';
  if (state.state === 'running') return running;
  return `${state.state}${state.error === undefined ? '' : `: ${printable(state.error)}`}`;
}
