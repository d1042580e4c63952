import { expect, it } from 'vitest';
import { createStateStreams } from '../../../../../src/api/routes/original/state-stream.ts';
import { createFakeLattice } from '../../fake-lattice.ts';

const turns = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
};

it('a download lets go of its moment when it has been read, and when it is given up before it was', async () => {
  const lattice = createFakeLattice();
  const streams = createStateStreams(lattice);
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
