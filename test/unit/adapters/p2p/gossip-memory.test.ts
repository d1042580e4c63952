import { generateKeyPair } from '@libp2p/crypto/keys';
import { afterEach, expect, it } from 'vitest';
import { forgetOldMessages } from '../../../../src/adapters/p2p/gossip-memory.ts';
import { createNode, type Node } from '../../../../src/adapters/p2p/libp2p-node.ts';
import { MAX_REMEMBERED_MESSAGES } from '../../../../src/adapters/p2p/limits.ts';

const TOPIC = 'diotec360/test';
const MORE = 10;
let node: Node | undefined;
afterEach(async () => node?.stop());

/** Where the library keeps what it has seen, and a record of each message that came in. */
interface Remembering {
  readonly seenCache: { readonly entries: ReadonlyMap<string, unknown> };
  readonly score: { validateMessage(id: string): void };
}

it('GossipSub remembers the newest messages only, however many come [L2]', async () => {
  node = await createNode({
    key: await generateKeyPair('Ed25519'),
    listen: [],
    bootstrap: [],
    topic: TOPIC,
    gater: {},
    gossipHeartbeatMs: 1000,
    isGuest: () => false,
    onDiscovered: undefined,
  });
  await node.start();
  const { gossip } = node.services;
  const { score, seenCache } = gossip as unknown as Remembering;
  for (let i = 0; i < MAX_REMEMBERED_MESSAGES + MORE; i++) {
    await gossip.publish(TOPIC, new Uint8Array([i, i >> 8, i >> 16]));
    score.validateMessage(String(i));
  }
  expect(forgetOldMessages(gossip)).toEqual({
    seen: MAX_REMEMBERED_MESSAGES,
    published: MAX_REMEMBERED_MESSAGES,
    scored: MAX_REMEMBERED_MESSAGES,
  });
  const send = (i: number): Promise<unknown> => gossip.publish(TOPIC, new Uint8Array([i, i >> 8, i >> 16]));
  // What was sent last is still known; the oldest is new again.
  await send(MAX_REMEMBERED_MESSAGES + MORE - 1);
  expect(seenCache.entries.size).toBe(MAX_REMEMBERED_MESSAGES);
  await send(0);
  expect(seenCache.entries.size).toBe(MAX_REMEMBERED_MESSAGES + 1);
});
