import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createClient } from '../../../src/client/index.ts';
import {
  type Change,
  type ConfigOption,
  generateNodeKey,
  LatticeError,
  loadConfig,
  type ServingNode,
  startNode,
} from '../../../src/index.ts';
import { eventually } from '../../support/wait.ts';

const TOKEN = 'the.token.of.this.test';
const old = generateNodeKey();
const fresh = generateNodeKey();

let dir: string;
let keyFile: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-key-turn-'));
  keyFile = join(dir, 'node.key');
  place(old.privateKey);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function place(privateKey: string): void {
  writeFileSync(`${keyFile}.new`, `${privateKey}\n`, { mode: 0o600 });
  renameSync(`${keyFile}.new`, keyFile);
}

const ENV = {
  DIOTEC360_NETWORK: 'test/key-turn',
  DIOTEC360_API_TOKEN: TOKEN,
  DIOTEC360_API_PORT: '0',
  DIOTEC360_P2P_ENABLED: 'false',
  DIOTEC360_TRUSTED_STATE_PUBKEYS: old.publicKey,
};

function options(): ConfigOption {
  const readConfig = () =>
    loadConfig({
      env: {
        ...ENV,
        DIOTEC360_STATE_DIR: join(dir, 'state'),
        DIOTEC360_VAULT_DIR: join(dir, 'vault'),
        DIOTEC360_KEY_FILE: keyFile,
      },
      cwd: dir,
    });
  return { config: readConfig(), readConfig };
}

const put = (key: string, value: number) => ({ op: 'put', key, value }) as const;
const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'none',
    (error: unknown) => (error instanceof LatticeError ? error.code : String(error)),
  );
/** The fleet is this node alone, which decides that its key turns. */
async function decide(node: ServingNode): Promise<void> {
  const { id } = await node.lattice.members.propose({
    kind: 'rotate',
    author: old.publicKey,
    to: fresh.publicKey,
  });
  await eventually('the rotation is decided', async () =>
    node.lattice.members.changes().some((one) => one.id === id && one.stage === 'decided'),
  );
}

it('a running node goes on under its new key: its handles, its API and its streams go on with it [RO18]', async () => {
  await using node = await startNode(options());
  const { lattice, url } = node;
  const client = createClient({ url, token: TOKEN });
  await lattice.write([put('before', 1)]);
  const once = await lattice.write([put('once', 1)], { idempotencyKey: 'k' });
  const seen: Change[] = [];
  const changes = lattice.changes();
  const following = (async () => {
    for await (const change of changes) seen.push(change);
  })();
  await decide(node);
  place(fresh.privateKey);

  // Whoever writes meanwhile waits, and each write is there once.
  const acknowledged: string[] = [];
  const over = new AbortController();
  const loads = ['embedded', 'api'].map(async (way) => {
    for (let i = 0; !over.signal.aborted; i++) {
      const key = `${way}/${i}`;
      if (way === 'api') await client.putEntry(key, i);
      else await lattice.write([put(key, i)]);
      acknowledged.push(key);
    }
  });
  await eventually('both write', async () => acknowledged.length > 20);
  const report = await node.reload();
  expect(report).toMatchObject({ changed: ['DIOTEC360_KEY_FILE'], needsRestart: [], warnings: [] });
  const turned = acknowledged.length;
  await eventually('both write on', async () => acknowledged.length > turned + 20);
  over.abort();
  await Promise.all(loads);

  expect([lattice.status().author, (await client.getStatus()).author]).toEqual([fresh.publicKey, fresh.publicKey]);
  expect(readFileSync(join(dir, 'state', 'author'), 'utf8').trim()).toBe(fresh.publicKey);
  for (const key of acknowledged) expect((await lattice.get(key))?.value, key).toBe(Number(key.split('/')[1]));
  const authors = new Set((await lattice.list({ limit: 1000 })).items.map(({ author }) => author));
  expect(authors).toEqual(new Set([old.publicKey, fresh.publicKey]));
  // The stream of changes had no gap, and told nothing twice.
  await eventually('the stream has all of it', async () => seen.length >= acknowledged.length);
  await changes.return();
  await following;
  expect(seen.map(({ key }) => key).sort()).toEqual([...acknowledged].sort());
  expect((await lattice.verifyIntegrity()).valid).toBe(true);
  expect(lattice.status().warnings.map(({ code }) => code)).not.toContain('no-witness');
  // A request that is repeated is answered with the key that wrote it.
  expect(once.author).toBe(old.publicKey);
  expect(await lattice.write([put('once', 1)], { idempotencyKey: 'k' })).toEqual({ ...once, replayed: true });
  // The former key signs nothing more, here or after a restart.
  const { results } = await lattice.write([put('after', 1)]);
  expect((await lattice.get('after'))?.version).toBe(results[0]?.version);
  expect((await lattice.get('after'))?.author).toBe(fresh.publicKey);
});

