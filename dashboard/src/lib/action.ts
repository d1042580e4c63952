import { useCallback, useRef, useState } from 'preact/hooks';
import type { LatticeError } from '../../../src/client/index.ts';
import { asProblem, isMissing } from './api.ts';

/**
 * Something that the user starts. `missing`: the node has no such route. `result`: that of the last run that the user
 * did not decline.
 */
export interface Action<T> {
  readonly run: () => void;
  readonly busy: boolean;
  readonly result: T | undefined;
  readonly problem: LatticeError | undefined;
  readonly missing: boolean;
}

type Outcome<T> = Pick<Action<T>, 'busy' | 'result' | 'problem' | 'missing'>;

const IDLE = { busy: false, result: undefined, problem: undefined, missing: false } as const;

/**
 * Runs `work` when `run` is called, one run at a time. `work` resolves with undefined when the user has declined, and
 * nothing changes then. With `mayBeMissing` an answer 404 means that the node has no such route.
 */
export function useAction<T>(work: () => Promise<T | undefined>, mayBeMissing = true): Action<T> {
  const [outcome, setOutcome] = useState<Outcome<T>>(IDLE);
  const running = useRef(false);
  const latest = useRef(work);
  latest.current = work;
  const run = useCallback(() => {
    if (running.current) return;
    running.current = true;
    setOutcome((old) => ({ ...old, busy: true, problem: undefined, missing: false }));
    latest
      .current()
      .then(
        (result) => setOutcome((old) => ({ ...IDLE, result: result ?? old.result })),
        (error: unknown) => {
          const problem = asProblem(error);
          const missing = mayBeMissing && isMissing(problem);
          setOutcome({ ...IDLE, missing, problem: missing ? undefined : problem });
        },
      )
      .finally(() => {
        running.current = false;
      });
  }, [mayBeMissing]);
  return { ...outcome, run };
}
