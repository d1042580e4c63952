import { nodeHasher } from '../src/adapters/system/hasher.ts';
import {
  answerDigests,
  createCellServer,
  createReplica,
  decodeFragment,
  decodeSync,
  encodeFragment,
  encodeSync,
  RefusedDifferences,
  repair,
  type SessionAnswer,
  SessionTally,
  SettledKeys,
  type Started,
  type SyncMessage,
  siblingsToFragments,
  type Work,
  type WorkAnswer,
} from '../src/core/index.ts';
import { type Bytes, bytesToHex, type Entry, type Fragment, type Operation } from '../src/core/types/index.ts';
import { keyOf, NETWORK, put, remoteCommit, signerOf } from './support/commits.ts';
import type { Figure } from './support/figures.ts';

const ENTRIES = 20_000;
const COMMIT = 100;
const DIFFERENCES = 1000;

const hasher = nodeHasher();

/** A replica without runtime and store, whose entries are kept in maps. */
function createSide(id: number) {
  const signer = signerOf(id);
  const replica = createReplica({
    hasher,
    network: NETWORK,
    self: signer.author,
    journalLength: 16,
    incarnation: new Uint8Array(8),
    isKnown: () => true,
  });
  const entries = new Map<string, Entry>();
  const byHash = new Map<string, Entry>();
  const cells = createCellServer({ state: () => replica, now: () => 0 });
  const take = (fragments: readonly Fragment[]): readonly (readonly string[])[] => {
    const step = replica.step(
      { fragments, writes: [] },
      (key) => entries.get(key),
      Date.now(),
      (message) => signer.sign(message),
    );
    for (const { key, keyHash, after } of step.changed) {
      if (after === undefined) continue;
      entries.set(key, after);
      byHash.set(bytesToHex(keyHash), after);
    }
    return step.applied.map(({ outcomes }) => outcomes);
  };
  const entryOf = (hash: Bytes): Entry | undefined => byHash.get(bytesToHex(hash));
  return { replica, cells, take, entryOf };
}

type Side = ReturnType<typeof createSide>;

function answer(side: Side, message: SyncMessage): SyncMessage {
  if (message.type === 'cells') return side.cells.answer(message);
  if (message.type === 'digests') return answerDigests(message.queries, side.replica.tree);
  if (message.type === 'want') {
    const hashes = message.keyHashes.flatMap((hash) =>
      side.replica.tree.leavesUnder(hash, hash.length * 8, 16).map((l) => l.keyHash),
    );
    const siblings = hashes.flatMap((hash) => side.entryOf(hash)?.siblings ?? []);
    return {
      type: 'entries',
      answered: message.keyHashes.length,
      fragments: siblingsToFragments(siblings, hasher).map(encodeFragment),
    };
  }
  if (message.type !== 'push') throw new Error(message.type);
  side.take(message.fragments.map((bytes) => decodeFragment(bytes, hasher)));
  return { type: 'pushed', verdicts: message.fragments.map(() => 'held') };
}

/** Runs one session, in which every message is encoded and decoded. Returns the bytes of both directions. */
function session(mine: Side, theirs: Side): number {
  const { replica } = mine;
  const run = repair({
    tree: replica.tree,
    cells: { live: replica.cells, salt: new Uint8Array(0), theirEntries: undefined },
    hasher,
    refused: new RefusedDifferences(),
    tally: new SessionTally(new SettledKeys()),
    now: () => 0,
  });
  let bytes = 0;
  const perform = (work: Work): WorkAnswer => {
    if (work.type === 'entries') return { type: 'entries', entries: work.keyHashes.map(mine.entryOf) };
    if (work.type === 'request') {
      const sent = encodeSync(work.message);
      const got = encodeSync(answer(theirs, decodeSync(sent)));
      bytes += sent.length + got.length;
      return { type: 'request', message: decodeSync(got) };
    }
    if (work.type === 'wait') throw new Error('nothing flows in this bench');
    const fragments = work.fragments.map((part) => decodeFragment(part, hasher));
    mine.take(fragments);
    const operations = fragments.flatMap((fragment) =>
      fragment.operations.map((o) => ({
        key: o.operation.key,
        author: fragment.header.author,
        commit: fragment.idBytes,
        index: o.index,
        verdict: 'held' as const,
      })),
    );
    return { type: 'ingest', operations, unreadable: false };
  };
  const underWay: Started[] = [];
  let step = run.next();
  while (step.done !== true) {
    const effect = step.value;
    let reply: SessionAnswer = { type: 'progress' };
    if (effect.type === 'begin') {
      underWay.push(...effect.start);
      const first = underWay.shift();
      if (first === undefined) throw new Error('a session waits for nothing');
      reply = { type: 'done', id: first.id, answer: perform(first.work) };
    } else if (effect.type !== 'progress') reply = perform(effect);
    step = run.next(reply);
  }
  const { outcome, method, found } = step.value;
  if (outcome !== 'repaired' || method !== 'cells' || found !== DIFFERENCES)
    throw new Error(`${outcome} by ${method}: ${found} found`);
  if (bytesToHex(mine.replica.tree.root()) !== bytesToHex(theirs.replica.tree.root()))
    throw new Error('the roots differ');
  return bytes;
}

/** Compares the bytes of a repair of 1,000 entries, of which each side lacks half, with the bytes of the entries. */
export function repairFigures(): Figure[] {
  const [mine, theirs] = [createSide(3), createSide(4)];
  const author = signerOf(1);
  const start = Date.now() - 1_000_000;
  for (let c = 0; c < ENTRIES / COMMIT; c++) {
    const operations = Array.from({ length: COMMIT }, (_, i) => put(c * COMMIT + i, 0, []));
    const fragment = remoteCommit(author, start + c, operations, hasher);
    for (const side of [mine, theirs]) side.take([fragment]);
  }
  let payload = 0;
  for (let i = 0; i < DIFFERENCES; i++) {
    const operation: Operation = {
      kind: 'put',
      key: keyOf(ENTRIES + i),
      value: `entry number ${i}, of 220 bytes`,
      context: [],
    };
    const fragment = remoteCommit(author, start + ENTRIES + i, [operation], hasher);
    payload += encodeFragment(fragment).length;
    (i % 2 === 0 ? mine : theirs).take([fragment]);
  }
  const bytes = session(mine, theirs);
  return [
    { metric: 'repair_entry_bytes', label: 'repair of 1,000 entries of', value: payload / DIFFERENCES, unit: 'B' },
    {
      metric: 'repair_bytes',
      label: '  all bytes, both ways',
      value: bytes,
      unit: 'B',
      goal: { atMost: 1.25 * payload },
      limit: { name: 'the entries', value: payload },
    },
  ];
}
