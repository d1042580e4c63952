import { expect, test } from 'vitest';
import { createSeries } from '../../../../src/runtime/watch/series.ts';
import { createHandClock, EPOCH_MS, log, metrics as silent } from '../support.ts';

const standing = () => ({ peers: 2, peersEqual: 1, heard: 1, conflicts: 3 });

test('each step of five seconds has its own sums, and ends at its time [M4]', async () => {
  const clock = createHandClock();
  const series = createSeries({ clock, metrics: silent, log });
  const { metrics } = series;
  series.start(standing);
  metrics.count('lattice_changed_keys_total', {}, 5);
  metrics.count('lattice_writes_total', { outcome: 'durable' });
  metrics.count('lattice_writes_total', { outcome: 'read-only' });
  metrics.count('lattice_gossip_bytes_total', { direction: 'sent' }, 100);
  metrics.count('lattice_gossip_bytes_total', { direction: 'received' }, 50);
  metrics.count('lattice_sync_bytes_total', { lung: 'http', direction: 'sent' }, 7);
  metrics.count('lattice_sync_bytes_total', { lung: 'http', direction: 'received' }, 8);
  metrics.count('lattice_sync_bytes_total', { lung: 'p2p', direction: 'received' }, 1000);
  metrics.count('lattice_repairs_total', { lung: 'p2p', outcome: 'equal' });
  metrics.count('lattice_transitions_total', { from: 'p2p', to: 'http', cause: 'silent' });
  await clock.advance(10_000);
  expect(series.view()).toEqual({
    stepMs: 5000,
    items: [
      {
        at: EPOCH_MS + 5000,
        changes: 5,
        writes: 1,
        gossipBytesIn: 50,
        gossipBytesOut: 100,
        httpBytesIn: 8,
        httpBytesOut: 7,
        repairs: 1,
        transitions: 1,
        peersEqual: 1,
        peers: 2,
        heard: 1,
        conflicts: 3,
      },
      expect.objectContaining({ at: EPOCH_MS + 10_000, changes: 0, writes: 0, gossipBytesIn: 0 }),
    ],
  });
  expect(series.view(EPOCH_MS + 5000).items).toHaveLength(1);
  series.stop();
});

test('it keeps one hour [M4]', async () => {
  const clock = createHandClock();
  const series = createSeries({ clock, metrics: silent, log, machine: { sample: () => ({ loopP99Ms: 3, rss: 99 }) } });
  series.start(standing);
  for (let i = 0; i < 73; i++) await clock.advance(50_000);
  const { items } = series.view();
  expect(items).toHaveLength(720);
  expect(items[0]?.at).toBe(EPOCH_MS + 55_000);
  expect(items.at(-1)).toMatchObject({ at: EPOCH_MS + 3_650_000, loopP99Ms: 3, rss: 99 });
  series.stop();
  await clock.advance(60_000);
  expect(series.view().items.at(-1)?.at).toBe(EPOCH_MS + 3_650_000);
});

test('the latency is the 99th percentile of its step, within 10 %', async () => {
  const clock = createHandClock();
  const series = createSeries({ clock, metrics: silent, log });
  series.start(standing);
  for (let ms = 1; ms <= 1000; ms++) series.metrics.observe('lattice_replication_seconds', ms / 1000);
  series.metrics.observe('lattice_verify_seconds', 50);
  await clock.advance(5000);
  series.metrics.observe('lattice_replication_seconds', -0.2);
  await clock.advance(5000);
  await clock.advance(5000);
  const [first, second, third] = series.view().items;
  expect(first?.latencyP99Ms).toBeGreaterThanOrEqual(990);
  expect(first?.latencyP99Ms).toBeLessThan(990 * 1.11);
  expect(second?.latencyP99Ms).toBeCloseTo(0.1);
  expect(third).not.toHaveProperty('latencyP99Ms');
  series.stop();
});

test('what is counted goes on to the metrics, with its labels', () => {
  const seen: unknown[] = [];
  const { metrics } = createSeries({
    clock: createHandClock(),
    log,
    metrics: { count: (...a) => seen.push(a), gauge: (...a) => seen.push(a), observe: (...a) => seen.push(a) },
  });
  metrics.count('a_total');
  metrics.count('b_total', { x: '1' }, 3);
  metrics.gauge('c', 4, { y: '2' });
  metrics.observe('d_seconds', 0.5);
  expect(seen).toEqual([
    ['a_total', {}, 1],
    ['b_total', { x: '1' }, 3],
    ['c', 4, { y: '2' }],
    ['d_seconds', 0.5, undefined],
  ]);
});
