import { isFuture } from '../../core/clock/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  type CommitId,
  dropOldest,
  type Fragment,
  type Hasher,
  type Hlc,
} from '../../core/types/index.ts';
import type { Clock, Verdict } from '../../ports/index.ts';
import type { Door } from '../commit/door.ts';
import type { Origin } from '../commit/origin.ts';
import type { LungName } from '../peers/link.ts';

/**
 * How many live fragments are remembered by the hash of their bytes, and how many commits by their id: a few seconds'
 * worth of single writes. A hash and what became of its bytes take some 300 bytes.
 */
const MAX_RECENT = 8192;
/**
 * How many fragments of one message are decoded in one go. It takes about a millisecond, and a message that is full of
 * small fragments must not hold up everything else for longer.
 */
const AT_ONCE = 32;

/**
 * What a live fragment is to this node. `news`: it brings what was not known, and is passed on once. `known`: it brings
 * nothing. `refused`: only this node refuses it, or not now. `forged`: it is malformed or its signature is bad.
 */
type Fate = { readonly kind: 'news'; readonly fragment: Fragment } | { readonly kind: 'known' | 'refused' | 'forged' };

interface Taken {
  /** Resolves when the fragment has passed the door, or was refused there. */
  readonly admitted: Promise<unknown>;
  readonly fate: Promise<Fate>;
}

export interface LiveCommits {
  /**
   * Takes the fragments of one message. The verdict waits for the signatures. It waits for the disk only where a commit
   * is not newer than all that is known of its author (SPEC G3).
   */
  take(fragments: readonly Bytes[], lung: LungName, from: Author | undefined): Promise<Verdict>;
}

export interface LiveCommitsDeps {
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly door: Pick<Door, 'admit' | 'apply'>;
  /** The greatest HLC of an author in any operation or context of the state. */
  readonly seen: (author: Author) => Hlc;
  /** Gossips, in messages of this node's own, commits that came in a message that is not relayed. */
  readonly passOn: (fragments: readonly Fragment[]) => void;
}

/** Takes live commits, over either lung, and decides which of them are passed on. */
export function createLiveCommits(deps: LiveCommitsDeps): LiveCommits {
  const { clock, door } = deps;
  /** What became of live fragments, by the hash of their bytes. */
  const recent = new Map<string, Promise<Fate>>();
  /** The commits that were passed on; true: as a whole, false: a part of them. */
  const passed = new Map<CommitId, boolean>();

  async function take(fragments: readonly Bytes[], lung: LungName, from: Author | undefined): Promise<Verdict> {
    const taken: Promise<Fate>[] = [];
    for (let at = 0; at < fragments.length; at += AT_ONCE) {
      const some = fragments.slice(at, at + AT_ONCE).map((bytes) => takeOne(bytes, { lung, peer: from, live: true }));
      taken.push(...some.map(({ fate }) => fate));
      await Promise.all(some.map(({ admitted }) => admitted));
    }
    const fates = await Promise.all(taken);
    const verdict = fates.some(({ kind }) => kind === 'forged')
      ? 'reject'
      : fates.every(({ kind }) => kind === 'news')
        ? 'accept'
        : 'ignore';
    const news = fates.flatMap((fate) => (fate.kind === 'news' ? fate.fragment : []));
    if (verdict !== 'accept' && news.length > 0) deps.passOn(news);
    return verdict;
  }

  /** Every peer sends on what is news to it, so most fragments come more than once. */
  function takeOne(bytes: Bytes, origin: Origin): Taken {
    const name = bytesToHex(deps.hasher.hash(bytes));
    const before = recent.get(name);
    if (before !== undefined) return { admitted: before, fate: before.then(onceMore) };
    const admitted = door.admit(bytes);
    const fate = admitted.then(async (admission): Promise<Fate> => {
      if (!admission.ok) {
        recent.delete(name);
        return {
          kind: admission.reason === 'malformed' || admission.reason === 'bad-signature' ? 'forged' : 'refused',
        };
      }
      const outcomes = door.apply(admission.fragment, origin);
      outcomes.then(
        (all) => {
          if (all === 'overloaded' || all.includes('future') || all.includes('key-full')) recent.delete(name);
        },
        // A store that fails ends the process through onFatal, so nothing is left to do here.
        () => recent.delete(name),
      );
      // What comes over HTTP is passed on when it is durable, so the stream need not wait for what it is.
      return origin.lung === 'http' ? { kind: 'known' } : fateOf(admission.fragment, outcomes);
    });
    dropOldest(recent, MAX_RECENT);
    recent.set(name, fate);
    return { admitted, fate };
  }

  async function fateOf(fragment: Fragment, outcomes: ReturnType<Door['apply']>): Promise<Fate> {
    const { id, header, operations } = fragment;
    // A commit from the future is no fault of the relay, and nobody keeps much of it: it is not passed on. The step, which
    // comes a moment later, decides; a commit at the very bound may be within it by then.
    const mayBeFuture = isFuture(header.hlc, clock.now());
    const whole = operations.length === header.count;
    /**
     * Any part of a commit makes a fragment, and each is other bytes. So a commit is passed on once, and once more as a
     * whole where only a part of it came first.
     */
    const isDone = (): boolean => passed.get(id) === true || (passed.has(id) && !whole);
    if (isDone()) return { kind: 'known' };
    // Nothing can have superseded what is newer than everything of its author.
    if (mayBeFuture || passed.has(id) || header.hlc <= deps.seen(header.author)) {
      const all = await outcomes.catch(() => 'overloaded' as const);
      if (all === 'overloaded' || all.includes('future')) return { kind: 'refused' };
      if (!all.includes('added') || isDone()) return { kind: 'known' };
    }
    dropOldest(passed, MAX_RECENT);
    passed.set(id, whole);
    return { kind: 'news', fragment };
  }

  return { take };
}

/** What the same bytes are when they come again. */
function onceMore(fate: Fate): Fate {
  return fate.kind === 'news' ? { kind: 'known' } : fate;
}
