import { expect, it } from 'vitest';
import type { BlocksRequest } from '../../../../src/core/wire/index.ts';
import { createInventory } from '../../../../src/runtime/vault/inventory.ts';
import { createVaultServer } from '../../../../src/runtime/vault/serve.ts';

const HASH = 'ab'.repeat(32);
const REQUEST: BlocksRequest = { type: 'blocks', hash: new Uint8Array(32).fill(0xab), first: 0, count: 1 };

/** A server whose reads end when they are let. */
function slowServer() {
  const inventory = createInventory('all');
  inventory.setHeld(HASH, { hash: HASH, size: 10, storedAt: 0 });
  const reads: (() => void)[] = [];
  const state = { queued: 0, begun: 0 };
  const server = createVaultServer({
    inventory,
    content: {
      leaves: async () => new Uint8Array(32),
      check: async () => undefined,
      forget: () => undefined,
      async *read() {
        state.begun++;
        await new Promise<void>((resolve) => reads.push(resolve));
        yield new Uint8Array(10);
      },
    },
    entry: async (hash) => ({ hash, size: 10, root: HASH }),
    isDamaged: () => false,
    queuedWrites: () => state.queued,
    metrics: { count() {}, gauge() {}, observe() {} },
  });
  return { server, reads, state };
}

/** Lets everything go on that waits for nothing but other promises. */
const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('requests for bytes wait for their turn, sixteen of them, and further ones are refused at once [U13]', async () => {
  const { server, reads, state } = slowServer();
  const asked = Array.from({ length: 20 }, () => server.blocks(REQUEST));
  await turns();
  expect(state.begun).toBe(4);
  await expect(server.blocks(REQUEST)).rejects.toMatchObject({ code: 'overloaded' });
  for (let ended = 1; ended <= 20; ended++) {
    reads.shift()?.();
    await turns();
    expect(state.begun).toBe(Math.min(20, 4 + ended));
  }
  expect((await Promise.all(asked)).every(({ type }) => type === 'block-bytes')).toBe(true);
  const next = server.blocks(REQUEST);
  await turns();
  reads.shift()?.();
  expect(await next).toMatchObject({ type: 'block-bytes' });
});

it('a request that has waited is refused where the writes of the state have fallen behind meanwhile [U13]', async () => {
  const { server, reads, state } = slowServer();
  const asked = Array.from({ length: 5 }, () => server.blocks(REQUEST));
  await turns();
  state.queued = 2_000;
  while (reads.length > 0) reads.shift()?.();
  const outcomes = await Promise.allSettled(asked);
  expect(state.begun).toBe(4);
  expect(outcomes[4]).toMatchObject({ status: 'rejected', reason: { code: 'overloaded' } });
  state.queued = 0;
  const next = server.blocks(REQUEST);
  await turns();
  reads.shift()?.();
  expect(await next).toMatchObject({ type: 'block-bytes' });
});
