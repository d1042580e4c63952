import { createReadStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeHasher, systemClock } from '../src/adapters/system/index.ts';
import { createDisks, diskSlots, openFilesVault } from '../src/adapters/vault/index.ts';
import type { Bytes } from '../src/core/types/index.ts';
import { BLOCK_BYTES, BLOCK_HASH_BYTES, blocksOf, createContentHash, verifyBlock } from '../src/core/vault/index.ts';
import type { VaultStore } from '../src/ports/index.ts';
import { type Figure, median } from './support/figures.ts';
import { copy, makeSource, writeFile } from './support/plain-copy.ts';
import { replication, smallReplication } from './vault-replication.ts';

/** Bytes of the large object; `--small` takes less, for a look. */
const LARGE_BYTES = (process.argv.includes('--small') ? 128 : 1024) * 2 ** 20;
/** The parts of this bench; `--only large,small` takes some of them. */
const PARTS = ['large', 'small', 'replication', 'nodes'] as const;
const SMALL_OBJECTS = process.argv.includes('--small') ? 1_000 : 10_000;
const SMALL_BYTES = 2048;
/** Puts at once, as from a few clients that upload a directory. */
const AT_ONCE = 32;
const RUNS = 3;

const hasher = nodeHasher();
const disks = createDisks(systemClock(), diskSlots(process.env['UV_THREADPOOL_SIZE']));

/** Takes a file in as a node does: hash and block tree are computed as it comes. */
async function putIn(store: VaultStore, from: string): Promise<string> {
  const upload = await store.begin();
  const running = createContentHash(hasher);
  for await (const chunk of createReadStream(from)) {
    running.update(chunk as Bytes);
    await upload.write(chunk as Bytes);
  }
  const { hash, leaves } = running.digest();
  await upload.commit(hash, leaves);
  return hash;
}

/** Reads an object and verifies each block before it goes on, as a node does, into a file. */
async function takeOut(store: VaultStore, hash: string, to: string): Promise<void> {
  const leaves = (await store.leaves(hash)) as Bytes;
  const verified = async function* (): AsyncGenerator<Bytes> {
    let index = 0;
    for await (const piece of (await store.read(hash, 0, LARGE_BYTES)) ?? [])
      for (let at = 0; at < piece.length; at += BLOCK_BYTES) {
        const block = piece.subarray(at, at + BLOCK_BYTES);
        if (!verifyBlock(block, index++, LARGE_BYTES, leaves, hasher)) throw new Error('a block is damaged');
        yield block;
      }
  };
  await writeFile(to, verified());
}

/** Takes an object in block by block, as from other nodes. */
async function fetchIn(store: VaultStore, from: VaultStore, hash: string): Promise<void> {
  const leaves = (await from.leaves(hash)) as Bytes;
  const partial = await store.resume(hash, LARGE_BYTES);
  let index = 0;
  for await (const piece of (await from.read(hash, 0, LARGE_BYTES)) ?? []) {
    const first = index;
    for (const block of blocksOf(first, piece, LARGE_BYTES))
      if (!verifyBlock(block, index++, LARGE_BYTES, leaves, hasher)) throw new Error('a block is damaged');
    await partial.write(first, piece, leaves.subarray(first * BLOCK_HASH_BYTES, index * BLOCK_HASH_BYTES));
  }
  await partial.finish(leaves);
}

/** The seconds that `work` takes, and how far the memory of the process rises meanwhile, MiB. */
async function measured(work: () => Promise<unknown>): Promise<{ seconds: number; mib: number }> {
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let peak = before;
  const sampler = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 20);
  const from = performance.now();
  await work();
  const seconds = (performance.now() - from) / 1000;
  clearInterval(sampler);
  return { seconds, mib: (peak - before) / 2 ** 20 };
}

