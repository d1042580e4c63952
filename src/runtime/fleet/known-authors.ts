import type { RowWrite } from '../../core/replica/index.ts';
import { decodeKnownAuthors, encodeKnownAuthors, KNOWN_AUTHORS } from '../../core/rows/index.ts';
import { type Author, LatticeError, MAX_KNOWN_AUTHORS } from '../../core/types/index.ts';
import type { Log, Store } from '../../ports/index.ts';

/**
 * The authors of whom a node remembers what it saw: those on its trust list, and those that once stood on it. An author who was removed keeps its dots in contexts, so that nothing of it comes back that was replaced while
 * it was trusted. Authors that only contexts name are not among them, because an author can name any number of others
 * there.
 */
export interface KnownAuthors {
  has(author: Author): boolean;
  /** Takes in the authors of a trust list that was replaced while the node runs. */
  add(trusted: readonly Author[]): void;
  /** Has them made durable by `keep` when they are others than the store has. */
  save(keep: (make: () => readonly RowWrite[]) => Promise<void>): Promise<void>;
}

/** Reads which authors were known at earlier starts, and adds those of the trust list. */
export async function loadKnownAuthors(
  { store, log }: { readonly store: Store; readonly log: Log },
  trusted: readonly Author[],
): Promise<KnownAuthors> {
  let saved = await read(store, log);
  const all = new Set(saved);

  function add(authors: readonly Author[]): void {
    const isTrusted = new Set(authors);
    for (const author of authors) all.add(author);
    let forgotten = 0;
    for (const author of all) {
      if (all.size <= MAX_KNOWN_AUTHORS) break;
      if (isTrusted.has(author)) continue;
      all.delete(author);
      forgotten++;
    }
    if (forgotten > 0)
      log.warn(
        { forgotten },
        'more authors were trusted over the years than are remembered: the oldest were forgotten',
      );
  }
  add(trusted);

  return {
    has: (author) => all.has(author),
    add,
    async save(keep) {
      const authors = [...all];
      if (authors.length === saved.length && saved.every((author, i) => author === authors[i])) return;
      await keep(() => [{ type: 'put', key: KNOWN_AUTHORS, value: encodeKnownAuthors(authors) }]);
      saved = authors;
    },
  };
}

async function read(store: Store, log: Log): Promise<readonly Author[]> {
  const row = await store.get(KNOWN_AUTHORS);
  if (row === undefined) return [];
  try {
    return decodeKnownAuthors(row);
  } catch (err) {
    if (!(err instanceof LatticeError)) throw err;
    log.warn({ err }, 'the row of known authors is damaged: only those of the trust list are known');
    return [];
  }
}
