import { expect, it } from 'vitest';
import { createWorld } from './world.ts';

it('a node whose disk was full for minutes is equal within seconds once it has room [S12]', async () => {
  const world = createWorld({ seed: 'full disk', nodes: 3 });
  const pass = (ms: number) => world.scheduler.run(world.scheduler.now() + ms, () => world.failures.length > 0);
  const roots = () => new Set([0, 1, 2].map((i) => world.node(i)?.lattice.root().root));
  try {
    for (let i = 0; i < world.size; i++) world.start(i);
    await pass(8_000);
    world.node(0)?.setReadOnly('disk', 'no room');
    for (let k = 0; k < 20; k++) world.write(1, [{ op: 'put', key: `k${k}`, value: k }]);
    await pass(300_000);
    expect(world.node(0)?.lattice.root().entries).toBe(0);
    world.node(0)?.setReadOnly('disk', undefined);
    await pass(3_000);
    expect(roots().size).toBe(1);
    expect(world.node(0)?.lattice.root().entries).toBe(20);
    expect(world.failures).toEqual([]);
  } finally {
    world.dispose();
  }
});
