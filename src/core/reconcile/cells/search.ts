import type { MerkleTree } from '../../merkle/index.ts';
import { type Bytes, equalBytes, MAX_UNDER_PREFIX } from '../../types/index.ts';
import { type CellsAnswer, KEY_PREFIX_BYTES, MAX_CELLS, type SyncMessage } from '../../wire/index.ts';
import type { KeyDifference } from '../descend.ts';
import type { Item } from './cells.ts';
import { CellDecoder, type DecodedItem } from './decoder.ts';
import type { Estimate } from './estimate.ts';
import { writeWord } from './item-hash.ts';
import type { CellVersion, ItemWatch, LiveCells } from './live.ts';
import { cellsIn } from './wire.ts';

/**
 * Cells of the first request. They decode about 90 differences, or else tell how many there are. A state with fewer
 * keys is listed sooner than this.
 */
export const FIRST_CELLS = 128;
/** Most requests for cells of one cell set: the first, one by the estimate, and then steps of a tenth. */
const MAX_REQUESTS = 16;
/**
 * Cell sets that are tried. An answerer forgets cell sets, and may forget the one in use once before the search is
 * done.
 */
const MAX_ATTEMPTS = 2;
/**
 * The cells to have for d differences are CELLS_EACH × d and CELLS_ROOT × √d, where d is taken to be MARGIN deviations
 * greater than estimated. The numbers were chosen by measurement, so that for 200 to 10,000 differences the second
 * request is the last in 19 of 20 cases.
 */
const CELLS_EACH = 1.36;
const CELLS_ROOT = 1.4;
const MARGIN = 1.8;
/**
 * Where more than this share of the larger state differs, listing subtrees costs little more traffic, and it needs no
 * memory for decoding.
 */
const MAX_SHARE = 1 / 3;

/**
 * How a search ended. `equal`: the roots are equal. `found`: `keys` are all that differ. `abandoned`: `keys` are what
 * was decoded until then, and the rest is for the descent. `failed` tells that cells were wrong or did not decode.
 */
export interface CellSearch {
  readonly outcome: 'equal' | 'found' | 'abandoned';
  readonly keys: KeyDifference[];
  readonly failed: boolean;
}

type Search<T> = Generator<SyncMessage, T, SyncMessage>;

/** Whether the numbers of keys alone tell that cells don't pay: they differ too much, or either is too small. */
export function tooDifferent(mine: number, theirs: number): boolean {
  return mine < FIRST_CELLS || theirs < FIRST_CELLS || Math.abs(mine - theirs) > Math.max(mine, theirs) * MAX_SHARE;
}

/**
 * Finds the keys on which our state and a peer's differ from coded symbols: about 1.4 × 21 bytes for each difference,
 * whatever the size of the state. It is a coroutine: it yields a request and is resumed with the answer, which may be
 * an error. On either side the cells are those of one cell set, so what changes meanwhile is not in the result.
 * Whatever the peer answers, the search ends within MAX_REQUESTS × MAX_ATTEMPTS requests.
 */
export function* findByCells(tree: MerkleTree, cells: LiveCells, salt: Bytes): Search<CellSearch> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const own = cells.version(tree, salt);
    if (own === undefined) break;
    const watch = cells.watch();
    try {
      const result = yield* searchVersion(tree, own, watch);
      if (result !== 'gone') return result;
    } finally {
      cells.unwatch(watch);
    }
  }
  return { outcome: 'abandoned', keys: [], failed: false };
}

/**
 * How many keys two states differ by (SPEC Y11). `exact` tells that all of them were decoded; otherwise the number is
 * an estimate, within a tenth in 19 of 20 cases.
 */
export interface Sketch {
  readonly keys: number;
  readonly exact: boolean;
}

/** Asks once, however much differs. Undefined when the peer has no cells, or wrong ones. */
export function* findSketch(tree: MerkleTree, cells: LiveCells): Search<Sketch | undefined> {
  const none = new Uint8Array(0);
  const own = cells.version(tree, none);
  if (own === undefined) return undefined;
  const watch = cells.watch();
  try {
    const decoder = new CellDecoder(own, (item) => watch.held(item, holds(tree, item)));
    const answer = yield { type: 'cells', root: none, mine: own.root, salt: none, from: 0, count: FIRST_CELLS };
    if (answer.type !== 'coded' || !answersTo(answer, none, 0, FIRST_CELLS)) return undefined;
    if (equalBytes(answer.root, own.root)) return { keys: 0, exact: true };
    if (decoder.add(answer) !== undefined) return undefined;
    const keys = itemsToKeys(decoder.items).length;
    if (decoder.complete) return keys === 0 ? undefined : { keys, exact: true };
    // A key that both sides have is two items. The share of such keys is taken to be the same among all items as among
    // those decoded.
    const keysPerItem = keys === 0 ? 1 : keys / decoder.items.length;
    return { keys: Math.max(keys, Math.round(decoder.estimate().difference * keysPerItem)), exact: false };
  } finally {
    cells.unwatch(watch);
  }
}

