import type { Peer, PeerName, Status } from '../../client/index.ts';
import { counted, LatticeError } from '../../core/types/index.ts';
import { peerIdToAuthor } from '../../core/wire/peer-id.ts';
import type { ApiClient } from '../client.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type FleetOptions, fleetTable } from '../fleet-table.ts';
import { stateOfPeer } from '../members.ts';
import { byName, findPeer, isId, nameOf, namesIn } from '../names.ts';
import { alignColumns, printable } from '../output.ts';
import { type Times, timesOf } from '../times.ts';
import { type WatchOptions, watch } from '../watch.ts';

export interface DifferencesOptions extends GlobalOptions {
  readonly limit: number;
}

/** Shows every peer, the lung that carries it, and whether its root equals the node's. */
export async function peersList(context: CliContext, options: WatchOptions & FleetOptions): Promise<number> {
  const times = timesOf(options);
  if (options.fleet !== undefined) {
    return await fleetTable(context, options, look, {
      columns: COLUMNS,
      rows: (seen) => (seen.peers.length === 0 ? [['no peers']] : rowsOf(seen, times)),
      data: ({ peers }) => ({ peers }),
    });
  }
  const client = await connect(context, options);
  return await watch(
    context,
    options,
    () => look(client),
    (seen) => {
      if (options.json) context.output.data({ peers: seen.peers });
      else show(context, seen, times);
    },
  );
}

interface Seen {
  readonly peers: readonly Peer[];
  readonly status: Status;
}

async function look(client: ApiClient): Promise<Seen> {
  const [peers, status] = await Promise.all([client.listPeers(), client.getStatus()]);
  return { peers, status };
}

const COLUMNS = ['PEER', 'LUNG', 'STATE', 'TRUST', 'RTT', 'URL', 'PEER ID', 'REMARKS'];

function show(context: CliContext, seen: Seen, times: Times): void {
  if (seen.peers.length === 0) {
    context.output.line('This node has no peers.');
    context.output.remark(
      'Name some in DIOTEC360_LATTICE_NODES or DIOTEC360_P2P_BOOTSTRAP, or with lattice peers add URL.',
    );
    return;
  }
  for (const line of alignColumns([COLUMNS, ...rowsOf(seen, times)])) context.output.line(line);
}

function rowsOf({ peers, status }: Seen, times: Times): string[][] {
  const names = namesIn(status, peers);
  return byName(peers, nameOf).map((peer) => [
    printable(nameOf(peer)),
    peer.lung,
    stateOfPeer(peer, status, times),
    peer.trusted ? 'trusted' : peer.author === undefined ? '-' : 'not trusted',
    peer.p2p.rttMs === undefined ? '-' : `${Math.round(peer.p2p.rttMs)} ms`,
    printable(peer.url ?? '-'),
    peer.peerId ?? '(not known yet)',
    printable(names.inText(remarks(peer, status))),
  ]);
}

function remarks(peer: Peer, { trust }: Status): string {
  const said: string[] = [];
  if (peer.differing !== undefined && peer.differing.keys > 0) {
    const { keys, exact } = peer.differing;
    said.push(`${exact ? '' : 'about '}${counted(keys, 'key')} ${keys === 1 ? 'differs' : 'differ'}`);
  }
  if (peer.alternatives !== undefined) said.push(`also at ${peer.alternatives.join(', ')}`);
  const announced = (peer.announces ?? []).filter((address) => address !== peer.url);
  if (announced.length > 0) said.push(`announces ${announced.join(', ')}`);
  if (peer.added === true) said.push('added by hand');
  if (peer.http.error !== undefined) said.push(`HTTP: ${peer.http.error}`);
  if (peer.trustMatches === false)
    said.push(`its ${(trust.epoch ?? 0) === 0 ? 'trust list' : 'roster'} differs from ours`);
  if (peer.refused.count > 0) {
    const reasons = Object.entries(peer.refused.reasons).map(([reason, count]) => `${count} ${reason}`);
    said.push(`${counted(peer.refused.count, 'item')} refused (${reasons.join(', ')})`);
  }
  if (peer.lastRepair?.error !== undefined) said.push(`last repair: ${peer.lastRepair.error}`);
  return said.join('; ');
}

