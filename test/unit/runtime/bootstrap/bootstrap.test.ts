import { afterEach, describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../../../src/adapters/store/index.ts';
import { leafHash } from '../../../../src/core/merkle/index.ts';
import {
  BOOTSTRAP,
  bucketRange,
  CHUNK_OPEN,
  decodeBootstrap,
  decodeQuarantined,
} from '../../../../src/core/rows/index.ts';
import { bytesToHex, type Fragment } from '../../../../src/core/types/index.ts';
import {
  type ChunkPart,
  decodeEntry,
  keyHash,
  type SyncMessage,
  siblingsToFragments,
} from '../../../../src/core/wire/index.ts';
import { openState } from '../../../../src/runtime/storage/startup.ts';
import {
  createHandClock,
  createRandom,
  deferred,
  FOUND,
  gateStore,
  hasher,
  NETWORK,
  openTestState,
  outcomeOf,
  put,
  type TestAuthor,
  turns,
  until,
  verifier,
} from '../support.ts';
import {
  authors,
  commits,
  createJoiner,
  createSource,
  forged,
  type Joiner,
  type JoinerOptions,
  meet,
  reaches,
  rootOf,
  type Source,
  trusted,
  withBadSignatures,
} from './support.ts';

const [a, b, c] = authors as [TestAuthor, TestAuthor, TestAuthor];
const running: Joiner[] = [];

async function join(options: JoinerOptions): Promise<Joiner> {
  const joiner = await createJoiner(options);
  running.push(joiner);
  joiner.bootstrap.start();
  return joiner;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ bootstrap }) => bootstrap.stop()));
});

/** Two sources with the same state of 3,000 keys by two authors: 8 chunks. */
async function twoSources(more: readonly Fragment[] = []): Promise<[Source, Source]> {
  const all = [...commits(a, 'a', 20, 100), ...commits(b, 'b', 1000, 1), ...more];
  const sources = await Promise.all([createSource(1), createSource(2)]);
  for (const source of sources) {
    await source.apply(all);
    source.cut();
  }
  expect(rootOf(sources[0].state)).toBe(rootOf(sources[1].state));
  return sources;
}

/** What the keys of a part were, by key hash in hex, whether they come as entries or as leaves. */
function leavesOf({ entries, leaves }: ChunkPart): ReadonlyMap<string, string> {
  const found = entries.map((row): [string, string] => {
    const { key, siblings } = decodeEntry(row);
    const hash = keyHash(key, hasher);
    return [bytesToHex(hash), bytesToHex(leafHash(hash, siblings, hasher))];
  });
  for (let at = 0; at < leaves.length; at += 64)
    found.push([bytesToHex(leaves.subarray(at, at + 32)), bytesToHex(leaves.subarray(at + 32, at + 64))]);
  return new Map(found.sort(([x], [y]) => (x < y ? -1 : 1)));
}

const failed = (answer: SyncMessage, request: SyncMessage): SyncMessage => {
  if (request.type === 'chunk') throw new Error('the connection broke');
  return answer;
};

