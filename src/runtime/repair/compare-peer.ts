import { findKeys, type KeyDifference, sketch, type Work, type WorkAnswer } from '../../core/reconcile/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  compareBytes,
  LatticeError,
  MAX_UNDER_PREFIX,
} from '../../core/types/index.ts';
import type { Log } from '../../ports/index.ts';
import type { PeerDifferences } from '../facade/index.ts';
import { findPeer } from '../fleet/find-peer.ts';
import type { Names } from '../fleet/names.ts';
import type { Peer, PeerTable } from '../peers/peers.ts';
import { noteDiffering } from '../peers/repairing.ts';
import { lastHeard } from '../peers/view.ts';
import { HERE } from '../storage/entries.ts';
import { type Link } from '../transport/link.ts';
import type { LinkTo } from '../transport/links.ts';
import { countedLink } from './session-links.ts';
import { drive, requestOver, type SessionRunnerDeps, searchDeps } from './sessions.ts';

/** How often one peer is asked how many keys differ while the roots are unequal. An answer takes some 4 KB. */
const SKETCH_EVERY_MS = 5_000;
/**
 * How often peers are asked in all. Each peer that answers keeps the version of its cells that it answered from for a
 * while.
 */
const ANY_SKETCH_MS = 1_000;
/** A peer of which something came within this time is there, whoever reaches whom. */
const HEARD_MS = 30_000;
/** A difference younger than this consists mostly of commits on their way. */
const SETTLE_MS = 1_500;
/** How many differing keys one call lists, by default and at most. */
const DEFAULT_DIFFERENCES = 100;
const MAX_DIFFERENCES = 1000;

export interface ComparisonDeps extends Pick<SessionRunnerDeps, 'replica' | 'writer' | 'clock' | 'random' | 'entries'> {
  readonly log: Log;
  readonly peers: PeerTable;
  readonly linkTo: LinkTo;
  readonly peerIdOf: (author: Author) => string;
  readonly names: Pick<Names, 'of' | 'label'>;
}

/** Finds what differs from a peer without transferring entries. */
export interface Comparison {
  /** Asks the peer how many keys differ when that is due. To be called at every tick. */
  consider(peer: Peer): void;
  /** See `Lattice.differences`. */
  differences(peerId: string, options: { readonly limit?: number }): Promise<PeerDifferences>;
}

export function createComparison(deps: ComparisonDeps): Comparison {
  const { clock, replica, writer } = deps;
  const askedAt = new WeakMap<Peer, number>();
  let anyAt = -Infinity;
  let searching = false;

  async function ask(peer: Peer, link: Link): Promise<void> {
    const counted = countedLink(clock, link);
    const { cells } = searchDeps(deps, peer);
    const found = await drive(
      writer,
      sketch(replica.tree, cells.live),
      (work) => requests(counted.link, work),
      () => undefined,
    );
    if (found !== undefined) noteDiffering(peer.repair, { ...found, at: clock.now() });
  }

  /** The names of those keys that this node has, found by their key hashes or prefixes of these. */
  async function name(keys: readonly KeyDifference[]): Promise<PeerDifferences['keys']> {
    return writer.read(async () => {
      const whole = keys.map(({ keyHash, mine }) =>
        mine === undefined
          ? undefined
          : replica.tree.leavesUnder(keyHash, keyHash.length * 8, MAX_UNDER_PREFIX)[0]?.keyHash,
      );
      const held = whole.filter((hash): hash is Bytes => hash !== undefined);
      const entries = await deps.entries.many(
        held.map((keyHash) => ({ keyHash })),
        HERE,
      );
      let at = 0;
      return keys.map(({ keyHash, theirs, mine }, i) => {
        const hash = whole[i];
        const key = hash === undefined ? undefined : entries[at++]?.key;
        const side = theirs === undefined ? 'ours' : mine === undefined ? 'theirs' : 'both';
        return { keyHash: bytesToHex(hash ?? keyHash), ...(key === undefined ? {} : { key }), side };
      });
    });
  }

  function unreached({ author, view, link }: Peer): LatticeError {
    const name = deps.names.label(author);
    const hears = link.reachesUs && lastHeard(view) > clock.monotonic() - HEARD_MS;
    return hears
      ? new LatticeError('peer-unreachable', `${name} reaches this node, and this node does not reach it`, {
          next: `A comparison needs a way there: have ${name} announce where it is reached (DIOTEC360_ANNOUNCE), or compare from there.`,
        })
      : new LatticeError('peer-unreachable', `no lung reaches ${name}`, {
          next: 'The list of peers (lattice peers, /api/v1/peers) tells why.',
        });
  }

  return {
    consider(peer) {
      const { agreement, agreementAt } = peer.view;
      if ((agreement !== 'different' && agreement !== 'equal-except-refused') || peer.repair.running) return;
      const now = clock.monotonic();
      if (now - agreementAt < SETTLE_MS || now - anyAt < ANY_SKETCH_MS) return;
      if (now - (askedAt.get(peer) ?? -Infinity) < SKETCH_EVERY_MS) return;
      const path = deps.linkTo(peer);
      if (path === undefined) return;
      askedAt.set(peer, now);
      anyAt = now;
      // What fails here fails in the repair as well, which reports it.
      ask(peer, path.link).catch((error: unknown) =>
        deps.log.debug({ peer: peer.author, error: String(error) }, 'not compared'),
      );
    },

    async differences(peerId, { limit = DEFAULT_DIFFERENCES }) {
      if (!Number.isInteger(limit) || limit < 1 || limit > MAX_DIFFERENCES)
        throw new LatticeError('invalid-limit', `limit is a whole number from 1 to ${MAX_DIFFERENCES}`, {
          next: 'give such a number, or leave the limit out',
        });
      const peer = findPeer(peerId, deps.peers.all(), deps);
      if (peer === undefined)
        throw new LatticeError('not-found', 'this node knows no peer of that name or id', {
          next: 'see the peers with `lattice peers`',
        });
      const path = deps.linkTo(peer);
      if (path === undefined) throw unreached(peer);
      if (searching)
        throw new LatticeError('overloaded', 'another comparison is under way', { details: { retryAfterMs: 1000 } });
      searching = true;
      try {
        const counted = countedLink(clock, path.link);
        const ourRoot = await writer.read(() => bytesToHex(replica.tree.root()));
        const { head } = peer.view;
        let theirRoot = head === undefined ? '' : bytesToHex(head.root);
        const found = await drive(
          writer,
          findKeys(searchDeps(deps, peer), limit),
          async (work) => {
            const answer = await requests(counted.link, work);
            if (answer.type === 'request' && answer.message.type === 'coded')
              theirRoot = bytesToHex(answer.message.root);
            return answer;
          },
          () => undefined,
        );
        const sorted = [...found.keys].sort((a, b) => compareBytes(a.keyHash, b.keyHash));
        const { complete, method } = found;
        return { peer: deps.peerIdOf(peer.author), ourRoot, theirRoot, complete, method, keys: await name(sorted) };
      } finally {
        searching = false;
      }
    },
  };
}

/** A comparison only asks the peer; it reads no entries and applies nothing. */
function requests(link: Link, work: Work): Promise<WorkAnswer> {
  if (work.type !== 'request') throw new Error(`a comparison has no ${work.type}`);
  return requestOver(link, work.message);
}
