import type { Author } from '../../core/types/index.ts';
import type { Clock, Log, Metrics } from '../../ports/index.ts';
import type { Transition } from '../facade/index.ts';

/** How many transitions are kept for status and dashboards. */
const MAX_TRANSITIONS = 200;

/** Keeps, logs, counts and publishes every change of a lung, of the mode, or of the lung that carries a peer. */
export interface Transitions {
  note(change: Omit<Transition, 'at' | 'name'>): void;
  /** The kept transitions, oldest first. */
  readonly all: readonly Transition[];
}

export function createTransitions(deps: {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** What people read in place of an author. */
  readonly nameOf: (author: Author) => string;
  readonly publish: (transition: Transition) => void;
}): Transitions {
  const all: Transition[] = [];
  return {
    all,
    note(change) {
      const { peer } = change;
      const name = peer === undefined ? {} : { name: deps.nameOf(peer as Author) };
      const transition: Transition = { at: deps.clock.now(), ...name, ...change };
      all.push(transition);
      if (all.length > MAX_TRANSITIONS) all.shift();
      deps.log.info({ ...change }, 'transition');
      deps.metrics.count('lattice_transitions_total', { from: change.from, to: change.to, cause: change.code });
      deps.publish(transition);
    },
  };
}
