import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../../../src/adapters/system/index.ts';
import { createCellServer } from '../../../../../src/core/reconcile/index.ts';
import type { Author } from '../../../../../src/core/types/index.ts';
import {
  type CellsRequest,
  decodeFragment,
  decodeSync,
  encodeSync,
  type SyncMessage,
} from '../../../../../src/core/wire/index.ts';
import type { Clock } from '../../../../../src/ports/index.ts';
import type { RepairReport } from '../../../../../src/runtime/facade/index.ts';
import { createPeerTable, type Peer } from '../../../../../src/runtime/peers/peers.ts';
import { runSession, type SessionRunnerDeps } from '../../../../../src/runtime/repair/sessions.ts';
import { type Link } from '../../../../../src/runtime/transport/link.ts';
import { createTestReplica, hasher, rootOf, type TestReplica } from '../../replica/support.ts';
import { fill, open, respond, session, T } from '../support.ts';

const clock: Clock = { now: () => T, monotonic: () => 0, after: () => ({ cancel: () => undefined }) };

/** What a session of the runtime needs of a node, with a door that lets everything in. */
function runnerOf(a: TestReplica): SessionRunnerDeps {
  return {
    replica: a.replica,
    hasher,
    clock,
    random: systemRandom(),
    entries: { many: async (wanted) => wanted.map(({ keyHash }) => a.entryByHash(keyHash)) },
    writer: {
      read: async (read) => await read(),
      apply: async (fragment) => a.step({ fragments: [fragment] }, T + 100_000).applied[0]?.outcomes ?? [],
      write: () => Promise.reject(new Error('not asked for')),
      amend: () => Promise.reject(new Error('not asked for')),
      keep: () => Promise.reject(new Error('not asked for')),
      drain: async () => undefined,
      queued: 0,
    },
    door: {
      admit: async (bytes) => ({ ok: true, fragment: decodeFragment(bytes, hasher) }),
      apply: async (fragment) => a.step({ fragments: [fragment] }, T + 100_000).applied[0]?.outcomes ?? [],
      refused: () => ({}),
      deferred: () => 0,
      verifying: () => 0,
      stop: () => undefined,
    },
  };
}

function peerOf(b: TestReplica): Peer {
  const peer = createPeerTable(clock).ensure(b.author as Author);
  if (peer === undefined) throw new Error('the table is full');
  return peer;
}

/** A link to `b` whose answers may be changed; notes the requests for cells. */
function linkTo(b: TestReplica, asked: CellsRequest[], tamper: (m: SyncMessage) => SyncMessage = (m) => m): Link {
  const server = createCellServer({ state: () => b.replica, now: () => 0 });
  return async (bytes) => {
    const message = decodeSync(bytes);
    if (message.type === 'cells') asked.push(message);
    return encodeSync(tamper(respond(b, open, message, server)));
  };
}

function differing(): [TestReplica, TestReplica] {
  const [a, b] = [createTestReplica(1), createTestReplica(2)];
  fill(a, 'k', 150);
  session(b, a);
  b.put('new', 1, T + 5000);
  return [a, b];
}

async function reportOf(...args: Parameters<typeof runSession>): Promise<RepairReport> {
  return (await runSession(...args)).report;
}

describe('a session over a link', () => {
  it('tells that coded symbols found the differences [S11]', async () => {
    const [a, b] = differing();
    const report = await reportOf(runnerOf(a), peerOf(b), 'http', linkTo(b, []), () => undefined);
    expect(report).toMatchObject({ outcome: 'repaired', method: 'cells', found: 1, fetched: 1, requests: 2 });
    expect(rootOf(a)).toBe(rootOf(b));
  });

  it('goes on by descent with a peer that knows no cells [Y8]', async () => {
    const [a, b] = differing();
    const unknown = (m: SyncMessage): SyncMessage =>
      m.type === 'coded' ? { type: 'error', code: 'unknown-version', message: 'of type 9' } : m;
    const report = await reportOf(runnerOf(a), peerOf(b), 'p2p', linkTo(b, [], unknown), () => undefined);
    expect(report).toMatchObject({ outcome: 'repaired', method: 'descent', fetched: 1 });
    expect(rootOf(a)).toBe(rootOf(b));
  });

  it('salts its cells after two repairs that did not decode, until one does [Y10]', async () => {
    const [a, b] = differing();
    const peer = peerOf(b);
    const asked: CellsRequest[] = [];
    const spoiled = linkTo(b, asked, (m) => (m.type === 'coded' ? { ...m, cells: new Uint8Array(m.cells.length) } : m));
    const reports = [];
    for (let i = 0; i < 2; i++) {
      reports.push(await reportOf(runnerOf(a), peer, 'http', spoiled, () => undefined));
      b.put('new', i + 2, T + 6000 + i);
    }
    expect(reports).toMatchObject([
      { outcome: 'repaired', method: 'descent' },
      { outcome: 'repaired', method: 'descent' },
    ]);
    reports.push(await reportOf(runnerOf(a), peer, 'http', linkTo(b, asked), () => undefined));
    expect(reports[2]).toMatchObject({ outcome: 'repaired', method: 'cells' });
    b.put('new', 9, T + 7000);
    await reportOf(runnerOf(a), peer, 'http', linkTo(b, asked), () => undefined);
    expect(asked.map(({ salt }) => salt.length)).toEqual([0, 0, 8, 0]);
  });

  it('watches the state no longer when it has failed [Y5]', async () => {
    const [a, b] = differing();
    const watches = new Set<unknown>();
    const { cells } = a.replica;
    const { watch, unwatch } = { watch: cells.watch.bind(cells), unwatch: cells.unwatch.bind(cells) };
    let most = 0;
    cells.watch = () => {
      const made = watch();
      watches.add(made);
      most = Math.max(most, watches.size);
      return made;
    };
    cells.unwatch = (done) => {
      watches.delete(done);
      unwatch(done);
    };
    const dead: Link = () => Promise.reject(new Error('the line is dead'));
    expect(await reportOf(runnerOf(a), peerOf(b), 'http', dead, () => undefined)).toMatchObject({
      outcome: 'failed',
    });
    expect(most).toBe(1);
    expect(watches.size).toBe(0);
  });
});
