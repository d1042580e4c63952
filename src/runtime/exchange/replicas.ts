import { type Author, type Bytes, bytesToHex, compareBytes, equalBytes, LatticeError } from '../../core/types/index.ts';
import {
  type AwaitedCommit,
  MAX_AWAIT_MS,
  MAX_AWAITED,
  MAX_AWAITED_KEYS,
  type Receipt,
  receiptSigningBytes,
} from '../../core/wire/index.ts';
import type { Clock, Log, Verifier } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { Roster } from '../fleet/roster.ts';
import type { PeerTable } from '../peers/peers.ts';
import { ask, peerCodeOf } from '../transport/link.ts';
import type { LinkTo } from '../transport/links.ts';

/**
 * How long a question waits at the other side: briefly, because it takes one of the few requests that a peer answers at a
 * time, and because what is written meanwhile waits for the next question.
 */
const WAIT_MS = Math.min(500, MAX_AWAIT_MS);
/** The same where not all that it owes has room in one question: then the next one must not be kept for long. */
const SHORT_WAIT_MS = 50;
/** How often a writer is looked for that no lung reached, or that could not answer. */
const LOOK_EVERY_MS = 250;
/** How long a writer is left alone that does not know the question: it is of an earlier version. */
const UNKNOWING_MS = 60_000;

/** Asks the other writers after commits, all commits of one writer in one question. */
export interface Replicas {
  /**
   * Calls `onSigned` with each other present writer whose receipt for all keys of the commit that
   * are named here has come, until `end` is called.
   */
  follow(commit: AwaitedCommit, onSigned: (author: Author) => void): { end(): void };
  stop(): void;
}

/** What is waited for of one commit under some of its keys: concurrent writes share a commit, each with its own keys. */
interface Part {
  readonly keyHashes: readonly Bytes[];
  readonly signed: Set<Author>;
  readonly listeners: Set<(author: Author) => void>;
}

/** A commit by its id, author and HLC, and what is waited for of it. */
interface Followed {
  readonly commit: Omit<AwaitedCommit, 'keyHashes'>;
  /** By the key hashes, in hex. */
  readonly parts: Map<string, Part>;
  /** When it was followed: a place in the order of all questions. */
  readonly since: number;
  /** When each writer was asked after it last, as a place in that order. */
  readonly askedAt: Map<Author, number>;
  /** How often each writer was asked after it and signed nothing of it. */
  readonly unsigned: Map<Author, number>;
}

/** A commit in a question, and the parts that a receipt for it counts for. */
interface Asked {
  readonly followed: Followed;
  readonly commit: AwaitedCommit;
  readonly parts: readonly Part[];
}

/** Key hashes in their order, each once. */
export function increasing(keyHashes: readonly Bytes[]): Bytes[] {
  return keyHashes
    .toSorted(compareBytes)
    .filter((hash, i, sorted) => i === 0 || !equalBytes(hash, sorted[i - 1] as Bytes));
}

