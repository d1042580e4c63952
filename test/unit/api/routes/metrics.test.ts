import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog, createLogRing } from '../../../../src/adapters/system/index.ts';
import { createApi } from '../../../../src/api/index.ts';
import { REFUSALS } from '../../../../src/core/types/index.ts';
import { createHandClock, EPOCH_MS } from '../../../support/clock.ts';
import { eventually } from '../../../support/wait.ts';
import { has } from '../../deploy/support.ts';
import { startLattice } from '../live-lattice.ts';
import { ask, clock, silentLog, startApi, TEST_CONFIG } from '../support.ts';
import { type LiveNode, parsePage, startPair } from './metrics-support.ts';

let pair: Awaited<ReturnType<typeof startPair>>;
let a: LiveNode;
let b: LiveNode;
beforeAll(async () => {
  pair = await startPair();
  [a, b] = pair.nodes;
});
afterAll(async () => {
  await pair?.stop();
});

const withToken = (node: LiveNode) => ({ headers: { authorization: `Bearer ${node.token}` } });
const pageOf = async (node: LiveNode) => parsePage((await ask(node.url, '/metrics')).text);

describe('GET /metrics', () => {
  test('is the Prometheus text format, without a token, uncached [M1]', async () => {
    const { status, headers, text } = await ask(b.url, '/metrics');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(parsePage(text).series.length).toBeGreaterThan(50);
  });

  test('only counters end in _total, and each counter does [M2]', async () => {
    const { text } = await ask(b.url, '/metrics');
    const types = Array.from(text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name = '', type = '']) => ({ name, type }));
    expect(types.length).toBeGreaterThan(50);
    for (const { name, type } of types) expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
  });

  test.runIf(has('promtool'))('promtool finds nothing to object to [M1]', async () => {
    const { text } = await ask(b.url, '/metrics');
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([0, '', '']);
  });

  test('is answered under the names of the node only [M1]', async () => {
    expect((await ask(b.url, '/metrics', { headers: { host: 'elsewhere.example' } })).status).toBe(421);
  });

  test('tells what happened: writes, traffic over HTTP, repairs, batches, checks, times; nothing dropped', async () => {
    const first = await pageOf(a);
    const value = (page: typeof first, name: string, labels: Record<string, string> = {}) =>
      page.series.find((s) => s.name === name && Object.entries(labels).every(([k, v]) => s.labels[k] === v))?.value;
    expect(value(first, 'lattice_writes_total', { outcome: 'durable' })).toBe(1);
    expect(value(first, 'lattice_write_seconds_count')).toBe(1);
    expect(value(first, 'lattice_store_batch_seconds_count')).toBeGreaterThan(0);
    expect(value(first, 'lattice_sync_bytes_total', { lung: 'http', direction: 'sent' })).toBeGreaterThan(0);
    expect(value(first, 'lattice_sync_bytes_total', { lung: 'http', direction: 'received' })).toBeGreaterThan(0);
    const second = await pageOf(b);
    expect(value(second, 'lattice_verify_seconds_count')).toBeGreaterThan(0);
    const [change] = b.node.lattice.status().transitions.filter(({ to }) => to === 'http');
    expect(change?.code).toBe('not-heard');
    expect(value(second, 'lattice_transitions_total', { to: 'http', cause: 'not-heard' })).toBe(1);
    expect(value(second, 'lattice_changed_keys_total')).toBe(1);
    expect(value(second, 'lattice_http_requests_total', { route: '/metrics', status: '200' })).toBeGreaterThan(0);
    for (const page of [first, second]) expect(value(page, 'lattice_metrics_dropped_total')).toBe(0);
  });

  test('what alerts ask the growth of stands at 0 before it first happens [M2]', async () => {
    const { series } = await pageOf(a);
    const values = (name: string): number[] => series.filter((one) => one.name === name).map(({ value }) => value);
    expect(values('lattice_refused_total')).toEqual([...REFUSALS, 'key-full'].map(() => 0));
    expect(new Set(values('lattice_fan_out_failures_total'))).toEqual(new Set([0]));
    expect(values('lattice_cut_mismatches_total')).toEqual([0]);
  });

  test('tells the state: one peer of a short name, equal, carried by HTTP [M3]', async () => {
    const { series } = await pageOf(b);
    const peerId = a.node.lattice.status().peerId;
    expect(series.filter(({ name }) => name === 'lattice_peer_root_equal')).toEqual([
      {
        name: 'lattice_peer_root_equal',
        labels: { peer: peerId.slice(-8), name: expect.stringMatching(/./) as string },
        value: 1,
      },
    ]);
    expect(
      series
        .filter(({ name, value }) => name === 'lattice_peer_lung' && value === 1)
        .map(({ labels }) => labels['lung']),
    ).toEqual(['http']);
    expect(series.find(({ name }) => name === 'lattice_live_entries')?.value).toBe(1);
    expect(series.find(({ name }) => name === 'lattice_store_bytes')?.value).toBeGreaterThan(0);
    expect(series.find(({ name }) => name === 'lattice_disk_free_bytes')?.value).toBeGreaterThan(0);
  });

  test('many scrapes at a time all get a whole page', async () => {
    const pages = await Promise.all(Array.from({ length: 8 }, () => pageOf(b)));
    for (const { series } of pages) expect(series.some(({ name }) => name === 'lattice_peer_root_equal')).toBe(true);
  });

  test('is not there when it is switched off [M1]', async () => {
    const { ask } = await startApi();
    expect((await ask('/metrics')).status).toBe(404);
  });
});

