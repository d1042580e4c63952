import { beforeAll, expect, test } from 'vitest';
import { METRICS } from '../../../../src/adapters/system/metric-table.ts';
import { createMetrics } from '../../../../src/adapters/system/metrics.ts';
import { gaugesOf } from '../../../../src/api/routes/pages/gauges.ts';
import { MAX_LABELLED_PEERS } from '../../../../src/api/routes/pages/peer-gauges.ts';
import { READ_ONLY_CODES, type ReadOnlyCode, type WarningCode } from '../../../../src/runtime/facade/codes.ts';
import {
  MEMBER_AGREEMENTS,
  type MemberView,
  type NodeStatus,
  type PeerStatus,
  VERDICT_KINDS,
} from '../../../../src/runtime/facade/index.ts';
import { startLattice } from '../live-lattice.ts';
import { parsePage } from './metrics-support.ts';

const LUNGS = ['p2p', 'http', 'none'] as const;
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

/** A member that is heard and equal, if nothing else is said. */
function member(id: string, more: Partial<MemberView> = {}): MemberView {
  return {
    author: id,
    peerId: `12D3KooWAAAA${id}`,
    label: `name-${id}`,
    lung: 'p2p',
    agreement: 'equal',
    asOf: NOW - 500,
    lastHeardAt: NOW - 500,
    ...more,
  };
}

const withMembers = (...members: readonly MemberView[]): NodeStatus => ({
  ...status,
  verdict: { ...status.verdict, members },
});

/** `name{label values}` → value. */
function valuesOf(...given: Parameters<typeof gaugesOf>): Map<string, number> {
  return new Map(
    gaugesOf(...given).map(({ name, value, labels = {} }) => [`${name}{${Object.values(labels).join(',')}}`, value]),
  );
}

test('agreement per node is that of the verdict: only one that is heard and equal is 1 and without lag [M3]', () => {
  const values = valuesOf(
    withMembers(
      member('equalpee'),
      member('trailing', { agreement: 'equal-as-of', asOf: NOW - 2_000 }),
      member('diffpeer', { agreement: 'differs', lung: 'http', asOf: NOW - 10_000, differing: 7 }),
      // Frozen or dead: its last head had our root, which says nothing of the present.
      member('silentpe', { agreement: 'not-heard', lung: 'none', asOf: NOW - 40_000, lastHeardAt: NOW - 39_000 }),
      { label: 'neverhrd', peerId: '12D3KooWAAAAneverhrd', lung: 'none', agreement: 'never-heard' },
    ),
    [peer('silentpe', { agreement: 'equal' })],
    undefined,
  );
  const of = (id: string, name = `name-${id}`) =>
    ['root_equal', 'lag_seconds', 'heard_age_seconds'].map((what) => values.get(`lattice_peer_${what}{${id},${name}}`));
  expect(of('equalpee')).toEqual([1, 0, 0.5]);
  expect(of('trailing')).toEqual([0, 2, 0.5]);
  expect(of('diffpeer')).toEqual([0, 10, 0.5]);
  expect(of('silentpe')).toEqual([0, 40, 39]);
  expect(of('neverhrd', 'neverhrd')).toEqual([0, 60.5, 60.5]);
  const agreement = (id: string): (number | undefined)[] =>
    MEMBER_AGREEMENTS.map((one) => values.get(`lattice_peer_agreement{${id},name-${id},${one}}`));
  expect(agreement('equalpee')).toEqual([1, 0, 0, 0, 0]);
  expect(agreement('silentpe')).toEqual([0, 0, 0, 1, 0]);
  expect(values.get('lattice_peer_differing_keys{diffpeer,name-diffpeer}')).toBe(7);
  expect(LUNGS.map((lung) => values.get(`lattice_peer_lung{diffpeer,name-diffpeer,${lung}}`))).toEqual([0, 1, 0]);
  expect(LUNGS.map((lung) => values.get(`lattice_peer_lung{silentpe,name-silentpe,${lung}}`))).toEqual([0, 0, 1]);
});

test('what the lungs know of a peer stands under the name that the verdict has for it', () => {
  const values = valuesOf(
    withMembers(member('equalpee', { label: 'oslo' })),
    [
      peer('equalpee', {
        label: 'not this one',
        p2p: { connected: true, rttMs: 20 },
        clockOffsetMs: -1500,
        refused: { count: 3, reasons: { 'untrusted-author': 3 } },
      }),
      peer('diffpeer', { lung: 'http' }),
      peer('nolungpe', { lung: 'none' }),
    ],
    undefined,
  );
  expect(values.get('lattice_peer_rtt_seconds{equalpee,oslo}')).toBe(0.02);
  expect(values.get('lattice_peer_clock_offset_seconds{equalpee,oslo}')).toBe(-1.5);
  expect(values.get('lattice_peer_refused_items{equalpee,oslo}')).toBe(3);
  expect(['p2p', 'http', 'none', 'unidentified'].map((state) => values.get(`lattice_peers{${state}}`))).toEqual([
    1, 1, 1, 0,
  ]);
});

