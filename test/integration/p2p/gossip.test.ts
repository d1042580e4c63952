import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MAX_GOSSIP_BYTES } from '../../../src/core/types/index.ts';
import type { Verdict } from '../../../src/ports/index.ts';
import { DEADLINE_MS } from '../../support/wait.ts';
import { bytes, meshed, settled, startedLung, TOPIC, testLung, until } from './support.ts';

describe('gossip over libp2p', () => {
  it('crosses a line of three: A to C through B, which names B as the relay', async () => {
    const a = await startedLung();
    const b = await startedLung({ bootstrap: [a.address()] });
    const c = await startedLung({ bootstrap: [b.address()] });
    await meshed(a, c);

    expect(await a.lung.publish(bytes('one commit'))).toBe(1);
    await until('C has it', () => c.messages.some(({ data }) => data === 'one commit'));
    expect(c.messages.at(-1)).toEqual({ data: 'one commit', from: b.author });
    expect(b.messages.at(-1)).toEqual({ data: 'one commit', from: a.author });
    expect(a.lung.connections().map(({ peer, direction }) => ({ peer, direction }))).toEqual([
      { peer: b.author, direction: 'inbound' },
    ]);
  });

  it.each<[Verdict, number]>([
    ['ignore', 0],
    ['reject', 0],
    ['accept', 1],
  ])('a message judged %s reaches %i peers beyond', async (verdict, beyond) => {
    const a = await startedLung();
    const b = await startedLung(
      { bootstrap: [a.address()] },
      { onGossip: (data) => (data[0] === 0x6a ? verdict : 'accept') },
    );
    const c = await startedLung({ bootstrap: [b.address()] });
    await meshed(a, c);

    await a.lung.publish(bytes('judged'));
    await a.lung.publish(bytes('marker'));
    await until('the later message has arrived', () => c.messages.some(({ data }) => data === 'marker'));
    expect(c.messages.filter(({ data }) => data === 'judged')).toHaveLength(beyond);
    expect(b.lung.connections()).toHaveLength(2); // one rejected message evicts nobody
  });

  it('a handler that throws counts as ignore: the relay keeps its place', async () => {
    const a = await startedLung();
    const b = await startedLung(
      { bootstrap: [a.address()] },
      {
        onGossip() {
          throw new Error('a bug');
        },
      },
    );
    await settled(a, b);
    for (let i = 0; i < 20; i++) await a.lung.publish(bytes(`message ${i}`));
    await until(
      'all were judged',
      () => b.log.lines.filter(({ message }) => message === 'gossip handler failed').length === 20,
    );
    expect(b.lung.connections()).toHaveLength(1);
  });

  it('carries a message of the largest size, and refuses a larger one before it is sent [G1, L1]', async () => {
    const a = await startedLung();
    const b = await startedLung({ bootstrap: [a.address()] });
    await settled(a, b);
    const largest = new Uint8Array(randomBytes(MAX_GOSSIP_BYTES));
    await a.lung.publish(largest);
    await until('B has it', () => b.messages.length === 1);
    expect(b.messages[0]?.data === Buffer.from(largest).toString('latin1')).toBe(true);
    await expect(a.lung.publish(new Uint8Array(MAX_GOSSIP_BYTES + 1))).rejects.toThrow(RangeError);
  });

  it('at most 128 messages of one peer are judged at once, the rest is ignored', async () => {
    const answers: (() => void)[] = [];
    const a = await startedLung();
    const b = await startedLung(
      { bootstrap: [a.address()] },
      {
        onGossip: (data) =>
          data[0] === 0x70 // a probe
            ? 'accept'
            : new Promise<Verdict>((resolve) => {
                answers.push(() => resolve('accept'));
              }),
      },
    );
    await settled(a, b);
    for (let i = 0; i < 300; i++) await a.lung.publish(bytes(`message ${i}`));
    // A request on the same connection is answered after everything sent before it has been read.
    await a.lung.request(b.author, bytes('barrier'), { timeoutMs: DEADLINE_MS });
    expect(b.messages).toHaveLength(128);
    for (const answer of answers) answer();
    await meshed(a, b);
    expect(b.messages.filter(({ data }) => data.startsWith('message'))).toHaveLength(128);
  });

  it('publishing faster than the peer reads waits for it: nothing is lost', async () => {
    const a = await startedLung();
    const b = await startedLung({ bootstrap: [a.address()] });
    await settled(a, b);
    const size = 32 * 1024;
    for (let i = 0; i < 1000; i++) {
      const message = new Uint8Array(randomBytes(size));
      expect(await a.lung.publish(message)).toBe(1);
    }
    await until('all have arrived', () => b.messages.length === 1000);
    expect(a.events).toHaveLength(1);
  });

  it('publishing alone reaches nobody and is no error, also twice', async () => {
    const a = await startedLung();
    expect(await a.lung.publish(bytes('alone'))).toBe(0);
    expect(await a.lung.publish(bytes('alone'))).toBe(0);
  });

  it('a node on another topic hears nothing [G1]', async () => {
    const a = await startedLung();
    const other = await startedLung({ topic: `${TOPIC}/other`, bootstrap: [a.address()] });
    const b = await startedLung({ bootstrap: [a.address()] });
    await settled(a, b);
    await a.lung.publish(bytes('for our topic'));
    await until('B has it', () => b.messages.length === 1);
    expect(other.messages).toEqual([]);
    expect(other.lung.topicPeers()).toBe(0);
  });

  it('while not running, publish and request say so', async () => {
    const { lung, author } = testLung();
    await expect(lung.publish(bytes('x'))).rejects.toMatchObject({ code: 'p2p-not-running' });
    await expect(lung.request(author, bytes('x'), { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'p2p-not-running',
    });
    expect(lung.connections()).toEqual([]);
    expect(lung.topicPeers()).toBe(0);
    expect(lung.listenAddresses()).toEqual([]);
  });
});
