import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openLevelStore } from '../src/adapters/store/index.ts';
import { nodeHasher, systemClock, systemRandom } from '../src/adapters/system/index.ts';
import { createCommit, createReplica, decodeEntry, makeHlc } from '../src/core/index.ts';
import { CHECKPOINT, keyToEntryKey } from '../src/core/rows/index.ts';
import type { Entry } from '../src/core/types/index.ts';
import type { Log } from '../src/ports/index.ts';
import { openState } from '../src/runtime/storage/startup.ts';
import { createCheckpointSaver } from '../src/runtime/upkeep/checkpoint-save.ts';
import { keyOf, NETWORK, put, signerOf, valueOf } from './support/commits.ts';
import { type Figure, median } from './support/figures.ts';
import { until } from './support/fleet.ts';
import type { Opened } from './support/open-store.ts';

const COMMIT = 100;
/** Commits of one batch while the store is filled. */
const BATCH = 20;
const RUNS = 3;
const MAX_OPEN_MS = 60_000;
const CHILD = fileURLToPath(new URL('./support/open-store.js', import.meta.url));
const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const PROFILE = process.execArgv.filter((flag) => flag.startsWith('--cpu-prof'));

/**
 * Steps of this size give key numbers in another order than that of the keys, as keys come in real use. It is coprime
 * to powers of ten.
 */
const STRIDE = 7919;

/** Makes a store of `entries` as a replica would: by commits of 100 operations, with all rows of every step. */
async function fill(directory: string, entries: number): Promise<void> {
  const store = await openLevelStore(directory);
  const hasher = nodeHasher();
  const signer = signerOf(1);
  const replica = createReplica({
    hasher,
    network: NETWORK,
    self: signer.author,
    isKnown: () => true,
    journalLength: 16_384,
    incarnation: new Uint8Array(8),
  });
  const now = Date.now();
  for (let first = 0; first < entries; first += COMMIT * BATCH) {
    const fragments = Array.from({ length: Math.min(BATCH, (entries - first) / COMMIT) }, (_, c) =>
      createCommit(
        {
          network: NETWORK,
          author: signer.author,
          hlc: makeHlc(now - entries + first + c, 0),
          operations: Array.from({ length: COMMIT }, (_, i) =>
            put(((first + c * COMMIT + i) * STRIDE) % entries, 0, []),
          ),
        },
        hasher,
        (message) => signer.sign(message),
      ),
    );
    const step = replica.step(
      { fragments, writes: [] },
      () => undefined,
      now,
      () => new Uint8Array(64),
    );
    await store.batch(step.rows);
  }
  if (replica.tree.size !== entries) throw new Error(`${replica.tree.size} entries instead of ${entries}`);
  await store.close();
}

/** Writes a checkpoint as a node does, then replaces every eighth entry, half of what can change before the next. */
async function checkpoint(directory: string, entries: number): Promise<void> {
  const store = await openLevelStore(directory);
  const hasher = nodeHasher();
  const signer = signerOf(1);
  const { replica } = await openState({
    store,
    hasher,
    random: systemRandom(),
    network: NETWORK,
    self: signer.author,
    isKnown: () => true,
    directory,
  });
  const { sequence } = replica.meta;
  const saver = createCheckpointSaver({
    replica,
    store,
    // Nothing else writes meanwhile, so every moment is between two batches.
    writer: { read: async (read) => read(), keep: async (make) => store.batch(make()) },
    clock: systemClock(),
    log: silent,
    loaded: undefined,
    journalLength: 16_384,
    sequence,
  });
  saver.applied(sequence, 0);
  await until('a checkpoint', 60_000, async () => (await store.get(CHECKPOINT)) !== undefined, 20);
  const now = Date.now();
  const held = new Map<string, Entry>();
  for (let first = 0; first < entries / 8; first += COMMIT) {
    const numbers = Array.from({ length: COMMIT }, (_, i) => ((first + i) * 104_729) % entries);
    const rows = await store.getMany(numbers.map((n) => keyToEntryKey(keyOf(n), hasher)));
    rows.forEach((row, i) => row !== undefined && held.set(keyOf(numbers[i] ?? 0), decodeEntry(row)));
    const operations = numbers.map((n) => ({ kind: 'put' as const, key: keyOf(n), value: valueOf(n, 1) }));
    const step = replica.step(
      { fragments: [], writes: [{ operations }] },
      (key) => held.get(key),
      now,
      (m) => signer.sign(m),
    );
    await store.batch(step.rows);
    held.clear();
  }
  saver.stop();
  await store.close();
}

/** Opens the store in a process of its own. */
function open(directory: string, mode: 'state' | 'rows'): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const child = fork(CHILD, [directory, NETWORK, signerOf(1).author, mode], {
      execArgv: PROFILE,
      timeout: MAX_OPEN_MS,
    });
    let result: Opened | undefined;
    child.once('message', (message) => (result = message as Opened));
    child.once('exit', (code) =>
      result === undefined ? reject(new Error(`opening the store ended with ${code} and no figures`)) : resolve(result),
    );
  });
}

async function figuresOf(entries: number, goalMs: number): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-bench-'));
  try {
    await fill(dir, entries);
    const plain: Opened[] = [];
    const states: Opened[] = [];
    const rows: Opened[] = [];
    for (let run = 0; run < RUNS; run++) {
      plain.push(await open(dir, 'state'));
      rows.push(await open(dir, 'rows'));
    }
    await checkpoint(dir, entries);
    for (let run = 0; run < RUNS; run++) states.push(await open(dir, 'state'));
    const of = (all: readonly Opened[], pick: (opened: Opened) => number): number => median(all.map(pick));
    const name = entries >= 1_000_000 ? `${entries / 1_000_000}M` : `${entries / 1000}k`;
    const metric = `start_${entries}`;
    return [
      {
        metric: `${metric}_ms`,
        label: `${name} entries: store opened and root verified`,
        value: of(states, (s) => s.ms),
        unit: 'ms',
        goal: { atMost: goalMs },
        limit: { name: 'reading the rows alone', value: of(rows, (s) => s.ms) },
      },
      {
        metric: `${metric}_plain_ms`,
        label: '… without a checkpoint, from every entry',
        value: of(plain, (s) => s.ms),
        unit: 'ms',
      },
      {
        metric: `${metric}_cpu_ms`,
        label: '… processor time of the main thread',
        value: of(states, (s) => s.cpuMs),
        unit: 'ms',
      },
      { metric: `${metric}_rows_ms`, label: '… reading the rows alone', value: of(rows, (s) => s.ms), unit: 'ms' },
      {
        metric: `${metric}_blocked_ms`,
        label: '… longest hold of the event loop',
        value: of(states, (s) => s.blockedMs),
        unit: 'ms',
      },
      { metric: `${metric}_mib`, label: '… memory then', value: of(states, (s) => s.rssMib), unit: 'MiB' },
      {
        metric: `${metric}_bytes`,
        label: '… bytes of rows read, per entry',
        value: of(rows, (s) => s.bytes) / entries,
        unit: 'B',
      },
    ];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/**
 * Measures the time from opening a store to its verified root in a new process, with 100,000 entries and, without
 * `--small`, with a million. The files are in the system's cache.
 */
export async function start(): Promise<readonly Figure[]> {
  const small = await figuresOf(100_000, 500);
  return process.argv.includes('--small') ? small : [...small, ...(await figuresOf(1_000_000, 3000))];
}
