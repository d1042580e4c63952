import type { Author, Operation } from '../../src/core/types/index.ts';
import type { Row, Signer } from '../../src/ports/index.ts';
import type { RunningNode, SyncMode, WriteOperation } from '../../src/runtime/index.ts';
import type { Life, WallClock } from './clock.ts';
import type { Oracle } from './oracle.ts';
import type { Scheduler } from './scheduler.ts';
import type { SimDisk, SimStore } from './store.ts';
import type { Trace } from './trace.ts';
import { CALM, type LungName, type Weather } from './weather.ts';

/** What the harness itself gets wrong on purpose, to see that somebody notices. */
export interface Sabotage {
  /** Batches are acknowledged at once. */
  readonly earlyDurability?: boolean;
  /** Any signature passes. */
  readonly blindVerifier?: boolean;
  /** A crash tears the last batch: half of its rows land. */
  readonly tornBatches?: boolean;
}

/** One machine: its disk and wall clock outlive its processes. */
export interface Machine {
  readonly index: number;
  readonly name: string;
  signer: Signer;
  readonly disk: SimDisk;
  readonly wall: WallClock;
  lives: number;
  /** How many times its disk was replaced by an earlier copy. */
  restored: number;
  life: Life | undefined;
  store: SimStore | undefined;
  running: RunningNode | undefined;
  /** The disk was told to fail: only then may the node give up. */
  diskBroken: boolean;
}

export interface World {
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly oracle: Oracle;
  readonly failures: readonly string[];
  /** The last operations, for a report. */
  readonly operations: readonly string[];
  readonly size: number;
  start(index: number): void;
  crash(index: number): void;
  /** Crashes the node while its next batch is on its way to the disk. */
  crashInBatch(index: number): void;
  /** Stops a node in good order; its machine stays down. */
  stop(index: number): void;
  /** The node's disk fails at the next batch: the process ends. */
  breakDisk(index: number): void;
  /** Takes back a crash or a broken disk that still waits for the node's next batch. */
  spare(index: number): void;
  setWeather(lung: LungName, weather: Weather): void;
  setSkew(index: number, skewMs: number): void;
  /** Moves the node's clock by so many ms, without a note: for clocks that run too fast or too slow. */
  drift(index: number, ms: number): void;
  setMode(index: number, mode: SyncMode): void;
  /** Puts a copy of its disk back into a machine that is down. */
  restore(index: number, backup: readonly Row[]): void;
  /** How many times that was done to the machine. */
  restored(index: number): number;
  /** The key of the machine's node. */
  authorOf(index: number): Author;
  /** Gives a machine that is down another key, which its next start goes by. */
  rekey(index: number, signer: Signer): void;
  syncNow(index: number): void;
  /** A commit in a member's name that the member did not sign, gossiped to one node. */
  forge(to: number, inNameOf: number): void;
  /** A genuine commit of a trusted author whose clock is `aheadMs` ahead of the true time, gossiped to one node. */
  fromTheFuture(to: number, aheadMs: number): void;
  /** A genuine commit of a machine's key that its disk does not have, of a time in Unix ms, gossiped to one node. Its id. */
  haunt(to: number, of: number, operation: Operation, wallMs: number): string;
  /** Simulated time until which clocks observed from the future may hold local writes back. */
  readonly outsiderUntil: number;
  write(index: number, operations: readonly WriteOperation[]): void;
  /** Reads a key, then replaces it on the condition that it is unchanged. */
  replace(index: number, key: string, value: string): void;
  node(index: number): RunningNode | undefined;
  disk(index: number): SimDisk;
  isUp(index: number): boolean;
  /** Local writes that have not been answered, on live nodes. */
  pendingWrites(): number;
  note(operation: string): void;
  fail(what: string): void;
  /** Ends the run's claim on the process. */
  dispose(): void;
}

/** A fleet's calm state: no loss, no cut, small delays. */
export function calm(world: World): void {
  world.setWeather('p2p', CALM);
  world.setWeather('http', CALM);
}
