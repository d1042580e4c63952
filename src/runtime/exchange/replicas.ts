import { type Author, type Bytes, bytesToHex, LatticeError } from '../../core/types/index.ts';
import { type AwaitedCommit, MAX_AWAIT_MS, MAX_AWAITED, receiptSigningBytes } from '../../core/wire/index.ts';
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
/** How often a writer is looked for that no lung reached, or that could not answer. */
const LOOK_EVERY_MS = 250;
/** How long a writer is left alone that does not know the question: it is of an earlier version. */
const UNKNOWING_MS = 60_000;

/** Asks the other writers after commits, all commits of one writer in one question. */
export interface Replicas {
  /** Calls `onSigned` with each other present writer whose receipt for the commit has come, until `end` is called. */
  follow(commit: AwaitedCommit, onSigned: (author: Author) => void): { end(): void };
  stop(): void;
}

interface Followed {
  readonly commit: AwaitedCommit;
  readonly signed: Set<Author>;
  readonly listeners: Set<(author: Author) => void>;
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
  /** By commit id (hex), in the order in which they were asked for. */
  const followed = new Map<string, Followed>();
  const busy = new Set<Author>();
  /** Until when a writer is left alone, monotonic ms. */
  const resting = new Map<Author, number>();
  let looks: Repetition | undefined;

  function wantedOf(author: Author): AwaitedCommit[] {
    const wanted: AwaitedCommit[] = [];
    for (const { commit, signed } of followed.values()) {
      if (signed.has(author)) continue;
      wanted.push(commit);
      if (wanted.length === MAX_AWAITED) break;
    }
    return wanted;
  }

  async function take(author: Author, commit: Bytes, signature: Bytes): Promise<void> {
    const one = followed.get(bytesToHex(commit));
    if (one === undefined || one.signed.has(author)) return;
    const message = receiptSigningBytes(deps.network, author, one.commit);
    if (!(await deps.verifier.verify(author, message, signature)))
      throw new LatticeError('bad-signature', 'a receipt has a bad signature');
    // The roster may have changed while the signature was checked.
    if (!roster.isWriter(author)) return;
    one.signed.add(author);
    for (const listener of one.listeners) listener(author);
  }

  /** Asks a writer time and again for as long as it owes receipts. */
  async function pump(author: Author): Promise<void> {
    const peer = deps.peers.get(author);
    if (peer === undefined || busy.has(author) || (resting.get(author) ?? 0) > clock.monotonic()) return;
    busy.add(author);
    try {
      for (let wanted = wantedOf(author); wanted.length > 0; wanted = wantedOf(author)) {
        const path = deps.linkTo(peer);
        if (path === undefined) return;
        const began = clock.monotonic();
        const reply = await ask(path.link, { type: 'await', waitMs: WAIT_MS, commits: wanted });
        if (reply.type !== 'awaited')
          throw new LatticeError('unexpected-answer', `expected awaited, the peer answered ${reply.type}`);
        for (const { commit, signature } of reply.receipts) await take(author, commit, signature);
        // Whoever answers with nothing before the time is over cannot wait: it is asked again a little later.
        if (reply.receipts.length === 0 && clock.monotonic() - began < WAIT_MS) return rest(author, LOOK_EVERY_MS);
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
    follow(commit, onSigned) {
      const id = bytesToHex(commit.commit);
      const one = followed.get(id) ?? { commit, signed: new Set(), listeners: new Set() };
      followed.set(id, one);
      one.listeners.add(onSigned);
      for (const author of one.signed) onSigned(author);
      looks ??= every(clock, LOOK_EVERY_MS, look, {
        onError: (err) => deps.log.error({ err }, 'asking for receipts failed'),
      });
      look();
      return {
        end() {
          one.listeners.delete(onSigned);
          if (one.listeners.size > 0) return;
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