describe('bootstrap', () => {
  it('an empty node takes over a certified cut from all that have it, verifies every signature, and vouches for nothing before [W7, W9]', async () => {
    const sources = await twoSources();
    const joiner = await join({ sources });
    expect(joiner.bootstrap.blocksRepairs).toBe(true);
    await until(
      'chunks come in',
      () => joiner.bootstrap.status()?.phase === 'chunks' || rootOf(joiner.state) === rootOf(sources[0].state),
    );
    expect(joiner.vouching.isVerified()).toBe(false);
    await until('equal roots', () => rootOf(joiner.state) === rootOf(sources[0].state));
    await reaches(joiner, 'done');
    expect(joiner.vouching.isVerified()).toBe(true);
    expect(joiner.bootstrap.blocksRepairs).toBe(false);
    expect(joiner.bootstrap.status()).toMatchObject({
      chunks: { done: 8, total: 8 },
      entries: 3000,
      root: rootOf(joiner.state),
    });
    expect(sources.map((s) => s.asked.get('chunk') ?? 0).every((n) => n > 0)).toBe(true);
    expect([joiner.cuts.at(0), joiner.cuts.at(-1)]).toEqual(['pause', 'resume']);
    expect(joiner.events.some((e) => e.type === 'progress' && e.what === 'bootstrap' && e.phase === 'done')).toBe(true);
    expect(await joiner.state.store.get(BOOTSTRAP)).toBeUndefined();
    expect(joiner.bootstrap.warnings()).toEqual([]);
    // What a start makes of the rows is the same state.
    const { replica } = await openState({
      store: joiner.state.store,
      hasher,
      random: createRandom(),
      network: NETWORK,
      self: joiner.state.self.author,
      isKnown: () => true,
      directory: 'memory',
    });
    expect(bytesToHex(replica.tree.root())).toBe(rootOf(sources[0].state));
    expect(replica.meta).toMatchObject({ entries: 3000, live: 3000, conflicts: 0 });
  });

  it('what changed since the cut is left to repair, and live commits are merged with what comes [W3, W7]', async () => {
    const [source] = await twoSources();
    const later = [...commits(c, 'a', 1, 50), ...commits(c, 'new', 1, 10)];
    await source.apply(later);
    const joiner = await createJoiner({ sources: [source] });
    running.push(joiner);
    // Live: one of a key in the snapshot, one of a key changed since, one of a new key.
    const live = [c.commit({ 'a/1999': 'live' }), ...later.slice(0, 1)];
    await Promise.all(live.map((fragment) => joiner.state.writer.apply(fragment, FOUND)));
    joiner.bootstrap.start();
    await reaches(joiner, 'done');
    expect(joiner.state.replica.tree.size).toBe(3000);
    expect(joiner.state.replica.tree.get(keyHash('a/1999', hasher))).not.toEqual(
      source.state.replica.tree.get(keyHash('a/1999', hasher)),
    );
    await source.apply(live);
    await repairFrom(source, joiner);
    expect(rootOf(joiner.state)).toBe(rootOf(source.state));
  });

  it('a node that is not far behind, or whose peers have few keys or another trust list, does not begin [W7]', async () => {
    const sources = await twoSources();
    const [source] = sources;
    const near = await createJoiner({ sources });
    for (const fragment of commits(a, 'a', 8, 100)) await near.state.writer.apply(fragment, FOUND);
    const few = await createJoiner({ sources, minEntries: 3001 });
    const strange = await createJoiner({ sources: [source] });
    meet(strange.peers, source, new Uint8Array(32).fill(1));
    for (const joiner of [near, few, strange]) {
      running.push(joiner);
      joiner.bootstrap.start();
      expect(joiner.bootstrap.blocksRepairs).toBe(false);
    }
    expect(source.asked.size).toBe(0);
  });

  it('without a certified cut repairs go on at once; where one is about to be they wait for it [W6, W7]', async () => {
    const source = await createSource(1);
    await source.apply(commits(a, 'a', 2, 100));
    source.certifies = false;
    const joiner = await join({ sources: [source] });
    await until('repairs go on', () => (source.asked.get('snapshot') ?? 0) > 0 && !joiner.bootstrap.blocksRepairs);
    expect(joiner.bootstrap.status()).toBeUndefined();
    expect(joiner.vouching.isVerified()).toBe(true);

    source.certifies = true;
    const few = await join({ sources: [source] });
    await until(
      'it repairs: a cut that is to come is not worth waiting for',
      () => (source.asked.get('snapshot') ?? 0) > 1 && !few.bootstrap.blocksRepairs,
    );

    await source.apply(commits(a, 'many', 1, 100));
    const patient = await join({ sources: [source] });
    await until('it has asked twice', () => (source.asked.get('snapshot') ?? 0) > 3);
    expect(patient.bootstrap.blocksRepairs).toBe(true);
    source.cut();
    await reaches(patient, 'done');
    expect(rootOf(patient.state)).toBe(rootOf(source.state));
  });

  it('a source that sends what does not verify is left out and named; its chunks come from elsewhere [W5, W7]', async () => {
    const [liar, honest] = await twoSources();
    liar.spoil = (_, answer) => (answer.type === 'part' ? { ...answer, entries: answer.entries.slice(1) } : answer);
    const joiner = await join({ sources: [liar, honest] });
    await reaches(joiner, 'done');
    expect(rootOf(joiner.state)).toBe(rootOf(honest.state));
    expect(joiner.bootstrap.status()?.peers).toEqual([`peer-${honest.state.self.author.slice(0, 8)}`]);
    const text = expect.stringMatching(/^peer-.* was left out as a source of snapshots: the leaves of chunk/) as string;
    expect(joiner.bootstrap.warnings()).toEqual([{ code: 'left-out-source', text }]);
    expect(joiner.lines).toContainEqual(
      expect.objectContaining({ level: 'warn', message: 'left out as a source of snapshots' }),
    );
  });

  it('a manifest with a certificate that no quorum of our own trust list signed is refused [W4]', async () => {
    const [liar] = await twoSources();
    liar.spoil = (_, answer) =>
      answer.type === 'manifest'
        ? { ...answer, certificate: answer.certificate.map((byte, i, all) => (i === all.length - 3 ? byte ^ 1 : byte)) }
        : answer;
    const joiner = await join({ sources: [liar] });
    await until('it is left out', () => joiner.bootstrap.warnings().length > 0);
    expect(joiner.bootstrap.warnings()[0]?.text).toContain('is bad');
    expect(liar.asked.get('chunk')).toBeUndefined();
    expect(joiner.state.replica.tree.size).toBe(0);
  });

  it('a source that fails is asked again later, and another goes on [W7]', async () => {
    const [broken, honest] = await twoSources();
    broken.spoil = (request, answer) => failed(answer, request);
    const joiner = await join({ sources: [broken, honest] });
    await reaches(joiner, 'done');
    expect(rootOf(joiner.state)).toBe(rootOf(honest.state));
    expect(joiner.bootstrap.warnings()).toEqual([]);
  });
});

