import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient } from '../../../src/client/index.ts';
import { type LiveNode, startLiveNode } from '../api/live-node.ts';
import { TOKEN } from '../api/support.ts';
import { rootOf, snapshotText } from '../moving/support.ts';
import { errorOf, run } from './support.ts';

let node: LiveNode;
let dir: string;
let source: Server;
let url: string;
/** What the source answers for its state, one after the other, and the last one for ever. */
let answers: (object | number)[] = [];
beforeAll(async () => {
  node = await startLiveNode();
  dir = mkdtempSync(join(tmpdir(), 'lattice-watch-'));
  source = createServer((request, response) => {
    if (request.url !== '/api/lattice/state') return response.writeHead(404).end();
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (typeof answer === 'number') return response.writeHead(answer, { 'content-type': 'text/html' }).end('<html>');
    const body = { success: true, merkle_root: rootOf(answer ?? {}), state: answer, signed: false };
    return response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => source.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(source.address() as AddressInfo).port}`;
});
afterAll(async () => {
  source.closeAllConnections();
  source.close();
  await node.end();
  rmSync(dir, { recursive: true });
});

const env = { DIOTEC360_API_TOKEN: TOKEN };
const valueOf = async (key: string): Promise<unknown> => (await createClient({ url: node.url }).getEntry(key))?.value;

it('lattice import --watch goes on over a 502 and a 503 of what stands before the source, and says so [I8]', async () => {
  answers = [{ 'watched/a': 1 }, 502, 503, { 'watched/a': 2 }];
  const { code, out, err } = await run(['import', url, '--watch', '--interval', '0.1', '--url', node.url], {
    env,
    onOutput: (soFar, signal) => {
      if (soFar.match(/Imported 1 key/g)?.length === 2) signal();
    },
  });
  expect([code, await valueOf('watched/a')]).toEqual([0, 2]);
  expect(err).toContain('answered with status 502');
  expect(err).toContain('answered with status 503');
  // What it says of the source is said once.
  expect(out.match(/It serves no list of executions/g)).toHaveLength(1);
});

it('lattice import --watch ends at an answer that no later round makes better', async () => {
  answers = [{ 'watched/b': 1 }, 401];
  const { code, err } = await run(['import', url, '--watch', '--interval', '0.1', '--url', node.url], { env });
  expect([code, err.includes('answered with status 401')]).toEqual([1, true]);
});

it('lattice import --expect-root is for every state that is found, and nothing is written unless all have it', async () => {
  const state = { 'expected/a': 1 };
  const text = snapshotText(state);
  for (const name of ['one', 'two']) {
    mkdirSync(join(dir, name));
    writeFileSync(join(dir, name, 'snapshot.json'), text);
  }
  const argv = ['import', dir, '--url', node.url, '--json', '--expect-root'];
  const other = snapshotText({ 'expected/a': 2, 'expected/b': 3 });
  writeFileSync(join(dir, 'two', 'snapshot.json'), other);
  for (const root of [rootOf(state), rootOf({ 'expected/a': 2, 'expected/b': 3 })]) {
    const refused = await run([...argv, root], { env });
    expect([refused.code, errorOf(refused).code]).toEqual([1, 'snapshot-root-mismatch']);
    expect(await valueOf('expected/a')).toBeUndefined();
  }
  // A state that is refused has no root that could be compared.
  writeFileSync(join(dir, 'two', 'snapshot.json'), '{"state": ');
  expect((await run([...argv, '0'.repeat(64)], { env })).code).toBe(1);
  writeFileSync(join(dir, 'two', 'snapshot.json'), text);
  expect((await run([...argv, rootOf(state)], { env })).code).toBe(0);
  expect(await valueOf('expected/a')).toBe(1);
});