/** Adds a peer by its URL or multiaddr. The node remembers it across restarts. */
export async function peersAdd(context: CliContext, address: string, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const added = await client.addPeer(addressOf(address));
  if (options.json) context.output.data({ ...addressOf(address), added });
  else context.output.line(`${added ? 'Added' : 'Known already:'} ${printable(address)}`);
  return EXIT.ok;
}

/** Removes a peer that `peers add` has added, by its address or its name. Configured peers stay. */
export async function peersRemove(context: CliContext, given: string, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const address = isAddress(given) ? addressOf(given) : await addressOfPeer(client, given);
  await client.removePeer(address);
  if (options.json) context.output.data({ ...address, removed: true });
  else context.output.line(`Removed ${printable(given)}`);
  return EXIT.ok;
}

async function addressOfPeer(client: ApiClient, given: string): Promise<PeerName> {
  const peer = await findPeer(client, given);
  if (peer.url !== undefined) return { url: peer.url };
  throw usageError(
    `the node knows no URL of ${JSON.stringify(given)}`,
    'Give the multiaddr with which it was added: /ip4/HOST/tcp/PORT/p2p/PEERID.',
  );
}

const isAddress = (text: string): boolean => text.startsWith('/') || /^https?:\/\//.test(text);

function addressOf(address: string): PeerName {
  if (address.startsWith('/')) return { multiaddr: address };
  if (isAddress(address)) return { url: address };
  throw usageError(
    `${JSON.stringify(address)} is neither a URL nor a multiaddr`,
    'Write it like http://127.0.0.1:8001 or /ip4/127.0.0.1/tcp/9001/p2p/PEERID.',
  );
}

/** Has the node reach a peer over both lungs. The exit code is 1 when it reaches the peer over neither. */
export async function peersPing(context: CliContext, given: string, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const id = await idOf(client, given);
  const answer = await client.pingPeer(id);
  if (options.json) context.output.data(answer);
  else {
    for (const { lung, ok, rttMs, error } of answer.results) {
      const said = ok
        ? context.output.paint('green', rttMs === undefined ? 'answers' : `${rttMs.toFixed(1)} ms`)
        : context.output.paint('red', 'no answer');
      context.output.line(
        `${lung.padEnd(4)}  ${said}${error === undefined ? '' : `  ${printable(error.replaceAll(id, given))}`}`,
      );
    }
  }
  return answer.results.some(({ ok }) => ok) ? EXIT.ok : EXIT.failed;
}

/** An id that the node takes for the peer that the user names. */
async function idOf(client: ApiClient, given: string): Promise<string> {
  if (isId(given)) return given;
  const { peerId, url } = await findPeer(client, given);
  return peerId ?? url ?? given;
}

/** Lists the keys that differ between the node and a peer. The exit code is 1 when the two are not equal. */
export async function peersDiff(context: CliContext, given: string, options: DifferencesOptions): Promise<number> {
  const client = await connect(context, options);
  const peer = peerIdToAuthor(given) === undefined ? (await findPeer(client, given)).peerId : given;
  if (peer === undefined)
    throw new LatticeError('peer-unreachable', `no node has answered at ${given} yet`, {
      next: 'Have the node try it: lattice peers ping PEER.',
    });
  const answer = await client.getDifferences(peer, { limit: options.limit });
  const equal = answer.keys.length === 0 && answer.ourRoot === answer.theirRoot;
  if (options.json) {
    context.output.data(answer);
    return equal ? EXIT.ok : EXIT.failed;
  }
  const { line, remark } = context.output;
  if (equal) line(`Nothing differs: both hold root ${answer.ourRoot}.`);
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
    for (const row of alignColumns(rows)) line(row);
    if (!answer.complete) remark('More keys differ: raise --limit.');
    remark('Writes on their way differ for a moment. What stays is repaired by itself, or now: lattice sync now.');
  }
  return equal ? EXIT.ok : EXIT.failed;
}
