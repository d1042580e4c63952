import { afterEach, describe, expect, it } from 'vitest';
import { createMemoryVault } from '../../../../src/adapters/vault/index.ts';
import { LatticeError } from '../../../../src/core/types/index.ts';
import type { SyncMessage } from '../../../../src/core/wire/index.ts';
import type { VaultStore } from '../../../../src/ports/index.ts';
import { sleep } from '../../../../src/timing/index.ts';
import { createHandClock, hasher, outcomeOf, readsOf } from '../support.ts';
import {
  ALL,
  contentOf,
  expectBytes,
  hashOf,
  inPieces,
  openVaults,
  readAll,
  type VaultFleet,
  type VaultNode,
} from './support.ts';

const BLOCK = 65_536;
const FETCHED = 'lattice_vault_blocks_total fetched';
const SERVED = 'lattice_vault_blocks_total served';
let fleet: VaultFleet | undefined;
afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
});

async function three(...[settings = [ALL, ALL, ALL], over]: Partial<Parameters<typeof openVaults>>) {
  fleet = await openVaults(settings, over);
  return { fleet, nodes: fleet.nodes as [VaultNode, VaultNode, VaultNode] };
}

async function put(node: VaultNode, size: number, seed = 1, pin = false): Promise<string> {
  return (await node.vault.service.put(inPieces(contentOf(size, seed)), { pin })).object.hash;
}

const NOTHING = ({ hashes }: { readonly hashes: readonly unknown[] }): SyncMessage => ({
  type: 'held',
  holdings: hashes.map(() => 'none'),
});
const held = async (node: VaultNode, hash: string): Promise<string | undefined> =>
  (await node.vault.service.stat(hash))?.here;

