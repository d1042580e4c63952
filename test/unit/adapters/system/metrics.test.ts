import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { METRICS, type MetricDefinition } from '../../../../src/adapters/system/metric-table.ts';
import { createMetrics, MAX_SERIES } from '../../../../src/adapters/system/metrics.ts';

const TABLE: readonly MetricDefinition[] = [
  { name: 'frames_total', kind: 'counter', help: 'Frames.', labels: ['kind', 'lung'] },
  { name: 'starts_total', kind: 'counter', help: 'Starts.' },
  { name: 'queue_length', kind: 'gauge', help: 'Queue.' },
  { name: 'lag_seconds', kind: 'gauge', help: 'Lag.', labels: ['peer'] },
  { name: 'work_seconds', kind: 'histogram', help: 'Work.', buckets: [0.1, 1] },
];

async function linesOf(metrics: ReturnType<typeof createMetrics>, samples: Parameters<typeof metrics.render>[0] = []) {
  return (await metrics.render(samples)).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}
const starting = (lines: readonly string[], ...starts: string[]): string[] =>
  lines.filter((line) => starts.some((start) => line.startsWith(start)));

test('counters add up and gauges keep the last value, per name and labels', async () => {
  const metrics = createMetrics(TABLE);
  metrics.count('frames_total', { lung: 'p2p', kind: 'head' });
  metrics.count('frames_total', { kind: 'head', lung: 'p2p' }, 2);
  metrics.count('frames_total', { kind: 'commits', lung: 'p2p' });
  metrics.gauge('queue_length', 7);
  metrics.gauge('queue_length', 3);
  const lines = await linesOf(metrics);
  expect(starting(lines, 'frames_total', 'queue_length', 'lattice_metrics_dropped_total')).toEqual([
    'frames_total{lung="p2p",kind="head"} 3',
    'frames_total{kind="commits",lung="p2p"} 1',
    'queue_length 3',
    'lattice_metrics_dropped_total 0',
  ]);
});

test('a counter without labels is 0 before its first event; a gauge that nobody set is absent', async () => {
  const lines = await linesOf(createMetrics(TABLE));
  expect(starting(lines, 'starts_total', 'queue_length')).toEqual(['starts_total 0']);
});

test('a histogram counts by its bounds, and sums', async () => {
  const metrics = createMetrics(TABLE);
  for (const seconds of [0.05, 0.5, 0.5, 5, -1]) metrics.observe('work_seconds', seconds);
  expect(starting(await linesOf(metrics), 'work_seconds')).toEqual([
    'work_seconds_bucket{le="0.1"} 2',
    'work_seconds_bucket{le="1"} 4',
    'work_seconds_bucket{le="+Inf"} 5',
    'work_seconds_sum 6.05',
    'work_seconds_count 5',
  ]);
});

test('a sampled series is gone when the next samples leave it out', async () => {
  const metrics = createMetrics(TABLE);
  const lag = (peer: string, value: number) => ({ name: 'lag_seconds', value, labels: { peer } });
  expect(starting(await linesOf(metrics, [lag('a', 1), lag('b', 2)]), 'lag_')).toEqual([
    'lag_seconds{peer="a"} 1',
    'lag_seconds{peer="b"} 2',
  ]);
  expect(starting(await linesOf(metrics, [lag('b', 3)]), 'lag_')).toEqual(['lag_seconds{peer="b"} 3']);
  expect(starting(await linesOf(metrics), 'lag_')).toEqual([]);
});

test('what is not in the table, has other labels or is no number is not kept, and is counted', async () => {
  const metrics = createMetrics(TABLE);
  metrics.count('unheard_of_total');
  metrics.count('frames_total', { kind: 'head' });
  metrics.count('frames_total', { kind: 'head', lung: 'p2p', peer: 'x' });
  metrics.count('starts_total', {}, Number.NaN);
  metrics.gauge('queue_length', Number.POSITIVE_INFINITY);
  metrics.observe('work_seconds', Number.NaN);
  const lines = await linesOf(metrics);
  expect(starting(lines, 'frames', 'unheard', 'starts', 'queue', 'work_seconds_count', 'lattice_metrics')).toEqual([
    'starts_total 0',
    'work_seconds_count 0',
    'lattice_metrics_dropped_total 6',
  ]);
});

test('beyond the bound new series are dropped and counted; held ones go on', async () => {
  const metrics = createMetrics(TABLE);
  for (let i = 0; i < MAX_SERIES + 10; i++) metrics.count('frames_total', { kind: String(i), lung: 'p2p' });
  metrics.count('frames_total', { kind: '0', lung: 'p2p' });
  const lines = await linesOf(metrics);
  expect(starting(lines, 'frames_total')).toHaveLength(MAX_SERIES);
  expect(lines).toContain('frames_total{kind="0",lung="p2p"} 2');
  expect(lines).toContain('lattice_metrics_dropped_total 10');
});

test('a label value is written so that a reader gets it back', async () => {
  const metrics = createMetrics(TABLE);
  metrics.count('frames_total', { kind: 'a"b\\c\nd', lung: 'p2p' });
  expect(starting(await linesOf(metrics), 'frames_total')).toEqual([
    'frames_total{kind="a\\"b\\\\c\\nd",lung="p2p"} 1',
  ]);
});

test('the process is there too, once for two nodes in it', async () => {
  createMetrics(TABLE);
  const lines = await linesOf(createMetrics(TABLE));
  for (const name of [
    'process_cpu_seconds_total ',
    'process_resident_memory_bytes ',
    'nodejs_eventloop_lag_p99_seconds ',
  ]) {
    expect(starting(lines, name)).toHaveLength(1);
  }
});

test('names of the table follow the conventions: prefix, unit, _total for counters, help and known labels [M2]', () => {
  expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length);
  for (const { name, kind, help } of METRICS) {
    expect(name).toMatch(/^lattice_[a-z0-9_]+$/);
    expect(name.endsWith('_total'), name).toBe(kind === 'counter');
    if (kind === 'histogram') expect(name).toMatch(/_seconds$/);
    expect(help).toMatch(/^\S.*\.$/);
  }
});

test('every metric that the code names is in the table, and no other', () => {
  const source = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('metric-table.ts'))
    .map((path) => readFileSync(`src/${path}`, 'utf8'))
    .join('\n');
  const named = new Set(Array.from(source.matchAll(/'(lattice_[a-z0-9_]+)'/g), (match) => match[1] as string));
  named.delete('lattice_metrics_dropped_total');
  expect([...named].sort()).toEqual(METRICS.map(({ name }) => name).sort());
});
