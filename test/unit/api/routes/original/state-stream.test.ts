import { once } from 'node:events';
import { expect, it } from 'vitest';
import { createStateStreams } from '../../../../../src/api/routes/original/state-stream.ts';
import { createHandClock, turns } from '../../../../support/clock.ts';
import { createFakeLattice } from '../../fake-lattice.ts';

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
