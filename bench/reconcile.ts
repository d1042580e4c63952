import { nodeHasher } from '../src/adapters/system/hasher.ts';
import {
  answerDigests,
  type CellServer,
  createCellServer,
  createSignedHead,
  createTreeLoader,
  decodeSync,
  encodeGossip,
  encodeSync,
  findByCells,
  findDifferences,
  LiveCells,
  type MerkleTree,
  makeHlc,
  type SyncMessage,
} from '../src/core/index.ts';
import type { Bytes } from '../src/core/types/index.ts';
import { repairFigures } from './reconcile-repair.ts';
import { signerOf } from './support/commits.ts';
import { type Figure, median, quantile, seconds } from './support/figures.ts';

const SIZES = [10_000, 100_000, 1_000_000] as const;
const DIFFERENCES = [10, 100, 1000, 10_000] as const;
/**
 * When more than this part of the keys differs, sessions give up the cells and compare the trees. That is not measured
 * here.
 */
const GREATEST_SHARE = 0.1;
/** Runs for each number of differences. The numbers that have goals take MANY, in the state that the goals are for. */
const SEEDS = 7;
const MANY = 100;
/** The goal for round trips, which 95 of 100 searches must meet. */
const FEW_TRIPS = 2;
const UPDATES = 200_000;
/** Bytes that name one difference without doubt. No method finds differences with much fewer. */
const ID_BYTES = 16;
/** Leaves are numbered. Those that make differences have numbers from here on, which no shared leaf has. */
const FRESH = 100_000_000;

const hasher = nodeHasher();

interface State {
  readonly tree: MerkleTree;
  readonly cells: LiveCells;
  readonly server: CellServer;
}

/** The key hash and the leaf hash of number `i`. */
function leaf(i: number): { keyHash: Bytes; leafHash: Bytes } {
  const bytes = new Uint8Array(5);
  new DataView(bytes.buffer).setUint32(0, i);
  const keyHash = hasher.hash(bytes);
  return { keyHash, leafHash: hasher.hash(keyHash) };
}

function createState(n: number): { readonly state: State; readonly rebuildSeconds: number } {
  const keys = new Uint8Array(64 * n);
  for (let i = 0; i < n; i++) {
    const { keyHash, leafHash } = leaf(i);
    keys.set(keyHash, 64 * i);
    keys.set(leafHash, 64 * i + 32);
  }
  const loader = createTreeLoader(hasher, { capacity: 2 * n });
  for (let i = 0; i < n; i++) loader.add(keys.subarray(64 * i, 64 * i + 32), keys.subarray(64 * i + 32, 64 * i + 64));
  const tree = loader.finish();
  const cells = new LiveCells({ hasher, network: 'bench' });
  const rebuildSeconds = seconds(() => {
    for (let i = 0; i < n; i++)
      cells.replace(keys.subarray(64 * i, 64 * i + 32), undefined, keys.subarray(64 * i + 32, 64 * i + 64));
  });
  const state = { tree, cells };
  return { state: { ...state, server: createCellServer({ state: () => state, now: () => 0 }) }, rebuildSeconds };
}

function insert(state: State, i: number): void {
  const { keyHash, leafHash } = leaf(i);
  state.cells.replace(keyHash, undefined, leafHash);
  state.tree.set(keyHash, leafHash);
}

function remove(state: State, i: number): void {
  const { keyHash, leafHash } = leaf(i);
  state.cells.replace(keyHash, leafHash, undefined);
  state.tree.remove(keyHash, new Uint8Array(32));
}

interface Cost {
  readonly bytes: number;
  readonly roundTrips: number;
  /** Processor seconds of both ends, encoding and decoding included. */
  readonly cpuSeconds: number;
}

/** Runs a search of one side against the other, in which every message is encoded and decoded. */
function run<T>(
  start: () => Generator<SyncMessage, T, SyncMessage>,
  answer: (request: SyncMessage) => SyncMessage,
): { cost: Cost; result: T } {
  let bytes = 0;
  let roundTrips = 0;
  let result: T | undefined;
  const cpuSeconds = seconds(() => {
    const search = start();
    let step = search.next();
    while (step.done !== true) {
      const request = encodeSync(step.value);
      const reply = encodeSync(answer(decodeSync(request)));
      bytes += request.length + reply.length;
      roundTrips++;
      step = search.next(decodeSync(reply));
    }
    result = step.value;
  });
  return { cost: { bytes, roundTrips, cpuSeconds }, result: result as T };
}

function byCells(mine: State, theirs: State, d: number): Cost {
  const { cost, result } = run(
    () => findByCells(mine.tree, mine.cells, new Uint8Array(0)),
    (request) => {
      if (request.type !== 'cells') throw new Error(request.type);
      return theirs.server.answer(request);
    },
  );
  if (result.outcome !== 'found' || result.keys.length !== d)
    throw new Error(`${result.outcome}: ${result.keys.length} of ${d} differences`);
  return cost;
}

function byDescent(mine: State, theirs: State, d: number): Cost {
  const { cost, result } = run(
    () => findDifferences(mine.tree, 65_536),
    (request) => {
      if (request.type !== 'digests') throw new Error(request.type);
      return answerDigests(request.queries, theirs.tree);
    },
  );
  if (result.keys.length !== d) throw new Error(`${result.keys.length} of ${d} differences`);
  return cost;
}

