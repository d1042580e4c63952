import type { Author } from '../../core/types/index.ts';
import type { LungName } from '../peers/link.ts';

/**
 * Where a fragment came from. `live`: just applied elsewhere (gossip, stream, live push), to be passed on; otherwise
 * found by repair.
 */
export interface Origin {
  readonly lung: LungName;
  /** Who handed it to us; undefined: a relay that P2P does not name. */
  readonly peer: Author | undefined;
  readonly live: boolean;
}