describe('bytes', () => {
  it('follow what the state names to every node, each block once [U10]', async () => {
    const { fleet, nodes } = await three();
    const [a, b, c] = nodes;
    const hash = await put(a, 40 * BLOCK + 3);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    for (const node of [b, c]) {
      expectBytes(await readAll((await node.vault.service.open(hash)).bytes), contentOf(40 * BLOCK + 3));
      expect(node.count(FETCHED)).toBe(41);
      expect(node.vault.service.status()).toMatchObject({ missing: { objects: 0 }, fetching: [] });
    }
    expect(nodes.reduce((sum, node) => sum + node.count(SERVED), 0)).toBe(82);
  });

  it('come in any number of small objects, of one block and of none', async () => {
    const { fleet, nodes } = await three();
    const [a, b] = nodes;
    for (let i = 0; i < 40; i++) await put(a, i, i);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    expect(b.vault.service.status().here.objects).toBe(40);
    // The leaf of a single block is the root, so that it is not asked for.
    expect(a.asked.some(({ type }) => type === 'leaves')).toBe(false);
  });

  it('come in ten thousand small objects, each once and without a part of it at the store [U10]', async () => {
    const count = 10_000;
    const resumed: string[] = [];
    const watched = (store: VaultStore): VaultStore => ({
      ...store,
      resume: (hash, ...given) => (resumed.push(hash), store.resume(hash, ...given)),
    });
    const { fleet, nodes } = await three([ALL, ALL], { store: (_, store) => watched(store) });
    const [a, b] = nodes;
    const numbered = (n: number): Uint8Array => new Uint8Array(new Uint32Array([n]).buffer);
    const hashes: string[] = [];
    let next = 0;
    const client = async (): Promise<void> => {
      for (let n = next++; n < count; n = next++)
        hashes.push((await a.vault.service.put(inPieces(numbered(n)))).object.hash);
    };
    await Promise.all(Array.from({ length: 16 }, client));
    await fleet.replicate();
    while (b.vault.service.status().missing.objects > 0) {
      const before = b.vault.service.status().here.objects;
      await fleet.clock.advance(5_000);
      expect(b.vault.service.status().here.objects).toBeGreaterThan(before);
    }
    expect(b.vault.service.status().here.objects).toBe(count);
    expect(b.count(FETCHED)).toBe(count);
    expect(resumed).toEqual([]);
    const stored: string[] = [];
    for await (const chunk of b.bytes.list()) stored.push(...chunk.map(({ hash }) => hash));
    expect(stored.sort()).toEqual(hashes.sort());
    // Ten thousand signatures and twice as many merges: the longest of these tests by far.
  }, 600_000);

  it('follow the policy: all, pinned ones or none, and on demand [U10]', async () => {
    const { fleet, nodes } = await three([ALL, { ...ALL, policy: 'pinned' }, { ...ALL, policy: 'none' }]);
    const [a, b, c] = nodes;
    const [plain, pinned] = [await put(a, 100_000, 1), await put(a, 100_000, 2, true)];
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    expect([await held(b, plain), await held(b, pinned)]).toEqual(['missing', 'whole']);
    expect([await held(c, plain), await held(c, pinned)]).toEqual(['missing', 'missing']);
    const fetching = c.vault.service.fetch(plain);
    await fleet.clock.advance(1_000);
    expect((await fetching).here).toBe('whole');
    await expect(b.vault.service.open(plain)).rejects.toMatchObject({ code: 'object-missing' });
    await a.vault.service.pin(plain, true);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    expect(await held(b, plain)).toBe('whole');
    c.vault.reconfigure(ALL);
    await fleet.clock.advance(3_000);
    expect(await held(c, pinned)).toBe('whole');
  });

  it('come from several peers at the same time, each block from one [U10]', async () => {
    const { fleet, nodes } = await three();
    const [a, b, c] = nodes;
    c.reachable = false;
    const hash = await put(a, 200 * BLOCK);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    expect(await held(b, hash)).toBe('whole');
    c.reachable = true;
    await fleet.clock.advance(3_000);
    expect(await held(c, hash)).toBe('whole');
    expect(c.count(FETCHED)).toBe(200);
    const asked = (node: VaultNode): number => node.asked.filter(({ type }) => type === 'blocks').length;
    expect(asked(b)).toBeGreaterThan(0);
    expect(nodes.reduce((sum, node) => sum + node.count(SERVED), 0)).toBe(400);
  });

  it('come to several members that fetch from one at once, each in its turn and none refused [U13]', async () => {
    let reading = 0;
    let most = 0;
    // A disk that takes its time for each block, so that requests come faster than they are answered.
    const slow = (store: VaultStore): VaultStore => ({
      ...store,
      async read(...asked) {
        const bytes = await store.read(...asked);
        if (bytes === undefined) return undefined;
        return (async function* () {
          most = Math.max(most, ++reading);
          try {
            await sleep(clock, 20);
            yield* bytes;
          } finally {
            reading--;
          }
        })();
      },
    });
    const clock = createHandClock();
    const settings = Array.from({ length: 6 }, () => ALL);
    fleet = await openVaults(settings, { clock, store: (index, store) => (index === 0 ? slow(store) : store) });
    const [a, ...others] = fleet.nodes as [VaultNode, ...VaultNode[]];
    const refused: SyncMessage[] = [];
    a.answer = (_, answer) => {
      if (answer.type === 'error') refused.push(answer);
      return answer;
    };
    // The others have nothing to give each other: each fetches all of it from the one.
    for (const other of others) other.answer = (asked, answer) => (asked.type === 'have' ? NOTHING(asked) : answer);
    const hash = await put(a, 60 * BLOCK);
    await fleet.replicate();
    await clock.advance(10_000);
    for (const other of others) expect(await held(other, hash)).toBe('whole');
    expect(refused).toEqual([]);
    expect(most).toBe(4);
  });

  it('are looked up once at the disk of who gives them, for each answer [U9]', async () => {
    const calls = { stat: 0, read: 0 };
    const counted = (store: VaultStore): VaultStore => ({
      ...store,
      stat: (hash) => (calls.stat++, store.stat(hash)),
      read: (...asked) => (calls.read++, store.read(...asked)),
    });
    const { fleet, nodes } = await three([ALL, ALL], { store: (i, store) => (i === 0 ? counted(store) : store) });
    const [a, b] = nodes;
    const hash = await put(a, 30 * BLOCK);
    calls.stat = 0;
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    expect(await held(b, hash)).toBe('whole');
    expect(calls).toEqual({ stat: 0, read: a.asked.filter(({ type }) => type === 'blocks').length });
  });

  it('go on where they were after a cut and after a start, without a block twice [U10]', async () => {
    const clock = createHandClock();
    const stored = createMemoryVault({ hasher, clock });
    const { fleet: first, nodes } = await three([ALL, ALL], { clock, stored: [undefined, stored] });
    const [a, b] = nodes;
    const hash = await put(a, 60 * BLOCK);
    a.answer = (asked, answer) => {
      if (asked.type === 'blocks' && asked.first > 20) a.reachable = false;
      return answer;
    };
    await first.replicate();
    await clock.advance(3_000);
    const before = b.count(FETCHED);
    expect(before).toBeGreaterThan(20);
    expect(before).toBeLessThan(60);
    expect(await b.vault.service.stat(hash)).toMatchObject({ here: 'partly', bytesHere: before * BLOCK });
    await b.vault.stop();

    const { fleet: second, nodes: again } = await three([ALL, ALL], { clock, stored: [a.bytes, stored] });
    await put(again[0], 60 * BLOCK);
    await second.replicate();
    await clock.advance(5_000);
    expect(await held(again[1], hash)).toBe('whole');
    expect(before + again[1].count(FETCHED)).toBe(60);
    await first.stop();
  });

  it('that are wrong are refused; the peer is named and left out, and others are asked [U11]', async () => {
    const { fleet, nodes } = await three();
    const [a, b, c] = nodes;
    c.reachable = false;
    const hash = await put(a, 50 * BLOCK);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    b.answer = (_, answer) => {
      if (answer.type !== 'block-bytes') return answer;
      const bytes = answer.bytes.slice();
      bytes[0] = (bytes[0] as number) ^ 1;
      return { type: 'block-bytes', bytes };
    };
    c.reachable = true;
    await fleet.clock.advance(5_000);
    expectBytes(await readAll((await c.vault.service.open(hash)).bytes), contentOf(50 * BLOCK));
    expect(c.vault.service.status().leftOut).toMatchObject([
      { hash, peer: 'n1', text: expect.stringContaining('block') },
    ]);
    expect(c.lines.filter(({ message }) => message === 'left out as a source of this object')).toHaveLength(1);
    expect(b.asked.filter(({ type }) => type === 'blocks').length).toBeLessThanOrEqual(3);
    expect(c.count(FETCHED)).toBe(50);
  });

  it.each<[string, (asked: SyncMessage, answer: SyncMessage) => SyncMessage]>([
    ['too short a block', (_, a) => (a.type === 'block-bytes' ? { ...a, bytes: a.bytes.slice(0, 100) } : a)],
    [
      'more than was asked for',
      (q, a) =>
        a.type === 'block-bytes' && q.type === 'blocks' && q.count < 15
          ? { ...a, bytes: new Uint8Array(15 * BLOCK) }
          : a,
    ],
    ['wrong leaf hashes', (_, a) => (a.type === 'leaf-hashes' ? { ...a, leaves: new Uint8Array(a.leaves.length) } : a)],
    ['another answer', (q, a) => (q.type === 'blocks' ? { type: 'held', holdings: ['whole'] } : a)],
  ])('do not come of a peer that sends %s', async (_, answer) => {
    const { fleet, nodes } = await three([ALL, ALL]);
    const [a, b] = nodes;
    const hash = await put(a, 30 * BLOCK);
    a.answer = answer;
    await fleet.replicate();
    await fleet.clock.advance(5_000);
    expect(await held(b, hash)).not.toBe('whole');
    expect(b.vault.service.status().leftOut).toMatchObject([{ hash, peer: 'n0' }]);
    expect(b.vault.service.status().fetching).toMatchObject([{ hash, waiting: { reason: expect.any(String) } }]);
    // Also after the object has rested: it is asked for once.
    const requests = (): number => a.asked.filter(({ type }) => type === 'blocks' || type === 'leaves').length;
    const before = requests();
    fleet.clock.stall(120_000);
    await fleet.clock.advance(5_000);
    expect(requests()).toBe(before);
    expect(b.vault.service.status().leftOut).toHaveLength(1);
  });

  it('are not held up by a member that gives its leaf hashes one at a time [U8, U11]', async () => {
    const { fleet, nodes } = await three();
    const [a, b, c] = nodes;
    c.reachable = false;
    await put(a, 50 * BLOCK);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    for (const { asked } of [a, b]) asked.length = 0;
    const sparing = (_: SyncMessage, answer: SyncMessage): SyncMessage =>
      answer.type === 'leaf-hashes' ? { ...answer, leaves: answer.leaves.slice(0, 32) } : answer;
    [a.answer, b.answer] = [sparing, sparing];
    c.reachable = true;
    await fleet.clock.advance(5_000);
    expect(
      c.vault.service
        .status()
        .leftOut.map(({ peer }) => peer)
        .sort(),
    ).toEqual(['n0', 'n1']);
    expect([a, b].map(({ asked }) => asked.filter(({ type }) => type === 'leaves').length)).toEqual([1, 1]);
  });

  it('of an object that is removed under way are not fetched to their end [U10]', async () => {
    const { fleet, nodes } = await three([ALL, ALL]);
    const [a, b] = nodes;
    const hash = await put(a, 100 * BLOCK);
    let blocks = 0;
    a.answer = async (asked, answer) => {
      if (asked.type === 'blocks' && ++blocks === 3) {
        await a.vault.service.remove(hash);
        await fleet.replicate();
      }
      return answer;
    };
    await fleet.replicate();
    await fleet.clock.advance(5_000);
    expect(await b.vault.service.stat(hash)).toBeUndefined();
    expect(b.vault.service.status()).toMatchObject({ objects: 0, fetching: [] });
    expect(b.count(FETCHED)).toBeLessThan(100);
  });

  it('of a false entry, whose root is another content, are given up with the reason', async () => {
    const { fleet, nodes } = await three([ALL, ALL]);
    const [a, b] = nodes;
    const hash = await put(a, 3 * BLOCK, 1);
    const other = await put(a, 3 * BLOCK, 2);
    const { root } = (await a.vault.service.stat(other)) as { root: string };
    // The peer serves the other content under that name, as a node with a false store would.
    a.answer = (_, answer) => answer;
    await a.writes.writeReserved([
      { op: 'put', key: `vault/${hash}`, value: { size: 3 * BLOCK, root, type: '', name: '', pinned: false } },
    ]);
    await fleet.replicate();
    await fleet.clock.advance(5_000);
    expect(await held(b, hash)).not.toBe('whole');
    expect(await held(b, other)).toBe('whole');
  });
});

