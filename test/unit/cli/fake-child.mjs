// Stands in for `lattice start --env-file F`: state in memory, shared with nobody. Its own environment and env file
// come back in its status; FAKE_… lines of the env file choose how it misbehaves.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { parseEnv } from 'node:util';

const file = parseEnv(readFileSync(process.argv[process.argv.indexOf('--env-file') + 1], 'utf8'));
const peerId = /peer id (\S+?)\./.exec(readFileSync(process.argv.at(-1), 'utf8'))?.[1];
const keys = new Map();
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
          kind: 'DEGRADED',
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