describe('bootstrap after an interruption', () => {
  it('goes on where it was, with another source of the same cut, and fetches no chunk twice [W8]', async () => {
    const [first, second] = await twoSources();
    let served = 0;
    const hung = new Promise<never>(() => undefined);
    first.spoil = (request, answer) => (request.type === 'chunk' && ++served > 5 ? hung : answer);
    const store = gateStore();
    const one = await createJoiner({ sources: [first], store });
    one.bootstrap.start();
    await until(
      'five chunks are here',
      () => (one.bootstrap.status()?.chunks.done ?? 0) >= 5 && one.state.replica.tree.size > 1000,
    );
    // The process ends here: nothing of it is heard again, and its store is opened anew.
    const held = one.state.replica.tree.size;
    void one.bootstrap.stop();
    const two = await join({ sources: [second], store });
    expect(two.state.replica.tree.size).toBe(held);
    expect(two.vouching.isVerified()).toBe(false);
    await reaches(two, 'done');
    expect(rootOf(two.state)).toBe(rootOf(second.state));
    expect(second.asked.get('chunk')).toBe(3);
  });

  it('takes the newest cut when nobody has the old one any more, and of it only what is not here [W8]', async () => {
    const [first, second] = await twoSources();
    let served = 0;
    first.spoil = (request, answer): SyncMessage =>
      request.type === 'chunk' && ++served > 5 ? { type: 'error', code: 'gone', message: 'restarted' } : answer;
    let parts = 0;
    second.spoil = (_, answer) => {
      if (answer.type === 'part') parts++;
      return answer;
    };
    await second.apply(commits(c, 'a', 1, 5));
    second.cut();
    const joiner = await createJoiner({ sources: [first] });
    running.push(joiner);
    joiner.bootstrap.start();
    await until('the first source is gone', () =>
      joiner.lines.some(({ message }) => message.startsWith('nobody holds the snapshot')),
    );
    meet(joiner.peers, second);
    // What reaches the first from here on is answered by the second, as after a restart with a newer state.
    first.link = second.link;
    await reaches(joiner, 'done');
    expect(parts).toBe(3);
    expect(joiner.state.replica.tree.size).toBe(3000);
  });

  it('a node that was stopped while it verified goes on verifying, and vouches for nothing meanwhile [W9]', async () => {
    const [source] = await twoSources();
    const store = gateStore();
    const one = await createJoiner({ sources: [source], store, gate: new Promise(() => undefined) });
    one.bootstrap.start();
    await until('the snapshot is here', () => one.bootstrap.status()?.phase === 'catching-up');
    void one.bootstrap.stop();
    expect(rootOf(one.state)).toBe(rootOf(source.state));
    let open = (): void => undefined;
    const two = await join({
      sources: [],
      store,
      gate: new Promise((resolve) => {
        open = resolve;
      }),
    });
    await reaches(two, 'verifying');
    expect([two.vouching.isVerified(), two.bootstrap.blocksRepairs, two.cuts.at(-1)]).toEqual([false, false, 'pause']);
    open();
    await reaches(two, 'done');
    expect([two.vouching.isVerified(), two.cuts.at(-1)]).toEqual([true, 'resume']);
  });

  it('a check of signatures that fails is tried again ten seconds later, not at every look [W9]', async () => {
    const [source] = await twoSources();
    const store = gateStore();
    const one = await createJoiner({ sources: [source], store, gate: new Promise(() => undefined) });
    one.bootstrap.start();
    await until('the snapshot is here', () => one.bootstrap.status()?.phase === 'catching-up');
    void one.bootstrap.stop();
    const clock = createHandClock();
    let isBroken = true;
    const two = await join({
      sources: [],
      store,
      clock,
      verifier: {
        async verify(...args) {
          if (isBroken) throw new Error('the threads are gone');
          return verifier.verify(...args);
        },
      },
    });
    const failures = () => two.lines.filter(({ message }) => message === 'bootstrap failed').length;
    await until('it has failed', () => failures() === 1);
    const status = { phase: 'failed', error: 'the threads are gone' };
    expect(two.bootstrap.status()).toMatchObject(status);
    await clock.advance(9_500);
    expect(failures()).toBe(1);
    await clock.advance(1_000);
    await until('it has failed again', () => failures() === 2);
    expect([two.vouching.isVerified(), two.bootstrap.blocksRepairs, two.cuts.at(-1)]).toEqual([false, false, 'pause']);
    isBroken = false;
    await clock.advance(9_000);
    expect(two.bootstrap.status()).toMatchObject(status);
    await clock.advance(1_500);
    await reaches(two, 'done');
    expect([two.vouching.isVerified(), two.cuts.at(-1), await store.get(BOOTSTRAP)]).toEqual([
      true,
      'resume',
      undefined,
    ]);
  });

  it('a disk that fills up ends the attempt once what was on its way is durable, and not the node [W7, W8]', async () => {
    const sources = await twoSources();
    const answers = deferred<void>();
    for (const source of sources) {
      source.spoil = async (request, answer) => {
        if (request.type === 'chunk') await answers.promise;
        return answer;
      };
    }
    // A disk whose reads take longer than its writes. Of each chunk some keys are here, and are read before it.
    const inner = createMemoryStore();
    const getMany: typeof inner.getMany = async (keys) => {
      await turns(5);
      return inner.getMany(keys);
    };
    const store = gateStore({ ...inner, getMany });
    const before = await openTestState({ id: 4, store });
    await before.writer.apply(commits(c, 'a', 1, 100)[0] as Fragment, FOUND);
    let isFull = false;
    const joiner = await join({ sources, store, isFull: () => isFull });
    await reaches(joiner, 'chunks');
    const { writer } = joiner.state;
    // Live commits keep the disk busy: one batch on its way, and always one before the next chunks.
    store.hold();
    const live = [1, 2].map((n) => writer.apply(c.commit({ [`live/${n}`]: n }), FOUND));
    await until('the first is on its way', () => store.held.length === 1);
    answers.resolve();
    const asked = (): number => sources.reduce((sum, source) => sum + (source.asked.get('chunk') ?? 0), 0);
    await until('all chunks are here', () => asked() === 8);
    await turns(20);
    isFull = true;
    for (let n = 3; n < 12; n++) {
      live.push(writer.apply(c.commit({ [`live/${n}`]: n }), FOUND));
      store.held.shift()?.release();
      await turns(10);
    }
    store.open();
    await reaches(joiner, 'failed');
    await Promise.all(live);
    expect(joiner.state.fatal).toEqual([]);
    expect(joiner.bootstrap.status()?.error).toContain('the disk is too full');
    const { chunks } = decodeBootstrap((await store.get(BOOTSTRAP)) as Uint8Array);
    expect(chunks.filter((place) => place !== CHUNK_OPEN)).toHaveLength(2);
    expect((await writer.write(put('later', 1))).ok).toBe(true);
  });
});

