import { expect, it } from 'vitest';
import type * as Schemas from '../../../../src/client/index.ts';
import type { ErrorCode } from '../../../../src/core/types/index.ts';
import type * as Facade from '../../../../src/runtime/facade/index.ts';

/** Error codes are plain text in the schemas: a client may meet those of a later version. */
type Mutable<T> = [T, ErrorCode] extends [string | undefined, T]
  ? string
  : T extends readonly (infer U)[]
    ? Mutable<U>[]
    : T extends object
      ? { -readonly [K in keyof T]: Mutable<T[K]> }
      : T;
/** JSON leaves out what is undefined. */
type Told<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};
/** What the node's own types allow is what the schemas say, and the other way round. */
type Same<A, B> = [Mutable<A>, Mutable<B>] extends [Mutable<B>, Mutable<A>] ? true : false;

const same: readonly true[] = [
  true satisfies Same<Facade.EntryView, Schemas.Entry>,
  true satisfies Same<Facade.ReceiptView, Schemas.Receipt>,
  true satisfies Same<Facade.ConflictView, Schemas.Conflict>,
  true satisfies Same<Facade.Transition, Schemas.Transition>,
  true satisfies Same<Facade.RepairReport, Schemas.RepairReport>,
  true satisfies Same<Facade.HistoryPage, Schemas.History>,
  true satisfies Same<Facade.CutView, Schemas.Cut>,
  true satisfies Same<Facade.FloorView, Schemas.Floor>,
  true satisfies Same<Facade.RosterView, Schemas.Roster>,
  true satisfies Same<Omit<Facade.ChangeView, 'action'>, Omit<Schemas.Change, 'action'>>,
  true satisfies Same<Facade.PeerStatus, Schemas.Peer>,
  true satisfies Same<Facade.NodeStatus, Schemas.Status>,
  true satisfies Same<Facade.Verdict, Schemas.Verdict>,
  true satisfies Same<Facade.ProofDocument, Schemas.Proof>,
  true satisfies Same<Facade.SeriesView, Schemas.Series>,
  true satisfies Same<Facade.PeerDifferences, Schemas.Differences>,
  true satisfies Same<Facade.VaultObject, Schemas.VaultObject>,
  true satisfies Same<Told<Facade.VaultStatus>, Schemas.VaultState>,
  true satisfies Same<Facade.VaultCollection, Schemas.VaultCollection>,
];

it('the schemas of the API have the types of the facade (tsc checks it) [A14]', () => {
  expect(same).not.toContain(false);
});
