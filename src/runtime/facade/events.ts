import type { ChangeAction } from '../../core/roster/index.ts';
import type { RepairProgress, RepairReport } from './peers.ts';
import type { AsideCode } from './set-aside.ts';
import type { BootstrapStatus, Transition } from './status.ts';

interface Said<Type extends string> {
  readonly type: Type;
  readonly change: string;
  readonly author: string;
  /** What people read in place of the author. */
  readonly name: string;
  readonly action: ChangeAction['kind'];
}

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
  /** Ends the changes of one durable batch. Its `id` is the cursor from which a stream goes on after this batch. */
  | { readonly id: string; readonly type: 'batch'; readonly root: string; readonly changes: number }
  | { readonly id: string; readonly type: 'reset'; readonly reason: string }
  | { readonly type: 'transition'; readonly transition: Transition }
  /**
   * How far a repair has come with a peer, whose peer id and label are told. Sent at most twice a second for each peer.
   */
  | ({
      readonly type: 'progress';
      readonly what: 'repair';
      readonly peer: string;
      readonly name: string;
    } & Omit<RepairProgress, 'running'>)
  /** How far a bootstrap has come. Sent at most once a second. */
  | ({ readonly type: 'progress'; readonly what: 'bootstrap' } & BootstrapStatus)
  /** A repair has ended. */
  | { readonly type: 'repair'; readonly peer: string; readonly name: string; readonly report: RepairReport }
  /**
   * Another roster is in force from here on. `start` (Unix ms) is where it begins to certify cuts, and `hash` is 64 hex
   * digits.
   */
  | { readonly type: 'roster-changed'; readonly epoch: number; readonly hash: string; readonly start: number }
  /**
   * A member asked for a change of the roster, approves one, or takes that back. `change` is the id of the change in hex,
   * and `action` what it does.
   */
  | Said<'change-proposed'>
  | Said<'change-approved'>
  | Said<'change-withdrawn'>
  /** This node has fixed a cut, or a cut has got its certificate. `at` is the time of the cut in Unix ms. */
  | { readonly type: 'cut'; readonly at: number; readonly root: string; readonly certified: boolean }
  /**
   * What an author had written after its end, `until` (Unix ms), was taken out of the state: so many operations, of these
   * keys among others. `name` is what people read in place of the author.
   */
  | {
      readonly type: 'displaced';
      readonly author: string;
      readonly name: string;
      readonly until: number;
      readonly operations: number;
      readonly keys: readonly string[];
    }
  /**
   * Operations were set aside (SPEC FL8), because they came too late for a complete cut or other writers refuse them as
   * below the floor. `keys` names the first few.
   */
  | {
      readonly type: 'set-aside';
      readonly code: AsideCode;
      readonly operations: number;
      readonly keys: readonly string[];
    }
  /** An author signed two statements that contradict each other; `name` is what people read in its place. */
  | { readonly type: 'evidence'; readonly kind: string; readonly author: string; readonly name: string };

/** A subscription that is open. */
export interface EventSubscription {
  /**
   * Ends the subscription. Nothing is sent afterwards, and further calls have no effect.
   *
   * @throws nothing
   * @example
   * subscription.close();
   */
  close(): void;
}