async function largeObject(directory: string): Promise<Figure[]> {
  const clock = Date;
  const room = async (): Promise<undefined> => undefined;
  const [source, target] = [join(directory, 'source'), join(directory, 'target')];
  await makeSource(source, LARGE_BYTES);
  const took: Record<'copy' | 'in' | 'out' | 'blocks', number[]> = { copy: [], in: [], out: [], blocks: [] };
  let mib = 0;
  const take = async (name: keyof typeof took, work: () => Promise<unknown>): Promise<void> => {
    const figure = await measured(work);
    took[name].push(figure.seconds);
    if (name !== 'copy') mib = Math.max(mib, figure.mib);
  };
  for (let run = 0; run < RUNS; run++) {
    const [at, other] = [join(directory, `vault-${run}`), join(directory, `other-${run}`)];
    const store = await openFilesVault({ directory: at, disk: disks.open(), hasher, clock, room });
    const second = await openFilesVault({ directory: other, disk: disks.open(), hasher, clock, room });
    let hash = '';
    await take('copy', () => copy(source, target));
    rmSync(target);
    await take('in', async () => (hash = await putIn(store, source)));
    await take('out', () => takeOut(store, hash, target));
    rmSync(target);
    await take('blocks', () => fetchIn(second, store, hash));
    await store.close();
    await second.close();
    for (const used of [at, other]) rmSync(used, { recursive: true });
  }
  const rate = (name: keyof typeof took): number => LARGE_BYTES / 2 ** 20 / median(took[name]);
  const plain = { name: 'a plain copy', value: rate('copy') };
  const ratio = (name: keyof typeof took): number => rate(name) / plain.value;
  return [
    { metric: 'vault_copy_mib_s', label: 'plain stream copy with SHA-256 and sync', value: plain.value, unit: 'MiB/s' },
    {
      metric: 'vault_in_ratio',
      label: `${LARGE_BYTES / 2 ** 20} MiB into the vault, of that copy`,
      value: ratio('in'),
      unit: '',
      goal: { atLeast: 0.6 },
    },
    { metric: 'vault_in_mib_s', label: '… rate', value: rate('in'), unit: 'MiB/s', limit: plain },
    {
      metric: 'vault_out_ratio',
      label: '… and out, verified block by block, of that copy',
      value: ratio('out'),
      unit: '',
      goal: { atLeast: 0.6 },
    },
    { metric: 'vault_out_mib_s', label: '… rate', value: rate('out'), unit: 'MiB/s', limit: plain },
    {
      metric: 'vault_blocks_mib_s',
      label: '… and from one store into another, block by block',
      value: rate('blocks'),
      unit: 'MiB/s',
      limit: plain,
    },
    { metric: 'vault_mib', label: 'rise of the memory meanwhile', value: mib, unit: 'MiB', goal: { atMost: 128 } },
  ];
}

async function smallObjects(directory: string): Promise<Figure[]> {
  const store = await openFilesVault({
    directory,
    disk: disks.open(),
    hasher,
    clock: Date,
    room: async () => undefined,
  });
  let next = 0;
  const client = async (): Promise<void> => {
    for (let n = next++; n < SMALL_OBJECTS; n = next++) {
      const content = new Uint8Array(SMALL_BYTES).fill(n & 0xff);
      new DataView(content.buffer).setUint32(0, n);
      const running = createContentHash(hasher);
      running.update(content);
      const { hash, leaves } = running.digest();
      const upload = await store.begin();
      await upload.write(content);
      await upload.commit(hash, leaves);
    }
  };
  const put = await measured(() => Promise.all(Array.from({ length: AT_ONCE }, client)));
  const hashes: string[] = [];
  const list = await measured(async () => {
    for await (const chunk of store.list()) hashes.push(...chunk.map(({ hash }) => hash));
  });
  const read = await measured(async () => {
    for (const hash of hashes) for await (const _ of (await store.read(hash, 0, SMALL_BYTES)) ?? []);
  });
  await store.close();
  if (hashes.length !== SMALL_OBJECTS) throw new Error(`${hashes.length} objects instead of ${SMALL_OBJECTS}`);
  return [
    {
      metric: 'vault_small_s',
      label: `${SMALL_OBJECTS} objects of ${SMALL_BYTES} bytes, ${AT_ONCE} at once`,
      value: put.seconds,
      unit: 's',
      goal: { atMost: 60 },
    },
    { metric: 'vault_small_list_s', label: '… listed', value: list.seconds, unit: 's' },
    { metric: 'vault_small_read_s', label: '… read one after the other', value: read.seconds, unit: 's' },
  ];
}

function chosen(): ReadonlySet<string> {
  const at = process.argv.indexOf('--only');
  const names = at === -1 ? [...PARTS] : (process.argv[at + 1] ?? '').split(',');
  const strange = names.find((name) => !PARTS.some((part) => part === name));
  if (strange !== undefined) throw new Error(`--only takes ${PARTS.join(', ')}, not ${JSON.stringify(strange)}`);
  return new Set(names);
}

/**
 * Measures the vault's files: a large object in, out and from store to store beside a plain copy on the same disk in the
 * same run, the memory that takes, many small objects, and both from node to node over each lung.
 */
export async function vault(): Promise<readonly Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'lattice-bench-'));
  try {
    mkdirSync(join(directory, 'small'));
    const parts = chosen();
    return [
      ...(parts.has('large') ? await largeObject(directory) : []),
      ...(parts.has('small') ? await smallObjects(join(directory, 'small')) : []),
      ...(parts.has('replication') ? await replication(directory, LARGE_BYTES) : []),
      ...(parts.has('nodes') ? await smallReplication(SMALL_OBJECTS, SMALL_BYTES) : []),
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