test('a node that tells that it refuses writes is there with its first reason; one that is not known is `other` [M3]', () => {
  const values = valuesOf(
    withMembers(
      member('fullpeer', { readOnly: ['disk', 'clone'] }),
      member('mirrored', { readOnly: ['mirror', 'disk'] }),
      member('laterone', { readOnly: ['a-reason-of-a-later-version'] }),
      member('writable'),
    ),
    [],
    undefined,
  );
  expect([...values].filter(([key]) => key.startsWith('lattice_peer_read_only'))).toEqual([
    ['lattice_peer_read_only{fullpeer,name-fullpeer,disk}', 1],
    ['lattice_peer_read_only{mirrored,name-mirrored,disk}', 1],
    ['lattice_peer_read_only{laterone,name-laterone,other}', 1],
  ]);
});

test('a URL that has not proven who it is counts as unidentified, and is a node where the verdict expects one', () => {
  const { peerId: _, ...nameless } = peer('x', { agreement: 'unknown', lung: 'none', url: 'http://a.example' });
  const unexpected = valuesOf(withMembers(), [nameless], undefined);
  expect(unexpected.get('lattice_peers{unidentified}')).toBe(1);
  expect([...unexpected.keys()].filter((key) => key.startsWith('lattice_peer_'))).toEqual([]);
  const expected = valuesOf(
    withMembers({ label: 'http://a.example', lung: 'none', agreement: 'never-heard' }),
    [nameless],
    undefined,
  );
  expect(expected.get('lattice_peer_agreement{unidentified,http://a.example,never-heard}')).toBe(1);
});

test('at most 64 nodes have labels of their own; the others are `other`, and the worst of them counts [M2]', () => {
  const named = Array.from({ length: MAX_LABELLED_PEERS }, (_, i) => member(`peer${String(i).padStart(4, '0')}`));
  const beyond = [
    member('beyond01', { agreement: 'not-heard', lung: 'none', asOf: NOW - 30_000 }),
    member('beyond02', { readOnly: ['disk'] }),
  ];
  const stranger = peer('stranger', { configured: false, trusted: false, clockOffsetMs: 9_000 });
  const given = [withMembers(...named, ...beyond), [stranger], undefined] as const;
  const labels = new Set(gaugesOf(...given).flatMap(({ labels: l }) => l?.['peer'] ?? []));
  expect(labels.size).toBe(MAX_LABELLED_PEERS + 1);
  expect(labels.has('other')).toBe(true);
  const values = valuesOf(...given);
  expect(values.get('lattice_peer_root_equal{other,other}')).toBe(0);
  expect(values.get('lattice_peer_lag_seconds{other,other}')).toBe(30);
  expect(values.get('lattice_peer_agreement{other,other,equal}')).toBe(1);
  expect(values.get('lattice_peer_agreement{other,other,not-heard}')).toBe(1);
  expect(values.get('lattice_peer_read_only{other,other,disk}')).toBe(1);
  expect(values.get('lattice_peer_clock_offset_seconds{other,other}')).toBe(9);
  expect(values.get('lattice_peer_root_equal{peer0001,name-peer0001}')).toBe(1);
});

test('one verdict and the reasons for refusing writes hold at a time', () => {
  const verdict = { ...status.verdict, kind: 'READ_ONLY' } as const;
  const readOnlyReasons = [{ code: 'disk', text: 'full' }] as const;
  const values = valuesOf({ ...status, verdict, readOnlyReasons }, [], undefined);
  expect(VERDICT_KINDS.filter((kind) => values.get(`lattice_verdict{${kind}}`) === 1)).toEqual(['READ_ONLY']);
  expect(READ_ONLY_CODES.map((code) => values.get(`lattice_read_only{${code}}`))).toEqual(
    READ_ONLY_CODES.map((code) => (code === 'disk' ? 1 : 0)),
  );
});

test('each warning is counted under its code, and the others are 0 [J6]', () => {
  const warnings = [
    { code: 'set-aside', text: 'a' },
    { code: 'behind', text: 'b' },
    { code: 'behind', text: 'c' },
  ] as const;
  const values = valuesOf({ ...status, warnings }, [], undefined);
  const found = [...values].filter(([key, value]) => key.startsWith('lattice_warnings') && value > 0);
  expect(found).toEqual([
    ['lattice_warnings{behind}', 2],
    ['lattice_warnings{set-aside}', 1],
  ]);
  expect(values.get('lattice_warnings{two-rosters}')).toBe(0);
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
  const without = valuesOf({ ...status, cuts: { disagreeing: [] } }, [], undefined);
  expect(without.has('lattice_cut_age_seconds{}')).toBe(false);
  // A fleet that has never certified a cut has waited for one since the start.
  expect(without.get('lattice_cut_certified_age_seconds{}')).toBe(60.5);
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
