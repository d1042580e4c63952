import { afterEach, describe, expect, it } from 'vitest';
import { nodeHasher } from '../../../../src/adapters/system/hasher.ts';
import type { JsonValue } from '../../../../src/core/types/index.ts';
import { blockLeaf, vaultKey } from '../../../../src/core/vault/index.ts';
import { GRACE_MS } from '../../../../src/runtime/vault/collect.ts';
import { outcomeOf, readsOf } from '../support.ts';
import { ALL, contentOf, inPieces, openVaults, type VaultFleet, type VaultNode } from './support.ts';

let fleet: VaultFleet | undefined;
afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
});

async function alone(): Promise<VaultNode> {
  fleet = await openVaults([ALL]);
  return fleet.nodes[0] as VaultNode;
}

async function put(node: VaultNode, seed: number, type = ''): Promise<string> {
  return (await node.vault.service.put(inPieces(contentOf(100, seed)), { type })).object.hash;
}

/** Runs a collection while time goes by, which it rests for between pages. */
async function collect(node: VaultNode, dryRun = false) {
  const collecting = node.vault.service.collect({ dryRun });
  await fleet?.clock.advance(1_000);
  return collecting;
}

const later = (ms: number): void => fleet?.clock.stall(ms);

describe('a garbage collection', () => {
  it('waits until the node has looked through its vault, when names may still be missing [U12]', async () => {
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    fleet = await openVaults([ALL], {
      store: (_, inner) => ({
        ...inner,
        async *list() {
          await gate;
          yield* inner.list();
        },
      }),
    });
    const node = fleet.nodes[0] as VaultNode;
    await expect(node.vault.service.collect()).rejects.toMatchObject({ code: 'overloaded' });
    go();
    await fleet.clock.advance(1_000);
    expect(await collect(node)).toMatchObject({ removed: [] });
  });

  it('takes what no entry names a day after it was removed, and nothing else [U12]', async () => {
    const node = await alone();
    const [stays, goes] = [await put(node, 1), await put(node, 2)];
    later(3 * GRACE_MS);
    await node.vault.service.remove(goes);
    expect(await collect(node)).toMatchObject({
      removed: [],
      kept: [{ hash: goes, because: expect.stringContaining('day') }],
    });
    later(GRACE_MS - 60_000);
    expect((await collect(node)).removed).toEqual([]);
    later(120_000);
    expect(await collect(node, true)).toMatchObject({ dryRun: true, removed: [{ hash: goes, size: 100 }], bytes: 100 });
    expect(await node.bytes.stat(goes)).toBeDefined();
    expect(await collect(node)).toMatchObject({ dryRun: false, removed: [{ hash: goes }], kept: [] });
    expect(await node.bytes.stat(goes)).toBeUndefined();
    expect(await node.bytes.stat(stays)).toBeDefined();
    expect(await node.vault.service.stat(stays)).toMatchObject({ here: 'whole' });
  });

  it('takes what an entry with an end named a day after that end [U12, EX2]', async () => {
    const node = await alone();
    const hash = await put(node, 1);
    const { value = null } = (await readsOf(node).get(vaultKey(hash))) ?? {};
    await node.writes.writeReserved([{ op: 'put', key: vaultKey(hash), value, ttl: (3 * GRACE_MS) / 1000 }]);
    later(3 * GRACE_MS + 60_000);
    await node.settled();
    expect(await collect(node)).toMatchObject({
      removed: [],
      kept: [{ hash, because: expect.stringContaining('day') }],
    });
    later(GRACE_MS);
    expect((await collect(node)).removed).toMatchObject([{ hash }]);
  });

  it.each<[string, (hash: string) => JsonValue]>([
    ['a reference', (hash) => ({ $vault: hash })],
    ['a reference deep in a value', (hash) => [{ a: [{ b: { $vault: hash } }] }]],
    ['a text', (hash) => ({ functions: [hash] })],
  ])('keeps what %s of the state names [U4, U12]', async (_, value) => {
    const node = await alone();
    const hash = await put(node, 1);
    await node.writes.write([{ op: 'put', key: 'k', value: value(hash) }]);
    await node.vault.service.remove(hash);
    later(2 * GRACE_MS);
    expect(await collect(node)).toMatchObject({
      removed: [],
      kept: [{ hash, because: expect.stringContaining('names it') }],
    });
    await node.writes.write([{ op: 'delete', key: 'k' }]);
    expect((await collect(node)).removed).toMatchObject([{ hash }]);
  });

  it('keeps what a bundle in the vault names [U12]', async () => {
    const node = await alone();
    const hash = await put(node, 1);
    const text = new TextEncoder().encode(JSON.stringify({ functions: [{ code_hash: hash }] }));
    const bundle = await node.vault.service.put(inPieces(text), {
      type: 'application/vnd.diotec360.bundle+json',
    });
    await node.vault.service.remove(hash);
    later(2 * GRACE_MS);
    expect((await collect(node)).removed).toEqual([]);
    await node.vault.service.remove(bundle.object.hash);
    later(2 * GRACE_MS);
    expect((await collect(node)).removed).toHaveLength(2);
  });

  it('keeps what is named while it runs [U12]', async () => {
    const node = await alone();
    const [first, second] = [await put(node, 1), await put(node, 2)];
    for (const hash of [first, second]) await node.vault.service.remove(hash);
    later(2 * GRACE_MS);
    const collecting = node.vault.service.collect();
    await fleet?.clock.advance(0);
    await node.writes.write([{ op: 'put', key: 'k', value: { $vault: first } }]);
    const putting = put(node, 2);
    await putting;
    await fleet?.clock.advance(1_000);
    expect((await collecting).removed).toEqual([]);
    expect(await node.vault.service.stat(second)).toMatchObject({ here: 'whole' });
  });

  it('runs by itself once an hour, and one at a time [U12]', async () => {
    const node = await alone();
    const hash = await put(node, 1);
    await node.vault.service.remove(hash);
    later(2 * GRACE_MS);
    const first = node.vault.service.collect({ dryRun: true });
    expect(outcomeOf(node.vault.service.collect())).toBeDefined();
    await expect(node.vault.service.collect()).rejects.toMatchObject({ code: 'overloaded' });
    await fleet?.clock.advance(1_000);
    await first;
    later(60 * 60_000);
    await fleet?.clock.advance(2_000);
    expect(await node.bytes.stat(hash)).toBeUndefined();
    expect(node.lines.some(({ message }) => message === 'vault collected')).toBe(true);
  });

  it('takes what was begun and never finished, and that nothing names', async () => {
    const node = await alone();
    const content = contentOf(200_000, 9);
    const partial = await node.bytes.resume('ab'.repeat(32), content.length);
    await partial.write(0, content.slice(0, 65_536), blockLeaf(content.slice(0, 65_536), nodeHasher()));
    await partial.close();
    expect((await collect(node)).removed).toEqual([]);
    later(2 * GRACE_MS);
    expect((await collect(node)).removed).toEqual([{ hash: 'ab'.repeat(32), size: 65_536 }]);
    expect(await node.bytes.partials()).toEqual([]);
  });
});
