import { type Bytes, compareBytes } from '../../src/core/types/index.ts';
import type { KeyRange, Row, Store, StoreOperation } from '../../src/ports/index.ts';
import type { Life } from './clock.ts';
import type { Rng } from './rng.ts';
import type { Scheduler } from './scheduler.ts';

const CHUNK_ROWS = 1000;

/** A machine's disk: what was made durable, whatever happens to the node. */
export interface SimDisk {
  /** Rows in key order. */
  rows(range: { readonly gte: Bytes; readonly lt: Bytes }): Row[];
  get(key: Bytes): Bytes | undefined;
  apply(operations: readonly StoreOperation[]): void;
}

const nameOf = (key: Bytes): string => Buffer.from(key).toString('latin1');

export function createSimDisk(): SimDisk {
  const rows = new Map<string, Row>();
  return {
    rows: ({ gte, lt }) =>
      [...rows.values()]
        .filter(([key]) => compareBytes(key, gte) >= 0 && compareBytes(key, lt) < 0)
        .sort(([a], [b]) => compareBytes(a, b)),
    get: (key) => rows.get(nameOf(key))?.[1],
    apply(operations) {
      for (const operation of operations) {
        if (operation.type === 'put') rows.set(nameOf(operation.key), [operation.key.slice(), operation.value.slice()]);
        else rows.delete(nameOf(operation.key));
      }
    },
  };
}

/** One process's hold on a disk. */
export interface SimStore extends Store {
  /**
   * The process dies: of the batches under way a prefix may have reached the disk all the same, each whole or not at
   * all.
   */
  crash(): void;
  /** Calls `run` while the next batch is under way: the moment at which a crash hurts most. */
  onNextBatch(run: () => void): void;
  /** The next batch fails, and every one after it. */
  breakNextBatch(): void;
  /** Takes back what was planned for the next batch. */
  spareNextBatch(): void;
}

export interface SimStoreDeps {
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  readonly life: Life;
  readonly disk: SimDisk;
  /** Sabotage: batches are acknowledged before they are on the disk. */
  readonly earlyDurability: boolean;
  /** Sabotage: a crash tears the batch under way. */
  readonly tornBatches: boolean;
  /** Called as soon as a batch is on the disk, before the node is told. */
  readonly onDurable: (operations: readonly StoreOperation[]) => void;
}

export function createSimStore(deps: SimStoreDeps): SimStore {
  const { scheduler, rng, life, disk } = deps;
  let pending: (readonly StoreOperation[])[] = [];
  let busyUntil = 0;
  let broken = false;
  let breakNext = false;
  let interrupt: (() => void) | undefined;

  function land(operations: readonly StoreOperation[]): void {
    disk.apply(operations);
    deps.onDurable(operations);
  }

  function later<T>(kind: string, value: () => T): Promise<T> {
    return new Promise((resolve) => {
      scheduler.after(rng.between(0.02, 0.5), life.name, kind, () => {
        if (life.alive) resolve(value());
      });
    });
  }

  /** Each chunk of the moment it is read. */
  async function* chunks(range: KeyRange): AsyncGenerator<readonly Row[]> {
    let { gte, lt, limit: left = Number.POSITIVE_INFINITY } = range;
    while (left > 0) {
      const rows = await later('store-iterate', () => {
        const found = disk.rows({ gte, lt });
        if (range.reverse === true) found.reverse();
        return found.slice(0, Math.min(left, CHUNK_ROWS));
      });
      const last = rows.at(-1)?.[0];
      if (last === undefined) return;
      yield rows;
      left -= rows.length;
      if (range.reverse === true) lt = last;
      else gte = Uint8Array.of(...last, 0);
    }
  }

  return {
    get: (key) => later('store-get', () => disk.get(key)),
    getMany: (keys) => later('store-get', () => keys.map((key) => disk.get(key))),
    iterate: chunks,
    batch(operations) {
      if (breakNext) broken = true;
      if (broken)
        return later('store-failed', () => undefined).then(() => Promise.reject(new Error('simulated disk failure')));
      pending.push(operations);
      busyUntil =
        Math.max(scheduler.now(), busyUntil) + (rng.chance(0.02) ? rng.between(20, 300) : rng.between(0.3, 5));
      if (interrupt !== undefined) {
        scheduler.after(rng.next() * (busyUntil - scheduler.now()), life.name, 'interrupt', interrupt);
        interrupt = undefined;
      }
      return new Promise((resolve) => {
        scheduler.after(
          busyUntil - scheduler.now(),
          life.name,
          'store-durable',
          () => {
            if (!life.alive) return;
            pending.shift();
            land(operations);
            resolve();
          },
          String(operations.length),
        );
        if (deps.earlyDurability) resolve();
      });
    },
    close: () => Promise.resolve(),
    crash() {
      const landed = rng.int(pending.length + 1);
      for (const operations of pending.slice(0, landed)) land(operations);
      const torn = deps.tornBatches ? pending[landed] : undefined;
      if (torn !== undefined) land(torn.slice(0, torn.length >> 1));
      pending = [];
    },
    onNextBatch(run) {
      interrupt = run;
    },
    breakNextBatch() {
      breakNext = true;
    },
    spareNextBatch() {
      breakNext = false;
      interrupt = undefined;
    },
  };
}
