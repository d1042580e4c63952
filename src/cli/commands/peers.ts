import type { PeerStatus } from '../../runtime/facade.ts';
import { type CliContext, connect, type GlobalOptions } from '../context.ts';
import { EXIT } from '../errors.ts';
import { alignColumns, printable } from '../output.ts';

export async function peers(context: CliContext, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const answer = await client.json<{ readonly peers: readonly PeerStatus[] }>('GET', '/api/v1/peers');
  if (options.json) {
    context.output.json(answer);
    return EXIT.ok;
  }
  if (answer.peers.length === 0) {
    context.output.line('no peers: name some with DIOTEC360_LATTICE_NODES or DIOTEC360_P2P_BOOTSTRAP');
    return EXIT.ok;
  }
  const rows = answer.peers.map((peer) => [
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
  return EXIT.ok;
}

function remarks(peer: PeerStatus): string {
  const said: string[] = [];
  if (peer.http.error !== undefined) said.push(`HTTP: ${peer.http.error}`);
  if (peer.trustMatches === false) said.push('its trust list differs from ours');
  if (peer.refused.count > 0) {
    const reasons = Object.entries(peer.refused.reasons).map(([reason, count]) => `${count} ${reason}`);
    said.push(`${peer.refused.count} refused (${reasons.join(', ')})`);
  }
  if (peer.lastRepair?.error !== undefined) said.push(`last repair: ${peer.lastRepair.error}`);
  return said.join('; ');
}