test('GET /api/v1/resources tells disk, memory, event loop and CPU', async () => {
  const { status, json } = await ask(b.url, '/api/v1/resources');
  expect(status).toBe(200);
  const positive = expect.toSatisfy((value: unknown) => typeof value === 'number' && value > 0);
  const number = expect.any(Number) as unknown;
  expect(json()).toEqual({
    disk: { path: expect.stringMatching(/state-1$/), freeBytes: positive, totalBytes: positive, storeBytes: positive },
    descriptors: { limit: positive, open: positive },
    memory: { rss: positive, heapUsed: positive, heapTotal: positive, external: positive, arrayBuffers: number },
    eventLoop: { p50Ms: number, p99Ms: number, maxMs: number },
    cpu: { percent: number },
    uptimeMs: positive,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  });
});

test('GET /api/v1/series gives points later than `since`, and refuses what it does not know [M4]', async () => {
  const hand = createHandClock();
  const { url, lattice } = await startApi({ lattice: await startLattice({ clock: hand }) });
  await lattice.write([{ op: 'put', key: 'a', value: 1 }]);
  await hand.advance(10_000);
  const whole = (await ask(url, '/api/v1/series')).json() as { stepMs: number; items: { at: number }[] };
  expect([whole.stepMs, whole.items.length]).toEqual([5000, 2]);
  expect(whole.items).toEqual([
    expect.objectContaining({ at: EPOCH_MS + 5_000, writes: 1, changes: 1 }),
    expect.objectContaining({ at: EPOCH_MS + 10_000, writes: 0, changes: 0 }),
  ]);
  expect((await ask(url, `/api/v1/series?since=${whole.items[0]?.at}`)).json()['items']).toEqual(whole.items.slice(1));
  expect((await ask(url, '/api/v1/series?since=yesterday')).status).toBe(400);
  expect((await ask(url, '/api/v1/series?from=1')).status).toBe(400);
});

test('a live node answers /api/v1/series', async () => {
  expect((await ask(b.url, '/api/v1/series')).json()).toEqual({ stepMs: 5000, items: expect.any(Array) as unknown });
});

interface StreamEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Record<string, unknown>;
}

/** Server-sent events of a path until the consumer leaves the loop. */
async function* eventsOf(url: string, token: string, path: string): AsyncGenerator<StreamEvent> {
  const leave = new AbortController();
  const response = await fetch(url + path, { headers: { authorization: `Bearer ${token}` }, signal: leave.signal });
  if (response.status !== 200 || response.body === null) throw new Error(`${path} answered ${response.status}`);
  let text = '';
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
        const data = field('data');
        if (data !== undefined)
          yield { event: field('event') ?? '', id: field('id'), data: JSON.parse(data) as Record<string, unknown> };
      }
    }
  } finally {
    leave.abort();
  }
}