function* searchVersion(tree: MerkleTree, own: CellVersion, watch: ItemWatch): Search<CellSearch | 'gone'> {
  const decoder = new CellDecoder(own, (item) => watch.held(item, holds(tree, item)));
  const end = (outcome: CellSearch['outcome'], failed: boolean): CellSearch => ({
    outcome,
    keys: itemsToKeys(decoder.items),
    failed,
  });
  const none = new Uint8Array(0);
  let root: Bytes = none;
  let count = FIRST_CELLS;
  for (let request = 0; request < MAX_REQUESTS; request++) {
    const from = decoder.received;
    const answer = yield { type: 'cells', root, mine: request === 0 ? own.root : none, salt: own.salt, from, count };
    if (answer.type === 'error') return answer.code === 'gone' && request > 0 ? 'gone' : end('abandoned', false);
    if (answer.type !== 'coded' || !answersTo(answer, root, from, count)) return end('abandoned', true);
    root = answer.root;
    if (equalBytes(root, own.root)) return end('equal', false);
    if (tooDifferent(own.entries, answer.entries) || watch.overflowed) return end('abandoned', false);
    if (decoder.add(answer) !== undefined) return end('abandoned', true);
    // Roots that differ without a difference mean two leaves that are equal in their first 8 bytes. The descent tells
    // them apart.
    if (decoder.complete) return end(decoder.items.length > 0 ? 'found' : 'abandoned', false);
    if (cellsIn(answer) < count) return end('abandoned', true);
    const estimate = decoder.estimate();
    const { difference } = estimate;
    if (difference > Math.max(own.entries, answer.entries) * MAX_SHARE) return end('abandoned', false);
    const most = Math.min(own.count, Math.floor(2 * difference + 512));
    if (decoder.received >= most) return end('abandoned', true);
    count = Math.min(MAX_CELLS, most, nextTotal(estimate, decoder.received)) - decoder.received;
  }
  return end('abandoned', true);
}

function answersTo(answer: CellsAnswer, root: Bytes, from: number, count: number): boolean {
  return (root.length === 0 || equalBytes(answer.root, root)) && answer.from === from && cellsIn(answer) <= count;
}

/**
 * How many cells to have after the next request: what d differences take in 19 of 20 cases, and at least a tenth more
 * than were received.
 */
function nextTotal({ difference, deviation }: Estimate, received: number): number {
  const usual = CELLS_EACH * difference * (1 + MARGIN * deviation) + CELLS_ROOT * Math.sqrt(difference);
  return Math.max(Math.ceil(usual), received + Math.max(32, Math.ceil(received / 10)));
}

/** Whether the tree has a leaf that is equal to the item in these bytes. */
function holds(tree: MerkleTree, item: Item): boolean {
  const leafPrefix = twoWords(item.c, item.d);
  return tree
    .leavesUnder(twoWords(item.a, item.b), KEY_PREFIX_BYTES * 8, MAX_UNDER_PREFIX)
    .some(({ digest }) => equalBytes(digest.subarray(0, leafPrefix.length), leafPrefix));
}

function twoWords(first: number, second: number): Bytes {
  const out = new Uint8Array(8);
  writeWord(first, out, 0);
  writeWord(second, out, 4);
  return out;
}

/** The keys of the items. Two items with one key prefix are the two sides of one key. */
function itemsToKeys(items: readonly DecodedItem[]): KeyDifference[] {
  const keys = new Map<string, KeyDifference>();
  for (const item of items) {
    const name = `${item.a}.${item.b}`;
    const known = keys.get(name) ?? { keyHash: twoWords(item.a, item.b), theirs: undefined, mine: undefined };
    keys.set(name, { ...known, [item.side]: twoWords(item.c, item.d) });
  }
  return [...keys.values()];
}
