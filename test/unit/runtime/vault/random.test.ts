import { afterEach, describe, expect, it } from 'vitest';
import { LatticeError } from '../../../../src/core/types/index.ts';
import type { VaultPolicy } from '../../../../src/runtime/facade/index.ts';
import { GRACE_MS } from '../../../../src/runtime/vault/collect.ts';
import { ALL, contentOf, expectBytes, hashOf, inPieces, openVaults, readAll, type VaultFleet } from './support.ts';

const POLICIES: readonly VaultPolicy[] = ['all', 'pinned', 'none'];
const NODES = 3;
const CONTENTS = Array.from({ length: 6 }, (_, i) =>
  contentOf([1, 65_536, 65_537, 200_000, 700_000, 10][i] ?? 1, i + 1),
);
const HASHES = CONTENTS.map(hashOf);
const STEPS = 30;

let fleet: VaultFleet | undefined;
afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
});

/** Numbers below `most`, the same ones for each seed (a linear congruential generator). */
function numbersOf(seed: number): (most: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (most) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
}

/** What the state of the node names, by hash. */
async function namesAt({ vault }: VaultFleet['nodes'][number]): Promise<Map<string, boolean>> {
  const { items } = await vault.service.list({ limit: 1000 });
  return new Map(items.map(({ hash, pinned }) => [hash, pinned]));
}

/** Lets everybody reach everybody until nothing more is to be done. */
async function settle({ nodes, clock, replicate }: VaultFleet): Promise<void> {
  for (const node of nodes) node.reachable = true;
  // Twice: a conflict of two entries is settled by one more write.
  for (let i = 0; i < 2; i++) {
    await replicate();
    await clock.advance(1_000);
  }
  // Whatever rests does so for a minute at most.
  clock.stall(61_000);
  await clock.advance(5_000);
}

async function expectSettled({ nodes }: VaultFleet, policies: readonly VaultPolicy[]): Promise<void> {
  const [first] = nodes;
  if (first === undefined) return;
  const names = await namesAt(first);
  for (const [i, node] of nodes.entries()) {
    expect(await namesAt(node), `what node ${i} names`).toEqual(names);
    let here = 0;
    for (const [hash, pinned] of names) {
      const stored = await node.bytes.stat(hash);
      const isAsked = policies[i] === 'all' || (policies[i] === 'pinned' && pinned);
      if (isAsked) expect(stored, `node ${i} has object ${HASHES.indexOf(hash)}`).toBeDefined();
      if (stored === undefined) continue;
      here++;
      const { bytes } = await node.vault.service.open(hash);
      expectBytes(await readAll(bytes), CONTENTS[HASHES.indexOf(hash)] ?? new Uint8Array(0));
    }
    const status = node.vault.service.status();
    expect(status).toMatchObject({ objects: names.size, here: { objects: here }, missing: { objects: 0 } });
    expect([status.damaged, status.leftOut, status.fetching]).toEqual([[], [], []]);
  }
  // Nobody has let go of the last bytes of an object that the state names.
  for (const hash of names.keys()) {
    const holders = await Promise.all(nodes.map(({ bytes }) => bytes.stat(hash)));
    expect(holders.some((stored) => stored !== undefined)).toBe(true);
  }
}

describe('puts, pins, removals, policies, cuts and collections in any order', () => {
  it.each(Array.from({ length: 6 }, (_, seed) => seed + 1))('with seed %i [U5, U10, U12]', async (seed) => {
    const random = numbersOf(seed);
    const policies: VaultPolicy[] = ['all', 'pinned', 'none'];
    const opened = await openVaults(policies.map((policy) => ({ ...ALL, policy })));
    fleet = opened;
    const { nodes, clock } = opened;

    /** A day passes, and what each node collects by itself ends. */
    async function nextDay(): Promise<void> {
      clock.stall(GRACE_MS + 1);
      await clock.advance(2_000);
    }

    /** Runs a collection while time goes by, which it rests for between pages. */
    async function collect({ vault }: (typeof nodes)[number], dryRun = false): Promise<void> {
      const collecting = vault.service.collect({ dryRun });
      await clock.advance(1_000);
      await collecting;
    }

    async function step(): Promise<void> {
      const at = random(NODES);
      const node = nodes[at];
      const [content, hash] = [CONTENTS[random(CONTENTS.length)], HASHES[random(HASHES.length)]];
      if (node === undefined || content === undefined || hash === undefined) return;
      const { service } = node.vault;
      switch (random(9)) {
        case 0:
        case 1:
          await service.put(inPieces(content), { pin: random(2) === 0 });
          break;
        case 2:
          await service.pin(hash, random(2) === 0);
          break;
        case 3:
          await service.remove(hash);
          break;
        case 4: {
          const policy = POLICIES[random(POLICIES.length)] ?? 'all';
          policies[at] = policy;
          node.vault.reconfigure({ ...ALL, policy });
          break;
        }
        case 5:
          node.reachable = !node.reachable;
          break;
        case 6:
          await opened.replicate();
          break;
        case 7:
          await clock.advance(random(3_000));
          break;
        default:
          await nextDay();
          await collect(node, random(4) === 0);
      }
    }

    for (let i = 0; i < STEPS; i++) {
      await step().catch((error: unknown) => {
        // What is not named cannot be pinned or removed.
        if (!(error instanceof LatticeError) || error.code !== 'object-not-found') throw error;
      });
    }
    await settle(opened);
    await expectSettled(opened, policies);

    await nextDay();
    const names = await namesAt(nodes[0] as (typeof nodes)[number]);
    for (const node of nodes) {
      await collect(node);
      for await (const chunk of node.bytes.list()) for (const { hash } of chunk) expect(names.has(hash)).toBe(true);
    }
    await expectSettled(opened, policies);
  });
});
