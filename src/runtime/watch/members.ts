import { type Author, bytesToHex, nodeLabel, sharedNames } from '../../core/types/index.ts';
import type { Clock } from '../../ports/index.ts';
import type { Trust } from '../fleet/trust.ts';
import type { Peer, PeerTable } from '../peers/peers.ts';
import { isHeard, lastHeard } from '../peers/view.ts';
import type { HttpPeer } from '../transport/http-url.ts';
import type { HttpSupervisor } from '../transport/lung-http.ts';
import type { MemberFacts } from './verdict-facts.ts';

/** Two roots of which one changed within this time differ mostly by what is on its way (SPEC S14). */
const FLOWING_MS = 1_500;

export interface MemberFactsDeps {
  readonly clock: Clock;
  readonly graceMs: number;
  readonly heartbeatMs: number;
  readonly trust: Pick<Trust, 'has'>;
  /** Whether a trust list is configured. Without one, a configured URL that nobody answers stands for a member. */
  readonly hasTrustList: () => boolean;
  readonly peers: Pick<PeerTable, 'all'>;
  readonly http: Pick<HttpSupervisor, 'peers' | 'find'>;
  readonly peerIdOf: (author: Author) => string;
  readonly lungOf: (peer: Peer) => MemberFacts['lung'];
  /** Our durable root, in hex. */
  readonly root: () => string;
  /** The newest cut for which the author attested the root that this node had, Unix ms. */
  readonly agreedCutOf: (author: Author) => number | undefined;
  readonly nameOf: (author: Author) => string | undefined;
}

/** Collects what is known of every other node that is expected: trusted authors and configured peers (SPEC J2). */
export function createMemberFacts(deps: MemberFactsDeps): () => MemberFacts[] {
  const { clock, trust, http } = deps;

  function factsOf(peer: Peer, shared: ReadonlySet<string>): MemberFacts {
    const { author, view, repair } = peer;
    const now = clock.monotonic();
    const wall = (at: number | undefined): number | undefined =>
      at === undefined || at === -Infinity ? undefined : Math.round(clock.now() - (now - at));
    const name = deps.nameOf(author);
    const peerId = deps.peerIdOf(author);
    const heardAt = wall(lastHeard(view));
    const { last } = repair;
    return {
      author,
      peerId,
      name,
      label: nodeLabel({ name, peerId }, name !== undefined && shared.has(name)),
      url: peer.link.url,
      lung: deps.lungOf(peer),
      heard: isHeard(view, now, deps),
      lastHeardAt: heardAt,
      heardInThisRun: heardAt !== undefined,
      sameRoot: view.head !== undefined && bytesToHex(view.head.root) === deps.root(),
      agreement: view.agreement,
      agreementSince: view.head === undefined ? undefined : view.agreementSince,
      agreedAt: wall(view.agreedAt),
      cutAt: deps.agreedCutOf(author),
      flowing: now - view.pair.at < FLOWING_MS,
      differing: repair.differing?.keys === 0 ? undefined : repair.differing?.keys,
      repair: repair.progress,
      failed: last?.error === undefined ? undefined : { text: last.error, code: last.errorCode },
      refused: Object.entries(repair.refused.reasons()).map(([reason, keys]) => ({ reason, keys })),
      trustMatches: view.trustMatches,
      error: http.find(author)?.error,
    };
  }

  const unknownUrl = ({ url, error }: HttpPeer): MemberFacts => ({
    label: nodeLabel({ url }),
    url,
    lung: 'none',
    heard: false,
    heardInThisRun: false,
    sameRoot: false,
    agreement: 'unknown',
    flowing: false,
    refused: [],
    error,
  });

  return () => {
    const members = [...deps.peers.all()].filter(({ author, link }) => trust.has(author) || link.configured);
    const shared = sharedNames(members.map(({ author }) => ({ author, name: deps.nameOf(author) })));
    const unanswered = deps.hasTrustList()
      ? []
      : http.peers().filter(({ author, self }) => author === undefined && !self);
    return [...members.map((peer) => factsOf(peer, shared)), ...unanswered.map(unknownUrl)];
  };
}
