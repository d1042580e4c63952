import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../../../../src/client/index.ts';
import { eventually } from '../../../../support/wait.ts';
import { type Answer, ask } from '../../support.ts';
import { type LiveNode, startPair } from '../metrics-support.ts';

let pair: Awaited<ReturnType<typeof startPair>>;
let first: LiveNode;
let second: LiveNode;
beforeAll(async () => {
  pair = await startPair();
  [first, second] = pair.nodes;
  // Of the pair only the second knows the first by its URL, and a question needs a way there.
  await first.node.lattice.addPeer({ url: second.url });
});
afterAll(async () => {
  await pair?.stop();
});

const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  ask(first.url, path, {
    method,
    headers: {
      authorization: `Bearer ${first.token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

describe('a write over the API that waits for other writers', () => {
  it('is answered when they have signed that it is durable there, whatever it writes [RC1, RC2]', async () => {
    const { label } = first.node.lattice.peers()[0] ?? expect.fail();
    const signed = [{ author: second.node.lattice.status().author, label }];
    const wait = 'replicas=1&timeout=30s';
    const put = await send('PUT', `/api/v1/state/waited?${wait}`, 1);
    expect(put.status).toBe(201);
    expect(put.json()['receipt']).toMatchObject({ met: true, replicas: { wanted: 1, signed, missing: [] } });
    expect((await second.node.lattice.get('waited'))?.value).toBe(1);
    const form = await send('PUT', `/api/v1/state?key=waited&${wait}`, 2);
    expect([form.status, (form.json()['receipt'] as { met: boolean }).met]).toEqual([200, true]);
    const operations = [
      { op: 'put', key: 'a', value: 1 },
      { op: 'put', key: 'b', value: 2 },
    ];
    const commit = await send('POST', `/api/v1/commits?${wait}`, { operations });
    expect([commit.status, (commit.json()['receipt'] as { met: boolean }).met]).toEqual([201, true]);
    const removed = await send('DELETE', `/api/v1/state/waited?${wait}`);
    expect([removed.status, removed.json()]).toMatchObject([200, { receipt: { met: true, replicas: { signed } } }]);
    expect(await second.node.lattice.get('waited')).toBeUndefined();
    expect((await send('DELETE', '/api/v1/state/a')).status).toBe(204);
    const client = createClient(first);
    const waits = { replicas: 1, receiptMs: 30_000 };
    expect((await client.putEntry('by/client', 1, waits)).receipt?.met).toBe(true);
    expect((await client.deleteEntry('by/client', waits))?.met).toBe(true);
    expect(await client.deleteEntry('b')).toBeUndefined();
    const { receipt } = await first.node.lattice.write([{ op: 'put', key: 'by/program', value: 1 }], {
      receipt: { replicas: 1, timeoutMs: 30_000 },
    });
    expect(receipt).toMatchObject({ met: true, replicas: { signed } });
  });

  it('is refused before it is written where there are fewer other writers, and for a wrong form [RC1]', async () => {
    const many = await send('PUT', '/api/v1/state/never?replicas=2', 1);
    expect([many.status, many.json()['code']]).toEqual([422, 'too-many-replicas']);
    for (const query of ['replicas=0', 'replicas=1&timeout=5', 'replicas=1&timeout=61s', 'timeout=5s', 'complete=yes'])
      expect([query, (await send('PUT', `/api/v1/state/never?${query}`, 1)).status]).toEqual([query, 400]);
    expect(await first.node.lattice.get('never')).toBeUndefined();
  });

  it('is written once under an idempotency key, and each request waits anew [RC4]', async () => {
    const once = { 'idempotency-key': 'receipt-1' };
    const plain = await send('PUT', '/api/v1/state/once', 1, once);
    const waited = await send('PUT', '/api/v1/state/once?replicas=1&timeout=30s', 1, once);
    expect(waited.headers['idempotent-replayed']).toBe('true');
    expect(waited.json()).toMatchObject({ commit: plain.json()['commit'], receipt: { met: true } });
  });

  it('is answered 202 with how many and who when the others are away, and stands [RC1]', async () => {
    await second.node.stop();
    const late = await send('PUT', '/api/v1/state/alone?replicas=1&timeout=300ms', 1);
    expect(late.status).toBe(202);
    expect(late.json()['receipt']).toMatchObject({ met: false, replicas: { wanted: 1, signed: [] } });
    expect(late.headers['etag']).toMatch(/^"/);
    expect((await first.node.lattice.get('alone'))?.value).toBe(1);
    const removed = await send('DELETE', '/api/v1/state/alone?replicas=1&timeout=300ms');
    expect([removed.status, removed.json()]).toMatchObject([202, { receipt: { met: false } }]);
    await eventually('it shows in the metrics', async () =>
      (await ask(first.url, '/metrics')).text.includes('lattice_receipts_total{outcome="late"} 2'),
    );
  });

  it('is answered with what has come when the node stops meanwhile [RC1]', async () => {
    const waiting = send('PUT', '/api/v1/state/stopping?replicas=1&timeout=60s', 1);
    await eventually(
      'it is written',
      async () => (await first.node.lattice.get('stopping').catch(() => undefined)) !== undefined,
    );
    const [answer] = await Promise.all([waiting, first.node.stop()]);
    expect([answer.status, answer.json()['receipt']]).toMatchObject([202, { met: false }]);
  });
});
