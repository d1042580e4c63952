import type { Timer } from '../../src/ports/index.ts';
import type { Rng } from './rng.ts';
import type { Trace } from './trace.ts';

interface Event {
  readonly at: number;
  /** Drawn from the seed: events of one instant run in any order, but in the same one at every replay. */
  readonly tie: number;
  readonly sequence: number;
  readonly who: string;
  readonly kind: string;
  readonly detail: string;
  run: (() => void) | undefined;
}

/** Simulated time. Nothing in a simulation completes but through an event of this queue. */
export interface Scheduler {
  /** Simulated ms since the start. */
  now(): number;
  /** Runs `run` in `ms`. `who`, `kind` and `detail` go into the trace when it runs. */
  after(ms: number, who: string, kind: string, run: () => void, detail?: string): Timer;
  /** Runs events until simulated time `until`, or until `done` says so after an event. */
  run(until: number, done?: () => boolean): Promise<void>;
}

/** No honest run has a quarter of these events: beyond it nodes keep each other busy without end. */
const MAX_EVENTS = 200_000;

/** Every microtask has run when a macrotask's turn comes: nothing of an event is pending when the next one starts. */
const drained = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function createScheduler(rng: Rng, trace: Trace, onThrown: (error: unknown) => void): Scheduler {
  const heap: Event[] = [];
  let now = 0;
  let sequence = 0;

  const before = (a: Event, b: Event): boolean =>
    a.at !== b.at ? a.at < b.at : a.tie !== b.tie ? a.tie < b.tie : a.sequence < b.sequence;

  function push(event: Event): void {
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(event, heap[parent] as Event)) break;
      heap[i] = heap[parent] as Event;
      i = parent;
    }
    heap[i] = event;
  }

  function pop(): Event {
    const top = heap[0] as Event;
    const last = heap.pop() as Event;
    if (heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!before(heap[child] as Event, last)) break;
      heap[i] = heap[child] as Event;
      i = child;
    }
    heap[i] = last;
    return top;
  }

  return {
    now: () => now,
    after(ms, who, kind, run, detail = '') {
      const event: Event = { at: now + Math.max(0, ms), tie: rng.next(), sequence: sequence++, who, kind, detail, run };
      push(event);
      return {
        cancel: () => {
          event.run = undefined;
        },
      };
    },
    async run(until, done) {
      while (heap.length > 0 && (heap[0] as Event).at <= until) {
        const event = pop();
        if (event.run === undefined) continue;
        now = event.at;
        trace.add(now, event.who, event.kind, event.detail);
        if (trace.events > MAX_EVENTS) {
          onThrown(new Error(`more than ${MAX_EVENTS} events: the fleet does not come to rest`));
          return;
        }
        try {
          event.run();
        } catch (error) {
          onThrown(error);
        }
        await drained();
        if (done?.() === true) return;
      }
      now = Math.max(now, until);
    },
  };
}
