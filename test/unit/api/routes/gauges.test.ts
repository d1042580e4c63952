import { beforeAll, expect, test } from 'vitest';
import { METRICS } from '../../../../src/adapters/system/metric-table.ts';
import { createMetrics } from '../../../../src/adapters/system/metrics.ts';
import { gaugesOf, MAX_LABELLED_PEERS } from '../../../../src/api/routes/pages/gauges.ts';
import type { ReadOnlyCode, WarningCode } from '../../../../src/runtime/facade/codes.ts';
import type { NodeStatus, PeerStatus } from '../../../../src/runtime/facade/index.ts';
import { startLattice } from '../live-lattice.ts';
import { parsePage } from './metrics-support.ts';

const NOW = 1_700_000_060_500;
let status: NodeStatus;
beforeAll(async () => {
  status = { ...(await startLattice()).status(), now: NOW, startedAt: NOW - 60_500 };
});

function peer(id: string, more: Partial<PeerStatus> = {}): PeerStatus {
  return {
    peerId: `12D3KooWAAAA${id}`,
    label: id,
    configured: true,
    trusted: true,
    lung: 'p2p',
    p2p: { connected: true },
    http: { reachable: true, streaming: false },
    agreement: 'equal',
    agreementSince: NOW - 10_000,
    refused: { count: 0, reasons: {} },
    ...more,
  };
}

/** `name{label values}` → value. */
function valuesOf(...given: Parameters<typeof gaugesOf>): Map<string, number> {
  return new Map(
    gaugesOf(...given).map(({ name, value, labels = {} }) => [`${name}{${Object.values(labels).join(',')}}`, value]),
  );
}

test('agreement per peer: equal roots are 1 and lag 0, everything else is 0 and lags since agreement was lost [M3]', () => {
  const values = valuesOf(
    status,
    [
      peer('equalpee'),
      peer('diffpeer', { agreement: 'different', lung: 'http' }),
      peer('refpeers', {
        agreement: 'equal-except-refused',
        refused: { count: 3, reasons: { 'untrusted-author': 3 } },
      }),
      { ...peer('neverhrd'), agreement: 'unknown', lung: 'none', agreementSince: undefined } as unknown as PeerStatus,
    ],
    undefined,
  );
  const of = (id: string) => [
    values.get(`lattice_peer_root_equal{${id}}`),
    values.get(`lattice_peer_lag_seconds{${id}}`),
  ];
  expect(of('equalpee')).toEqual([1, 0]);
  expect(of('diffpeer')).toEqual([0, 10]);
  expect(of('refpeers')).toEqual([0, 10]);
  expect(of('neverhrd')).toEqual([0, 60.5]);
  expect(values.get('lattice_peer_refused_items{refpeers}')).toBe(3);
  expect(['p2p', 'http', 'none'].map((lung) => values.get(`lattice_peer_lung{diffpeer,${lung}}`))).toEqual([0, 1, 0]);
  expect(['p2p', 'http', 'none', 'unidentified'].map((state) => values.get(`lattice_peers{${state}}`))).toEqual([
    2, 1, 1, 0,
  ]);
});

test('a URL that has not proven who it is counts as unidentified and has no series of its own', () => {
  const { peerId: _, ...nameless } = peer('x', { agreement: 'unknown', lung: 'none', url: 'http://a.example' });
  const values = valuesOf(status, [nameless], undefined);
  expect(values.get('lattice_peers{unidentified}')).toBe(1);
  expect([...values.keys()].filter((key) => key.startsWith('lattice_peer_'))).toEqual([]);
});

test('only trusted and configured peers have a label value, at most 64; the others are `other`, the worst of them counting [M2]', () => {
  const many = Array.from({ length: MAX_LABELLED_PEERS + 2 }, (_, i) => peer(`peer${String(i).padStart(4, '0')}`));
  const stranger = peer('stranger', {
    configured: false,
    trusted: false,
    agreement: 'different',
    agreementSince: NOW - 30_000,
  });
  const gauges = gaugesOf(status, [stranger, ...many], undefined);
  const labels = new Set(gauges.flatMap(({ labels: l }) => l?.['peer'] ?? []));
  expect(labels.size).toBe(MAX_LABELLED_PEERS + 1);
  expect(labels.has('other')).toBe(true);
  const values = valuesOf(status, [stranger, ...many], undefined);
  expect(values.get('lattice_peer_root_equal{other}')).toBe(0);
  expect(values.get('lattice_peer_lag_seconds{other}')).toBe(30);
  expect(values.get('lattice_peer_root_equal{peer0001}')).toBe(1);
});

