import { expect, test } from 'vitest';
import { LatticeError } from '../../../../src/core/types/index.ts';
import type { Metrics } from '../../../../src/ports/index.ts';
import type { NodeDeps } from '../../../../src/runtime/facade/options.ts';
import { measured, measuredWrites } from '../../../../src/runtime/watch/measured.ts';
import { createHandClock } from '../support.ts';

function recorder() {
  const counted = new Map<string, number>();
  const observed: [string, number][] = [];
  const metrics: Metrics = {
    count(name, labels = {}, by = 1) {
      const id = `${name}{${Object.values(labels).join(',')}}`;
      counted.set(id, (counted.get(id) ?? 0) + by);
    },
    gauge: () => undefined,
    observe: (name, seconds) => void observed.push([name, seconds]),
  };
  return { metrics, counted, observed };
}

test('writes are counted by how they ended, with a bounded set of outcomes [M2]', async () => {
  const { metrics, counted, observed } = recorder();
  const clock = createHandClock();
  const codes = [
    undefined,
    'precondition-failed',
    'not-found',
    'read-only',
    'disk-full',
    'overloaded',
    'invalid-key',
    'invalid-value',
    'internal',
  ] as const;
  for (const code of codes) {
    const write = measuredWrites(
      async () => {
        await clock.advance(250);
        if (code !== undefined) throw new LatticeError(code, 'no');
        return { commit: 'c', hlc: 'h', results: [] };
      },
      metrics,
      clock,
    );
    await write([]).catch((error: unknown) => expect(error).toMatchObject({ code }));
  }
  await measuredWrites(() => Promise.reject(new Error('a bug')), metrics, clock)([]).catch(() => undefined);
  expect(Object.fromEntries(counted)).toEqual({
    'lattice_writes_total{durable}': 1,
    'lattice_writes_total{precondition-failed}': 1,
    'lattice_writes_total{not-found}': 1,
    'lattice_writes_total{read-only}': 1,
    'lattice_writes_total{disk-full}': 1,
    'lattice_writes_total{overloaded}': 1,
    'lattice_writes_total{invalid}': 2,
    'lattice_writes_total{failed}': 2,
  });
  expect(observed).toEqual([['lattice_write_seconds', 0.25]]);
});

test('ports do what they did, their bytes and times counted', async () => {
  const { metrics, counted, observed } = recorder();
  const clock = createHandClock();
  const bytes = (n: number) => new Uint8Array(n);
  const verdicts: string[] = [];
  const port = {
    clock,
    store: { batch: () => clock.advance(10), get: async () => bytes(1) },
    verifier: { verify: async () => false },
    http: {
      request: async () => bytes(30),
      stream: (_url: string, _options: unknown, onFrame: (frame: Uint8Array) => Promise<void>) => onFrame(bytes(7)),
      identify: async () => 'someone',
    },
    p2p: {
      publish: async () => 3,
      request: async () => bytes(50),
      connections: () => ['a connection'],
      async start(handlers: {
        onGossip(d: Uint8Array): Promise<string>;
        onRequest(p: undefined, m: Uint8Array): Promise<Uint8Array>;
      }) {
        verdicts.push(await handlers.onGossip(bytes(11)));
        verdicts.push(String((await handlers.onRequest(undefined, bytes(13))).length));
      },
    },
  } as unknown as NodeDeps;
  const { store, verifier, http, p2p } = measured(port, metrics);

  await store.batch([]);
  expect(await store.get(bytes(0))).toEqual(bytes(1));
  expect(await verifier.verify('a' as never, bytes(0), bytes(0))).toBe(false);
  expect((await http.request('u', bytes(20), { timeoutMs: 1 })).length).toBe(30);
  await http.stream('u', {} as never, async () => undefined);
  expect(await http.identify('u', { timeoutMs: 1 })).toBe('someone');
  expect(await p2p?.publish(bytes(100))).toBe(3);
  expect((await p2p?.request('a' as never, bytes(40), { timeoutMs: 1 }))?.length).toBe(50);
  expect(p2p?.connections()).toEqual(['a connection']);
  await p2p?.start(
    { onGossip: async () => 'ignore', onRequest: async () => bytes(17) } as never,
    new AbortController().signal,
  );

  expect(verdicts).toEqual(['ignore', '17']);
  expect(observed).toEqual([
    ['lattice_store_batch_seconds', 0.01],
    ['lattice_verify_seconds', 0],
  ]);
  expect(Object.fromEntries(counted)).toEqual({
    'lattice_sync_bytes_total{http,sent}': 20,
    'lattice_sync_bytes_total{http,received}': 37,
    'lattice_gossip_bytes_total{sent}': 300,
    'lattice_gossip_bytes_total{received}': 11,
    'lattice_sync_bytes_total{p2p,sent}': 57,
    'lattice_sync_bytes_total{p2p,received}': 63,
  });
});
