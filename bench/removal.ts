import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openLevelStore } from '../src/adapters/store/index.ts';
import { nodeHasher, systemClock, systemRandom } from '../src/adapters/system/index.ts';
import { makeHlc } from '../src/core/index.ts';
import { BUCKETS, bucketRange, WRITTEN } from '../src/core/rows/index.ts';
import type { Author } from '../src/core/types/index.ts';
import type { Log, Store } from '../src/ports/index.ts';
import { createWriter } from '../src/runtime/commit/writer.ts';
import { createEntries } from '../src/runtime/storage/entries.ts';
import { openState } from '../src/runtime/storage/startup.ts';
import { createAfterEnd } from '../src/runtime/upkeep/after-end.ts';
import { createDisplacedBook, loadDisplaced } from '../src/runtime/upkeep/displaced.ts';
import { watchedReads } from '../test/support/watched-store.ts';
import { NETWORK, put, remoteCommit, signerOf } from './support/commits.ts';
import type { Figure } from './support/figures.ts';

const SIZES = [20_000, 200_000] as const;
/** What the removed author wrote after its end. */
const STOLEN = 100;
const COMMIT = 100;
const WAIT_MS = 60_000;

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const FOUND = { lung: 'http', peer: undefined, live: false } as const;
const hasher = nodeHasher();
const thief = signerOf(9);
const stays = signerOf(2);

interface Removal {
  readonly ms: number;
  readonly entriesRead: number;
}

/** Removes an author from a state of `size` entries. Without `rows` the store is one that an earlier version wrote. */
async function removal(size: number, rows: boolean): Promise<Removal> {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-bench-removal-'));
  const inner = await openLevelStore(dir);
  let entriesRead = 0;
  let began = 0;
  function count(key: Uint8Array): void {
    began ||= performance.now();
    entriesRead += Number(key[0] === BUCKETS.entry);
  }
  const store: Store = {
    ...inner,
    ...watchedReads(inner, count),
  };
  const clock = systemClock({ onError: () => undefined });
  const until = Math.floor(clock.now() / 10_000) * 10_000 - 10_000;
  const ends = new Map<Author, number>();
  const open = async () => {
    const { replica, rows: entryRows } = await openState({
      store,
      hasher,
      random: systemRandom(),
      network: NETWORK,
      self: signerOf(1).author,
      isKnown: () => true,
      isAfterEnd: (author, ms) => ms > (ends.get(author) ?? Infinity),
      directory: dir,
    });
    const entries = createEntries({ rows: entryRows, hasher, replica });
    const writer = createWriter({
      replica,
      store,
      hasher,
      entries,
      signer: signerOf(1),
      clock,
      log: silent,
      onStep: () => undefined,
      onDurable: () => undefined,
      onFatal: (error) => {
        throw error;
      },
    });
    return { replica, entries, writer };
  };
  try {
    const filled = await open();
    for (let at = 0; at < size; at += COMMIT) {
      const operations = Array.from({ length: COMMIT }, (_, i) => put(at + i, 0, []));
      await filled.writer.apply(remoteCommit(stays, until - 60_000 + at / COMMIT, operations, hasher), FOUND);
    }
    const context = [{ author: stays.author, hlc: makeHlc(until, 0) }];
    const step = size / STOLEN;
    const stolen = Array.from({ length: STOLEN }, (_, i) => put(i * step, 1, context));
    await filled.writer.apply(remoteCommit(thief, until + 1_000, stolen, hasher), FOUND);
    await filled.writer.drain();
    if (!rows) {
      const gone = [WRITTEN];
      for await (const page of store.iterate(bucketRange('written'))) gone.push(...page.map(([key]) => key));
      await store.batch(gone.map((key) => ({ type: 'del', key })));
    }
    const { replica, entries, writer } = await open();
    const nameOf = (author: Author): string => author;
    const displaced = createDisplacedBook({
      store,
      writer,
      hasher,
      saved: await loadDisplaced(store),
      nameOf,
      onEvent: () => undefined,
      clock,
    });
    const roster = { ends };
    const saved = new Map<Author, number>();
    const floor = (): undefined => undefined;
    const all = {
      roster,
      displaced,
      replica,
      entries,
      writer,
      store,
      hasher,
      saved,
      floor,
      nameOf,
      clock,
      log: silent,
    };
    const afterEnd = createAfterEnd(all);
    ends.set(thief.author, until);
    entriesRead = 0;
    began = 0;
    let told = false;
    const from = performance.now();
    afterEnd.start();
    while (afterEnd.isPending()) {
      told = true;
      if (performance.now() - from > WAIT_MS) throw new Error('the removal is not done');
      await pause(1);
    }
    const ms = performance.now() - began;
    afterEnd.stop();
    await writer.drain();
    if (!told) throw new Error('there was nothing to remove');
    return { ms, entriesRead };
  } finally {
    await store.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/**
 * What the removal of an author costs who wrote STOLEN keys after its end, in states of different sizes (SPEC RO12), and
 * beside that what it costs a store that has no rows that lead there.
 */
export async function removalBench(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const size of SIZES) {
    const all = await removal(size, false);
    const { ms, entriesRead } = await removal(size, true);
    figures.push(
      {
        metric: `removal_entries_read_${size}`,
        label: `entries read to remove ${STOLEN} of ${size.toLocaleString('en-GB')}`,
        value: entriesRead,
        unit: '',
        goal: { atMost: 3 * STOLEN },
        limit: { name: 'without rows', value: all.entriesRead },
      },
      {
        metric: `removal_ms_${size}`,
        label: '… and the time',
        value: ms,
        unit: 'ms',
        limit: { name: 'without rows', value: all.ms },
      },
    );
  }
  return figures;
}
