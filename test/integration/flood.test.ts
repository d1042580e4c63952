import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Node, startFleet } from '../support/fleet.ts';

const CONNECTIONS = 160;
const OPERATIONS = 256;
/** Commits that each connection sends, one after the other, whatever the answers. */
const ROUNDS = 6;
/**
 * What the process may hold beyond what it held before: queues of 32 MiB, their parsed bodies, batches, heap not yet
 * collected.
 */
const MAX_GROWTH_MIB = 450;

function residentMib(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

describe('a flood of commits over HTTP', () => {
  it.skipIf(process.platform !== 'linux')(
    'is answered 2xx or 429 with Retry-After, holds a bounded amount of memory, and loses nothing acknowledged [L2, D4]',
    async () => {
      const fleet = await startFleet({ nodes: 1, env: () => ({ P2P_ENABLED: 'false', LOG_LEVEL: 'warn' }) });
      const [node] = fleet.nodes as [Node];
      const before = residentMib(node.process.pid);
      const acknowledged: string[] = [];
      const statuses = new Map<number, number>();
      await Promise.all(
        Array.from({ length: CONNECTIONS }, async (_, c) => {
          for (let round = 0; round < ROUNDS; round++) {
            const prefix = `flood/${c}/${round}`;
            const operations = Array.from({ length: OPERATIONS }, (_x, i) => ({
              op: 'put',
              key: `${prefix}/${i}`,
              value: 'x'.repeat(150),
            }));
            const answer = await node.api.send('POST', '/api/v1/commits', { body: { operations } });
            statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
            if (answer.status < 300) acknowledged.push(prefix);
            else if (answer.status === 429) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
            else expect(answer.text).toBe('2xx or 429');
          }
        }),
      );
      const grown = residentMib(node.process.pid) - before;
      expect([...statuses.keys()].filter((status) => status >= 300)).toEqual([429]);
      expect(acknowledged.length).toBeGreaterThan(0);
      expect(grown).toBeLessThan(MAX_GROWTH_MIB);
      const status = await node.api.status();
      expect(status.entries).toBe(acknowledged.length * OPERATIONS);
      for (const prefix of acknowledged) {
        expect(await node.api.get(`${prefix}/0`)).toBeDefined();
        expect(await node.api.get(`${prefix}/${OPERATIONS - 1}`)).toBeDefined();
      }
      console.info(`flood: ${JSON.stringify([...statuses])}, memory at most ${Math.round(grown)} MiB more`);
      await fleet.stop();
    },
  );
});