export function createReplicas(deps: {
  readonly network: string;
  readonly self: Author;
  readonly roster: Pick<Roster, 'writers' | 'isWriter'>;
  readonly peers: Pick<PeerTable, 'get'>;
  readonly linkTo: LinkTo;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly log: Pick<Log, 'debug' | 'error'>;
}): Replicas {
  const { self, roster, clock } = deps;
  /** By commit id (hex). */
  const followed = new Map<string, Followed>();
  const busy = new Set<Author>();
  /** Until when a writer is left alone, monotonic ms. */
  const resting = new Map<Author, number>();
  let looks: Repetition | undefined;
  /** Counts what is followed and asked, so that who has waited longest is asked after first. */
  let places = 0;

  /**
   * What is asked after of a commit: all that the writer owes of it by one statement, and every other time a single part,
   * in turn, because a part that it can never sign must not hold up the others.
   */
  function partsOf(one: Followed, author: Author): readonly Part[] {
    const owed = [...one.parts.values()].filter(({ signed }) => !signed.has(author));
    const times = one.unsigned.get(author) ?? 0;
    return times % 2 === 0 ? owed : owed.slice((times >> 1) % owed.length).slice(0, 1);
  }

  /** The next question to a writer: each commit id stands in it once, and those that were asked after last come last. */
  function nextQuestion(author: Author): { readonly asked: readonly Asked[]; readonly isAll: boolean } {
    const placeOf = (one: Followed): number => one.askedAt.get(author) ?? one.since;
    const asked: Asked[] = [];
    let keys = 0;
    for (const one of [...followed.values()].sort((a, b) => placeOf(a) - placeOf(b))) {
      const parts = partsOf(one, author);
      if (parts.length === 0) continue;
      const keyHashes = increasing(parts.flatMap((part) => part.keyHashes));
      keys += keyHashes.length;
      if (asked.length === MAX_AWAITED || keys > MAX_AWAITED_KEYS) return { asked, isAll: false };
      asked.push({ followed: one, commit: { ...one.commit, keyHashes }, parts });
    }
    return { asked, isAll: true };
  }

  /** Counts a receipt. Answers of what; undefined where it was not asked for in this question, or has come before. */
  async function take(
    author: Author,
    asked: readonly Asked[],
    { commit, signature }: Receipt,
  ): Promise<Followed | undefined> {
    const one = asked.find((each) => equalBytes(each.commit.commit, commit));
    const owed = one?.parts.filter(({ signed }) => !signed.has(author)) ?? [];
    if (one === undefined || owed.length === 0) return undefined;
    const message = receiptSigningBytes(deps.network, author, one.commit);
    if (!(await deps.verifier.verify(author, message, signature)))
      throw new LatticeError('bad-signature', 'a receipt has a bad signature');
    // The roster may have changed while the signature was checked.
    if (!roster.isWriter(author)) return undefined;
    for (const part of owed) {
      part.signed.add(author);
      for (const listener of part.listeners) listener(author);
    }
    return one.followed;
  }

  /** Asks a writer time and again for as long as it owes receipts. */
  async function pump(author: Author): Promise<void> {
    const peer = deps.peers.get(author);
    if (peer === undefined || busy.has(author) || (resting.get(author) ?? 0) > clock.monotonic()) return;
    busy.add(author);
    try {
      for (let next = nextQuestion(author); next.asked.length > 0; next = nextQuestion(author)) {
        const { asked, isAll } = next;
        const path = deps.linkTo(peer);
        if (path === undefined) return;
        for (const { followed: one } of asked) one.askedAt.set(author, ++places);
        const began = clock.monotonic();
        const waitMs = isAll ? WAIT_MS : SHORT_WAIT_MS;
        const commits = asked.map(({ commit }) => commit);
        const reply = await ask(path.link, { type: 'await', waitMs, commits });
        if (reply.type !== 'awaited')
          throw new LatticeError('unexpected-answer', `expected awaited, the peer answered ${reply.type}`);
        const signed = new Set<Followed>();
        for (const receipt of reply.receipts) {
          const one = await take(author, asked, receipt);
          if (one !== undefined) signed.add(one);
        }
        for (const { followed: one } of asked)
          if (!signed.has(one)) one.unsigned.set(author, (one.unsigned.get(author) ?? 0) + 1);
        // Whoever answers with nothing that counts before the time is over is asked again a little later only: it cannot
        // wait, or would keep both sides busy.
        if (signed.size === 0 && clock.monotonic() - began < waitMs) return rest(author, LOOK_EVERY_MS);
      }
    } catch (error) {
      rest(author, peerCodeOf(error) === 'unknown-version' ? UNKNOWING_MS : LOOK_EVERY_MS);
      deps.log.debug({ peer: author, error: String(error) }, 'no receipts');
    } finally {
      busy.delete(author);
    }
  }

  const rest = (author: Author, ms: number): void => void resting.set(author, clock.monotonic() + ms);

  function look(): void {
    for (const author of roster.writers) if (author !== self) void pump(author);
    const now = clock.monotonic();
    for (const [author, until] of resting) if (until <= now) resting.delete(author);
  }

  return {
    follow({ keyHashes, ...commit }, onSigned) {
      const id = bytesToHex(commit.commit);
      const one = followed.get(id) ?? {
        commit,
        parts: new Map(),
        since: ++places,
        askedAt: new Map(),
        unsigned: new Map(),
      };
      followed.set(id, one);
      const keys = keyHashes.map(bytesToHex).join('');
      const part = one.parts.get(keys) ?? { keyHashes, signed: new Set(), listeners: new Set() };
      one.parts.set(keys, part);
      part.listeners.add(onSigned);
      for (const author of part.signed) onSigned(author);
      looks ??= every(clock, LOOK_EVERY_MS, look, {
        onError: (err) => deps.log.error({ err }, 'asking for receipts failed'),
      });
      look();
      return {
        end() {
          if (!part.listeners.delete(onSigned) || part.listeners.size > 0) return;
          one.parts.delete(keys);
          if (one.parts.size > 0) return;
          followed.delete(id);
          if (followed.size > 0) return;
          looks?.stop();
          looks = undefined;
        },
      };
    },
    stop() {
      looks?.stop();
      looks = undefined;
      followed.clear();
    },
  };
}
