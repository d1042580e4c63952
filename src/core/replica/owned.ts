import type { Author, Hlc, Sibling } from '../types/index.ts';
import type { OwnHistory } from './own-history.ts';
import type { RowWrite } from './step.ts';

/** What a step finds of commits of the node's own key that come from elsewhere. */
export interface Owned {
  /** Whether an operation that is not here, and that nothing here supersedes, is one that was replaced here. */
  readonly isOldNews: (sibling: Sibling) => boolean;
  readonly rows: readonly RowWrite[];
  readonly unmade: readonly Hlc[];
}

export function createOwned(self: Author, history: Pick<OwnHistory, 'judge' | 'fetchedBack'>): Owned {
  const rows: RowWrite[] = [];
  const unmade: Hlc[] = [];
  return {
    rows,
    unmade,
    isOldNews({ author, hlc, commit }) {
      if (author !== self) return false;
      const ownership = history.judge(hlc, commit);
      if (ownership === 'unmade') unmade.push(hlc);
      const row = ownership === 'before' ? history.fetchedBack(hlc) : undefined;
      if (row !== undefined) rows.push(row);
      return ownership === 'made';
    },
  };
}
