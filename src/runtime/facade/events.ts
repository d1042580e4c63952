import type { RepairProgress, RepairReport } from './peers.ts';
import type { BootstrapStatus, Transition } from './status.ts';

export type LatticeEvent =
  | {
      readonly id: string;
      readonly type: 'change';
      readonly key: string;
      readonly version: string;
      readonly deleted: boolean;
      readonly author: string;
      readonly hlc: string;
    }
  /** Ends the changes of one durable batch; its id is where to resume. */
  | { readonly id: string; readonly type: 'batch'; readonly root: string; readonly changes: number }
  | { readonly id: string; readonly type: 'reset'; readonly reason: string }
  | { readonly type: 'transition'; readonly transition: Transition }
  /** How far a repair has come: at most twice a second for each peer, by peer id. */
  | ({ readonly type: 'progress'; readonly what: 'repair'; readonly peer: string } & Omit<RepairProgress, 'running'>)
  /** How far a bootstrap has come: at most once a second. */
  | ({ readonly type: 'progress'; readonly what: 'bootstrap' } & BootstrapStatus)
  /** A repair has ended. */
  | { readonly type: 'repair'; readonly peer: string; readonly report: RepairReport }
  /** This node fixed a cut, or one has its certificate. `at`: Unix ms. */
  | { readonly type: 'cut'; readonly at: number; readonly root: string; readonly certified: boolean };

/** A push stream's or event stream's consumer. `send` returns false when it is full: the producer drops it. */
export interface EventSubscription {
  close(): void;
}
