// A node of OrbitDB. Its entries are signed and stored in a LevelDB block store. Heads travel by gossipsub and libp2p
// streams, and entries by bitswap, over TCP with Noise. Helia is assembled from its parts, because the package `helia`
// loads a WebRTC module that must be compiled or downloaded.
import { gossipsub } from '@chainsafe/libp2p-gossipsub';
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { bitswap } from '@helia/block-brokers';
import { Helia } from '@helia/utils';
import { identify } from '@libp2p/identify';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createOrbitDB, IPFSAccessController } from '@orbitdb/core';
import { LevelBlockstore } from 'blockstore-level';
import { LevelDatastore } from 'datastore-level';
import { createLibp2p } from 'libp2p';
import { dumpOf, reach, serve, writeAll } from './child.mjs';

let helia;
let orbitdb;
let db;
const fingerprint = async () =>
  (await db.log.heads())
    .map((head) => head.hash)
    .sort()
    .join();

serve({
  async open({ directory }) {
    const libp2p = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify(), pubsub: gossipsub({ allowPublishToZeroTopicPeers: true }) },
    });
    const blockstore = new LevelBlockstore(`${directory}/blocks`);
    const datastore = new LevelDatastore(`${directory}/data`);
    await blockstore.open();
    await datastore.open();
    helia = new Helia({ libp2p, blockstore, datastore, blockBrokers: [bitswap()] });
    await helia.start();
    orbitdb = await createOrbitDB({ ipfs: helia, directory: `${directory}/orbitdb` });
    db = await orbitdb.open('bench', { type: 'keyvalue', AccessController: IPFSAccessController({ write: ['*'] }) });
  },
  listen() {
    const [address] = helia.libp2p.getMultiaddrs();
    return { port: Number(address.toString().split('/')[4]) };
  },
  async join({ port }) {
    await helia.libp2p.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}`));
  },
  write: (argument) => writeAll(argument, (key, value) => db.put(key, value)),
  fingerprint,
  reach: (argument) => reach(argument, fingerprint),
  async dump() {
    return dumpOf((await db.all()).map(({ key, value }) => [key, value]));
  },
  async close() {
    await orbitdb.stop();
    await helia.stop();
  },
});