describe('signatures of a snapshot', () => {
  it('that the source broke are mended by the copies of another peer [W10]', async () => {
    const [liar, honest] = await twoSources();
    liar.spoil = (_, answer) =>
      answer.type === 'part' ? withBadSignatures(answer, (key) => key.endsWith('7')) : answer;
    honest.spoil = (request, answer): SyncMessage =>
      request.type === 'snapshot' || request.type === 'chunk'
        ? { type: 'error', code: 'no-snapshot', message: 'none here' }
        : answer;
    const joiner = await join({ sources: [liar, honest] });
    await reaches(joiner, 'done');
    expect(rootOf(joiner.state)).toBe(rootOf(honest.state));
    expect(joiner.bootstrap.warnings()).toEqual([]);
    expect(await quarantine(joiner)).toEqual([]);
    // The good copies are what is held now.
    const [mine, theirs] = await Promise.all(
      [joiner, { state: honest.state }].map(({ state }) => state.store.get(Uint8Array.of(1, ...Buffer.from('b/7')))),
    );
    expect(mine).toEqual(theirs);
  });

  it('that nobody has better are taken out with their operations, kept in quarantine, and raise an alarm that lasts [W10]', async () => {
    const bad = forged(c.commit({ 'bad/1': 1, 'bad/2': 2 }));
    const older = b.commit({ 'bad/2': 'old' });
    const sources = await twoSources([older, bad]);
    const [source] = sources;
    const store = gateStore();
    const joiner = await join({ sources: [source], store });
    await reaches(joiner, 'done');
    expect(joiner.state.replica.tree.get(keyHash('bad/1', hasher))).toBeUndefined();
    expect(joiner.state.replica.tree.size).toBe(3001);
    const alarms = joiner.lines.filter(({ level, message }) => level === 'error' && message.includes('quarantine'));
    const servedBy = `peer-${source.state.self.author.slice(0, 8)}`;
    expect(alarms.map(({ fields }) => String(fields['key'])).toSorted()).toEqual(['bad/1', 'bad/2']);
    expect(alarms[0]?.fields).toMatchObject({ servedBy, author: c.author });
    expect(alarms[0]?.fields['attestedBy']).toHaveLength(3);
    const kept = await quarantine(joiner);
    expect(kept.map(({ entry }) => entry.key).toSorted()).toEqual(['bad/1', 'bad/2']);
    expect(kept[0]).toMatchObject({ source: source.state.self.author });
    expect(kept[0]?.attesters.every((author) => trusted.includes(author))).toBe(true);

    const again = await createJoiner({ sources: [], store });
    expect(again.vouching.isVerified()).toBe(true);
    const text = expect.stringContaining('2 operations with bad signatures were part of an attested cut') as string;
    expect(again.bootstrap.warnings()).toEqual([{ code: 'quarantine', text }]);
    // The good operation of a conflict is left; a state without the bad ones is what its rows make.
    expect(rootOf(again.state)).toBe(rootOf(joiner.state));
    expect(again.state.replica.meta).toMatchObject({ entries: 3001, live: 3001, conflicts: 0 });
  });
});

