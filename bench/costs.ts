import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { CONTRACT } from '../src/api/contract/index.ts';
import { TARIFF } from '../src/api/http/costs.ts';
import { startNode } from '../src/app/index.ts';
import { createClient } from '../src/client/index.ts';
import { loadConfig } from '../src/config/index.ts';
import type { Log } from '../src/ports/index.ts';
import { type Figure, median } from './support/figures.ts';
import {
  auditRecords,
  BUSY_KEY,
  BUSY_WRITES,
  KEPT_RECORDS,
  LARGE_KEYS,
  LARGE_VALUE,
  largeKey,
  mostExpensive,
} from './support/most-expensive.ts';

const ROUNDS = 9;
const MIB = 2 ** 20;
const TOKEN = 'bench-token-of-no-value';
const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Asks in a thread of its own, so that what the client does takes nothing of the node's event loop. */
const CLIENT = `
const { request } = require('node:http');
const { parentPort } = require('node:worker_threads');
parentPort.on('message', ({ port, method, path, headers, body }) => {
  const asked = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (answer) => {
    let bytes = 0;
    answer.on('data', (chunk) => { bytes += chunk.length; });
    answer.on('end', () => parentPort.postMessage({ status: answer.statusCode, bytes }));
  });
  asked.end(body);
});`;

interface Measured {
  readonly status: number;
  readonly bytes: number;
  /** Time for which the event loop was busy, and for which it was busy without a pause, in ms. */
  readonly busyMs: number;
  readonly blockMs: number;
}

/**
 * What the most expensive answer of each route takes of the event loop, beside what the tariff charges for it (SPEC
 * A18), and the longest time for which any of them blocks it.
 */
export async function costs(): Promise<readonly Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-bench-costs-'));
  const env = { DIOTEC360_API_PORT: '0', DIOTEC360_API_TOKEN: TOKEN, DIOTEC360_P2P_ENABLED: 'false' };
  const node = await startNode({ config: loadConfig({ env, cwd: dir }), logger: silent });
  const client = new Worker(CLIENT, { eval: true });
  try {
    const { lattice } = node;
    await createClient({ url: node.url ?? '', token: TOKEN }).addAuditRecords(auditRecords(0, KEPT_RECORDS));
    for (let i = 0; i < LARGE_KEYS; i++) await lattice.write([{ op: 'put', key: largeKey(i), value: LARGE_VALUE }]);
    for (let i = 0; i < BUSY_WRITES; i++) await lattice.write([{ op: 'put', key: BUSY_KEY, value: i }]);
    const port = Number(new URL(node.url).port);
    const delays = monitorEventLoopDelay({ resolution: 1 });
    delays.enable();

    const requests = mostExpensive(lattice.status().author);
    async function measure(id: string): Promise<Measured> {
      const { path, headers = {}, body } = requests[id] ?? { path: '/' };
      const route = CONTRACT.find((known) => known.id === id);
      const all = { ...headers, ...(route?.token === true ? { authorization: `Bearer ${TOKEN}` } : {}) };
      const message = { port, method: route?.method, path, headers: all, body: body && JSON.stringify(body) };
      delays.reset();
      const before = performance.eventLoopUtilization();
      const answer = await new Promise<{ status: number; bytes: number }>((resolve) => {
        client.once('message', resolve);
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
        client.postMessage(message);
      });
      // What follows the answer is part of its cost.
      await sleep(5);
      const { active } = performance.eventLoopUtilization(before);
      return { ...answer, busyMs: active, blockMs: Math.max(0, delays.max / 1e6 - 1) };
    }

    const rows = [];
    for (const id of Object.keys(requests)) {
      const rounds: Measured[] = [];
      for (let i = 0; i < ROUNDS; i++) rounds.push(await measure(id));
      const route = CONTRACT.find((known) => known.id === id);
      const { bytes, status } = rounds[0] as Measured;
      const { ms, msPerMiB } = TARIFF[route?.cost ?? 'read'];
      rows.push({
        route: id,
        status,
        bytes,
        busyMs: median(rounds.map((r) => r.busyMs)),
        chargedMs: ms + (route?.extraMs ?? 0) + (bytes / MIB) * msPerMiB,
        blockMs: median(rounds.map((r) => r.blockMs)),
      });
    }
    return rows.flatMap(({ route, status, bytes, busyMs, chargedMs, blockMs }) => [
      {
        metric: `${route}_busy_ms`,
        label: `${route} (${status}, ${bytes} bytes): event loop`,
        value: busyMs,
        unit: 'ms',
        ...(chargedMs === 0 ? {} : { limit: { name: 'the tariff', value: chargedMs } }),
      },
      {
        metric: `${route}_block_ms`,
        label: `${route}: longest block`,
        value: blockMs,
        unit: 'ms',
        goal: { atMost: 50 },
      },
    ]);
  } finally {
    await client.terminate();
    await node.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
