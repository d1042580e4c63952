// A node of Canvas GossipLog. Its signed messages are in SQLite and an LMDB Merkle index, and are synchronised over its
// WebSocket network without encryption.
import { GossipLog } from '@canvas-js/gossiplog/sqlite';
import { dumpOf, reach, serve, writeAll } from './child.mjs';

let log;
const fingerprint = () => log.tree.read((transaction) => Buffer.from(transaction.getRoot().hash).toString('hex'));

serve({
  open({ directory, memory = false }) {
    log = new GossipLog({ topic: 'bench', apply: () => undefined, directory: memory ? null : `${directory}/log` });
  },
  async listen({ port }) {
    await log.listen(port);
    return { port };
  },
  join: ({ port }) => log.connect(`ws://127.0.0.1:${port}`),
  write: (argument) => writeAll(argument, (key, value) => log.append({ key, value })),
  fingerprint,
  reach: (argument) => reach(argument, fingerprint),
  async dump() {
    const pairs = [];
    for await (const { message } of log.iterate()) pairs.push([message.payload.key, message.payload.value]);
    return dumpOf(pairs);
  },
  close: () => log.close(),
});
