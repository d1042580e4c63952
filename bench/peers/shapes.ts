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
 * Keys that both sides hold: what an ordinary test machine holds twice in a second or two. `--entries N` takes another
 * number.
 */
const ENTRIES = 100_000;
const DIFFERENT = 1000;

const hasher = nodeHasher();

/**
 * How two sets can differ. `mine` and `theirs` tell which items each side has beyond the shared ones, `changed` which
 * keys are shared with other contents (a delete is a change: its tombstone is a leaf, and an event of its own to
 * others).
 */
interface Shape {
  readonly name: string;
  readonly label: string;
  readonly mine: number;
  readonly theirs: number;
  readonly changed: number;
  /** What differs is the newest of all, by time. */
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
  // Append-only there: a change is another item.
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
 * Bytes and round trips to find 1,000 differences of several shapes: coded symbols, tree descent, and Negentropy on the
 * same sets.
 */
export function shapeFigures(): Figure[] {
  const at = process.argv.indexOf('--entries');
  const entries = at < 0 ? ENTRIES : Number(process.argv[at + 1]);
  return SHAPES.flatMap((shape) => {
    const [mine, theirs] = [createState(), createState()];
    // A second apart, so that a time names few items, as in a log of events.
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
