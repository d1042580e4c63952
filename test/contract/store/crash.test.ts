import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLevelStore } from '../../../src/adapters/store/index.ts';
import { startChild } from './process.ts';
import { ROWS, rowKey, rowValue } from './rows.ts';
import { rowsOf } from './suite.ts';

const ROUNDS = 12;

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lattice-crash-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('kill -9 at any moment: every acknowledged row is there and no batch is there by half [D3, D4]', async () => {
  let batches = 0;
  let acknowledged = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // The writer dies while it works on a batch after this one, wherever the signal finds it.
    const killAfter = batches + Math.floor(Math.random() * 150);
    const child = startChild('write', directory, {
      first: batches,
      seen: ({ event, batch }) => {
        if (event !== 'durable' || batch === undefined) return;
        acknowledged = batch + 1;
        if (batch === killAfter) child.process.kill('SIGKILL');
      },
    });
    const events = await child.events;
    expect(events[0], `round ${round}`).toEqual({ event: 'opened' });
    const { signalCode, exitCode } = child.process;
    expect([signalCode, exitCode], `round ${round}, at its end: ${JSON.stringify(events.at(-1))}`).toEqual([
      'SIGKILL',
      null,
    ]);

    const store = await openLevelStore(directory);
    const rows = await rowsOf(store);
    await store.close();
    expect(rows.length % ROWS, `round ${round}: half a batch`).toBe(0);
    batches = rows.length / ROWS;
    expect(batches, `round ${round}: acknowledged rows lost`).toBeGreaterThanOrEqual(acknowledged);
    for (const [i, [key, value]] of rows.entries()) {
      const [batch, row] = [Math.floor(i / ROWS), i % ROWS];
      if (Buffer.compare(key, rowKey(batch, row)) !== 0 || Buffer.compare(value, rowValue(batch, row)) !== 0) {
        throw new Error(`round ${round}: row ${row} of batch ${batch} is not what was written`);
      }
    }
  }
  expect(acknowledged).toBeGreaterThan(ROUNDS);
});
