import type { Peer, RepairReport, Status } from '../../client/index.ts';
import { counted, duration, LatticeError } from '../../core/types/index.ts';
import { TOKEN_HINT } from '../advice.ts';
import type { ApiClient } from '../client.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type FleetOptions, fleetTable } from '../fleet-table.ts';
import { stateOfPeer } from '../members.ts';
import { byName, nameOf, namesIn } from '../names.ts';
import { alignColumns, byteCount, printable, SHORT_ROOT } from '../output.ts';
import { type Times, timesOf } from '../times.ts';
import { verdictLines } from '../verdict-lines.ts';
import { type WatchOptions, watch } from '../watch.ts';

export interface SyncModeOptions extends GlobalOptions {
  readonly reason?: string;
}

interface SwitchAnswer {
  readonly success?: boolean;
  readonly changed?: boolean;
  readonly mode?: string;
  readonly message: string;
}

interface SyncView {
  readonly status: Status;
  readonly peers: readonly Peer[];
}

type Mode = Status['mode'];

const MODES: readonly Mode[] = ['p2p', 'http', 'auto'];
/** Transitions that are shown. With --json all that the node remembers are. */
const SHOWN_TRANSITIONS = 5;

/** Sets the mode, or shows it when none is given. */
export async function syncMode(
  context: CliContext,
  mode: string | undefined,
  options: SyncModeOptions,
): Promise<number> {
  const wanted = MODES.find((known) => known === mode);
  if (mode !== undefined && wanted === undefined)
    throw usageError(`${JSON.stringify(mode)} is not a mode`, 'The modes are p2p, http and auto.');
  const client = await connect(context, options);
  if (wanted === undefined) {
    const { mode: current, syncMode: carries } = await client.getStatus();
    if (options.json) context.output.data({ mode: current, syncMode: carries });
    else context.output.line(current);
    return EXIT.ok;
  }
  const answer = await switchTo(client, wanted, options.reason);
  if (options.json) context.output.data(answer);
  else context.output.say(printable(answer.message));
  return EXIT.ok;
}

async function switchTo(client: ApiClient, mode: Mode, reason: string | undefined): Promise<SwitchAnswer> {
  try {
    return await client.setMode(mode, { reason });
  } catch (error) {
    if (!(error instanceof LatticeError) || error.code !== 'not-supported' || reason !== undefined) throw error;
  }
  // The endpoint of an older node takes no reason, and answers 200 even when it has changed nothing.
  const switched = await client.request('/api/lattice/sync/switch', { method: 'POST', query: { mode } });
  const answer = switched.json() as SwitchAnswer;
  if (answer.success !== true) throw new LatticeError('mode-not-changed', answer.message, { next: TOKEN_HINT });
  return answer;
}

export async function syncNow(context: CliContext, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const answer = await client.syncNow();
  if (options.json) {
    context.output.data(answer);
    return EXIT.ok;
  }
  const times = timesOf(options);
  context.output.line('The node has compared its state with every peer that it reaches.');
  const status = await client.getStatus();
  const names = namesIn(status, answer.peers);
  const rows = byName(answer.peers, nameOf).map((peer) => [
    printable(nameOf(peer)),
    stateOfPeer(peer, status, times),
    names.inText(repairOf(peer, times)),
  ]);
  for (const line of alignColumns(rows)) context.output.line(line);
  return EXIT.ok;
}

export async function syncStatus(context: CliContext, options: WatchOptions & FleetOptions): Promise<number> {
  if (options.fleet !== undefined) return await syncOfFleet(context, options);
  const times = timesOf(options);
  const client = await connect(context, options);
  const look = async (): Promise<SyncView> => {
    const [status, peers] = await Promise.all([client.getStatus(), client.listPeers()]);
    return { status, peers };
  };
  return await watch(context, options, look, ({ status, peers }) => {
    if (options.json) {
      const { mode, syncMode: carries, health, root, converged, transitions } = status;
      context.output.data({ mode, syncMode: carries, health, root, converged, transitions, peers });
      return;
    }
    const { line, say, paint } = context.output;
    for (const told of verdictLines(context, status)) say(told);
    line(`mode ${status.mode}, carried by ${status.syncMode}, lungs ${status.health}, root ${status.root}`);
    const names = namesIn(status, peers);
    const rows = byName(peers, nameOf).map((peer) => [
      printable(nameOf(peer)),
      peer.lung,
      stateOfPeer(peer, status, times),
      names.inText(repairOf(peer, times)),
    ]);
    for (const row of alignColumns(rows)) line(row);
    for (const { at, peer, from, to, cause } of status.transitions.slice(-SHOWN_TRANSITIONS)) {
      const who = peer === undefined ? 'this node' : names.ofPeer(peer);
      line(paint('dim', printable(`${times.at(at)}  ${who}: ${from} → ${to} (${names.inText(cause)})`)));
    }
  });
}

function repairOf({ repair, lastRepair, differing }: Peer, times: Times): string {
  if (repair !== undefined) {
    return `repairing over ${repair.lung}: ${repair.fetched} fetched, ${repair.pushed} pushed of ${repair.found}, ${repair.remaining} remain, ${Math.round(repair.perSecond)}/s`;
  }
  const differ =
    differing !== undefined && differing.keys > 0
      ? `${differing.exact ? '' : 'about '}${counted(differing.keys, 'key')} ${differing.keys === 1 ? 'differs' : 'differ'}; `
      : '';
  return differ + (lastRepair === undefined ? 'no repair yet' : reportOf(lastRepair, times));
}

function reportOf(report: RepairReport, times: Times): string {
  const { at, lung, outcome, error, fetched, pushed, bytesSent, bytesReceived, durationMs } = report;
  const said = printable(error === undefined ? outcome : `${outcome}: ${error}`);
  return `last repair ${times.at(at)} over ${lung}: ${said}, ${fetched} fetched, ${pushed} pushed, ${byteCount(bytesSent + bytesReceived)} in ${duration(durationMs)}`;
}

async function syncOfFleet(context: CliContext, options: WatchOptions & FleetOptions): Promise<number> {
  return await fleetTable(context, options, (client) => client.getStatus(), {
    columns: ['MODE', 'CARRIED BY', 'LUNGS', 'P2P PEERS', 'HTTP PEERS', 'ROOT'],
    rows: ({ mode, syncMode: carries, health, p2p, http, root }) => [
      [mode, carries, health, String(p2p.peers), String(http.peers), root.slice(0, SHORT_ROOT)],
    ],
    data: ({ mode, syncMode: carries, health, p2p, http, root }) => ({
      mode,
      syncMode: carries,
      health,
      p2p,
      http,
      root,
    }),
  });
}
