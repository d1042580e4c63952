import type { Peer, PeerName } from '../../client/index.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { alignColumns, printable } from '../output.ts';
import { type WatchOptions, watch } from '../watch.ts';

export interface DifferencesOptions extends GlobalOptions {
  readonly limit: number;
}

/** Shows every peer, the lung that carries it, and whether its root equals the node's. */
export async function peersList(context: CliContext, options: WatchOptions): Promise<number> {
  const client = await connect(context, options);
  return await watch(
    context,
    options,
    () => client.listPeers(),
    (peers) => {
      if (options.json) context.output.data({ peers });
      else show(context, peers);
    },
  );
}

function show(context: CliContext, peers: readonly Peer[]): void {
  if (peers.length === 0) {
    context.output.line(
      'no peers: name some with DIOTEC360_LATTICE_NODES or DIOTEC360_P2P_BOOTSTRAP, or lattice peers add URL',
    );
    return;
  }
  const rows = peers.map((peer) => [
    peer.peerId ?? '(not known yet)',
    printable(peer.url ?? '-'),
    peer.lung,
    peer.agreement,
    peer.trusted ? 'trusted' : 'not trusted',
    peer.p2p.rttMs === undefined ? '-' : `${Math.round(peer.p2p.rttMs)} ms`,
    printable(remarks(peer)),
  ]);
  for (const line of alignColumns([['PEER', 'URL', 'LUNG', 'STATE', 'TRUST', 'RTT', 'REMARKS'], ...rows]))
    context.output.line(line.trimEnd());
}

function remarks(peer: Peer): string {
  const said: string[] = [];
  if (peer.differing !== undefined && peer.differing.keys > 0) {
    said.push(`${peer.differing.exact ? '' : 'about '}${peer.differing.keys} keys differ`);
  }
  if (peer.alternatives !== undefined) said.push(`also at ${peer.alternatives.join(', ')}`);
  if (peer.added === true) said.push('added by hand');
  if (peer.http.error !== undefined) said.push(`HTTP: ${peer.http.error}`);
  if (peer.trustMatches === false) said.push('its trust list differs from ours');
  if (peer.refused.count > 0) {
    const reasons = Object.entries(peer.refused.reasons).map(([reason, count]) => `${count} ${reason}`);
    said.push(`${peer.refused.count} refused (${reasons.join(', ')})`);
  }
  if (peer.lastRepair?.error !== undefined) said.push(`last repair: ${peer.lastRepair.error}`);
  return said.join('; ');
}

/** Adds a peer by its URL or multiaddr. The node remembers it across restarts. */
export async function peersAdd(context: CliContext, address: string, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const added = await client.addPeer(addressOf(address));
  if (options.json) context.output.data({ ...addressOf(address), added });
  else context.output.line(`added ${printable(address)}`);
  return EXIT.ok;
}

/** Removes a peer that `peers add` has added. Configured peers stay. */
export async function peersRemove(context: CliContext, address: string, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  await client.removePeer(addressOf(address));
  if (options.json) context.output.data({ ...addressOf(address), removed: true });
  else context.output.line(`removed ${printable(address)}`);
  return EXIT.ok;
}

function addressOf(address: string): PeerName {
  if (address.startsWith('/')) return { multiaddr: address };
  if (/^https?:\/\//.test(address)) return { url: address };
  throw usageError(
    `${JSON.stringify(address)} is neither a URL nor a multiaddr`,
    'Write it like http://127.0.0.1:8001 or /ip4/127.0.0.1/tcp/9001/p2p/PEERID.',
  );
}

/** Has the node reach a peer over both lungs. The exit code is 1 when it reaches the peer over neither. */
export async function peersPing(context: CliContext, peer: string, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const answer = await client.pingPeer(peer);
  if (options.json) context.output.data(answer);
  else {
    for (const { lung, ok, rttMs, error } of answer.results) {
      const said = ok
        ? context.output.paint('green', rttMs === undefined ? 'answers' : `${rttMs.toFixed(1)} ms`)
        : context.output.paint('red', 'no answer');
      context.output.line(`${lung.padEnd(4)}  ${said}${error === undefined ? '' : `  ${printable(error)}`}`);
    }
  }
  return answer.results.some(({ ok }) => ok) ? EXIT.ok : EXIT.failed;
}

/** Lists the keys that differ between the node and a peer. The exit code is 1 when the two are not equal. */
export async function peersDiff(context: CliContext, peer: string, options: DifferencesOptions): Promise<number> {
  const client = await connect(context, options);
  const answer = await client.getDifferences(peer, { limit: options.limit });
  const equal = answer.keys.length === 0 && answer.ourRoot === answer.theirRoot;
  if (options.json) {
    context.output.data(answer);
    return equal ? EXIT.ok : EXIT.failed;
  }
  const { line, remark } = context.output;
  if (equal) line(`nothing differs: both hold root ${answer.ourRoot}`);
  else {
    line(`ours    ${answer.ourRoot}`);
    line(`theirs  ${answer.theirRoot}`);
    const where: Readonly<Record<string, string>> = {
      ours: 'only here',
      theirs: 'only there',
      both: 'on both, different',
    };
    const rows = answer.keys.map(({ keyHash, key, side }) => [
      where[side] ?? side,
      key === undefined ? `(hash ${keyHash})` : printable(key),
    ]);
    for (const text of alignColumns(rows)) line(text);
    if (!answer.complete) remark('There are more: raise --limit.');
    remark('Writes on their way differ for a moment. What stays is repaired by itself, or now: lattice sync now.');
  }
  return equal ? EXIT.ok : EXIT.failed;
}
