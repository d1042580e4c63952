import type { World } from './face.ts';

/** What a run of a scenario came to. */
export interface Report {
  readonly seed: number;
  /** Empty when every invariant held. */
  readonly failures: readonly string[];
  readonly operations: readonly string[];
  readonly lines: readonly string[];
  readonly traceHash: string;
  readonly events: number;
  readonly simulatedMs: number;
  /** From the end of faults and writes to equal roots, ms. */
  readonly convergedMs: number;
  readonly acknowledged: number;
}

export const reportOf = (world: World, seed: number, convergedMs: number): Report => ({
  seed,
  failures: world.failures,
  operations: world.operations,
  lines: world.trace.last(60),
  events: world.trace.events,
  traceHash: world.trace.hash(),
  simulatedMs: Math.round(world.scheduler.now()),
  convergedMs: Math.round(convergedMs),
  acknowledged: world.oracle.acknowledgements,
});
