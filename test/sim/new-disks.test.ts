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
