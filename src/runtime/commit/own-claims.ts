import { type Author, dropOldest, type Hlc } from '../../core/types/index.ts';

/** How many peers' claims are kept: more than a trust list has. */
const MAX_CLAIMS = 512;

/** What peers claim in their hellos to have seen of this node's own commits after a start (SPEC N8). */
export interface OwnClaims {
  /** Takes the claim of a peer; of several by one peer the greatest counts. */
  note(peer: Author, hlc: Hlc): void;
  /** How many peers have told one. */
  readonly size: number;
  /** The peers whose claims are open: neither is what they claim here, nor is our state equal to theirs. */
  missing(): readonly Author[];
  /** The greatest claim of which everything is here; undefined when there is none. */
  fulfilled(): Hlc | undefined;
}

export function createOwnClaims(deps: {
  /** The greatest HLC of our own author in any operation or context that we have. */
  readonly ownSeen: () => Hlc;
  /** Whether the peer's newest root equals ours, so that it has nothing which we lack. */
  readonly agreesWith: (peer: Author) => boolean;
}): OwnClaims {
  const claims = new Map<Author, Hlc>();
  return {
    note(peer, hlc) {
      const before = claims.get(peer);
      if (before !== undefined && before >= hlc) return;
      claims.delete(peer);
      dropOldest(claims, MAX_CLAIMS);
      claims.set(peer, hlc);
    },
    get size() {
      return claims.size;
    },
    missing() {
      const seen = deps.ownSeen();
      return [...claims].filter(([peer, hlc]) => hlc > seen && !deps.agreesWith(peer)).map(([peer]) => peer);
    },
    fulfilled() {
      const seen = deps.ownSeen();
      let greatest: Hlc | undefined;
      for (const hlc of claims.values()) if (hlc <= seen && (greatest === undefined || hlc > greatest)) greatest = hlc;
      return greatest;
    },
  };
}
