import { afterEach, describe, expect, it } from 'vitest';
import { createClient, type History, type LatticeClient } from '../../../../../src/client/index.ts';
import { type LiveNode, startLiveNode } from '../../live-node.ts';
import { ask, TOKEN } from '../../support.ts';

let node: LiveNode | undefined;
afterEach(async () => {
  await node?.end();
  node = undefined;
});
async function start(): Promise<{ client: LatticeClient; url: string }> {
  node = await startLiveNode();
  return { client: createClient({ url: node.url, token: TOKEN }), url: node.url };
}

describe('history', () => {
  it('is newest first, with author, time and sequence; the value only where it is still held [A23]', async () => {
    const { client } = await start();
    const versions: string[] = [];
    for (const value of ['one', 'two', 'three']) {
      versions.unshift((await client.putEntry('a', value)).version);
      await client.putEntry('other a', value);
    }
    const { items, complete, cursor } = await client.getHistory('a');
    expect(items.map((i) => i.version)).toEqual(versions);
    expect(items.map((i) => i.value)).toEqual(['three', undefined, undefined]);
    expect(items.map((i) => i.current)).toEqual([true, false, false]);
    expect([complete, cursor]).toEqual([true, undefined]);
    const { author } = await client.getStatus();
    for (const item of items) {
      expect(item.author).toBe(author);
      expect(item.hlc).toMatch(/^[0-9a-f]{16}$/);
      expect(Math.abs((item.at ?? 0) - Date.now())).toBeLessThan(60_000);
    }
    const sequences = items.map((i) => i.sequence ?? 0);
    expect(sequences).toEqual([...sequences].sort((x, y) => y - x));
  });

  it('shows deletes, and what stood before them [A23]', async () => {
    const { client } = await start();
    await client.putEntry('a', 1);
    await client.deleteEntry('a');
    const { items } = await client.getHistory('a');
    expect(items.map((i) => [i.deleted, i.current, i.value])).toEqual([
      [true, true, undefined],
      [false, false, undefined],
    ]);
  });

  it('comes in pages that miss and repeat nothing [A23]', async () => {
    const { client } = await start();
    const versions: string[] = [];
    for (let i = 0; i < 25; i++) versions.unshift((await client.putEntry('a', i)).version);
    const found: string[] = [];
    let page: History | undefined;
    let pages = 0;
    do {
      page = await client.getHistory('a', { limit: 4, ...(page?.cursor === undefined ? {} : { cursor: page.cursor }) });
      found.push(...page.items.map((i) => i.version));
      pages++;
      expect(page.items.length).toBeLessThanOrEqual(4);
      expect(page.complete).toBe(page.cursor === undefined);
    } while (page.cursor !== undefined && pages < 50);
    expect(found).toEqual(versions);
  });

  it('of a key that was never written is empty and complete; a foreign cursor is 400 [A23]', async () => {
    const { client, url } = await start();
    expect(await client.getHistory('never')).toEqual({ key: 'never', items: [], complete: true });
    await client.putEntry('a', 1);
    expect((await ask(url, '/api/v1/history/a?cursor=nonsense')).json()['code']).toBe('invalid-cursor');
  });
});
