import { expect, it } from 'vitest';
import { decodeRememberedPeers } from '../../../../src/core/rows/index.ts';
import type { Author } from '../../../../src/core/types/index.ts';
import { createRememberedPeers, MAX_REMEMBERED } from '../../../../src/runtime/fleet/remembered-peers.ts';
import { createPeerTable } from '../../../../src/runtime/peers/peers.ts';
import { createAuthor, createHandClock, log } from '../support.ts';

it('as many peers are kept as a node may know, those that were heard last [J5]', async () => {
  const clock = createHandClock();
  const oslo = createAuthor(2);
  const saved = Array.from({ length: MAX_REMEMBERED + 1 }, (_, i) => ({
    author: i.toString(16).padStart(64, '0') as Author,
    name: `n${i}`,
    url: '',
    lastHeardAt: 1_000 + i,
  }));
  const peers = createPeerTable(clock);
  const rows: Uint8Array[] = [];
  const remembered = createRememberedPeers({
    saved,
    peers,
    members: { has: () => true },
    names: { of: () => 'oslo' },
    urls: () => [],
    graceMs: 3_000,
    heartbeatMs: 1_000,
    clock,
    log,
    async keep(make) {
      for (const row of make()) if (row.type === 'put') rows.push(row.value);
    },
  });
  const met = peers.ensure(oslo.author);
  if (met === undefined) throw new Error('there is room for a first peer');
  peers.hear(met, oslo.head(), 'http', true);
  await remembered.stop();
  const kept = decodeRememberedPeers(rows.at(-1) as Uint8Array);
  expect(kept).toHaveLength(MAX_REMEMBERED);
  expect(kept.map(({ name }) => name)).toEqual(expect.arrayContaining(['oslo', `n${MAX_REMEMBERED}`]));
  expect(kept.map(({ name }) => name)).not.toContain('n0');
});
