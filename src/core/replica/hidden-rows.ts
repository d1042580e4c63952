import {
  decodeHiddenBlock,
  encodeHidden,
  encodeHiddenBlock,
  encodeLoneBlock,
  type HiddenPlace,
  hiddenBlockKey,
  hiddenGoneKey,
  hiddenKey,
  MAX_BLOCK_BYTES,
  MAX_OF_BLOCK,
} from '../rows/index.ts';
import type { Versioned } from '../state/index.ts';
import { type Bytes, bytesToHex, type Context, type Hasher, type Sibling } from '../types/index.ts';
import { contextFault, siblingSize, siblingsToFragments } from '../wire/index.ts';
import type { RowWrite } from './step.ts';

/** The place of what has no rows yet. */
export const NOWHERE = -1;

/** A hidden operation, and what it has of its row. */
export interface Stored extends Versioned {
  readonly operation: { readonly key: string; readonly context: Context };
  /** Its place in its row, or NOWHERE. */
  at: number;
  /** The block that it stands in; undefined where it has a row of its own. */
  block: Block | undefined;
  /** About its bytes in the store. */
  size: number;
}

/** A row with several hidden operations. It is deleted once none of them is hidden any more. */
export interface Block {
  readonly number: number;
  readonly row: Bytes;
  live: number;
  /** Places whose operations are gone: those that the store knows of, and those of this step. */
  readonly known: number[];
  fresh: number[];
  /** Bytes of what is gone, which the row still has. */
  dead: number;
}

/** What a step hides, until its rows are made. */
interface Unwritten<H> {
  readonly held: H;
  readonly one: Sibling;
  readonly isBusy: boolean;
}

/**
 * The rows of hidden operations (SPEC FL5). What one step hides shares rows, and what it hides of one commit shares in
 * them what leads to the commit: a row for each would double what an overwrite writes.
 */
export interface HiddenRows<H extends Stored> {
  /** Bytes of what is gone, in rows that have something else. */
  readonly dead: number;
  /** An operation that this step hides. One that is busy may soon be removed again. */
  add(held: H, one: Sibling, isBusy: boolean): void;
  remove(held: H): void;
  /** Where it stands; undefined until its rows are made. The key of a row of its own is made anew from what it is. */
  placeOf(held: Readonly<Stored>): HiddenPlace | undefined;
  /** The rows of all changes since the last call. What was added and `isHeld` no more has none. */
  take(isHeld: (held: H) => boolean): RowWrite[];
  /** What was read at a start: first the places that are gone. */
  loadGone(block: number, at: number): void;
  load(held: H): void;
  /** Calls `hold` for each operation that is not gone, and answers with their keys. LatticeError `damaged-row`. */
  loadBlock(number: number, value: Bytes, hold: (one: Sibling) => H): readonly string[];
  loaded(): void;
}

/**
 * Operations of one commit that share what leads to it: its header and signature, and most of their proofs. What fewer
 * would share is less than what it costs to bring them together.
 */
const MIN_OF_COMMIT = 8;
/** Operations that share a row. Each that goes alone later has a row of its own to say so. */
const MIN_OF_BLOCK = 8;

const NOTHING: Bytes = new Uint8Array(0);

/** Whether a fragment may have it: a context that breaks SPEC O3 is of no fragment. */
const isWhole = ({ operation, author, hlc }: Sibling): boolean =>
  contextFault(operation.context, { author, hlc }) === undefined;

/** What each of so many operations of a block counts. */
const shareOf = (value: Bytes, operations: number): number => Math.ceil(value.length / operations);

const openBlock = (number: number): Block => ({
  number,
  row: hiddenBlockKey(number),
  live: 0,
  known: [],
  fresh: [],
  dead: 0,
});

