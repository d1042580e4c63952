// A process with one lung and nothing else: `node --import ts-loader.mjs child.ts <bootstrap address or "">`. Prints
// lines that the tests wait for; stops on SIGTERM or after the line "stop" on its input and must then exit by itself.
import { randomBytes } from 'node:crypto';
import { createP2pLung } from '../../../src/adapters/p2p/index.ts';
import { createSigner, systemClock, systemRandom } from '../../../src/adapters/system/index.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const log = {
  debug() {},
  info() {},
  warn() {},
  error: (fields: object, message: string) => say(`error ${message} ${JSON.stringify(fields)}`),
  child: () => log,
};
const before = performance.now();
const seed = randomBytes(32);
const lung = createP2pLung({
  seed,
  publicKey: createSigner(seed).publicKey,
  listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'],
  bootstrap: (process.argv[2] ?? '').split(',').filter((address) => address !== ''),
  topic: 'diotec360/test',
  mdns: process.argv[3] === 'mdns',
  log,
  clock: systemClock(),
  random: systemRandom(),
});
process.on('exit', (code) => say(`exit ${code}`));
process.once('SIGTERM', () => {
  lung.stop().then(() => say('stopped'), say);
});
await lung.start(
  {
    standingOf: () => 'member',
    onGossip: async (data) => {
      say(`gossip ${Buffer.from(data).toString()}`);
      return 'accept';
    },
    onRequest: async (_peer, message) => message,
    onConnected: (peer) => say(`connected ${peer}`),
    onDisconnected: (peer) => say(`disconnected ${peer}`),
    onFailure: (cause) => say(`failure ${cause.message}`),
  },
  new AbortController().signal,
);
say(
  `started ${lung.listenAddresses().join(',')} ${Math.round(performance.now() - before)} ms ${Math.round(process.memoryUsage().rss / 1048576)} MiB`,
);