describe('a conflict under vault/', () => {
  it('is settled by the author of the winner, pinned where a sibling is [U14]', async () => {
    const { fleet, nodes } = await three();
    const [a, b] = nodes;
    const content = contentOf(1000);
    const [first] = await Promise.all([
      a.vault.service.put(inPieces(content), { name: 'a' }),
      b.vault.service.put(inPieces(content), { name: 'b', pin: true }),
    ]);
    const { hash } = first.object;
    for (let i = 0; i < 4; i++) {
      await fleet.replicate();
      await fleet.clock.advance(100);
    }
    const entries = await Promise.all(nodes.map(async (node) => readsOf(node).get(`vault/${hash}`)));
    expect(new Set(entries.map((entry) => entry?.version)).size).toBe(1);
    expect(entries[0]?.conflicts).toBeUndefined();
    expect(entries[0]?.value).toMatchObject({ pinned: true });
  });

  it('between a pin and a removal has one end [U14]', async () => {
    const { fleet, nodes } = await three();
    const [a, b] = nodes;
    const hash = await put(a, 100);
    await fleet.replicate();
    await Promise.all([a.vault.service.remove(hash), b.vault.service.pin(hash, true)]);
    for (let i = 0; i < 4; i++) {
      await fleet.replicate();
      await fleet.clock.advance(100);
    }
    for (const node of nodes) expect((await readsOf(node).conflicts({})).items).toEqual([]);
  });
});

