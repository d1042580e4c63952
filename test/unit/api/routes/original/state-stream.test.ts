import { once } from 'node:events';
import { expect, it } from 'vitest';
import { createStateStreams } from '../../../../../src/api/routes/original/state-stream.ts';
import type { Lattice } from '../../../../../src/runtime/facade/facade.ts';
import { createWholeState } from '../../../../../src/runtime/read/whole-state.ts';
import { createHandClock, turns } from '../../../../support/clock.ts';
import { openTestState, puts } from '../../../runtime/support.ts';
import { createFakeLattice } from '../../fake-lattice.ts';
import { startApi } from '../../support.ts';

it('a download lets go of its moment when it has been read, and when it is given up before it was', async () => {
  const lattice = createFakeLattice();
  const streams = createStateStreams(lattice, createHandClock());
  const read = await streams.open();
  const unread = await streams.open();
  expect(lattice.heldMoments()).toBe(2);
  unread.stream.destroy();
  await turns();
  expect(lattice.heldMoments()).toBe(1);
  let text = '';
  for await (const part of read.stream) text += String(part);
  await turns();
  expect(JSON.parse(text)).toMatchObject({ merkle_root: read.root, state: {} });
  expect(lattice.heldMoments()).toBe(0);
});

/** Long, so that few keys make more text than is handed to the socket at a time. */
const PREFIX = 'key/'.repeat(50);

/** An API over the reads of a real state: `after` so many of its keys are read, all of them are written anew. */
async function startOvertaken(keys: number, after: number) {
  const state = await openTestState({ maxHeldBytes: 10_000 });
  const writeAll = async (): Promise<void> => {
    for (let i = 0; i < keys; i += 250) await state.writer.write(puts(`${PREFIX}${i}`, 250));
  };
  await writeAll();
  const reads = createWholeState(state);
  let closed = 0;
  const snapshot: Lattice['snapshot'] = async () => {
    const moment = await reads.snapshot();
    if (after === 0) await writeAll();
    async function* chunks() {
      let read = 0;
      for await (const chunk of moment.chunks) {
        yield chunk;
        const before = read;
        read += chunk.length;
        if (before < after && read >= after) await writeAll();
      }
    }
    return {
      ...moment,
      chunks: chunks(),
      close() {
        closed++;
        moment.close();
      },
    };
  };
  const api = await startApi({ lattice: { ...createFakeLattice(), snapshot } });
  return { ...api, closed: () => closed };
}

it('a reader that is overtaken before the first byte is told 503, when to come back and what to do [N13]', async () => {
  const { ask, closed } = await startOvertaken(250, 0);
  // One more than may be open at a time: what failed is not counted.
  for (let i = 1; i <= 9; i++) {
    const answer = await ask('/api/lattice/state');
    expect(answer.status).toBe(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.headers['etag']).toBeUndefined();
    expect(answer.json()).toMatchObject({
      detail: expect.stringContaining('too much has changed') as unknown,
      code: 'moved-on',
      next: expect.stringContaining('start again') as unknown,
    });
    expect(closed()).toBe(i);
  }
});

it('a reader that is overtaken later finds its connection cut: what it has is no document [N13]', async () => {
  const { url, closed } = await startOvertaken(1500, 500);
  const answer = await fetch(`${url}/api/lattice/state`);
  expect(answer.status).toBe(200);
  let bytes = 0;
  const read = async (): Promise<void> => {
    for await (const part of answer.body as AsyncIterable<Uint8Array>) bytes += part.length;
  };
  await expect(read()).rejects.toThrow(/terminated/);
  expect(bytes).toBeGreaterThan(0);
  expect(closed()).toBe(1);
});

it('a download that takes ten minutes is cut off', async () => {
  const lattice = createFakeLattice();
  const clock = createHandClock();
  const { stream } = await createStateStreams(lattice, clock).open();
  const failure = once(stream, 'error');
  await clock.advance(10 * 60_000 - 1);
  expect(lattice.heldMoments()).toBe(1);
  await clock.advance(1);
  expect(await failure).toEqual([new Error('the download took too long')]);
  expect(lattice.heldMoments()).toBe(0);
});
