/**
 * Runs work on one object in turn: what names content, takes it away or makes it whole decides by what is here, and
 * nothing may change that in between.
 */
export interface Turns {
  /** Runs `work` after everything that was asked for the same hash before. Settles as it does. */
  run<T>(hash: string, work: () => Promise<T>): Promise<T>;
  /** Whether work on the hash runs or waits. */
  isBusy(hash: string): boolean;
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return {
    run(hash, work) {
      const before = last.get(hash) ?? Promise.resolve();
      const result = before.then(work, work);
      const turn = result.then(
        () => undefined,
        () => undefined,
      );
      last.set(hash, turn);
      void turn.then(() => {
        if (last.get(hash) === turn) last.delete(hash);
      });
      return result;
    },
    isBusy: (hash) => last.has(hash),
  };
}