describe('a node', () => {
  it('of an earlier version is taken to have nothing, and is asked rarely [U7]', async () => {
    const { fleet, nodes } = await three([ALL, ALL]);
    const [a, b] = nodes;
    a.answer = () => ({ type: 'error', code: 'unknown-version', message: 'sync message of unknown type 17' });
    const hash = await put(a, 10);
    await fleet.replicate();
    await fleet.clock.advance(20_000);
    expect(a.asked).toHaveLength(1);
    expect(b.vault.service.status().fetching).toMatchObject([
      { hash, waiting: { reason: expect.stringContaining('reachable') } },
    ]);
    a.answer = (_, answer) => answer;
    fleet.clock.stall(10 * 60_000);
    await fleet.clock.advance(3_000);
    expect(await held(b, hash)).toBe('whole');
  });

  it.each<[string, SyncMessage]>([
    ['with another message', { type: 'block-bytes', bytes: new Uint8Array(1) }],
    ['for another number of objects', { type: 'held', holdings: ['whole', 'whole'] }],
    ['that an object is missing', { type: 'error', code: 'object-missing', message: 'object is not here' }],
  ])('that answers %s when it is asked what it has is asked more and more rarely [U7]', async (_, wrong) => {
    const { fleet, nodes } = await three([ALL, ALL]);
    const [a, b] = nodes;
    const hash = await put(a, 3 * BLOCK);
    a.answer = (asked, answer) => {
      if (a.asked.length > 100) a.reachable = false;
      return asked.type === 'have' ? wrong : answer;
    };
    await fleet.replicate();
    await fleet.clock.advance(30_000);
    expect(a.asked.length).toBeGreaterThan(1);
    expect(a.asked.length).toBeLessThan(12);
    expect(b.vault.service.status().fetching).toMatchObject([
      { hash, waiting: { reason: expect.stringContaining('N0: ') } },
    ]);
    a.answer = (_, answer) => answer;
    fleet.clock.stall(60_000);
    await fleet.clock.advance(3_000);
    expect(await held(b, hash)).toBe('whole');
  });

  it('whose disk was lost gets all bytes back by itself [U10]', async () => {
    const { fleet, nodes } = await three();
    const [a, b] = nodes;
    const hashes: string[] = [];
    for (let i = 1; i < 6; i++) hashes.push(await put(a, i * 50_000, i));
    await fleet.replicate();
    await fleet.clock.advance(5_000);
    for (const hash of hashes) {
      expect(await b.bytes.remove(hash)).toBe(true);
      await expect(b.vault.service.open(hash)).rejects.toMatchObject({ code: 'object-missing' });
    }
    await fleet.clock.advance(5_000);
    for (const hash of hashes) expect(await held(b, hash)).toBe('whole');
  });

  it('fetches what is damaged anew, and keeps it while nobody else has it [U6]', async () => {
    let damage = false;
    const { fleet, nodes } = await three([ALL, ALL], {
      store: (index, inner) => (index === 1 ? changing(mended(inner), () => damage) : inner),
    });
    /** What is damaged is so until it is removed. */
    function mended(inner: VaultStore): VaultStore {
      return {
        ...inner,
        async remove(hash) {
          damage = false;
          return inner.remove(hash);
        },
      };
    }
    const [a, b] = nodes;
    const hash = await put(a, 40 * BLOCK);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    expect(await held(b, hash)).toBe('whole');
    a.reachable = false;
    damage = true;
    await expect(readAll((await b.vault.service.open(hash)).bytes)).rejects.toMatchObject({ code: 'object-damaged' });
    await fleet.clock.advance(20_000);
    expect(await b.bytes.stat(hash)).toBeDefined();
    expect(b.vault.service.status().damaged).toMatchObject([{ hash }]);
    a.reachable = true;
    fleet.clock.stall(60_000);
    await fleet.clock.advance(3_000);
    expect(b.count(FETCHED)).toBe(80);
    expect(b.vault.service.status().damaged).toEqual([]);
    expectBytes(await readAll((await b.vault.service.open(hash)).bytes), contentOf(40 * BLOCK));
  });

  it('keeps what its disk did not give for a while, and forgets the damage [U6]', async () => {
    let damage = false;
    const { fleet, nodes } = await three([ALL, ALL], {
      store: (index, inner) => (index === 1 ? changing(inner, () => damage) : inner),
    });
    const [a, b] = nodes;
    const hash = await put(a, 40 * BLOCK);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    a.reachable = false;
    damage = true;
    await expect(readAll((await b.vault.service.open(hash)).bytes)).rejects.toMatchObject({ code: 'object-damaged' });
    damage = false;
    a.reachable = true;
    fleet.clock.stall(60_000);
    await fleet.clock.advance(3_000);
    expect(b.vault.service.status().damaged).toEqual([]);
    expect(b.count(FETCHED)).toBe(40);
    expectBytes(await readAll((await b.vault.service.open(hash)).bytes), contentOf(40 * BLOCK));
  });

  it('that alone has an object and could not read it once gives it all the same [U6, U7]', async () => {
    let failing = 0;
    const { fleet, nodes } = await three([ALL, ALL], {
      store: (index, inner) => (index === 0 ? changing(inner, () => failing-- > 0) : inner),
    });
    const [a, b] = nodes;
    const hash = await put(a, 40 * BLOCK);
    failing = 1;
    await expect(readAll((await a.vault.service.open(hash)).bytes)).rejects.toMatchObject({ code: 'object-damaged' });
    await fleet.clock.advance(1_000);
    expect(a.vault.service.status().damaged).toEqual([]);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    expect(await held(b, hash)).toBe('whole');
  });

  it('reads damaged bytes once more by itself, and a verification that finds them whole counts [U6]', async () => {
    let [damage, reads] = [false, 0];
    const { fleet, nodes } = await three([ALL], {
      store: (_, inner) => ({
        ...inner,
        async read(...given) {
          reads++;
          return changing(inner, () => damage).read(...given);
        },
      }),
    });
    const [a] = nodes;
    const hash = await put(a, 40 * BLOCK);
    damage = true;
    await expect(readAll((await a.vault.service.open(hash)).bytes)).rejects.toMatchObject({ code: 'object-damaged' });
    await fleet.clock.advance(1_000);
    damage = false;
    fleet.clock.stall(60_000);
    await fleet.clock.advance(20_000);
    expect(a.vault.service.status().damaged).toMatchObject([{ hash }]);
    expect(reads).toBe(2);
    for await (const one of a.vault.service.verify()) expect(one).toMatchObject({ hash, fault: undefined });
    expect(reads).toBe(3);
    expect(a.vault.service.status().damaged).toEqual([]);
    expect(a.vault.server.have({ type: 'have', hashes: [Buffer.from(hash, 'hex')] })).toEqual({
      type: 'held',
      holdings: ['whole'],
    });
  });

  it('forgets damage that a false entry made once a right one is written, and with the object [U6]', async () => {
    const { fleet, nodes } = await three([ALL]);
    const [a] = nodes;
    const hash = await put(a, 10 * BLOCK);
    const { root } = (await a.vault.service.stat(hash)) as { root: string };
    const name = (said: string) => {
      const value = { size: 10 * BLOCK, root: said, type: '', name: '', pinned: false };
      return a.writes.writeReserved([{ op: 'put', key: `vault/${hash}`, value }]);
    };
    const damaged = () => a.vault.service.status().damaged.map((one) => one.hash);
    for (const end of ['entry', 'removal'] as const) {
      await name('ab'.repeat(32));
      await expect(a.vault.service.open(hash)).rejects.toMatchObject({ code: 'object-damaged' });
      await fleet.clock.advance(1_000);
      expect(damaged()).toEqual([hash]);
      if (end === 'entry') await name(root);
      else await a.vault.service.remove(hash);
      await fleet.clock.advance(1_000);
      expect(damaged()).toEqual([]);
    }
  });

  it('keeps bytes whose SHA-256 is right, whatever a false entry says of them [U6]', async () => {
    const { fleet, nodes } = await three([ALL, ALL]);
    const [a, b] = nodes;
    const hash = await put(a, 10 * BLOCK);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    const value = { size: 10 * BLOCK, root: 'ab'.repeat(32), type: '', name: '', pinned: false };
    await a.writes.writeReserved([{ op: 'put', key: `vault/${hash}`, value }]);
    await fleet.replicate();
    for (const node of nodes)
      await expect(node.vault.service.open(hash).then(({ bytes }) => readAll(bytes))).rejects.toMatchObject({
        code: 'object-damaged',
      });
    fleet.clock.stall(60_000);
    await fleet.clock.advance(20_000);
    for (const node of [a, b]) {
      const pieces = await node.bytes.read(hash, 0, 10 * BLOCK);
      expectBytes(await readAll(pieces ?? inPieces(new Uint8Array(0))), contentOf(10 * BLOCK));
    }
  });

  it('keeps damaged bytes when the other has damaged ones too: together they may have all [U6, U7]', async () => {
    let damage = false;
    const { fleet, nodes } = await three([ALL, ALL], { store: (_, inner) => changing(inner, () => damage) });
    const hash = await put(nodes[0], 10 * BLOCK);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    damage = true;
    for (const node of nodes)
      await expect(readAll((await node.vault.service.open(hash)).bytes)).rejects.toMatchObject({
        code: 'object-damaged',
      });
    fleet.clock.stall(60_000);
    await fleet.clock.advance(20_000);
    for (const node of nodes) expect(await node.bytes.stat(hash)).toBeDefined();
  });

  it('lets an object wait that has no room, says so, and fetches what has room [U13]', async () => {
    let free = 5 * BLOCK;
    const { fleet, nodes } = await three([ALL, ALL], {
      store: (index, inner) => (index === 1 ? withRoom(inner, () => free) : inner),
    });
    const [a, b] = nodes;
    const large = await put(a, 10 * BLOCK);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    const small = await put(a, BLOCK, 2);
    await fleet.replicate();
    await fleet.clock.advance(1_000);
    expect(await held(b, small)).toBe('whole');
    const { paused, fetching } = b.vault.service.status();
    expect(paused).toBeUndefined();
    expect(fetching).toMatchObject([{ hash: large, waiting: { reason: expect.stringContaining('no room') } }]);
    const asked = outcomeOf(b.vault.service.fetch(large));
    await fleet.clock.advance(3_000);
    expect(asked).toEqual({ state: 'rejected', code: 'disk-full' });
    // The state goes on.
    await b.writes.write([{ op: 'put', key: 'k', value: 1 }]);
    free = 20 * BLOCK;
    fleet.clock.stall(60_000);
    await fleet.clock.advance(3_000);
    expect(await held(b, large)).toBe('whole');
  });

  it('waits while its disk takes nothing, says so, and goes on when it does [U13]', async () => {
    let full = true;
    const { fleet, nodes } = await three([ALL, ALL], {
      store: (index, inner) => (index === 1 ? filling(inner, () => full) : inner),
    });
    const [a, b] = nodes;
    const hash = await put(a, 10 * BLOCK);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    expect(b.vault.service.status().paused).toContain('no room');
    full = false;
    fleet.clock.stall(60_000);
    await fleet.clock.advance(3_000);
    expect(await held(b, hash)).toBe('whole');
    expect(b.vault.service.status().paused).toBeUndefined();
  });

  it.each(['before', 'after'] as const)(
    'ends an object whose store failed %s it was in its place [U10]',
    async (when) => {
      let fails = true;
      const { fleet, nodes } = await three([ALL, ALL], {
        store: (index, inner) => (index === 1 ? failingAtTheEnd(inner, when, () => fails) : inner),
      });
      const [a, b] = nodes;
      const hash = await put(a, 10 * BLOCK);
      await fleet.replicate();
      await fleet.clock.advance(3_000);
      expect(await held(b, hash)).toBe(when === 'after' ? 'whole' : 'partly');
      fails = false;
      fleet.clock.stall(60_000);
      await fleet.clock.advance(3_000);
      expect(await held(b, hash)).toBe('whole');
      expect(b.vault.service.status()).toMatchObject({ fetching: [], missing: { objects: 0 } });
      expect(b.count(FETCHED)).toBe(10);
    },
  );

  it('keeps nothing of a part once the whole is put beside it', async () => {
    const { fleet, nodes } = await three([ALL, ALL]);
    const [a, b] = nodes;
    const hash = await put(a, 40 * BLOCK);
    a.answer = (asked, answer) => {
      if (asked.type === 'blocks' && asked.first > 10) a.reachable = false;
      return answer;
    };
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    expect(await held(b, hash)).toBe('partly');
    expect(await put(b, 40 * BLOCK)).toBe(hash);
    expect(await b.bytes.partials()).toEqual([]);
    expect(b.vault.service.status()).toMatchObject({ fetching: [], missing: { objects: 0 } });
  });

  it('fetches up to its capacity by itself, and more on demand [U10]', async () => {
    const { fleet, nodes } = await three([ALL, { ...ALL, capacityBytes: 250_000 }]);
    const [a, b] = nodes;
    const hashes = [await put(a, 100_000, 1), await put(a, 100_000, 2), await put(a, 100_000, 3)];
    await fleet.replicate();
    await fleet.clock.advance(10_000);
    expect(b.vault.service.status().here).toEqual({ objects: 2, bytes: 200_000 });
    expect(b.vault.service.status().fetching).toMatchObject([
      { waiting: { reason: expect.stringContaining('capacity') } },
    ]);
    const [left] = (await Promise.all(hashes.map(async (hash) => ({ hash, here: await held(b, hash) })))).filter(
      ({ here }) => here !== 'whole',
    );
    const fetching = b.vault.service.fetch(left?.hash ?? '');
    await fleet.clock.advance(3_000);
    expect((await fetching).here).toBe('whole');
  });

  it('that stops waits for no reading of what it has in part', async () => {
    let begun = 0;
    const { fleet, nodes } = await three([ALL, ALL], {
      store: (index, inner) => ({
        ...inner,
        async resume(hash, size, signal) {
          if (index === 0 || signal === undefined) return inner.resume(hash, size, signal);
          // As long as a large file takes.
          begun++;
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        },
      }),
    });
    const [a, b] = nodes;
    await put(a, 10 * BLOCK);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    expect(begun).toBe(1);
    await b.vault.stop();
    expect(b.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('that stops waits for no reading of what it found damaged', async () => {
    let reads = 0;
    const { fleet, nodes } = await three([ALL], {
      store: (_, inner) => ({
        ...inner,
        async read(...given) {
          const pieces = await changing(inner, () => true).read(...given);
          return ++reads === 1 ? pieces : endless();
        },
      }),
    });
    /** As long as a large object is. */
    async function* endless() {
      for (;;) yield await new Promise<Uint8Array>((resolve) => setImmediate(() => resolve(new Uint8Array(1))));
    }
    const [a] = nodes;
    const hash = await put(a, 10 * BLOCK);
    await expect(readAll((await a.vault.service.open(hash)).bytes)).rejects.toMatchObject({ code: 'object-damaged' });
    await fleet.clock.advance(1_000);
    expect(reads).toBe(2);
    await a.vault.stop();
  });

  it('tells who holds an object, asked at that time', async () => {
    const { fleet, nodes } = await three([ALL, { ...ALL, policy: 'none' }, ALL]);
    const [a, b, c] = nodes;
    c.reachable = false;
    const hash = await put(a, 10);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    expect((await b.vault.service.holders(hash)).map(({ label, has }) => [label, has])).toEqual([
      ['n1', false],
      ['n0', true],
    ]);
  });

  it('says within seconds that nobody has what it was asked to fetch', async () => {
    const { fleet, nodes } = await three([ALL, { ...ALL, policy: 'none' }]);
    const [a, b] = nodes;
    const hash = await put(a, 10);
    await fleet.replicate();
    await a.bytes.remove(hash);
    a.answer = () => ({ type: 'held', holdings: ['none'] });
    const fetching = b.vault.service.fetch(hash);
    const outcome = outcomeOf(fetching);
    await fleet.clock.advance(20_000);
    expect(outcome).toMatchObject({ state: 'rejected', code: 'object-missing' });
    const controller = new AbortController();
    const aborted = outcomeOf(b.vault.service.fetch(hash, { signal: controller.signal }));
    await fleet.clock.advance(0);
    controller.abort(new LatticeError('aborted', 'enough'));
    await fleet.clock.advance(0);
    expect(aborted).toMatchObject({ state: 'rejected', code: 'aborted' });
  });

  it('serves nothing of its vault while its disk is behind with the writes of the state [U13]', async () => {
    let queued = 10_000;
    const { fleet, nodes } = await three([ALL, ALL], { queuedWrites: () => queued });
    const [a, b] = nodes;
    const hash = await put(a, 3 * BLOCK);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    expect(await held(b, hash)).toBe('missing');
    queued = 0;
    await fleet.clock.advance(10_000);
    expect(await held(b, hash)).toBe('whole');
  });

  it('fetches nothing while it takes a snapshot of the state over [U13]', async () => {
    let bootstrapping = true;
    const { fleet, nodes } = await three([ALL, ALL], { isBootstrapping: () => bootstrapping });
    const [a, b] = nodes;
    const hash = await put(a, 3 * BLOCK);
    await fleet.replicate();
    await fleet.clock.advance(3_000);
    expect(a.asked).toEqual([]);
    bootstrapping = false;
    await fleet.clock.advance(3_000);
    expect(await held(b, hash)).toBe('whole');
    expect(hash).toBe(hashOf(contentOf(3 * BLOCK)));
  });
});

/** A store that changes the first byte of what it reads. */
function changing(inner: VaultStore, isOn: () => boolean): VaultStore {
  return {
    ...inner,
    async read(hash, start, end) {
      const pieces = await inner.read(hash, start, end);
      if (pieces === undefined || !isOn()) return pieces;
      return (async function* () {
        for await (const piece of pieces) {
          const out = piece.slice();
          out[0] = (out[0] as number) ^ 1;
          yield out;
        }
      })();
    },
  };
}

/** A store whose disk has room for so many bytes more of an object. */
function withRoom(inner: VaultStore, free: () => number): VaultStore {
  return {
    ...inner,
    async resume(hash, size) {
      if (size > free()) throw new LatticeError('disk-full', 'The vault has no room.', { next: 'Free space.' });
      return inner.resume(hash, size);
    },
  };
}

/** A store whose disk takes nothing. */
function filling(inner: VaultStore, isFull: () => boolean): VaultStore {
  return {
    ...inner,
    async resume(hash, size) {
      const partial = await inner.resume(hash, size);
      return {
        ...partial,
        async write(first, bytes, leaves) {
          if (isFull()) throw new LatticeError('disk-full', 'The vault has no room.', { next: 'Free space.' });
          await partial.write(first, bytes, leaves);
        },
      };
    },
  };
}

/** A store that fails when an object is to be put in its place, before or after it lies there. */
function failingAtTheEnd(inner: VaultStore, when: 'before' | 'after', fails: () => boolean): VaultStore {
  return {
    ...inner,
    async resume(hash, size) {
      const partial = await inner.resume(hash, size);
      return {
        ...partial,
        async finish(leaves) {
          if (!fails()) return partial.finish(leaves);
          if (when === 'after') await partial.finish(leaves);
          throw new LatticeError('vault-store-failed', 'The vault failed.', { next: 'Check the disk.' });
        },
      };
    },
  };
}
