// A stranger on the P2P port of a node: stock js-libp2p, ever new keys, and everything that costs a node something.
// node stranger.js ADDRESS TOPIC API SECONDS: floods for SECONDS with the commits that the API's proofs hand out, and
// prints `ready` when it begins and one line of JSON at the end.
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { type GossipSub, gossipsub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type { Connection } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import { installShims } from '../../src/adapters/p2p/runtime-shims.ts';
import { encodeGossip } from '../../src/core/wire/index.ts';

installShims();
// Stock libp2p does not expect lines that are cut at any moment.
process.on('unhandledRejection', () => undefined);

/** What a flood did, for whoever started it. */
export interface FloodReport {
  /** Connections that were let in, and dials that were refused. */
  readonly connected: number;
  readonly refused: number;
  /** Gossip messages, their bytes, and streams, that were sent before the line was closed. */
  readonly messages: number;
  readonly bytes: number;
  readonly streams: number;
}

const [address = '', topic = '', api = '', seconds = '5'] = process.argv.slice(2);
const KEYS = 400;
/** What one stranger sends in the first half: less than a guest is put out for. */
const PACED_BYTES_PER_SECOND = 12 * 1024;
const IDLE_SOCKETS = 64;
const MESSAGE_BYTES = 32 * 1024;

const report = { connected: 0, refused: 0, messages: 0, bytes: 0, streams: 0 };
const isOver = (): boolean => performance.now() > end;

/** Old commits, as anybody gets them. */
async function oldCommits(): Promise<readonly Uint8Array[]> {
  const all = Array.from({ length: KEYS }, async (_, i) => {
    const answer = await fetch(`${api}/api/v1/proof?key=old/${i}`);
    if (!answer.ok) throw new Error(`the proof of old/${i} was answered ${answer.status}`);
    const { fragments } = (await answer.json()) as { fragments: string[] };
    return fragments.map((text) => new Uint8Array(Buffer.from(text, 'base64url')));
  });
  return (await Promise.all(all)).flat();
}

/** A message of old commits in an order that was not sent before. */
function reordered(commits: readonly Uint8Array[]): Uint8Array {
  const fragments: Uint8Array[] = [];
  let bytes = 0;
  while (fragments.length < 256) {
    const one = commits[Math.floor(Math.random() * commits.length)] as Uint8Array;
    if (bytes + one.length > MESSAGE_BYTES) break;
    fragments.push(one);
    bytes += one.length;
  }
  return encodeGossip({ type: 'commits', fragments });
}

const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >> 7)]);

/** GossipSub's RPC { publish: [{ data, topic }] } in protobuf, after its length. */
function frameOf(data: Uint8Array): Uint8Array {
  const name = Buffer.from(topic);
  const inner = Buffer.concat([
    Buffer.from([0x12, ...varint(data.length)]),
    data,
    Buffer.from([0x22, ...varint(name.length)]),
    name,
  ]);
  const rpc = Buffer.concat([Buffer.from([0x12, ...varint(inner.length)]), inner]);
  return new Uint8Array(Buffer.concat([Buffer.from(varint(rpc.length)), rpc]));
}

type Attack = (connection: Connection) => Promise<void>;

/** Sends frames as fast as the line takes them, for as long as it lasts. */
const frames =
  (next: () => Uint8Array): Attack =>
  async (connection) => {
    const stream = await connection.newStream('/meshsub/1.1.0');
    while (!isOver() && connection.status === 'open' && stream.status === 'open') {
      const data = next();
      const more = stream.send(frameOf(data));
      report.messages++;
      report.bytes += data.length;
      if (!more) await stream.onDrain({ signal: AbortSignal.timeout(1000) }).catch(() => undefined);
      else await pause(0);
    }
  };

/** Sends slowly, in the first half. */
const paced: Attack = async (connection) => {
  const stream = await connection.newStream('/meshsub/1.1.0');
  while (performance.now() < half && connection.status === 'open' && stream.status === 'open') {
    const data = reordered(commits);
    stream.send(frameOf(data));
    report.messages++;
    report.bytes += data.length;
    await pause((data.length / PACED_BYTES_PER_SECOND) * 1000);
  }
};

const churn: Attack = async (connection) => {
  while (!isOver() && connection.status === 'open') {
    const stream = await connection.newStream('/ipfs/id/1.0.0');
    stream.abort(new Error('over'));
    report.streams++;
  }
};

const linger: Attack = async (connection) => {
  while (!isOver() && connection.status === 'open') await pause(20);
};

async function stranger(attack: Attack, until = end): Promise<void> {
  while (performance.now() < until) {
    const node: Libp2p<{ pubsub: GossipSub }> = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify(), pubsub: gossipsub({ globalSignaturePolicy: 'StrictNoSign' }) },
    });
    node.services.pubsub.subscribe(topic);
    try {
      const connection = await node.dial(multiaddr(address), { signal: AbortSignal.timeout(3000) });
      report.connected++;
      await attack(connection);
    } catch {
      report.refused++;
    } finally {
      await Promise.resolve(node.stop()).catch(() => undefined);
    }
  }
}

/** Sockets that say nothing, held open; a new one for each that is closed. */
async function idle(): Promise<void> {
  const { host, port } = { host: '127.0.0.1', port: Number(/\/tcp\/(\d+)/.exec(address)?.[1]) };
  const sockets = new Set<Socket>();
  while (performance.now() < half) {
    while (sockets.size < IDLE_SOCKETS) {
      // Another address than that of the other strangers, whose handshakes they would only keep out.
      const socket = connect({ host, port, localAddress: '127.0.0.2' });
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    await pause(100);
  }
  for (const socket of sockets) socket.destroy();
}

const commits = await oldCommits();
process.stdout.write('ready\n');
const half = performance.now() + Number(seconds) * 500;
const end = performance.now() + Number(seconds) * 1000;
const same = reordered(commits);
let junk = 0;
/** A message of a later version: it is ignored, and whoever sent it is not blamed. */
const laterVersion = (): Uint8Array => {
  const data = new Uint8Array(MESSAGE_BYTES);
  data.set([0x82, 0x18, 0x63, 0x59, (MESSAGE_BYTES - 6) >> 8, (MESSAGE_BYTES - 6) & 0xff]);
  new DataView(data.buffer).setUint32(6, junk++);
  return data;
};
const attacks: readonly Attack[] = [
  frames(() => reordered(commits)),
  frames(() => reordered(commits)),
  frames(() => same),
  frames(laterVersion),
  churn,
  linger,
];
// What is asked of a line that is closed at that moment may have no end, and libp2p's own time limits keep no process
// alive: what is still under way after this is given up.
const GRACE_MS = 10_000;
const flood = async (): Promise<void> => {
  await Promise.all([idle(), stranger(paced, half), stranger(paced, half)]);
  await Promise.all(attacks.map((attack) => stranger(attack)));
};
await Promise.race([flood(), pause(Number(seconds) * 1000 + GRACE_MS)]);
process.stdout.write(`${JSON.stringify(report satisfies FloodReport)}\n`);
process.exit(0);
