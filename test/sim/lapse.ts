import type { World } from './face.ts';

/** A write is acknowledged or refused within this time. */
const WRITTEN_MS = 5_000;

/** Does something at a time of the run, ms. */
export type At = (ms: number, run: () => void) => void;

/** A time in which a node is down, or writes nothing because its disk forgets it. */
export interface Lapse {
  readonly node: number;
  readonly from: number;
  readonly to: number;
}

export const isIn = ({ node, from, to }: Lapse, one: number, ms: number): boolean =>
  one === node && ms > from && ms < to;

/** At `to` a node gets the copy of its disk that was made at `from`. What it writes in between is not to be kept. */
export function restoreDisk(world: World, at: At, { node, from, to }: Lapse): Lapse {
  const disk = world.disk(node);
  let backup: ReturnType<typeof disk.rows> = [];
  at(from, () => (backup = disk.rows({ gte: new Uint8Array(0), lt: new Uint8Array(64).fill(255) })));
  at(to, () => {
    world.crash(node);
    world.restore(node, backup);
  });
  at(to + 1_000, () => world.start(node));
  return { node, from: from - WRITTEN_MS, to };
}
