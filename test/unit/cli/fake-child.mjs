// Stands in for `lattice start --env-file F`: state in memory, shared with nobody. Its own environment and env file
// come back in its status; FAKE_… lines of the env file choose how it misbehaves.
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { dirname, resolve } from 'node:path';
import { parseEnv } from 'node:util';

const file = parseEnv(readFileSync(process.argv[process.argv.indexOf('--env-file') + 1], 'utf8'));
const peerId = /peer id (\S+?)\./.exec(readFileSync(process.argv.at(-1), 'utf8'))?.[1];
const keys = new Map();

const seed = readFileSync(resolve(dirname(process.argv.at(-1)), file.DIOTEC360_KEY_FILE), 'utf8').trim();
const key = createPrivateKey({
  key: Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex'),
  format: 'der',
  type: 'pkcs8',
});
const author = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);

/** The head and bytes of an item of CBOR (RFC 8949): major type 2 for bytes, 3 for text. Both are under 64 KiB. */
function item(major, bytes) {
  const { length } = bytes;
  const head = length < 24 ? [length] : length < 256 ? [24, length] : [25, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([(major << 5) | head[0], ...head.slice(1)]), bytes]);
}

/** The signed identity of SPEC X1. */
function identityOf(query) {
  const fields = [
    Buffer.from([1]),
    item(2, Buffer.from(query.get('nonce'), 'hex')),
    item(3, Buffer.from(query.get('url'))),
    item(2, author),
    item(2, Buffer.alloc(8)),
    item(2, Buffer.alloc(16)),
  ];
  const signed = Buffer.concat([Buffer.from('diotec360/lattice/identity/v1:'), Buffer.from([0x86]), ...fields]);
  return Buffer.concat([Buffer.from([0x87]), ...fields, item(2, sign(null, signed, key))]);
}

console.log(`starting ${file.DIOTEC360_NODE_NAME}`);
for (const name of Object.keys(process.env)) if (/^(DIOTEC360|AETHEL)_/.test(name)) console.log(`leaked ${name}`);
if (file.FAKE_EXIT) {
  console.error('fake cause of death');
  process.exit(Number(file.FAKE_EXIT));
}

const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    const url = new URL(request.url, 'http://x');
    const answer = (status, value) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    if (url.pathname === '/api/v1/sync/identity') {
      response.writeHead(200, { 'content-type': 'application/cbor' });
      return response.end(identityOf(url.searchParams));
    }
    if (url.pathname === '/health') return answer(200, { status: 'healthy' });
    if (url.pathname === '/api/v1/status') {
      return answer(200, {
        name: file.DIOTEC360_NODE_NAME,
        peerId,
        root: file.FAKE_ROOT ?? 'ab'.repeat(32),
        entries: keys.size,
        live: keys.size,
        health: file.FAKE_HEALTH ?? 'OPTIMAL',
        verdict: {
          kind: file.FAKE_VERDICT ?? 'DEGRADED',
          sentence:
            '1 of 2 other nodes is unreachable: a node with a long name, since 05:58:10 UTC, and 1 refuses writes.',
          reasons: [],
          members: [],
        },
        p2p: { peers: 2 },
        http: { peers: 2 },
      });
    }
    if (url.pathname === '/api/v1/commits') {
      if (request.headers.authorization !== `Bearer ${file.DIOTEC360_API_TOKEN}`) return answer(401, {});
      for (const { key, value } of JSON.parse(body).operations) keys.set(key, value);
      console.log(`holds ${keys.size} keys`);
      return answer(201, { commit: '', hlc: '', results: [] });
    }
    return answer(404, { status: 404, code: 'not-found', title: 'Not Found', detail: 'there is nothing' });
  });
});
server.listen(Number(file.DIOTEC360_API_PORT), '127.0.0.1');

function stop(why) {
  console.log(`stopping: ${why}`);
  if (file.FAKE_DEAF) return;
  server.close();
  server.closeAllConnections();
  process.channel?.unref();
  if (process.connected) process.disconnect();
}
process.on('SIGTERM', () => stop('SIGTERM'));
process.on('SIGINT', () => stop('SIGINT'));
process.on('disconnect', () => stop('disconnect'));
