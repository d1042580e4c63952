import { expect, it } from 'vitest';
import type { Author } from '../../../../src/core/types/index.ts';
import { authorToPeerId } from '../../../../src/core/wire/peer-id.ts';
import type { Log } from '../../../../src/ports/index.ts';
import { namedLog } from '../../../../src/runtime/fleet/named-log.ts';

it('a line of a node or lung names the peer as people do, with its id beside it, and leaves the rest alone [J5]', () => {
  const oslo = '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c' as Author;
  const peerId = authorToPeerId(oslo);
  const lines: object[] = [];
  const take = (fields: object): void => void lines.push(fields);
  const log: Log = { debug: take, info: take, warn: take, error: take, child: () => log };
  let known = false;
  const lung = namedLog(log, (author) => (known && author === oslo ? 'oslo' : undefined), authorToPeerId).child('p2p');
  lung.info({ peer: peerId }, 'peer connected');
  known = true;
  lung.warn({ peer: peerId, reason: 'silent' }, 'peer disconnected');
  lung.info({ peer: 'no id', address: '/ip4/127.0.0.1' }, 'refused');
  lung.info({ peer: oslo, author: oslo }, 'repaired');
  lung.info({ peers: [oslo, peerId, 'other'] }, 'compared');
  lung.warn({ authors: [oslo, 'other'] }, 'ended');
  lung.error({}, 'failed');
  expect(lines).toEqual([
    { peer: peerId },
    { peer: 'oslo', peerId, reason: 'silent' },
    { peer: 'no id', address: '/ip4/127.0.0.1' },
    { peer: 'oslo', peerId, author: oslo, name: 'oslo' },
    { peers: ['oslo', 'oslo', 'other'] },
    { authors: [oslo, 'other'], names: ['oslo', 'other'] },
    {},
  ]);
});
