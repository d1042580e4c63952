import { beforeEach, describe, expect, it } from 'vitest';
import type { Bytes } from '../../../../src/core/types/index.ts';
import { fragmentBytes } from '../../../../src/runtime/commit/sizes.ts';
import { createGossipOutbox, type GossipOutbox } from '../../../../src/runtime/streams/outbox.ts';
import { createHandClock, type HandClock } from '../support.ts';
import { reader, wordsOf } from './support.ts';

const MIB = 1024 * 1024;

let clock: HandClock;
let sent: Bytes[];
let dropped: number;
let outbox: GossipOutbox;

beforeEach(() => {
  clock = createHandClock();
  sent = [];
  dropped = 0;
  outbox = createGossipOutbox({ clock, publish: (data) => sent.push(data), onDropped: (n) => (dropped += n) });
});

describe('commits waiting for gossip', () => {
  it('are gathered for 2 ms into messages, in their order', async () => {
    outbox.add([reader.commit({ a: 1 })]);
    await clock.advance(1);
    outbox.add([reader.commit({ b: 2, c: 3 })]);
    expect([sent.length, outbox.waiting()]).toEqual([0, 3]);
    await clock.advance(1);
    expect(sent.map(wordsOf)).toEqual([['a=1', 'b=2', 'c=3']]);
    expect(outbox.waiting()).toBe(0);
    await clock.advance(1_000);
    outbox.add([reader.commit({ d: 4 })]);
    await clock.advance(2);
    expect(sent.map(wordsOf)).toEqual([['a=1', 'b=2', 'c=3'], ['d=4']]);
  });

  it('are dropped beyond 16 MiB, and counted; later there is room again [L2]', async () => {
    const large = reader.commit(Object.fromEntries([0, 1, 2].map((i) => [`k${i}`, 'x'.repeat(16_000)])));
    const fits = Math.floor((16 * MIB) / fragmentBytes(large));
    outbox.add(Array.from({ length: fits + 10 }, () => large));
    expect([dropped, outbox.waiting()]).toEqual([10 * 3, fits * 3]);
    await clock.advance(2);
    outbox.add([large]);
    expect([dropped, outbox.waiting()]).toEqual([10 * 3, 3]);
  });

  it('are dropped beyond 16,384 operations, and counted [L2]', () => {
    const commit = reader.commit(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i])));
    outbox.add(Array.from({ length: 164 }, () => commit));
    expect([dropped, outbox.waiting()]).toEqual([100, 16_300]);
    // What is smaller still fits.
    outbox.add([reader.commit({ a: 1 })]);
    expect([dropped, outbox.waiting()]).toEqual([100, 16_301]);
  });

  it('stay where they are once the node stops', async () => {
    outbox.add([reader.commit({ a: 1 })]);
    outbox.stop();
    await clock.advance(1_000);
    expect(sent).toEqual([]);
  });
});