describe('GET /api/v1/logs', () => {
  test('needs the token [M5]', async () => {
    expect((await ask(a.url, '/api/v1/logs')).status).toBe(401);
    expect(
      (await ask(a.url, '/api/v1/logs?format=json', { headers: { authorization: 'Bearer wrong-wrong-wrong' } })).status,
    ).toBe(401);
  });

  test('as JSON it is one page: the newest lines, or those after an id', async () => {
    const newest = (await ask(a.url, '/api/v1/logs?format=json&limit=3', withToken(a))).json() as {
      items: { id: string }[];
      next: string;
    };
    expect(newest.items).toHaveLength(3);
    const all = (await ask(a.url, '/api/v1/logs?format=json&limit=1000', withToken(a))).json() as {
      items: { msg: string; level: string }[];
    };
    expect(all.items.map(({ msg }) => msg)).toContain('LATTICE READY - Hybrid Sync Active');
    expect(all.items.every(({ level }) => level !== 'debug')).toBe(true);
    const after = (await ask(a.url, `/api/v1/logs?format=json&after=${newest.items[1]?.id}`, withToken(a))).json();
    expect(after).toMatchObject({ items: [newest.items[2]], dropped: 0, restarted: false });
  });

  test('as a stream it starts with what is held and goes on live; the ids resume it [M5]', async () => {
    let before: StreamEvent | undefined;
    const cause = 'a test of the log';
    for await (const event of eventsOf(a.url, a.token, '/api/v1/logs')) {
      expect(event.event).toBe('line');
      expect(event.id).toBe(event.data['id']);
      if (event.data['msg'] === 'HTTP peers monitored') a.node.lattice.setMode('p2p', cause);
      if (event.data['cause'] === cause) {
        expect(event.data).toMatchObject({ level: 'info', component: 'node', msg: 'transition', to: 'mode p2p' });
        break;
      }
      before = event;
    }
    a.node.lattice.setMode('auto', 'test over');
    for await (const event of eventsOf(a.url, a.token, `/api/v1/logs?after=${before?.id}`)) {
      expect(event.data).toMatchObject({ cause });
      break;
    }
  });

  test('refuses a level, format or id that it does not know', async () => {
    for (const query of [
      'level=loud',
      'format=xml',
      'limit=5',
      'format=json&limit=0',
      'format=json&limit=1001',
      `after=${'x'.repeat(65)}`,
    ]) {
      expect((await ask(a.url, `/api/v1/logs?${query}`, withToken(a))).status, query).toBe(400);
    }
  });

  test('a reader that is too slow, or asks for what is gone, is told how many lines it missed [M5]', async () => {
    const ring = createLogRing('run1');
    const log = createLog({ level: 'info', format: 'json', destination: ring });
    for (let i = 0; i < 1500; i++) log.info({ i }, 'line');
    const api = await createApi({
      lattice: await startLattice(),
      config: TEST_CONFIG,
      clock,
      log: silentLog,
      logs: ring,
    });
    const { url } = await api.listen();
    const token = TEST_CONFIG.api.token ?? '';
    for await (const { event, data, id } of eventsOf(url, token, '/api/v1/logs?after=run1-200')) {
      expect([event, data, id]).toEqual(['gap', { dropped: 300 }, undefined]);
      break;
    }
    for await (const { event, data } of eventsOf(url, token, '/api/v1/logs?after=run0-7')) {
      expect([event, data]).toEqual(['gap', { dropped: 500, restarted: true }]);
      break;
    }

    // Reads nothing while far more than the socket and the ring hold is logged.
    const events = eventsOf(url, token, '/api/v1/logs?after=run1-1500');
    log.info({}, 'first');
    expect((await events.next()).value).toMatchObject({ data: { msg: 'first' } });
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 50; i++) log.info({ text: 'x'.repeat(10_000) }, 'flood');
      await new Promise((resolve) => setImmediate(resolve));
    }
    log.info({}, 'last');
    let missed = 0;
    let got = 0;
    for await (const { event, data } of events) {
      if (event === 'gap') missed += Number(data['dropped']);
      else got++;
      if (data['msg'] === 'last') break;
    }
    expect(missed).toBeGreaterThan(0);
    expect(got + missed).toBe(2001);
    await api.close();
  });
});

test('token and key stand in no log line and on no page, whatever was asked with them [M6]', async () => {
  for (const path of ['/api/v1/state', '/api/v1/conflicts', `/api/v1/${b.token}`, `/nowhere?token=${b.token}`]) {
    await ask(b.url, path, { headers: { authorization: `Bearer ${b.token}`, cookie: b.token } });
  }
  await ask(b.url, '/api/v1/state?key=k', {
    method: 'PUT',
    body: '1',
    headers: { authorization: `Bearer ${b.token}`, 'content-type': 'application/json' },
  });
  await eventually('the write is logged', async () => {
    const { text } = await ask(b.url, '/api/v1/logs?format=json&limit=1000&level=debug', withToken(b));
    return text.includes('"method":"PUT"');
  });
  const logs = (await ask(b.url, '/api/v1/logs?format=json&limit=1000&level=debug', withToken(b))).text;
  const others = await Promise.all(
    ['/metrics', '/api/v1/resources', '/api/v1/series', '/api/v1/status'].map((path) => ask(b.url, path)),
  );
  for (const text of [logs, ...others.map((answer) => answer.text)]) {
    expect(text).not.toContain(b.token);
    expect(text).not.toContain(b.seedHex);
  }
});
