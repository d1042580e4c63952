import { createVerifier } from '../src/adapters/system/ed25519.ts';
import { nodeHasher } from '../src/adapters/system/hasher.ts';
import {
  commitSigningBytes,
  createReplica,
  decodeFragment,
  encodeFragment,
  type WriteIntent,
} from '../src/core/index.ts';
import type { Entry, Fragment } from '../src/core/types/index.ts';
import { treeFigures } from './core-tree.ts';
import { keyOf, NETWORK, put, remoteCommit, signerOf, valueOf } from './support/commits.ts';
import { type Figure, median, seconds } from './support/figures.ts';

const ENTRIES = 100_000;
const COMMIT = 100;
/** Measured commits of each kind. */
const ROUNDS = 400;
/** Coprime to ENTRIES, so that steps of this size visit every key, in another order than they were written. */
const STRIDE = 7919;
const MILLION = 1_000_000;
const HASHES = 1_000_000;

const hasher = nodeHasher();

/** A replica without I/O: its rows are dropped, and its entries are kept in a map. */
function createBare(self: number) {
  const signer = signerOf(self);
  const replica = createReplica({
    hasher,
    network: NETWORK,
    self: signer.author,
    isKnown: () => true,
    journalLength: 16_384,
    incarnation: new Uint8Array(8),
  });
  const entries = new Map<string, Entry>();
  return {
    entries,
    step(input: { fragments?: readonly Fragment[]; writes?: readonly WriteIntent[] }, now: number): void {
      const step = replica.step(
        { fragments: input.fragments ?? [], writes: input.writes ?? [] },
        (key) => entries.get(key),
        now,
        (message) => signer.sign(message),
      );
      if (step.changed.length !== COMMIT)
        throw new Error(`a step changed ${step.changed.length} keys instead of ${COMMIT}`);
      for (const { key, after } of step.changed) if (after !== undefined) entries.set(key, after);
    },
  };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** Measures steps of one commit of 100 operations on a state of 100,000 entries, which is in memory only. */
function stepFigures(): Figure[] {
  const remote = signerOf(1);
  const other = signerOf(2);
  const bare = createBare(3);
  const start = Date.now() - 1_000_000;

  const first = range(ENTRIES / COMMIT).map((c) =>
    remoteCommit(
      remote,
      start + c,
      range(COMMIT).map((i) => put(c * COMMIT + i, 0, [])),
      hasher,
    ),
  );
  const inserted = seconds(() => {
    for (const fragment of first) bare.step({ fragments: [fragment] }, start + ENTRIES);
  });

  const at = (n: number): number => (n * STRIDE) % ENTRIES;
  const updates = range(ROUNDS).map((c) => {
    const operations = range(COMMIT).map((i) => {
      const n = at(c * COMMIT + i);
      const seen = bare.entries.get(keyOf(n))?.siblings[0];
      if (seen === undefined) throw new Error('an entry is missing');
      return put(n, 1, [{ author: seen.author, hlc: seen.hlc }]);
    });
    return remoteCommit(other, start + ENTRIES + c, operations, hasher);
  });
  const now = start + 2 * ENTRIES;
  const updated = seconds(() => {
    for (const fragment of updates) bare.step({ fragments: [fragment] }, now);
  });

  const intents = range(ROUNDS).map((c): WriteIntent => {
    const numbers = range(COMMIT).map((i) => at(ENTRIES / 2 + c * COMMIT + i));
    return { operations: numbers.map((n) => ({ kind: 'put', key: keyOf(n), value: valueOf(n, 2) })) };
  });
  const own = seconds(() => {
    intents.forEach((intent, c) => bare.step({ writes: [intent] }, now + c));
  });

  const encoded = updates.map((fragment) => encodeFragment(fragment));
  const decoded = seconds(() => {
    for (const bytes of encoded) decodeFragment(bytes, hasher);
  });
  return [
    {
      metric: 'step_insert_per_s',
      label: 'apply remote, new keys',
      value: ENTRIES / inserted,
      unit: 'op/s',
      goal: { atLeast: 100_000 },
    },
    {
      metric: 'step_update_per_s',
      label: 'apply remote, replacing',
      value: (ROUNDS * COMMIT) / updated,
      unit: 'op/s',
      goal: { atLeast: 100_000 },
    },
    {
      metric: 'step_own_per_s',
      label: 'own writes, signed, replacing',
      value: (ROUNDS * COMMIT) / own,
      unit: 'op/s',
      goal: { atLeast: 100_000 },
    },
    { metric: 'decode_per_s', label: 'decode of fragments', value: (ROUNDS * COMMIT) / decoded, unit: 'op/s' },
  ];
}

async function limits(): Promise<{ hashes: number; signs: number; verifies: number }> {
  const input = new Uint8Array(67);
  const out = new Uint8Array(32);
  const hashed = median(
    range(5).map(() =>
      seconds(() => {
        for (let i = 0; i < HASHES; i++) hasher.hashInto(input, out, 0);
      }),
    ),
  );
  const signer = signerOf(1);
  const fragment = remoteCommit(signer, 1, [put(0, 0, [])], hasher);
  const message = commitSigningBytes(fragment.headerBytes);
  const signed = seconds(() => {
    for (let i = 0; i < 5000; i++) signer.sign(message);
  });
  const verifier = createVerifier();
  const from = performance.now();
  for (let i = 0; i < 100; i++) {
    await Promise.all(range(64).map(() => verifier.verify(signer.author, message, fragment.signature)));
  }
  const verified = (performance.now() - from) / 1000;
  return { hashes: HASHES / hashed, signs: 5000 / signed, verifies: 6400 / verified };
}

/**
 * Measures the core: steps on 100,000 entries and the tree of a million, beside hashing, signing and the tree alone.
 */
export async function core(): Promise<readonly Figure[]> {
  // The large tree comes first, while the process is small, because the growth of the process is the tree's memory.
  const large = await treeFigures(MILLION);
  const { hashes, signs, verifies } = await limits();
  const small = await treeFigures(ENTRIES);
  // The first run only warms up. Each figure is the median of the other runs.
  const runs = range(4).map(stepFigures).slice(1);
  const alone = { insert: small['insert_per_s'] as number, update: small['update_per_s'] as number };
  const steps = (runs[0] ?? []).map((figure, i): Figure => {
    const value = median(runs.map((run) => run[i]?.value ?? 0));
    if (figure.metric === 'decode_per_s') return { ...figure, value };
    return {
      ...figure,
      value,
      limit: { name: 'the tree alone', value: figure.metric === 'step_insert_per_s' ? alone.insert : alone.update },
    };
  });
  const of = (name: string): number => large[name] as number;
  return [
    ...steps,
    { metric: 'tree_insert_per_s', label: 'tree alone, 100k, insert', value: alone.insert, unit: '/s' },
    { metric: 'tree_update_per_s', label: 'tree alone, 100k, replace', value: alone.update, unit: '/s' },
    { metric: 'hash_per_s', label: 'SHA-256 of 67 bytes', value: hashes, unit: '/s' },
    { metric: 'sign_per_s', label: 'Ed25519 sign', value: signs, unit: '/s' },
    { metric: 'verify_per_s', label: 'Ed25519 verify, 64 in flight', value: verifies, unit: '/s' },
    {
      metric: 'tree_1m_update_per_s',
      label: 'tree alone, 1M, replace',
      value: of('update_per_s'),
      unit: '/s',
      limit: { name: 'hashing its nodes (13.7 each)', value: hashes / 13.7 },
    },
    {
      metric: 'tree_1m_memory_mib',
      label: 'tree of 1M leaves, memory',
      value: of('rss_growth_mib'),
      unit: 'MiB',
      goal: { atMost: 190 },
    },
    {
      metric: 'tree_1m_rebuild_ms',
      label: 'tree of 1M leaves, rebuild, random order',
      value: of('load_random_ms'),
      unit: 'ms',
      goal: { atMost: 1500 },
      limit: { name: 'hashing its nodes', value: (MILLION / hashes) * 1000 },
    },
    {
      metric: 'tree_1m_rebuild_sorted_ms',
      label: 'the same, in order',
      value: of('load_ascending_ms'),
      unit: 'ms',
      goal: { atMost: 1500 },
    },
    {
      metric: 'proof_1m_max_bytes',
      label: 'proof at 1M, largest of 1,000',
      value: of('proof_max_bytes'),
      unit: 'B',
      goal: { atMost: 1024 },
    },
    { metric: 'proof_1m_mean_bytes', label: 'proof at 1M, mean', value: of('proof_mean_bytes'), unit: 'B' },
  ];
}
