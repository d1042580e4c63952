// A program with a node inside, which uses what a program may want of one. A strict project compiles it with
// `"module": "nodenext"`, and Node.js 20 runs what comes out: node embedded.js DIRECTORY
import assert from 'node:assert/strict';
import { join } from 'node:path';
import {
  type Change,
  checkProof,
  ERROR_CODES,
  type ErrorCode,
  generateNodeKey,
  LatticeError,
  type Logger,
  loadConfig,
  type NodeLogLine,
  type NodeSettings,
  type StartedNode,
  startNode,
  type WriteOperation,
} from 'diotec360-lattice';

const directory = process.argv[2] ?? 'state';
const key = generateNodeKey();
const trusted = [key.publicKey];

/** The code of what a promise rejects with, as programs tell errors apart. */
async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | 'none'> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    if (error instanceof LatticeError) return error.code;
    throw error;
  }
}

const put = (name: string, value: number): WriteOperation => ({ op: 'put', key: name, value });

// One object configures the node. Nothing is read from the environment, nothing is logged and no port is opened.
const settings: NodeSettings = {
  dataDir: join(directory, 'one'),
  name: 'one',
  network: 'example',
  key: key.privateKey,
  trust: trusted,
  peers: [],
  api: false,
  p2p: false,
  vault: {},
};

/** Content as it comes from somewhere, piece by piece. */
async function* content(): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode('hello, ');
  yield new TextEncoder().encode('vault');
}

let last: string | undefined;
let outlived: StartedNode;
{
  // The node is stopped at the end of the block, however the block is left.
  await using node = await startNode(settings);
  outlived = node;
  const { lattice } = node;
  assert.equal(node.url, undefined);
  console.log('started', lattice.status().name, lattice.root().live);

  // Changes come in their order, from the call on; `break` frees the stream.
  const changes = lattice.changes({ prefix: 'orders/' });
  await lattice.write([put('orders/1', 1), put('other', 2)], { idempotencyKey: 'first' });
  const { results, replayed } = await lattice.write([put('orders/1', 1), put('other', 2)], { idempotencyKey: 'first' });
  assert.equal(replayed, true);
  await lattice.write([{ op: 'delete', key: 'orders/1', ifMatch: results[0]?.version ?? '' }]);
  const seen: Change[] = [];
  for await (const change of changes) {
    seen.push(change);
    if (change.deleted) break;
  }
  last = changes.cursor;
  console.log('changes', seen.map((change) => (change.deleted ? `-${change.key}` : `+${change.key}`)).join(' '));

  // Every call that waits takes a signal, and every error has a code.
  const reason = new Error('no longer wanted');
  const stopped = AbortSignal.abort(reason);
  await assert.rejects(lattice.get('other', { signal: stopped }), reason);
  await assert.rejects(lattice.write([put('never', 1)], { signal: stopped }), reason);
  await assert.rejects(lattice.syncNow({ signal: stopped }), reason);
  assert.equal(await lattice.get('never', { signal: AbortSignal.timeout(5_000) }), undefined);
  const refused = await codeOf(lattice.write([{ ...put('other', 3), ifMatch: results[0]?.version ?? '' }]));
  assert.ok(ERROR_CODES.includes('precondition-failed'));
  console.log('refused', refused);

  // All entries, one after another, and a proof of one of them that needs no node.
  for await (const entry of lattice.entries()) console.log('entry', entry.key, JSON.stringify(entry.value));
  const proven = await checkProof(await lattice.prove('other'), { trusted, key: 'other', network: 'example' });
  console.log('proven', proven.key, JSON.stringify(proven.value));

  // Content by its hash. Every block is verified before it comes out, and other content than expected is refused.
  const { vault } = lattice;
  assert.ok(vault);
  const { object, created } = await vault.put(content(), { name: 'hello.txt', type: 'text/plain' });
  const { bytes } = await vault.open(object.hash, { range: { start: 7, end: 12 } });
  let text = '';
  for await (const piece of bytes) text += new TextDecoder().decode(piece);
  const mismatch = await codeOf(vault.put(content(), { expect: '00'.repeat(32) }));
  console.log('content', created, object.size, text, mismatch, vault.status().objects);

  // Records of what was executed, which this node keeps for itself.
  const row = { tx_id: 'tx-1', intent_name: 'pay', status: 'PROVED', timestamp: 1_700_000_000 };
  const { added } = await lattice.audit.add([{ kind: 'execution', id: 'tx-1', row }]);
  const { known } = await lattice.audit.add([{ kind: 'execution', id: 'tx-1', row }]);
  const page = await lattice.audit.list({ kind: 'execution' });
  console.log('records', added, known, page.items.map(({ id }) => id).join(' '));
}
console.log('stopped', outlived.ended.aborted, await codeOf(outlived.lattice.get('other')));

// What is wrong with the settings is said at once, field by field.
console.log('settings', await codeOf(startNode({ ...settings, api: { port: 700_000 } })));

// The same store again: a logger of the program, an API on a port that the system chooses, and a stream that goes on.
const lines: NodeLogLine[] = [];
await using node = await startNode({
  ...settings,
  api: { corsOrigins: ['https://example.org'] },
  logger: (line) => lines.push(line),
});
const url: string = node.url;
await using later = node.lattice.changes({ prefix: 'orders/', after: last });
await node.lattice.write([put('orders/2', 2)]);
console.log('resumed', (await later.next()).value?.key);
assert.ok(lines.some(({ message, level }) => level === 'info' && message.startsWith('LATTICE READY')));

// The configuration of a node that runs alone does as well, and so does the logger that a program has.
const logger: Logger = { debug: () => undefined, info: () => undefined, warn: console.warn, error: console.error };
const config = loadConfig({
  env: { DIOTEC360_STATE_DIR: join(directory, 'two'), DIOTEC360_API_PORT: '0', DIOTEC360_API_HOST: '127.0.0.1' },
  cwd: directory,
});
const other = await startNode({ config, logger });
console.log('other', new URL(other.url).hostname);
await other.stop();

// What another program asks for: see remote.ts.
process.stdout.write(`serving ${url} ${key.publicKey}\n`);
await new Promise((resolve) => process.stdin.once('data', resolve));
process.stdin.pause();
console.log('done');
