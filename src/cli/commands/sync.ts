import type { Peer, RepairReport, Status } from '../../client/index.ts';
import { LatticeError } from '../../core/types/index.ts';
import { TOKEN_HINT } from '../advice.ts';
import type { ApiClient } from '../client.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { alignColumns, byteCount, duration, printable } from '../output.ts';
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
    throw usageError(`${JSON.stringify(mode)} is no mode`, 'The modes are p2p, http and auto.');
  const client = await connect(context, options);
  if (wanted === undefined) {
    const { mode: current, syncMode: carries } = await client.getStatus();
    if (options.json) context.output.data({ mode: current, syncMode: carries });
    else context.output.line(current);
    return EXIT.ok;
  }
  const answer = await switchTo(client, wanted, options.reason);
  if (options.json) context.output.data(answer);
  else context.output.line(printable(answer.message));
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
  context.output.line('compared with every reachable peer');
  for (const line of alignColumns(answer.peers.map((peer) => [nameOf(peer), peer.agreement, repairOf(peer)])))
    context.output.line(line.trimEnd());
  return EXIT.ok;
}

/** Shows mode, lungs, repairs and the last transitions. */
export async function syncStatus(context: CliContext, options: WatchOptions): Promise<number> {
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
    const { line, paint } = context.output;
    const equal = status.converged.peers > 0 && status.converged.equal === status.converged.peers;
    line(`mode ${status.mode}, carried by ${status.syncMode}, health ${status.health}`);
    line(
      paint(
        equal ? 'green' : 'yellow',
        `${status.converged.equal} of ${status.converged.peers} peers hold root ${status.root}`,
      ),
    );
    for (const text of alignColumns(
      peers.map((peer) => [nameOf(peer), peer.lung, peer.agreement, since(peer, status.now), repairOf(peer)]),
    ))
      line(text.trimEnd());
    for (const { at, peer, from, to, cause } of status.transitions.slice(-SHOWN_TRANSITIONS)) {
      line(paint('dim', printable(`${new Date(at).toISOString()}  ${peer ?? 'node'}: ${from} → ${to} (${cause})`)));
    }
  });
}

const nameOf = (peer: Peer): string => printable(peer.url ?? peer.peerId ?? '(not known yet)');

function since(peer: Peer, now: number): string {
  return peer.agreementSince === undefined ? '-' : `for ${duration(now - peer.agreementSince)}`;
}

function repairOf({ repair, lastRepair, differing }: Peer): string {
  if (repair !== undefined) {
    return `repairing over ${repair.lung}: ${repair.fetched} fetched, ${repair.pushed} pushed of ${repair.found}, ${repair.remaining} remain, ${Math.round(repair.perSecond)}/s`;
  }
  const differ =
    differing !== undefined && differing.keys > 0
      ? `${differing.exact ? '' : 'about '}${differing.keys} keys differ; `
      : '';
  return differ + (lastRepair === undefined ? 'no repair yet' : reportOf(lastRepair));
}

function reportOf(report: RepairReport): string {
  const { at, lung, outcome, error, fetched, pushed, bytesSent, bytesReceived, durationMs } = report;
  const said = printable(error === undefined ? outcome : `${outcome}: ${error}`);
  return `last repair ${new Date(at).toISOString()} over ${lung}: ${said}, ${fetched} fetched, ${pushed} pushed, ${byteCount(bytesSent + bytesReceived)} in ${duration(durationMs)}`;
}