export function createHiddenRows<H extends Stored>({
  hasher,
  resized,
}: {
  readonly hasher: Hasher;
  /** Is told by how many bytes the size of an operation has changed. */
  readonly resized: (held: H, by: number) => void;
}): HiddenRows<H> {
  let rows: RowWrite[] = [];
  let unwritten: Unwritten<H>[] = [];
  /** Blocks of which something is gone since rows were last made. */
  const touched = new Set<Block>();
  let nextBlock = 0;
  let dead = 0;
  const goneAtStart = new Map<number, number[]>();

  function putInto(block: Block, held: H, at: number, size: number): void {
    block.live++;
    held.block = block;
    held.at = at;
    resized(held, size - held.size);
    held.size = size;
  }

  function placeOf(held: Readonly<Stored>): HiddenPlace | undefined {
    const { block, at } = held;
    return at === NOWHERE ? undefined : { row: block?.row ?? hiddenKey(held, hasher), at };
  }

  function markGone(block: Block): void {
    const { number, row, known, fresh } = block;
    if (block.live === 0) {
      rows.push({ type: 'del', key: row });
      for (const at of known) rows.push({ type: 'del', key: hiddenGoneKey(number, at) });
      return;
    }
    for (const at of fresh) rows.push({ type: 'put', key: hiddenGoneKey(number, at), value: NOTHING });
    known.push(...fresh);
    block.fresh = [];
  }

  function writeAlone({ held, one }: Unwritten<H>): void {
    held.at = 0;
    rows.push({ type: 'put', key: hiddenKey(one, hasher), value: encodeHidden(one) });
  }

  /** A block of what shares nothing. */
  function writeLoneBlock(part: readonly Unwritten<H>[]): void {
    const block = openBlock(nextBlock++);
    const value = encodeLoneBlock(part.map(({ one }) => one));
    const size = shareOf(value, part.length);
    for (const [at, { held }] of part.entries()) putInto(block, held, at, size);
    rows.push({ type: 'put', key: block.row, value });
  }

  /** A block of what shares that which leads to its commits. */
  function writeBlock(part: readonly Unwritten<H>[]): void {
    const block = openBlock(nextBlock++);
    const heldOf = new Map(part.map(({ held, one }) => [one.operationBytes, held]));
    const fragments = siblingsToFragments(
      part.map(({ one }) => one),
      hasher,
    );
    const value = encodeHiddenBlock(fragments);
    const size = shareOf(value, part.length);
    let at = 0;
    for (const { operations } of fragments)
      for (const { bytes } of operations) {
        const held = heldOf.get(bytes);
        if (held === undefined) throw new Error('a fragment has an operation that is not hidden');
        putInto(block, held, at++, size);
      }
    rows.push({ type: 'put', key: block.row, value });
  }

  /** Makes blocks of operations that take so many bytes each. */
  function writeTogether(
    together: readonly Unwritten<H>[],
    sizeOf: (one: Sibling) => number,
    write: (part: readonly Unwritten<H>[]) => void,
  ): void {
    let part: Unwritten<H>[] = [];
    let bytes = 0;
    for (const each of together) {
      const size = sizeOf(each.one);
      if (part.length === MAX_OF_BLOCK || (part.length > 0 && bytes + size > MAX_BLOCK_BYTES)) {
        write(part);
        part = [];
        bytes = 0;
      }
      part.push(each);
      bytes += size;
    }
    if (part.length > 0) write(part);
  }

  function writeNew(isHeld: (held: H) => boolean): void {
    const byCommit = new Map<string, Unwritten<H>[]>();
    const lone: Unwritten<H>[] = [];
    for (const each of unwritten) {
      if (!isHeld(each.held)) continue;
      const id = bytesToHex(each.one.commit);
      const ofCommit = byCommit.get(id);
      if (each.isBusy) writeAlone(each);
      else if (!isWhole(each.one)) lone.push(each);
      else if (ofCommit === undefined) byCommit.set(id, [each]);
      else ofCommit.push(each);
    }
    unwritten = [];
    const together: Unwritten<H>[] = [];
    for (const ofCommit of byCommit.values()) (ofCommit.length < MIN_OF_COMMIT ? lone : together).push(...ofCommit);
    writeTogether(together, ({ operationBytes }) => operationBytes.length, writeBlock);
    if (lone.length < MIN_OF_BLOCK) lone.forEach(writeAlone);
    else writeTogether(lone, siblingSize, writeLoneBlock);
  }

  return {
    get dead() {
      return dead;
    },
    add(held, one, isBusy) {
      unwritten.push({ held, one, isBusy });
    },
    placeOf,
    remove(held) {
      const { block, at, size } = held;
      if (at === NOWHERE) return;
      if (block === undefined) {
        rows.push({ type: 'del', key: hiddenKey(held, hasher) });
        return;
      }
      block.live--;
      block.dead += size;
      block.fresh.push(at);
      touched.add(block);
      // The row of a block goes with the last of it.
      dead += block.live === 0 ? size - block.dead : size;
    },
    take(isHeld) {
      for (const block of touched) markGone(block);
      touched.clear();
      if (unwritten.length > 0) writeNew(isHeld);
      const taken = rows;
      if (taken.length > 0) rows = [];
      return taken;
    },
    loadGone(block, at) {
      const places = goneAtStart.get(block);
      if (places === undefined) goneAtStart.set(block, [at]);
      else places.push(at);
    },
    load(held) {
      held.at = 0;
    },
    loadBlock(number, value, hold) {
      const block = openBlock(number);
      const operations = decodeHiddenBlock(value, hasher);
      const size = shareOf(value, operations.length);
      const gone = new Set(goneAtStart.get(number));
      const keys: string[] = [];
      nextBlock = Math.max(nextBlock, number + 1);
      block.known.push(...gone);
      for (const [at, one] of operations.entries()) {
        if (gone.has(at)) block.dead += size;
        else {
          putInto(block, hold(one), at, size);
          keys.push(one.operation.key);
        }
      }
      if (block.live > 0) dead += block.dead;
      else touched.add(block);
      return keys;
    },
    loaded: () => goneAtStart.clear(),
  };
}
