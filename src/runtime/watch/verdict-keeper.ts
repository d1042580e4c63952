import type { Clock, Log } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { Verdict } from '../facade/index.ts';
import { judge } from './verdict.ts';
import type { VerdictFacts } from './verdict-facts.ts';

/** How often the verdict is made when nobody asks for it, so that it is known to the second since when it has held. */
const LOOK_EVERY_MS = 1_000;

export interface VerdictKeeperDeps {
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  readonly facts: () => VerdictFacts;
}

/** Makes the verdict on demand and once a second, knows since when its kind has held, and logs every change. */
export interface VerdictKeeper {
  now(): Verdict;
  start(): void;
  stop(): void;
}

export function createVerdictKeeper({ clock, log, facts }: VerdictKeeperDeps): VerdictKeeper {
  let held: Pick<Verdict, 'kind' | 'since'> | undefined;
  let looks: Repetition | undefined;

  function now(): Verdict {
    const given = facts();
    const { kind, ...rest } = judge(given);
    if (held?.kind !== kind) {
      held = { kind, since: given.now };
      const level = kind === 'CONVERGED' || kind === 'ALONE' || kind === 'STARTING' ? 'info' : 'warn';
      log[level]({ verdict: kind, sentence: rest.sentence }, 'verdict');
    }
    return { kind, since: held.since, ...rest };
  }

  return {
    now,
    start() {
      looks ??= every(clock, LOOK_EVERY_MS, () => void now(), {
        onError: (err) => log.error({ err }, 'the verdict could not be made'),
      });
    },
    stop: () => looks?.stop(),
  };
}
