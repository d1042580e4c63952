import { expect, test } from 'vitest';
import { createMemoryStore } from '../../src/adapters/store/index.ts';
import { encodeJournal, journalKey } from '../../src/core/rows/index.ts';
import type { Hlc } from '../../src/core/types/index.ts';
import { createSignedHead, decodeGossip } from '../../src/core/wire/index.ts';
import type { Writer } from '../../src/runtime/commit/writer.ts';
import { createStreams } from '../../src/runtime/streams/streams.ts';
import { createSimSigner, hasher } from '../sim/crypto.ts';

test('a head sent while a push stream still replays carries no cursor past what was sent', async () => {
  const store = createMemoryStore();
  for (let sequence = 1; sequence <= 3; sequence++) {
    await store.batch([
      {
        type: 'put',
        key: journalKey(sequence),
        value: encodeJournal({ root: new Uint8Array(32), clocks: [], changes: [] }),
      },
    ]);
  }
  const signer = createSimSigner('reader');
  const writer: Pick<Writer, 'read'> = { read: async (run) => run() };
  const head = createSignedHead(
    {
      network: 'test',
      author: signer.author,
      incarnation: new Uint8Array(8),
      sequence: 1,
      hlc: 0n as Hlc,
      root: new Uint8Array(32),
      entries: 0,
      trustHash: new Uint8Array(32),
      wallMs: 0,
    },
    signer.sign,
  );
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let reading = (): void => undefined;
  const replayBegan = new Promise<void>((resolve) => {
    reading = resolve;
  });
  const streams = createStreams({
    store: {
      ...store,
      async *iterate(range) {
        reading();
        await held;
        yield* store.iterate(range);
      },
    },
    // The journal names no changes: no entry is read.
    entries: { many: async () => [] },
    hasher,
    writer,
    incarnation: 'aa',
    sequence: () => 3,
  });
  const sent: string[] = [];
  const send = (frame: Uint8Array): boolean => {
    const message = decodeGossip(frame, { stream: true });
    sent.push(message.type === 'cursor' ? message.cursor : message.type);
    return true;
  };
  const opening = streams.openPush(signer.author, 'aa.1', send, () => undefined);
  await replayBegan;
  streams.publishHead(head);
  expect(sent).toEqual(['head']);
  release();
  await opening;
  expect(sent).toEqual(['head', 'aa.3']);
});
