import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import {
  auditRecords,
  BUSY_KEY,
  BUSY_WRITES,
  type ExpensiveRequest,
  KEPT_RECORDS,
  LARGE_VALUE,
  largeKey,
  mostExpensive,
  OPEN_ENDED,
} from '../../../../bench/support/most-expensive.ts';
import { CONTRACT, type RouteContract } from '../../../../src/api/contract/index.ts';
import { DEFAULT_LIMITS, TARIFF } from '../../../../src/api/http/costs.ts';
import { certify, friend, type LiveLattice, startWithFriend } from '../live-lattice.ts';
import { auth, startApi } from '../support.ts';

const MIB = 1024 * 1024;
/** More than fit on a page, and than a piece of an answer, in each list. */
const KEYS = 150;
/** What an answer may have, and what the node may hold of one that it streams. */
const MAX_ANSWER_BYTES = 8 * MIB;
/** Bytes that are handed to a connection at a time: a piece, or what a reader of the store brought together. */
const MAX_WRITE_BYTES = 256 * 1024;

const PIECE_CHARS = 64 * 1024;

async function fill(lattice: LiveLattice): Promise<void> {
  await lattice.audit.add(auditRecords(0, KEPT_RECORDS));
  for (let i = 0; i < BUSY_WRITES; i++) await lattice.write([{ op: 'put', key: BUSY_KEY, value: i }]);
  for (let i = 0; i < KEYS; i++) {
    await lattice.write([{ op: 'put', key: largeKey(i), value: LARGE_VALUE }]);
    await lattice.take([friend.commit({ [largeKey(i)]: LARGE_VALUE })]);
  }
}

interface Asked {
  readonly status: number;
  readonly bytes: number;
}

function ask(url: string, route: RouteContract, { path, headers = {}, body }: ExpensiveRequest): Promise<Asked> {
  const { hostname, port } = new URL(url);
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(JSON.stringify(body)) };
  const all = { ...length, ...headers, ...(route.token === true ? auth : {}) };
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path, method: route.method, headers: all, agent: false }, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, bytes }));
      answer.on('error', reject);
    });
    asked.on('error', reject);
    // In pieces, because the writes of the node are measured, and those of this client are none of them.
    const text = body === undefined ? '' : JSON.stringify(body);
    for (let at = 0; at < text.length; at += PIECE_CHARS) asked.write(text.slice(at, at + PIECE_CHARS));
    asked.end();
  });
}

describe('the most expensive answer of each route', () => {
  it('is known of every route of the table [A18]', () => {
    const asked = new Set([...Object.keys(mostExpensive('')), ...OPEN_ENDED]);
    expect(CONTRACT.map(({ id }) => id).filter((id) => !asked.has(id))).toEqual([]);
  });

  it('is bounded in bytes, is handed over in pieces, and leaves its client enough for the next one [A13, A18]', async () => {
    const started = await startWithFriend();
    await fill(started.lattice);
    const { root } = await certify(started);
    const requests = mostExpensive(started.lattice.status().author, root);
    const directory = mkdtempSync(join(tmpdir(), 'lattice-costs-'));
    writeFileSync(join(directory, 'index.html'), 'x'.repeat(MIB));
    const { url } = await startApi({
      lattice: started.lattice,
      complete: true,
      config: { publicSync: true },
      dashboard: pathToFileURL(directory),
    });
    const writes = vi.spyOn(Socket.prototype, 'write');
    const rows: object[] = [];
    // In the order of the requests, of which some prepare others.
    for (const [id, expensive] of Object.entries(requests)) {
      const route = CONTRACT.find((known) => known.id === id);
      if (route === undefined) throw new Error(`no route has the id ${id}`);
      writes.mockClear();
      const { status, bytes } = await ask(url, route, expensive);
      const largest = Math.max(
        0,
        ...writes.mock.calls.map(([data]) =>
          typeof data === 'string' || data instanceof Uint8Array ? data.length : 0,
        ),
      );
      rows.push({ route: route.id, status, bytes, largest });
      expect([route.id, status]).toEqual([route.id, expensive.status ?? 200]);
      expect.soft(bytes, route.id).toBeLessThanOrEqual(MAX_ANSWER_BYTES);
      expect.soft(largest, route.id).toBeLessThanOrEqual(MAX_WRITE_BYTES);
      const { ms, msPerMiB } = TARIFF[route.cost];
      const cost = ms + (bytes / MIB) * msPerMiB;
      expect.soft(cost, route.id).toBeLessThan(DEFAULT_LIMITS.client.burstMs / 10);
      // What is read of the store is never free.
      if (bytes > 64 * 1024) expect.soft(cost, route.id).toBeGreaterThan((bytes / MIB) * 1);
    }
    writes.mockRestore();
    rmSync(directory, { recursive: true });
    expect(rows).toHaveLength(CONTRACT.length - OPEN_ENDED.size);
    const listed = rows.find((row) => (row as { route: string }).route === 'listEntries') as { bytes: number };
    expect(listed.bytes).toBeGreaterThan(MIB * 0.9);
    const values = rows.find((row) => (row as { route: string }).route === 'membersValues') as { bytes: number };
    expect(values.bytes).toBeGreaterThan(MIB * 0.9);
    if (process.env.VERBOSE_COSTS === '1') console.table(rows);
  });
});