test('one state of health, mode and lung holds at a time', () => {
  const values = valuesOf({ ...status, health: 'HTTP_ONLY', mode: 'http' }, [], undefined);
  expect(['OPTIMAL', 'P2P_ONLY', 'HTTP_ONLY', 'ISOLATED'].map((s) => values.get(`lattice_health{${s}}`))).toEqual([
    0, 0, 1, 0,
  ]);
  expect(['auto', 'p2p', 'http'].map((s) => values.get(`lattice_mode{${s}}`))).toEqual([0, 0, 1]);
});

test('cuts, bootstrap and integrity appear where the status has them', () => {
  const values = valuesOf(
    {
      ...status,
      cuts: {
        newest: { at: NOW - 12_000 },
        certified: { at: NOW - 22_000 },
        convergedAsOf: NOW - 22_000,
        disagreeing: [{}],
      },
      bootstrap: { phase: 'verifying', chunks: { done: 8, total: 8 }, verified: { done: 100, total: 1000 } },
      integrity: { checked: 10, total: 30 },
      scrub: { checked: 0, total: 30, completedAt: NOW - 60_000 },
    } as unknown as typeof status,
    [],
    undefined,
  );
  expect(values.get('lattice_cut_age_seconds{}')).toBe(12);
  expect(values.get('lattice_cut_certified_age_seconds{}')).toBe(22);
  expect(values.get('lattice_converged_age_seconds{}')).toBe(22);
  expect(values.get('lattice_cut_disagreeing{}')).toBe(1);
  expect(values.get('lattice_bootstrap_running{}')).toBe(1);
  expect(values.get('lattice_bootstrap_chunks{done}')).toBe(8);
  expect(values.get('lattice_unverified_entries{}')).toBe(900);
  expect(values.get('lattice_integrity_unchecked_entries{}')).toBe(20);
  expect(values.get('lattice_scrub_unchecked_entries{}')).toBe(30);
  expect(values.get('lattice_scrub_age_seconds{}')).toBe(60);
  expect(valuesOf(status, [], undefined).has('lattice_cut_age_seconds{}')).toBe(false);
});

test('trouble with the clock is told from other reasons', () => {
  const text = 'whatever it says of a clock';
  const of = (code: ReadOnlyCode) =>
    valuesOf({ ...status, writable: false, readOnlyReasons: [{ code, text }] }, [], undefined);
  for (const code of ['clock-jump', 'clock-skew', 'clock-ahead'] as const)
    expect([code, of(code).get('lattice_clock_trouble{}')]).toEqual([code, 1]);
  expect(of('disk').get('lattice_clock_trouble{}')).toBe(0);
  expect(of('disk').get('lattice_writable{}')).toBe(0);
  const warned = (code: WarningCode) =>
    valuesOf({ ...status, warnings: [{ code, text }] }, [], undefined).get('lattice_clock_trouble{}');
  expect([warned('clock-skew'), warned('configuration')]).toEqual([1, 0]);
});

test('every gauge fits the table: nothing is dropped on the way to the page', async () => {
  const metrics = createMetrics();
  const resources = {
    disk: { path: '/data', freeBytes: 10, totalBytes: 20, storeBytes: 5 },
    memory: { rss: 1, heapUsed: 1, heapTotal: 1, external: 1, arrayBuffers: 1 },
    eventLoop: { p50Ms: 0.1, p99Ms: 2, maxMs: 30 },
    cpu: { percent: 3 },
    uptimeMs: 1,
    node: 'v20',
    platform: 'linux x64',
  };
  const queues = { writer: 1, door: 2, gossip: 3, httpOutboxBytes: 4 };
  const peers = [peer('aaaaaaaa', { p2p: { connected: true, rttMs: 3 }, clockOffsetMs: -40 })];
  const { series } = parsePage(await metrics.render(gaugesOf({ ...status, queues }, peers, resources)));
  expect(series.find(({ name }) => name === 'lattice_metrics_dropped_total')?.value).toBe(0);
  expect(series.find(({ name }) => name === 'lattice_peer_clock_offset_seconds')?.value).toBe(-0.04);
  expect(
    series
      .filter(({ name }) => name === 'lattice_queue_operations')
      .map(({ labels, value }) => [labels['queue'], value]),
  ).toEqual([
    ['writer', 1],
    ['door', 2],
    ['gossip', 3],
    ['deferred', 0],
  ]);
  expect(METRICS.some(({ name }) => name === 'lattice_event_loop_p99_seconds')).toBe(true);
  expect(series.find(({ name }) => name === 'lattice_event_loop_p99_seconds')?.value).toBe(0.002);
});
