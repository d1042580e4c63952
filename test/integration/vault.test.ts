import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { vaultType } from '../../src/core/original/vault/index.ts';
import type { NodeStatus } from '../../src/runtime/facade/index.ts';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { hangDisk } from '../support/hung-disk.ts';
import { contentBundle, fileText, sha256 } from '../support/original-vault.ts';
import { eventually } from '../support/wait.ts';

const BLOCK = 65_536;
/** Several fetches of megabytes on cores that other tests use too. */
const ARRIVES_MS = 150_000;

const vaultOf = (node: Node): string => join(dirname(node.envFile), `vault-${node.name}`);

async function put(node: Node, content: Uint8Array, type = 'application/octet-stream'): Promise<string> {
  const response = await fetch(`${node.api.url}/api/v1/vault`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${node.token}`, 'content-type': type },
    body: Buffer.from(content),
  });
  expect(response.status).toBe(201);
  const { hash } = (await response.json()) as { hash: string };
  expect(hash).toBe(createHash('sha256').update(content).digest('hex'));
  return hash;
}

/** SHA-256 of what a node gives out for an object. */
async function hashAt(node: Node, hash: string): Promise<string> {
  const response = await fetch(`${node.api.url}/api/v1/vault/${hash}`, {
    headers: { authorization: `Bearer ${node.token}` },
  });
  expect(response.status).toBe(200);
  return createHash('sha256')
    .update(new Uint8Array(await response.arrayBuffer()))
    .digest('hex');
}

/** The value of a counter with these labels; 0 where it was never counted. */
async function counter(node: Node, name: string, label: string): Promise<number> {
  const { text } = await node.api.send('GET', '/metrics');
  const line = text.split('\n').find((one) => one.startsWith(`${name}{`) && one.includes(`"${label}"`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** A node that changes a bit in each answer with blocks, after it has verified them. */
const LIE = {
  file: '/runtime/vault/serve.js',
  from: 'const [only] = pieces;',
  to: 'for (const piece of pieces) piece[0] ^= 1;\n            const [only] = pieces;',
};

describe('the vault of three nodes', () => {
  let fleet: Fleet;
  let lies = false;
  let nodes: [Node, Node, Node];

  /** Waits until every node has the bytes of so many objects. */
  async function everywhere(objects: number): Promise<void> {
    for (const i of [0, 1, 2])
      await fleet.status(
        i,
        `the bytes of ${objects} objects are here`,
        ({ vault }) => vault?.here.objects === objects && vault.missing.objects === 0,
        ARRIVES_MS,
      );
  }

  beforeAll(async () => {
    fleet = await startFleet({
      env: (i) => ({ VAULT_DIR: `vault-${['node-a', 'node-b', 'node-c'][i]}` }),
      surroundings: (i) =>
        i === 1 && lies
          ? {
              preload: [new URL('../support/preload/defects.mjs', import.meta.url)],
              env: { DEFECTS: JSON.stringify([LIE]) },
            }
          : {},
    });
    nodes = fleet.nodes as [Node, Node, Node];
    for (const i of [0, 1, 2])
      await fleet.status(i, 'P2P carries both peers', ({ syncMode, p2p }) => syncMode === 'P2P' && p2p.peers === 2);
  });

  it('has the bytes everywhere, over P2P alone and over HTTP alone [U10]', async () => {
    const [a, b, c] = nodes;
    fleet.block('cut', { lung: 'http' });
    const first = await put(a, randomBytes(5 * 2 ** 20 + 17));
    await everywhere(1);
    fleet.restore();
    expect(await counter(c, 'lattice_vault_fetched_bytes_total', 'p2p')).toBeGreaterThan(5 * 2 ** 20);
    fleet.block('cut', { lung: 'p2p' });
    const second = await put(b, randomBytes(3 * 2 ** 20));
    await everywhere(2);
    fleet.restore();
    expect(await counter(c, 'lattice_vault_fetched_bytes_total', 'http')).toBeGreaterThan(3 * 2 ** 20);
    for (const node of nodes) for (const hash of [first, second]) expect(await hashAt(node, hash)).toBe(hash);
    await fleet.settled();
  });

  it('goes on after a cut and after kill -9 without a block twice [U10]', async () => {
    const [a, , c] = nodes;
    const blocks = 700;
    await put(a, randomBytes(blocks * BLOCK));
    const bytesHere = ({ vault }: NodeStatus): number => vault?.fetching[0]?.bytesHere ?? 0;
    await fleet.status(2, 'a part of the object is here', (status) => bytesHere(status) > 0);
    fleet.block('cut');
    const here = bytesHere(
      await fleet.status(2, 'no lung reaches anybody', ({ health }) => health === 'ISOLATED', ARRIVES_MS),
    );
    expect(here).toBeLessThan(blocks * BLOCK);
    await c.kill();
    await c.start();
    await fleet.status(2, 'what was here is found again', (status) => bytesHere(status) === here, ARRIVES_MS);
    fleet.restore();
    await everywhere(3);
    expect(await counter(c, 'lattice_vault_blocks_total', 'fetched')).toBe(blocks - here / BLOCK);
  });

  it('has one root on all nodes, and the bytes, after a node lost vault and state [U10, I10]', async () => {
    const [a, b, c] = nodes;
    const bundles = [1, 2].map((n) => contentBundle(`bundle ${n}`, `${randomBytes(150_000).toString('hex')}\n`));
    const hashes: string[] = [];
    for (const { bundle } of bundles)
      hashes.push(await put(b, Buffer.from(fileText(bundle)), vaultType('content-bundle')));
    await everywhere(5);
    await c.terminate();
    for (const lost of [vaultOf(c), c.stateDir]) rmSync(lost, { recursive: true });
    await c.start();
    await everywhere(5);
    await fleet.settled();
    const counted = await Promise.all(
      nodes.map(async ({ api }) => (await api.send('GET', '/api/v1/vault/original')).json()),
    );
    const rows = bundles.map(({ hash }) => hash).toSorted();
    const expected = { root: sha256(rows.join('')), rows: 2, bundles: 2, certificates: 0, notHere: 0 };
    expect(counted).toEqual([expected, expected, expected]);
    for (const hash of hashes) for (const node of [a, b, c]) expect(await hashAt(node, hash)).toBe(hash);
    const { objects } = (await c.api.status()).vault ?? { objects: 0 };
    expect(objects).toBe(5);
  });

  it('lets no other write use its keys, over the API neither [U5]', async () => {
    const [a] = nodes;
    const answer = await a.api.send('PUT', '/api/v1/state/vault%2Fanything', { body: 1 });
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'reserved-key' });
  });

  it('ends the fetch of an object that is removed under way, which is then nowhere [U10]', async () => {
    const [a, , c] = nodes;
    const before = (await c.api.status()).vault?.here;
    for (const to of [0, 1]) fleet.proxy(2, to, 'http').throttle(2 ** 20);
    fleet.block('cut', { lung: 'p2p', between: [0, 2] });
    fleet.block('cut', { lung: 'p2p', between: [1, 2] });
    const hash = await put(a, randomBytes(40 * 2 ** 20));
    const partial = (): string[] => readdirSync(join(vaultOf(c), 'lattice', 'partial'));
    await fleet.status(2, 'a part of it is here', ({ vault }) => (vault?.fetching[0]?.bytesHere ?? 0) > 0, ARRIVES_MS);
    expect(partial().join()).toContain(hash);
    expect((await a.api.send('DELETE', `/api/v1/vault/${hash}`)).status).toBe(204);
    const isOver = ({ vault }: NodeStatus): boolean => vault?.fetching.length === 0 && vault.missing.objects === 0;
    const { vault } = await fleet.status(2, 'nothing is fetched any more', isOver, ARRIVES_MS);
    expect(vault?.here).toEqual(before);
    const answer = await c.api.send('GET', `/api/v1/vault/${hash}`);
    expect([answer.status, answer.json()]).toMatchObject([404, { code: 'object-not-found' }]);
    for (const to of [0, 1]) fleet.proxy(2, to, 'http').throttle(undefined);
    fleet.restore();
  });

  it('names a member that sends wrong blocks, leaves it out, and has the bytes from another one [U11]', async () => {
    const [a, b, c] = nodes;
    fleet.block('cut', { between: [0, 2] });
    fleet.block('cut', { between: [1, 2] });
    const hash = await put(a, randomBytes(6 * 2 ** 20));
    await fleet.status(1, 'the second node has it', ({ vault }) => vault?.here.objects === 6, ARRIVES_MS);
    lies = true;
    await b.terminate();
    await b.start();
    fleet.restore({ between: [1, 2] });
    const isNamed = ({ vault }: NodeStatus): boolean => vault?.leftOut.length === 1;
    const { vault } = await fleet.status(2, 'the liar is named', isNamed, ARRIVES_MS);
    expect(vault?.missing.objects).toBe(1);
    fleet.restore();
    await everywhere(6);
    expect(vault?.leftOut).toMatchObject([{ hash, peer: b.name, text: expect.stringContaining('block') }]);
    expect(await counter(c, 'lattice_vault_blocks_total', 'wrong')).toBe(1);
    expect(await hashAt(c, hash)).toBe(hash);
  });
});

describe('a node whose vault lies on a disk that hangs', () => {
  it('starts, says so, takes writes durably, and ends [U13]', async () => {
    const fleet = await startFleet({ nodes: 1, start: [], env: () => ({ VAULT_DIR: 'hung-vault' }) });
    const [node] = fleet.nodes as [Node];
    const disk = hangDisk(join(dirname(node.envFile), 'hung-vault'));
    try {
      await node.start();
      const told = node.process.log().some(({ msg }) => msg === 'the disk of the vault does not answer');
      expect(told).toBe(disk.hangs === 'everything');
      // More callers than the process has threads: each waits for the vault, and none keeps the state from its disk.
      const callers = new AbortController();
      const asked = Array.from({ length: 12 }, () =>
        fetch(`${node.api.url}/api/v1/vault`, {
          method: 'PUT',
          headers: { authorization: `Bearer ${node.token}`, 'content-type': 'application/octet-stream' },
          body: 'content',
          signal: callers.signal,
        }).catch(() => undefined),
      );
      const listed = fetch(`${node.api.url}/api/lattice/vault/bundles`, { signal: callers.signal }).catch(
        () => undefined,
      );
      for (let i = 0; i < 20; i++)
        expect((await node.api.send('PUT', `/api/v1/state/k${i}`, { body: i })).status).toBe(201);
      callers.abort();
      await Promise.all([...asked, listed]);
      expect(await node.terminate()).toEqual({ code: null, signal: 'SIGKILL' });
      expect(node.process.stderr).toContain('the disk of the vault does not answer');
      await node.start();
      expect((await node.api.entries()).length).toBe(20);
      // A disk that only is slow answers while the process ends, which then ends as ever.
      const ending = node.terminate();
      await eventually('the node waits for the disk', () =>
        node.process.log().some(({ msg }) => msg === 'the disk of the vault is waited for'),
      );
      disk.release();
      expect(await ending).toEqual({ code: 0, signal: null });
    } finally {
      disk.release();
    }
  });
});

const hasSmallDisk = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true']).status === 0;
if (!hasSmallDisk) process.stdout.write('The test of a full disk is skipped: this user may not mount one.\n');

describe.skipIf(!hasSmallDisk)('a node whose vault lies on a disk that becomes full', () => {
  it('takes nothing of an upload that has no room, and goes on [U5, U13]', async () => {
    const fleet = await startFleet({
      nodes: 1,
      env: () => ({ VAULT_DIR: 'small-vault' }),
      // The vault leaves 384 MiB free, half as much again as the state needs.
      surroundings: (_, stateDir) => ({
        disk: { directory: join(dirname(dirname(stateDir)), 'small-vault'), mebibytes: 400 },
      }),
    });
    const [node] = fleet.nodes as [Node];
    const answer = await fetch(`${node.api.url}/api/v1/vault`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${node.token}`, 'content-type': 'application/octet-stream' },
      body: randomBytes(60 * 2 ** 20),
    });
    expect([answer.status, await answer.json()]).toMatchObject([507, { code: 'disk-full' }]);
    expect((await node.api.send('PUT', '/api/v1/state/k', { body: 1 })).status).toBe(201);
    const hash = await put(node, randomBytes(1000));
    expect((await node.api.status()).vault?.here).toEqual({ objects: 1, bytes: 1000 });
    expect(await hashAt(node, hash)).toBe(hash);
  });
});
