import { nodeHasher } from '../../src/adapters/system/hasher.ts';
import {
  answerDigests,
  createCellServer,
  createMerkleTree,
  encodeSync,
  findByCells,
  findDifferences,
  LiveCells,
  type MerkleTree,
  type SyncMessage,
} from '../../src/core/index.ts';
import type { Figure } from '../support/figures.ts';
import { idOf, NegentropySet, negentropy, type TimedItem } from './negentropy.ts';

/**
 * Keys that both sides have, so few that a test machine makes both states in a second or two. `--entries N` sets
 * another number.
 */
const ENTRIES = 100_000;
const DIFFERENT = 1000;

const hasher = nodeHasher();

/**
 * How two sets can differ. `mine` and `theirs` are the numbers of items that only one side has, and `changed` is the
 * number of keys that both sides have with different contents. A delete is a change: its tombstone is a leaf, and
 * another system counts it as an item.
 */
interface Shape {
  readonly name: string;
  readonly label: string;
  readonly mine: number;
  readonly theirs: number;
  readonly changed: number;
  /** Whether the items that differ are the newest ones. */
  readonly clustered: boolean;
}

const SHAPES: readonly Shape[] = [
  {
    name: 'spread',
    label: 'half on each side, spread over all times',
    mine: DIFFERENT / 2,
    theirs: DIFFERENT / 2,
    changed: 0,
    clustered: false,
  },
  {
    name: 'clustered',
    label: 'half on each side, the newest',
    mine: DIFFERENT / 2,
    theirs: DIFFERENT / 2,
    changed: 0,
    clustered: true,
  },
  { name: 'one_sided', label: 'all on one side, the newest', mine: 0, theirs: DIFFERENT, changed: 0, clustered: true },
  { name: 'deletes', label: 'deleted on one side', mine: 0, theirs: 0, changed: DIFFERENT, clustered: false },
];

interface State {
  readonly tree: MerkleTree;
  readonly cells: LiveCells;
  readonly items: TimedItem[];
}

function createState(): State {
  return { tree: createMerkleTree(hasher), cells: new LiveCells({ hasher, network: 'bench' }), items: [] };
}

function add({ tree, cells, items }: State, n: number, version: number, timestamp: number): void {
  const key = idOf(n);
  const leaf = idOf(n * 4 + version + 2 ** 40);
  cells.replace(key, tree.get(key), leaf);
  tree.set(key, leaf);
  // Negentropy's sets only grow, so a change is one more item.
  items.push({ timestamp, id: leaf });
}

function ours(
  mine: State,
  theirs: State,
  search: Generator<SyncMessage, unknown, SyncMessage>,
): { bytes: number; roundTrips: number } {
  const server = createCellServer({ state: () => theirs, now: () => 0 });
  let bytes = 0;
  let roundTrips = 0;
  for (let step = search.next(); step.done !== true; ) {
    const message = step.value;
    const reply =
      message.type === 'cells'
        ? server.answer(message)
        : message.type === 'digests'
          ? answerDigests(message.queries, theirs.tree)
          : undefined;
    if (reply === undefined) throw new Error(message.type);
    bytes += encodeSync(message).length + encodeSync(reply).length;
    roundTrips++;
    step = search.next(reply);
  }
  if (mine.tree.size === 0) throw new Error('nothing to compare');
  return { bytes, roundTrips };
}

/**
 * Measures the bytes and round trips for finding 1,000 differences of several shapes by coded symbols, by descent, and
 * by Negentropy on the same sets.
 */
export function shapeFigures(): Figure[] {
  const at = process.argv.indexOf('--entries');
  const entries = at < 0 ? ENTRIES : Number(process.argv[at + 1]);
  return SHAPES.flatMap((shape) => {
    const [mine, theirs] = [createState(), createState()];
    // Times are a second apart, so that few items share one, as in a log of events.
    const times = entries + DIFFERENT;
    for (let i = 0; i < entries; i++) for (const state of [mine, theirs]) add(state, i, 0, i);
    const step = Math.floor(times / DIFFERENT);
    const timeOf = (i: number): number => (shape.clustered ? entries + i : i * step);
    for (let i = 0; i < shape.mine; i++) add(mine, entries + 2 * i, 0, timeOf(2 * i));
    for (let i = 0; i < shape.theirs; i++) add(theirs, entries + 2 * i + 1, 0, timeOf(2 * i + 1));
    for (let i = 0; i < shape.changed; i++) add(theirs, i * step, 1, entries + i);
    const cells = ours(mine, theirs, findByCells(mine.tree, mine.cells, new Uint8Array(0)));
    const descent = ours(mine, theirs, findDifferences(mine.tree, 65_536));
    const ranges = negentropy(new NegentropySet(mine.items), new NegentropySet(theirs.items));
    if (ranges.found !== shape.mine + shape.theirs + shape.changed) throw new Error(`Negentropy found ${ranges.found}`);
    const of = (who: string, name: string, cost: { bytes: number; roundTrips: number }): Figure[] => [
      {
        metric: `find_${shape.name}_${name}_bytes`,
        label: `${DIFFERENT} of ${entries}, ${shape.label}: ${who}`,
        value: cost.bytes,
        unit: 'B',
        limit: { name: '16-byte ids', value: 16 * DIFFERENT },
      },
      { metric: `find_${shape.name}_${name}_trips`, label: '  round trips', value: cost.roundTrips, unit: '' },
    ];
    return [
      ...of('coded symbols', 'cells', cells),
      ...of('our descent', 'descent', descent),
      ...of('Negentropy', 'negentropy', ranges),
    ];
  });
}
