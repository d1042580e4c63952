import { expect, test } from 'vitest';
import { MAX_SERIES, memoryMetrics } from '../../../src/adapters/system/metrics.ts';

test('counters add up and gauges keep the last value, per name and labels', () => {
  const metrics = memoryMetrics();
  metrics.count('frames_total');
  metrics.count('frames_total', {}, 4);
  metrics.count('frames_total', { lung: 'p2p', kind: 'head' });
  metrics.count('frames_total', { kind: 'head', lung: 'p2p' }, 2);
  metrics.gauge('queue_length', 7);
  metrics.gauge('queue_length', 3);
  expect(metrics.snapshot()).toEqual({
    series: [
      { kind: 'counter', name: 'frames_total', labels: { kind: 'head', lung: 'p2p' }, value: 3 },
      { kind: 'counter', name: 'frames_total', labels: {}, value: 5 },
      { kind: 'gauge', name: 'queue_length', labels: {}, value: 3 },
    ],
    overflow: 0,
  });
});

test('labels that look alike when joined stay apart', () => {
  const metrics = memoryMetrics();
  metrics.count('x', { a: 'b","c', d: '' });
  metrics.count('x', { a: 'b', c: 'd' });
  expect(metrics.snapshot().series).toHaveLength(2);
});

test('a snapshot does not change afterwards', () => {
  const metrics = memoryMetrics();
  metrics.count('x');
  const before = metrics.snapshot();
  metrics.count('x');
  expect(before.series[0]?.value).toBe(1);
});

test('beyond the bound new series are counted as overflow; held ones go on', () => {
  const metrics = memoryMetrics();
  for (let i = 0; i < MAX_SERIES + 10; i++) metrics.count('x', { i: String(i) });
  metrics.gauge('y', 1);
  metrics.count('x', { i: '0' });
  const { series, overflow } = metrics.snapshot();
  expect(series).toHaveLength(MAX_SERIES);
  expect(overflow).toBe(11);
  expect(series.find(({ labels }) => labels['i'] === '0')?.value).toBe(2);
});
