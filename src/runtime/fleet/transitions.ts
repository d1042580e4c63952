import type { Clock, Log, Metrics } from '../../ports/index.ts';
import type { Transition } from '../facade/index.ts';

/** Transitions kept for status and dashboards. */
const MAX_TRANSITIONS = 200;

/** Every change of a lung, of a mode, or of the lung that carries a peer: kept, logged, counted and told. */
export interface Transitions {
  note(change: Omit<Transition, 'at'>): void;
  /** Oldest first. */
  readonly all: readonly Transition[];
}

export function createTransitions(deps: {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly publish: (transition: Transition) => void;
}): Transitions {
  const all: Transition[] = [];
  return {
    all,
    note(change) {
      const transition: Transition = { at: deps.clock.now(), ...change };
      all.push(transition);
      if (all.length > MAX_TRANSITIONS) all.shift();
      deps.log.info({ ...change }, 'transition');
      deps.metrics.count('lattice_transitions_total', { from: change.from, to: change.to, cause: change.code });
      deps.publish(transition);
    },
  };
}
