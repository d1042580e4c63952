import { afterEach, describe, expect, it } from 'vitest';
import { createClient } from '../../../../../src/client/index.ts';
import { type LiveNode, startLiveNode } from '../../live-node.ts';
import { ask, json, TOKEN } from '../../support.ts';

let node: LiveNode | undefined;
afterEach(async () => {
  await node?.end();
  node = undefined;
});
const start = async (): Promise<LiveNode> => (node = await startLiveNode());
const retry = (value: unknown, key: string) => json(value, { 'idempotency-key': key });

describe('Idempotency-Key', () => {
  it('the same request is written once and answered alike, and says so [A22]', async () => {
    const { url, lattice } = await start();
    const first = await ask(url, '/api/v1/state/a', retry({ n: 1 }, 'k1'));
    const { sequence } = lattice.root();
    const again = await ask(url, '/api/v1/state/a', retry('{ "n":  1 }', 'k1'));
    expect([first.status, first.headers['idempotent-replayed']]).toEqual([201, undefined]);
    expect([again.status, again.headers['idempotent-replayed'], again.text]).toEqual([201, 'true', first.text]);
    expect(again.headers.etag).toBe(first.headers.etag);
    expect(lattice.root().sequence).toBe(sequence);
  });

  it('another request under the same key is 422, and writes nothing [A22]', async () => {
    const { url, lattice } = await start();
    await ask(url, '/api/v1/state/a', retry(1, 'k1'));
    for (const [path, value] of [
      ['/api/v1/state/a', 2],
      ['/api/v1/state/b', 1],
    ] as const) {
      const answer = await ask(url, path, retry(value, 'k1'));
      expect([answer.status, answer.json()['code']]).toEqual([422, 'idempotency-mismatch']);
    }
    expect((await lattice.get('a'))?.value).toBe(1);
    expect(await lattice.get('b')).toBeUndefined();
  });

  it('those that come at the same time join the first [A22]', async () => {
    const { url, lattice } = await start();
    const operations = Array.from({ length: 3 }, (_, i) => ({ op: 'put', key: `c${i}`, value: i }));
    const post = { ...retry({ operations }, 'same'), method: 'POST' };
    const before = lattice.root().sequence;
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(url, '/api/v1/commits', post)));
    expect(new Set(answers.map((a) => a.text)).size).toBe(1);
    expect(answers.filter((a) => a.headers['idempotent-replayed'] === undefined)).toHaveLength(1);
    expect(lattice.root().sequence).toBe(before + 1);
  });

  it('is remembered across a restart, with the write itself: a delete too, and a write whose condition has failed since [A22]', async () => {
    const first = await start();
    const before = createClient({ url: first.url, token: TOKEN });
    const { version } = await before.putEntry('a', 1);
    const changed = await before.putEntry('a', 2, { ifMatch: version, idempotencyKey: 'put' });
    await before.deleteEntry('a', { ifMatch: changed.version, idempotencyKey: 'delete' });
    node = await first.restart();
    const after = createClient({ url: node.url, token: TOKEN });
    expect(await after.putEntry('a', 2, { ifMatch: version, idempotencyKey: 'put' })).toEqual(changed);
    await after.deleteEntry('a', { ifMatch: changed.version, idempotencyKey: 'delete' });
    expect(await after.getEntry('a')).toBeUndefined();
    await expect(after.putEntry('a', 3, { idempotencyKey: 'put' })).rejects.toMatchObject({ status: 422 });
  });

  it('a write that failed is not kept: tried again it may succeed [A22]', async () => {
    const { url } = await start();
    const client = createClient({ url, token: TOKEN });
    await expect(client.deleteEntry('a', { idempotencyKey: 'k' })).rejects.toMatchObject({ status: 404 });
    await client.putEntry('a', 1);
    await client.deleteEntry('a', { idempotencyKey: 'k' });
    expect(await client.getEntry('a')).toBeUndefined();
  });

  it.each(['', 'two words', 'é', 'x'.repeat(129)])('%j is no key [A15, A22]', async (key) => {
    const { url } = await start();
    const answer = await ask(url, '/api/v1/state/a', retry(1, Buffer.from(key).toString('latin1')));
    expect([answer.status, answer.json()['code']]).toEqual([400, 'invalid-header']);
  });
});
