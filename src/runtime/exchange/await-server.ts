import { isCovered } from '../../core/state/index.ts';
import { type Author, bytesToHex, type CommitId, type Entry, equalBytes } from '../../core/types/index.ts';
import { type AwaitAnswer, type AwaitedCommit, type AwaitRequest, receiptSigningBytes } from '../../core/wire/index.ts';
import type { Clock, Signer } from '../../ports/index.ts';
import { sleep } from '../../timing/index.ts';
import type { Applied } from '../commit/applied.ts';
import type { Writer } from '../commit/writer.ts';
import type { Entries } from '../storage/entries.ts';

/**
 * The shortest time between two looks at the store for a question that is woken again and again. Writes of other commits
 * under the same keys would else cost a look each.
 */
const LOOK_AGAIN_MS = 50;

export interface AwaitServer {
  /** Answers which of the commits are durable here, held or superseded, as soon as one of them is (SPEC RC2). */
  onAwait(peer: Author, request: AwaitRequest): Promise<AwaitAnswer>;
  /** To be called for every step that has become durable or left the state as it was. */
  applied(applied: Applied): void;
}

/** A request that waits for one of its commits. */
interface Waiter {
  readonly commits: ReadonlySet<CommitId>;
  wake(): void;
}

/**
 * The answering side of receipts. It signs what it has read from the store, where only durable batches are. Of each peer
 * one request waits at a time, MAX_AWAIT_MS at most; a further one is answered at once with what there is.
 */
export function createAwaitServer(deps: {
  readonly network: string;
  readonly signer: Signer;
  readonly entries: Pick<Entries, 'many'>;
  readonly writer: Pick<Writer, 'read'>;
  readonly clock: Clock;
  /** Whether a receipt of this node counts: it is a writer, and vouches for its state. */
  readonly signs: () => boolean;
}): AwaitServer {
  const { clock, signer } = deps;
  const waiting = new Map<Author, Waiter>();

  async function isHere({ commit, author, hlc, keyHashes }: AwaitedCommit): Promise<boolean> {
    const holds = (entry: Entry | undefined): boolean =>
      entry !== undefined &&
      (entry.siblings.some((one) => equalBytes(one.commit, commit)) ||
        // One of the same author and HLC that is another commit contradicts it, and says nothing of this one.
        isCovered(
          { author, hlc },
          entry.siblings.filter((one) => one.author !== author || one.hlc !== hlc),
        ));
    const found = await deps.entries.many(
      keyHashes.map((keyHash) => ({ keyHash })),
      deps.writer.read,
    );
    return found.every(holds);
  }

  async function receiptsFor(commits: readonly AwaitedCommit[]): Promise<AwaitAnswer> {
    const here: AwaitedCommit[] = [];
    for (const one of commits) if (await isHere(one)) here.push(one);
    return {
      type: 'awaited',
      receipts: here.map((one) => ({
        commit: one.commit,
        signature: signer.sign(receiptSigningBytes(deps.network, signer.author, one)),
      })),
    };
  }

  return {
    async onAwait(peer, { waitMs, commits }) {
      if (!deps.signs()) return { type: 'awaited', receipts: [] };
      const mayWait = waitMs > 0 && !waiting.has(peer);
      if (!mayWait) return receiptsFor(commits);
      // What becomes durable while the store is read must not be missed, so it is listened for first.
      let woken = false;
      let resume: (() => void) | undefined;
      const waiter: Waiter = {
        commits: new Set(commits.map(({ commit }) => bytesToHex(commit) as CommitId)),
        wake() {
          woken = true;
          resume?.();
        },
      };
      waiting.set(peer, waiter);
      const end = clock.monotonic() + waitMs;
      /** Waits for a wake or the end of the time. */
      const awake = async (): Promise<void> => {
        if (woken) return;
        await new Promise<void>((resolve) => {
          const timer = clock.after(end - clock.monotonic(), resolve);
          resume = () => {
            timer.cancel();
            resolve();
          };
        });
        resume = undefined;
      };
      // The first wake is looked at at once: it is mostly the commit itself, on its way while it was asked after.
      let mayLookAt = clock.monotonic();
      try {
        for (;;) {
          woken = false;
          const answer = await receiptsFor(commits);
          if (answer.receipts.length > 0 || clock.monotonic() >= end) return answer;
          await awake();
          const restMs = Math.min(mayLookAt, end) - clock.monotonic();
          if (restMs > 0) await sleep(clock, restMs);
          mayLookAt = clock.monotonic() + LOOK_AGAIN_MS;
        }
      } finally {
        waiting.delete(peer);
      }
    },
    applied({ taken, amended }) {
      if (waiting.size === 0) return;
      for (const { commits, wake } of waiting.values())
        if (amended || taken.some(({ fragment }) => commits.has(fragment.id))) wake();
    },
  };
}
