import { expect, it } from 'vitest';
import { createWorld } from './world.ts';

const EVERYTHING = { gte: new Uint8Array(0), lt: new Uint8Array(64).fill(255) };

it('most nodes get new disks at once: all get their history back, and none takes itself for a clone [N8, N16]', async () => {
  const wiped = [0, 1, 2, 3];
  const world = createWorld({ seed: 'new disks', nodes: 5 });
  const pass = (ms: number) => world.scheduler.run(world.scheduler.now() + ms, () => world.failures.length > 0);
  try {
    for (let i = 0; i < world.size; i++) world.start(i);
    await pass(8_000);
    for (let k = 0; k < 30; k++)
      for (let i = 0; i < world.size; i++) world.write(i, [{ op: 'put', key: `k${i}-${k}`, value: k }]);
    await pass(12_000);
    for (const i of wiped) world.crash(i);
    await pass(5_000);
    for (const i of wiped) {
      const disk = world.disk(i);
      disk.apply(disk.rows(EVERYTHING).map(([key]) => ({ type: 'del', key })));
    }
    for (const i of wiped) world.start(i);
    await pass(30_000);
    const nodes = Array.from({ length: world.size }, (_, i) => world.node(i)?.lattice);
    expect(nodes.map((node) => node?.status().readOnlyReasons)).toEqual(nodes.map(() => []));
    expect(new Set(nodes.map((node) => node?.root().root)).size).toBe(1);
    expect(nodes.map((node) => node?.root().entries)).toEqual(nodes.map(() => 150));
    expect(world.failures).toEqual([]);
  } finally {
    world.dispose();
  }
});

it('a node that only others dial gets its history back before it writes, and is no clone [N8]', async () => {
  const world = createWorld({ seed: 'dialled', nodes: 3, dialled: [0] });
  const pass = (ms: number) => world.scheduler.run(world.scheduler.now() + ms, () => world.failures.length > 0);
  try {
    for (let i = 0; i < world.size; i++) world.start(i);
    await pass(12_000);
    for (let k = 0; k < 30; k++) world.write(0, [{ op: 'put', key: `k${k}`, value: k }]);
    await pass(5_000);
    world.crash(0);
    await pass(5_000);
    const disk = world.disk(0);
    disk.apply(disk.rows(EVERYTHING).map(([key]) => ({ type: 'del', key })));
    world.start(0);
    await pass(500);
    world.write(0, [{ op: 'put', key: 'after', value: true }]);
    await pass(20_000);
    const { readOnlyReasons, entries } = world.node(0)?.lattice.status() ?? {};
    expect([readOnlyReasons, entries]).toEqual([[], 31]);
    expect(world.failures).toEqual([]);
  } finally {
    world.dispose();
  }
});

it('a node restored from a backup that wrote alone is an alarm until it has its history, and then writes [N7]', async () => {
  const world = createWorld({ seed: 'restored', nodes: 3 });
  const pass = (ms: number) => world.scheduler.run(world.scheduler.now() + ms, () => world.failures.length > 0);
  const reasons = () =>
    world
      .node(0)
      ?.lattice.status()
      .readOnlyReasons.map(({ code }) => code);
  try {
    for (let i = 0; i < world.size; i++) world.start(i);
    await pass(8_000);
    world.write(0, [{ op: 'put', key: 'old', value: 1 }]);
    await pass(2_000);
    const disk = world.disk(0);
    const backup = disk.rows(EVERYTHING);
    world.write(0, [{ op: 'put', key: 'later', value: 2 }]);
    await pass(5_000);
    for (let i = 0; i < world.size; i++) world.crash(i);
    disk.apply(disk.rows(EVERYTHING).map(([key]) => ({ type: 'del', key })));
    disk.apply(backup.map(([key, value]) => ({ type: 'put', key, value })));
    world.start(0);
    await pass(6_000);
    world.write(0, [{ op: 'put', key: 'alone', value: 3 }]);
    await pass(2_000);
    for (const i of [1, 2]) world.start(i);
    await pass(15_000);
    expect(reasons()).toEqual(['clone']);
    await pass(40_000);
    expect(reasons()).toEqual([]);
    world.write(0, [{ op: 'put', key: 'again', value: 4 }]);
    await pass(5_000);
    expect([0, 1, 2].map((i) => world.node(i)?.lattice.root().entries)).toEqual([4, 4, 4]);
    expect(reasons()).toEqual([]);
    expect(world.failures).toEqual([]);
  } finally {
    world.dispose();
  }
});