/** What an ordinary repair brings: everything that the source has. */
async function repairFrom(source: Source, joiner: Joiner): Promise<void> {
  const entries = [];
  for await (const rows of source.state.store.iterate(bucketRange('entry')))
    for (const [, row] of rows) entries.push(decodeEntry(row));
  const fragments = siblingsToFragments(
    entries.flatMap(({ siblings }) => siblings),
    hasher,
  );
  for (let at = 0; at < fragments.length; at += 200)
    await Promise.all(fragments.slice(at, at + 200).map((f) => joiner.state.writer.apply(f, FOUND)));
}

async function quarantine({ state }: Joiner) {
  const kept = [];
  for await (const rows of state.store.iterate(bucketRange('quarantine')))
    for (const [, value] of rows) kept.push(decodeQuarantined(value));
  return kept;
}

describe('snapshots, the answering side', () => {
  const from = (source: Source, index: number, after = new Uint8Array(0)): Promise<ChunkPart> =>
    source.snapshots
      .manifest(new Uint8Array(0))
      .then(() => source.snapshots.chunk({ root: cutRoots.get(source) as Uint8Array, index, after }));
  const cutRoots = new Map<Source, Uint8Array>();

  it('a pinned cut stays as it was while its node goes on, and other roots are gone [W6]', async () => {
    const [source] = await twoSources();
    cutRoots.set(source, source.state.replica.tree.root());
    const before = await from(source, 3);
    await source.apply([...commits(c, 'a', 10, 100), ...commits(c, 'later', 10, 100)]);
    source.cut();
    const after = await from(source, 3);
    expect(leavesOf(after)).toEqual(leavesOf(before));
    expect(after.entries.length).toBeLessThan(before.entries.length);
    await expect(
      source.snapshots.chunk({ root: new Uint8Array(32), index: 0, after: new Uint8Array(0) }),
    ).rejects.toMatchObject({
      code: 'gone',
    });
    await expect(from(source, 8)).rejects.toMatchObject({ code: 'malformed' });
    source.snapshots.stop();
  });

  it('a pinned cut ends when a key leaves the state, or more has changed than is kept [W6]', async () => {
    for (const more of [
      (source: Source) => source.remove('b/7'),
      (source: Source) => source.apply(commits(c, 'a', 10, 100)),
      // Keys that were not there before are kept too.
      (source: Source) => source.apply(commits(c, 'new', 10, 100)),
    ]) {
      const source = await createSource(1, { maxHeldBytes: 100_000 });
      await source.apply([...commits(a, 'a', 20, 100), ...commits(b, 'b', 1000, 1)]);
      source.cut();
      cutRoots.set(source, source.state.replica.tree.root());
      const before = await from(source, 3);
      await source.apply(commits(c, 'a', 1, 100));
      expect((await from(source, 3)).entries.length).toBeLessThan(before.entries.length);
      await more(source);
      // The next cut: what is still held of the one before is the pinned one.
      source.cut();
      await expect(from(source, 3)).rejects.toMatchObject({ code: 'gone' });
      source.snapshots.stop();
    }
  });

  it('a chunk of large values comes in parts that go on where the last ended [W3]', async () => {
    const source = await createSource(1);
    const large = Array.from({ length: 100 }, (_, n) =>
      a.commit({ [`large/${n}`]: String(n).repeat(8000).slice(0, 15_000) }),
    );
    await source.apply(large);
    source.cut();
    cutRoots.set(source, source.state.replica.tree.root());
    const sizes: number[] = [];
    let after = new Uint8Array(0);
    do {
      const part = await from(source, 0, after);
      sizes.push(part.entries.length);
      after = part.next as typeof after;
    } while (after.length > 0);
    expect(sizes.length).toBe(2);
    expect(sizes.reduce((sum, n) => sum + n, 0)).toBe(100);
    source.snapshots.stop();
  });

  it('a node whose own signatures are not all verified serves none [W6, W9]', async () => {
    const [source] = await twoSources();
    source.isVerified = false;
    await expect(source.snapshots.manifest(new Uint8Array(0))).rejects.toMatchObject({ code: 'unverified' });
    const joiner = await join({ sources: [source] });
    await until('it has asked', () => (source.asked.get('snapshot') ?? 0) > 0 && !joiner.bootstrap.blocksRepairs);
    expect(outcomeOf(Promise.resolve()).state).toBe('pending');
  });
});