/** Bytes of the head that a node tells its peers with every heartbeat, which is all that a check of roots takes. */
function headBytes({ tree }: State): number {
  const signer = signerOf(1);
  const head = createSignedHead(
    {
      network: 'aethel/lattice/v1',
      author: signer.author,
      incarnation: new Uint8Array(8).fill(0xff),
      sequence: 1_000_000,
      hlc: makeHlc(Date.now(), 0),
      root: tree.root(),
      entries: tree.size,
      trustHash: new Uint8Array(32),
      wallMs: Date.now(),
    },
    (message) => signer.sign(message),
  );
  return encodeGossip({ type: 'head', head }).length;
}

const nameOf = (n: number): string => (n >= 1_000_000 ? `${n / 1_000_000}M` : `${n / 1000}k`);

/** Measures the median costs of finding differences, half of them on each side, in states of n keys. */
function findFigures(n: number): Figure[] {
  const { state: mine, rebuildSeconds } = createState(n);
  const theirs = createState(n).state;
  const figures: Figure[] = [
    {
      metric: `equal_${nameOf(n)}_bytes`,
      label: `${nameOf(n)} keys, none differ: one check of the roots`,
      value: headBytes(mine),
      unit: 'B',
      goal: { atMost: 300 },
    },
  ];
  let fresh = FRESH + n;
  for (const d of DIFFERENCES.filter((count) => count <= GREATEST_SHARE * n)) {
    const cells: Cost[] = [];
    const descents: Cost[] = [];
    const seeds = n >= 1_000_000 && d !== 100 ? MANY : SEEDS;
    for (let seed = 0; seed < seeds; seed++) {
      for (let i = 0; i < d; i++) insert(i % 2 === 0 ? mine : theirs, fresh + i);
      // Roots are computed before the measurement, because a node has them anyway: every batch computes its root.
      mine.tree.root();
      theirs.tree.root();
      cells.push(byCells(mine, theirs, d));
      if (seed < SEEDS) descents.push(byDescent(mine, theirs, d));
      for (let i = 0; i < d; i++) remove(i % 2 === 0 ? mine : theirs, fresh + i);
      fresh += d;
    }
    const of = (costs: readonly Cost[], field: keyof Cost): number => median(costs.map((cost) => cost[field]));
    const high = (costs: readonly Cost[], field: keyof Cost): number =>
      quantile(
        costs.map((cost) => cost[field]),
        0.95,
      );
    const at = `${nameOf(n)}_d${d}`;
    const label = `${nameOf(n)} keys, ${d.toLocaleString('en-GB')} differ`;
    // Goals are for medians of MANY runs with a million keys.
    const goal = n < 1_000_000 || d === 100 ? undefined : d === 10 ? 4096 : (d === 1000 ? 2.1 : 2.3) * ID_BYTES * d;
    figures.push(
      {
        metric: `cells_${at}_bytes`,
        label: `${label}: cells`,
        value: of(cells, 'bytes'),
        unit: 'B',
        ...(goal === undefined ? {} : { goal: { atMost: goal } }),
        limit: { name: '16-byte ids', value: ID_BYTES * d },
      },
      {
        metric: `cells_${at}_bytes_p95`,
        label: `  95 of 100 (${cells.length} seeds)`,
        value: high(cells, 'bytes'),
        unit: 'B',
      },
      {
        metric: `cells_${at}_round_trips_p95`,
        label: '  round trips, 95 of 100',
        value: high(cells, 'roundTrips'),
        unit: '',
        ...(cells.length === MANY ? { goal: { atMost: FEW_TRIPS } } : {}),
      },
      {
        metric: `cells_${at}_in_few_trips`,
        label: `  share in at most ${FEW_TRIPS}`,
        value: cells.filter(({ roundTrips }) => roundTrips <= FEW_TRIPS).length / cells.length,
        unit: '',
      },
      {
        metric: `cells_${at}_cpu_ms`,
        label: '  processor, both ends',
        value: of(cells, 'cpuSeconds') * 1000,
        unit: 'ms',
        ...(n === 1_000_000 && d === 1000 ? { goal: { atMost: 50 } } : {}),
      },
      {
        metric: `descent_${at}_bytes`,
        label: `${label}: trie descent`,
        value: of(descents, 'bytes'),
        unit: 'B',
        limit: { name: '16-byte ids', value: ID_BYTES * d },
      },
      { metric: `descent_${at}_round_trips`, label: '  round trips', value: of(descents, 'roundTrips'), unit: '' },
    );
  }
  if (n < 1_000_000) return figures;
  const leaves = Array.from({ length: UPDATES }, (_, i) => leaf(i));
  const upkeep = seconds(() => {
    for (let i = 0; i < UPDATES; i++) {
      const { keyHash, leafHash } = leaves[i] as (typeof leaves)[number];
      mine.cells.replace(keyHash, leafHash, (leaves[(i + 1) % UPDATES] as (typeof leaves)[number]).leafHash);
    }
  });
  return [
    ...figures,
    {
      metric: 'upkeep_us',
      label: 'upkeep for one replaced leaf',
      value: (upkeep / UPDATES) * 1e6,
      unit: 'µs',
      goal: { atMost: 1 },
    },
    {
      metric: 'rebuild_1m_ms',
      label: 'cells of 1M leaves, at start',
      value: rebuildSeconds * 1000,
      unit: 'ms',
      goal: { atMost: 300 },
    },
  ];
}

/** Measures finding differences by coded symbols beside ids and descent, and repairs beside what they carry. */
export async function reconcile(): Promise<readonly Figure[]> {
  return [...SIZES.flatMap(findFigures), ...repairFigures()];
}
