import { once } from 'node:events';
import { expect, it } from 'vitest';
import { createStateDownloads, type DocumentForm } from '../../../../src/api/http/state-downloads.ts';
import type { Timers } from '../../../../src/timing/index.ts';
import { createHandClock, turns } from '../../../support/clock.ts';
import { type LiveLattice, startLattice } from '../live-lattice.ts';
import { overtakenAfter } from '../overrides.ts';
import { startApi } from '../support.ts';

/** A document of the keys alone. */
const form: DocumentForm = {
  head: '[',
  entry: ({ key }, isFirst) => (isFirst ? JSON.stringify(key) : `,${JSON.stringify(key)}`),
  tail: (written) => `] ${written}`,
};
const downloadsOf = (lattice: LiveLattice, clock: Timers) =>
  createStateDownloads({ lattice, clock, inTime: (work) => work }, { take: () => () => undefined });

it('a download lets go of its moment when it has been read, and when it is given up before it was', async () => {
  const lattice = await startLattice();
  await lattice.write([{ op: 'put', key: 'a', value: 1 }]);
  const streams = downloadsOf(lattice, createHandClock());
  const read = await streams.open(() => form);
  const unread = await streams.open(() => form);
  expect(lattice.heldMoments()).toBe(2);
  unread.stream.destroy();
  await turns();
  expect(lattice.heldMoments()).toBe(1);
  let text = '';
  for await (const part of read.stream) text += String(part);
  await turns();
  expect([text, read.moment.root]).toEqual(['["a"] 1', lattice.root().root]);
  expect(lattice.heldMoments()).toBe(0);
});

/** An API whose reader of the whole state is overtaken once it has read `after` of its keys. */
async function startOvertaken(keys: number, after: number) {
  const { snapshot, closed } = await overtakenAfter(keys, after);
  const api = await startApi({ lattice: { ...(await startLattice()), wholeState: snapshot } });
  return { ...api, closed };
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
  const lattice = await startLattice();
  const clock = createHandClock();
  const { stream } = await downloadsOf(lattice, clock).open(() => form);
  const failure = once(stream, 'error');
  await clock.advance(10 * 60_000 - 1);
  expect(lattice.heldMoments()).toBe(1);
  await clock.advance(1);
  expect(await failure).toEqual([new Error('the download took too long')]);
  expect(lattice.heldMoments()).toBe(0);
});
