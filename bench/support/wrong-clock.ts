// A module that is loaded into a node's process before the node starts (`--import`): its wall clock is
// BENCH_CLOCK_AHEAD_MS ahead of the machine's. Its timers run as ever.
const aheadMs = Number(process.env['BENCH_CLOCK_AHEAD_MS'] ?? 0);
const RightDate = Date;

globalThis.Date = class extends RightDate {
  constructor(...given: readonly unknown[]) {
    if (given.length === 0) super(RightDate.now() + aheadMs);
    else super(...(given as [number]));
  }
  static override now(): number {
    return RightDate.now() + aheadMs;
  }
} as DateConstructor;
