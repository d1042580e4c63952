// Two nodes inside one program, joined by the HTTP lung: what one writes, the other holds a moment later, with the same
// root. Run it with `node examples/embed/two-nodes.mjs` after `npm run build`.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkProof, generateNodeKey, LatticeError, startNode } from 'diotec360-lattice';

const directory = await mkdtemp(join(tmpdir(), 'lattice-embed-'));
const names = ['left', 'right'];
const keys = names.map(() => generateNodeKey());
const ports = await freePorts(names.length);
const urls = ports.map((port) => `http://127.0.0.1:${port}`);

// Nodes log nowhere and open no port unless they are asked to. These two serve their API to each other.
const nodes = [];
for (const [i, name] of names.entries()) {
  nodes.push(
    await startNode({
      name,
      network: 'example',
      dataDir: join(directory, name),
      key: keys[i].privateKey,
      trust: keys.map((key) => key.publicKey),
      peers: urls,
      api: { host: '127.0.0.1', port: ports[i] },
    }),
  );
}
const [left, right] = nodes.map((node) => node.lattice);

try {
  // Follow what changes on the right before anything is written on the left.
  const changes = right.changes({ prefix: 'orders/', signal: AbortSignal.timeout(20_000) });

  // One atomic, signed commit. It is on the left node's disk when the promise resolves.
  const written = await left.write([
    { op: 'put', key: 'orders/1', value: { item: 'lamp', pieces: 2 } },
    { op: 'put', key: 'orders/next', value: 2 },
  ]);
  console.log(`written on the left: commit ${written.commit.slice(0, 16)}`);
  for await (const { key, version } of changes) {
    if (key !== 'orders/1') continue;
    console.log(`arrived on the right: version ${version.slice(0, 16)}`);
    break;
  }
  console.log('the right reads', JSON.stringify((await right.get('orders/1')).value));

  // A lost update is refused: the condition names the version that was read.
  const before = await right.get('orders/next');
  await right.write([{ op: 'put', key: 'orders/next', value: 3, ifMatch: before.version }]);
  const refused = await right.write([{ op: 'put', key: 'orders/next', value: 4, ifMatch: before.version }]).then(
    () => 'no',
    (error) => (error instanceof LatticeError ? error.code : 'no'),
  );
  console.log('a write on an old version is refused:', refused);

  // Equal roots mean equal state: values, authors, times and conflicts.
  while (left.root().root !== right.root().root) await new Promise((resolve) => setTimeout(resolve, 20));
  console.log('equal roots:', left.root().root === right.root().root);

  // What an auditor takes home: it is checked without either node.
  const proof = await right.prove('orders/1');
  const proven = await checkProof(proof, { trusted: keys.map((key) => key.publicKey) });
  console.log('proven:', proven.key, JSON.stringify(proven.value), 'under root', proven.root.slice(0, 16));
} finally {
  for (const node of nodes) await node.stop();
  await rm(directory, { recursive: true });
}

/** Ports that are free now; a node's configuration names its peers' ports before they listen. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise((resolve, reject) => {
          const server = createServer().once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const found = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return found;
}
