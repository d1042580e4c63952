import { lastHlcAt } from '../../core/clock/index.ts';
import type { Replica } from '../../core/replica/index.ts';
import { ATTESTED, encodeAttested } from '../../core/rows/index.ts';
import { type Bytes, equalBytes } from '../../core/types/index.ts';
import type { Writer } from '../commit/writer.ts';

/** The newest time that this node may have attested, in this life or an earlier one (SPEC Z10). */
export interface AttestedMark {
  /** The newest time that this node may have attested, Unix ms; 0 when there is none. */
  readonly newest: number;
  /**
   * To be called before the cut at `at` (Unix ms) is fixed. True once it is durable that this node attests it under the
   * roster with the hash `under`, which happens at most once for each time and in order of time: false for a time that
   * is not later than the mark, and under a roster that was closed. Rejects when the writer takes no rows.
   */
  advance(at: number, under: Bytes): Promise<boolean>;
  /**
   * To be called while the rows of a vote for the roster after `under` are made, between two batches. From there on
   * nothing is attested under that roster; the vote names the time that this returns (SPEC RO5).
   */
  close(under: Bytes): number;
  /** To be called when an attestation of this node's own key comes from elsewhere that this life did not make. */
  heard(at: number): void;
}

export function createAttestedMark(deps: {
  readonly replica: Pick<Replica, 'observeTime'>;
  readonly writer: Pick<Writer, 'keep'>;
  /** The mark that an earlier life left in the store; 0 when there is none. */
  readonly stored: number;
}): AttestedMark {
  let mark = deps.stored;
  /** The roster for whose successor this node has voted in this life. The votes of earlier lives are in the store. */
  let closed: Bytes | undefined;
  const isClosed = (under: Bytes): boolean => closed !== undefined && equalBytes(closed, under);

  function raise(at: number): void {
    mark = at;
    // No commit that this node makes from here on belongs to that time, whatever its wall clock says.
    deps.replica.observeTime(lastHlcAt(at));
  }

  return {
    get newest() {
      return mark;
    },
    close(under) {
      closed = under;
      return mark;
    },
    async advance(at, under) {
      if (at <= mark) return false;
      let isNext = false;
      // The rows are made between two batches. Every commit that was made before is durable and in the trailing tree by
      // then, and every later one is later than the time. A start observes the time that the row names.
      await deps.writer.keep(() => {
        isNext = at > mark && !isClosed(under);
        if (!isNext) return [];
        raise(at);
        return [{ type: 'put', key: ATTESTED, value: encodeAttested(at) }];
      });
      return isNext;
    },
    heard(at) {
      if (at > mark) raise(at);
    },
  };
}
