import { ZERO_HLC } from '../clock/index.ts';
import { encodeOwnCommit, encodeOwnSince, OWN_SINCE, type OwnCommit, ownCommitKey } from '../rows/index.ts';
import { type Bytes, equalBytes, type Fragment, type Hasher, type Hlc } from '../types/index.ts';
import type { RowWrite } from './step.ts';

/**
 * How many of its own commits a node knows by their id. Beyond them it takes every commit of its key that is not newer
 * for its own, so a twin must lie back by as many commits, and by its clock, to be taken for the node. About 600 KB.
 */
export const OWN_COMMITS = 4_096;

/**
 * What a commit of the node's own key, which came from elsewhere, is to the node (SPEC N16). `made`: the node made it.
 * `before`: it may be from before this store knew its history, so it is taken like any other. `unmade`: this store
 * never made it, and it would know.
 */
export type Ownership = 'made' | 'before' | 'unmade';

/** What a node knows of the commits that it has made itself. */
export interface OwnHistory {
  /** Takes note of a commit that is being made, and returns the row that is to become durable with it. */
  made(commit: Fragment): RowWrite;
  judge(hlc: Hlc, id: Bytes): Ownership;
  /**
   * Takes note that a commit which was judged as `before` has been applied. Returns the row that is to become durable
   * with it, where there is one.
   */
  fetchedBack(hlc: Hlc): RowWrite | undefined;
  /**
   * Ends the time after a start in which own commits may still come back. `told` is the greatest HLC of the node's key
   * that peers told and that was fetched back; zero when none did. `seen` is the greatest HLC of the node's key that is
   * known here. Returns the rows that are to become durable.
   */
  settle(told: Hlc, seen: Hlc): readonly RowWrite[];
  /** Begins such a time again, because the first others of a running node have been named. `settle` ends it. */
  reopen(): void;
  /**
   * Takes every commit of the node's key up to `seen`, the greatest that is known here, for one that may be from before
   * this store knew its history. Returns the rows that are to become durable.
   */
  adopt(seen: Hlc): readonly RowWrite[];
  /**
   * Takes over what an earlier run has noted. The commits may come in any order. `committed` is the greatest HLC of a
   * commit of the node's key that was applied here.
   */
  load(since: Hlc | undefined, commits: readonly OwnCommit[], committed: Hlc): void;
}

export function createOwnHistory(hasher: Hasher): OwnHistory {
  /** The newest own commits by their HLC, oldest first. */
  const ids = new Map<Hlc, Bytes>();
  let next = 0;
  /** The store has made every own commit that is later; undefined while nothing is known. */
  let since: Hlc | undefined;
  /** Every own commit later than this and than `since` is among `ids`. */
  let complete: Hlc = ZERO_HLC;
  let newest: Hlc = ZERO_HLC;
  let fetching = true;

  function remember(hlc: Hlc, id: Bytes): void {
    ids.set(hlc, id);
    if (hlc > newest) newest = hlc;
    if (ids.size <= OWN_COMMITS) return;
    const [oldest] = ids.keys();
    if (oldest === undefined) return;
    ids.delete(oldest);
    knownAfter(oldest);
  }

  function knownAfter(hlc: Hlc): void {
    if (hlc > complete) complete = hlc;
  }

  function raise(hlc: Hlc): RowWrite {
    since = hlc;
    return { type: 'put', key: OWN_SINCE, value: encodeOwnSince(hlc, hasher) };
  }

  return {
    made({ header: { hlc }, idBytes }) {
      const id = idBytes.slice();
      remember(hlc, id);
      const number = next++;
      const value = encodeOwnCommit({ number, hlc, id }, hasher);
      return { type: 'put', key: ownCommitKey(number % OWN_COMMITS), value };
    },
    judge(hlc, id) {
      const known = ids.get(hlc);
      if (known !== undefined && equalBytes(known, id)) return 'made';
      if (since === undefined || hlc <= since) return 'before';
      if (hlc <= complete) return 'made';
      return fetching ? 'before' : 'unmade';
    },
    fetchedBack: (hlc) => (since !== undefined && hlc > since ? raise(hlc) : undefined),
    settle(told, seen) {
      fetching = false;
      if (since === undefined) return [raise(told > seen ? told : seen)];
      return told > since && told > newest ? [raise(told)] : [];
    },
    reopen() {
      fetching = true;
    },
    adopt: (seen) => (since === undefined || seen > since ? [raise(seen)] : []),
    load(from, commits, committed) {
      since = from;
      const sorted = [...commits].sort((a, b) => a.number - b.number);
      // Where rows are missing or damaged, what is older than the gap is not known by its id.
      let expected = 0;
      for (const { number, hlc, id } of sorted) {
        if (number !== expected) knownAfter(hlc);
        expected = number + 1;
        remember(hlc, id);
      }
      next = expected;
      if (committed <= newest) return;
      newest = committed;
      knownAfter(committed);
    },
  };
}
