import { type Author, type Bytes, type ErrorCode, LatticeError } from '../../core/types/index.ts';
import { MAX_BLOCKS_ANSWER, type SyncMessage } from '../../core/wire/index.ts';
import type { Clock, Random } from '../../ports/index.ts';
import { backoff } from '../../timing/index.ts';
import type { LungName } from '../peers/link.ts';
import type { Peer } from '../peers/peers.ts';
import { ask, peerCodeOf } from '../transport/link.ts';
import type { LinkTo } from '../transport/links.ts';

/**
 * Requests for the vault that one peer has to answer at a time: as many as it answers at once over either lung (SPEC
 * S10, X6) less one, which stays free for repairs and hellos.
 */
const PER_PEER = 3;
/** The same while a repair with the peer runs: the state comes first, and the vault does not stand still for it. */
const PER_PEER_IN_REPAIR = 1;
/** A node of an earlier version has no vault. After this time it may have been upgraded. */
const NO_VAULT_MS = 10 * 60_000;
/** How long a peer that is busy is left alone. */
const BUSY_MS = 500;
const waitAfterFailures = backoff({ minMs: 1_000, maxMs: 60_000, jitter: 'equal' });
/**
 * Blocks of the first request to a peer. The number doubles while answers come within FAST_MS and halves beyond
 * SLOW_MS, so that nothing else waits long for an answer on the same connection, whatever its speed.
 */
const FIRST_BLOCKS = 4;
const FAST_MS = 250;
const SLOW_MS = 1_000;

/** The answers of a peer that has no vault. */
const NO_VAULT: ReadonlySet<ErrorCode> = new Set(['unknown-version', 'malformed', 'not-supported']);
/** The answers of a peer that has the vault and not the object. */
const NOT_HERE: ReadonlySet<ErrorCode> = new Set(['object-missing', 'object-not-found', 'object-damaged']);
/** What only a broken or lying peer shows. */
const LIES: ReadonlySet<ErrorCode> = new Set(['unexpected-answer', 'object-damaged', 'malformed', 'unknown-version']);
const LATER: ReadonlySet<ErrorCode> = new Set(['overloaded', 'deadline', 'stopping', 'bootstrapping']);

/** What a failed request says of the peer: nothing of this object, nothing at present, or what does not verify. */
export type Failure = 'not-here' | 'later' | 'wrong';

interface Source {
  inFlight: number;
  failures: number;
  /** Monotonic ms before which it is asked nothing. */
  nextAt: number;
  blocks: number;
}

/** An answer whose place is still taken. */
export interface HeldPlace {
  readonly answer: SyncMessage;
  /** Frees the place. May be called more than once. */
  readonly release: () => void;
}

/** The peers that bytes of the vault may come from, and how much each is asked at a time. */
export interface Sources {
  /** The members that a lung reaches and that may be asked something at present. */
  free(): readonly Peer[];
  /** The members that a lung reaches and that have a vault, as far as is known. */
  reachable(): readonly Peer[];
  /** How many blocks the next request to the peer should ask for. */
  blocksFor(peer: Peer): number;
  /** Sends one request in a place of the peer, and takes note of how that went. Rejects as `ask` does. */
  request(peer: Peer, message: SyncMessage): Promise<SyncMessage>;
  /**
   * The same, and the place stays taken until the answer was looked at and `release` is called: so who lies is not asked
   * again before that is known.
   */
  requestHeld(peer: Peer, message: SyncMessage): Promise<HeldPlace>;
  /** What a rejection of `request`, or of the check of its answer, says of the peer. */
  failureOf(error: unknown): Failure;
}

export interface SourcesDeps {
  readonly peers: () => Iterable<Peer>;
  readonly isMember: (author: Author) => boolean;
  readonly linkTo: LinkTo;
  readonly clock: Clock;
  readonly random: Random;
  /** Called with the bytes of each answer. */
  readonly onBytes: (lung: LungName, bytes: number) => void;
}

export function createSources(deps: SourcesDeps): Sources {
  const { clock } = deps;
  /** Peers are at most as many as the table of peers has. */
  const sources = new Map<Author, Source>();

  function sourceOf({ author }: Peer): Source {
    let source = sources.get(author);
    if (source === undefined)
      sources.set(author, (source = { inFlight: 0, failures: 0, nextAt: 0, blocks: FIRST_BLOCKS }));
    return source;
  }

  const limit = (peer: Peer): number => (peer.repair.running ? PER_PEER_IN_REPAIR : PER_PEER);

  function members(isUsable: (peer: Peer, source: Source) => boolean): Peer[] {
    const found: Peer[] = [];
    for (const peer of deps.peers()) {
      if (!deps.isMember(peer.author)) continue;
      if (deps.linkTo(peer) !== undefined && isUsable(peer, sourceOf(peer))) found.push(peer);
    }
    return found;
  }

  /** Takes note of a failure of the peer itself. */
  function failed(source: Source, error: unknown): void {
    const code = peerCodeOf(error);
    const now = clock.monotonic();
    if (code !== undefined && NO_VAULT.has(code)) source.nextAt = now + NO_VAULT_MS;
    else if (code !== undefined && LATER.has(code)) source.nextAt = now + BUSY_MS;
    else if (code === undefined || !NOT_HERE.has(code)) {
      source.failures++;
      source.blocks = Math.max(1, source.blocks >> 1);
      source.nextAt = now + waitAfterFailures(source.failures, deps.random.fraction());
    }
  }

  async function requestHeld(peer: Peer, message: SyncMessage): Promise<HeldPlace> {
    const path = deps.linkTo(peer);
    if (path === undefined) throw new LatticeError('peer-unreachable', 'No lung reaches the peer.');
    const source = sourceOf(peer);
    const began = clock.monotonic();
    source.inFlight++;
    let isTaken = true;
    const release = (): void => {
      if (isTaken) source.inFlight--;
      isTaken = false;
    };
    try {
      const answer = await ask(async (bytes: Bytes) => {
        const reply = await path.link(bytes);
        deps.onBytes(path.lung, reply.length);
        return reply;
      }, message);
      source.failures = 0;
      const took = clock.monotonic() - began;
      if (message.type === 'blocks') {
        if (took > SLOW_MS) source.blocks = Math.max(1, source.blocks >> 1);
        else if (took < FAST_MS && message.count >= source.blocks)
          source.blocks = Math.min(MAX_BLOCKS_ANSWER, source.blocks * 2);
      }
      return { answer, release };
    } catch (error) {
      failed(source, error);
      release();
      throw error;
    }
  }

  return {
    free: () => members((peer, source) => source.inFlight < limit(peer) && clock.monotonic() >= source.nextAt),
    reachable: () => members((_, source) => source.nextAt - clock.monotonic() < NO_VAULT_MS / 2),
    blocksFor: (peer) => sourceOf(peer).blocks,
    async request(peer, message) {
      const { answer, release } = await requestHeld(peer, message);
      release();
      return answer;
    },
    requestHeld,
    failureOf(error) {
      const code = peerCodeOf(error);
      if (code !== undefined) return NOT_HERE.has(code) ? 'not-here' : 'later';
      const own = error instanceof LatticeError ? error.code : undefined;
      return own !== undefined && LIES.has(own) ? 'wrong' : 'later';
    },
  };
}
