import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { RepairReport } from '../../src/runtime/facade/index.ts';
import { type BenchNode, createFleet, until } from '../support/fleet.ts';
import { openConnection, requestText } from '../support/http-client.ts';
import type { PeerNode, System } from './system.ts';

const WRITABLE_MS = 20_000;
const POLL_MS = 5;
const PAGE = 1000;
const REPORT_MS = 5_000;

/** The same keys and values as the programs of the other systems write. */
const keyOf = (n: number): string => `bench/entry/${String(n).padStart(8, '0')}`;
const valueOf = (n: number): string =>
  `${String(n).padStart(8, '0')} the quick brown fox jumps over the lazy dog `.padEnd(100, '0123456789');

const SETTINGS = {
  p2p: { LATTICE_NODES: '' },
  http: { P2P_LISTEN: '', P2P_BOOTSTRAP: '', P2P_ENABLED: 'false' },
} as const;

function peerNode(node: BenchNode, joins: boolean): PeerNode {
  // The programs of the other systems read their own memory. The smallest answer that has the root is nearest to that.
  const fingerprint = async (): Promise<string> => {
    const answer = await fetch(`${node.api}/api/persistence/merkle-root`);
    return ((await answer.json()) as { readonly merkle_root: string }).merkle_root;
  };
  return {
    async open() {
      // The joining node starts in `join`, because a node joins by starting.
      if (joins) return;
      await node.start();
      await until('the node takes writes', WRITABLE_MS, async () => (await node.status()).writable, 20);
    },
    async write({ from, count, inFlight }) {
      const connections = await Promise.all(Array.from({ length: inFlight }, () => openConnection(node.port)));
      const started = performance.now();
      let next = from;
      await Promise.all(
        connections.map(async (connection) => {
          while (next < from + count) {
            const n = next++;
            const path = `/api/v1/state/${encodeURIComponent(keyOf(n))}`;
            const status = await connection.send(
              requestText('PUT', node.port, path, node.token, JSON.stringify(valueOf(n))),
            );
            if (status !== 201 && status !== 200) throw new Error(`a PUT was answered ${status}`);
          }
        }),
      );
      const took = performance.now() - started;
      for (const connection of connections) connection.close();
      return took;
    },
    fingerprint,
    async reach(wanted, deadlineMs) {
      const started = performance.now();
      while ((await fingerprint()) !== wanted) {
        if (performance.now() - started > deadlineMs) return undefined;
        await pause(POLL_MS);
      }
      return performance.now() - started;
    },
    async dump() {
      const hash = createHash('sha256');
      let entries = 0;
      let cursor: string | undefined;
      do {
        const query = new URLSearchParams({ limit: String(PAGE), ...(cursor === undefined ? {} : { cursor }) });
        const answer = await fetch(`${node.api}/api/v1/state?${query.toString()}`);
        const page = (await answer.json()) as { entries: readonly { key: string; value: string }[]; cursor?: string };
        for (const { key, value } of page.entries) hash.update(`${key}\n${value}\n`);
        entries += page.entries.length;
        cursor = page.cursor;
      } while (cursor !== undefined);
      return { entries, hash: hash.digest('hex') };
    },
    async stop() {
      await node.stop();
    },
  };
}

/** Two nodes of Lattice with one lung. They sign, verify and make durable everything, as operators run them. */
export async function createOurs(lung: 'p2p' | 'http'): Promise<System> {
  const fleet = await createFleet({ nodes: 2, settings: { LOG_LEVEL: 'info', ...SETTINGS[lung] }, proxied: 'both' });
  const [first, second] = fleet.nodes;
  if (first === undefined || second === undefined) throw new Error('a fleet has nodes');
  const joiner = peerNode(second, true);
  return {
    name: `lattice-${lung}`,
    label: `Lattice, ${lung === 'p2p' ? 'P2P' : 'HTTP'} alone`,
    writes: 1000,
    directories: [join(fleet.dir, first.name), join(fleet.dir, second.name)],
    source: peerNode(first, false),
    joiner,
    async join() {
      await second.start();
    },
    async repairs() {
      // Roots are equal a moment before the session has ended.
      let reports: RepairReport[] = [];
      await until('a repair has ended', REPORT_MS, async () => {
        const all = await Promise.all([second, first].map((node) => node.peers()));
        reports = all.flatMap((of) =>
          of.flatMap(({ lastRepair }) => (lastRepair === undefined || lastRepair.found === 0 ? [] : [lastRepair])),
        );
        return reports.length > 0;
      }).catch(() => undefined);
      return reports;
    },
    delay(ms) {
      for (const proxy of fleet.proxies) proxy.delay(ms);
    },
    usage: () => ({ cpuSeconds: second.cpu(), peakMiB: second.memory().peak }),
    bytes: () => fleet.proxies.reduce((sum, proxy) => sum + proxy.bytes, 0),
    close: () => fleet.close(),
  };
}