it('what waits for the former key is told so, and what can wait for the new one does [RO18]', async () => {
  await using node = await startNode(options());
  const { lattice, url } = node;
  for (let i = 0; i < 300; i++) await lattice.write([put(`k/${i}`, i)]);
  await decide(node);
  place(fresh.privateKey);
  const whole = await lattice.wholeState();
  const parts = whole.chunks[Symbol.asyncIterator]();
  await parts.next();
  const events = await fetch(`${url}/api/v1/events`);
  const ended = events.text();
  const reloaded = node.reload();
  // These begin while the key turns.
  const read = lattice.get('k/1');
  const page = createClient({ url, token: TOKEN }).getEntry('k/2');
  const written = lattice.write([put('meanwhile', 1)]);
  await reloaded;
  expect([(await read)?.value, (await page)?.value]).toEqual([1, 2]);
  await written;
  expect((await lattice.get('meanwhile'))?.author).toBe(fresh.publicKey);
  // The stream of events has ended, and whoever reads it goes on after its cursor.
  expect(await ended).toMatch(/^:/);
  // A reader of the state as it was has read all of it, or is told why not.
  const rest = await codeOf(
    (async () => {
      for (let part = await parts.next(); part.done !== true; part = await parts.next());
    })(),
  );
  expect(['none', 'key-turning']).toContain(rest);
});

it('a key that does not take the place of the present one is refused, and nothing has changed [RO18, N18]', async () => {
  await using node = await startNode(options());
  const { lattice } = node;
  const before = lattice.status().incarnation;
  place(fresh.privateKey);
  // Nobody has decided anything yet.
  expect(await codeOf(node.reload())).toBe('other-author');
  const answer = await fetch(`${node.url}/api/v1/config/reload`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([409, 'other-author']);
  place(old.privateKey);
  await decide(node);
  place(generateNodeKey().privateKey);
  expect(await codeOf(node.reload())).toBe('other-author');
  writeFileSync(keyFile, 'no key at all', { mode: 0o600 });
  expect(await node.reload()).toMatchObject({
    changed: [],
    warnings: [expect.stringContaining('goes on under the key')],
  });
  rmSync(keyFile);
  expect(await node.reload()).toMatchObject({ changed: [], warnings: [] });
  expect([lattice.status().author, lattice.status().incarnation]).toEqual([old.publicKey, before]);
  expect(readFileSync(join(dir, 'state', 'author'), 'utf8').trim()).toBe(old.publicKey);
  await lattice.write([put('still', 1)]);
  expect(existsSync(keyFile)).toBe(false);
});

it('a node whose key turned is found as that by its next start [RO18, N1]', async () => {
  const first = await startNode(options());
  await first.lattice.write([put('k', 1)]);
  await decide(first);
  place(fresh.privateKey);
  await first.reload();
  await first.lattice.write([put('k', 2)]);
  await first.stop();
  expect(first.lattice.status).toThrow('stopped');
  place(old.privateKey);
  expect(await codeOf(startNode(options()))).toBe('other-author');
  place(fresh.privateKey);
  await using next = await startNode(options());
  expect([next.lattice.status().author, (await next.lattice.get('k'))?.value]).toEqual([fresh.publicKey, 2]);
});
