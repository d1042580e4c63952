import type { Author } from '../../core/types/index.ts';
import type { LungName } from '../peers/link.ts';

/**
 * Where a fragment came from. `live`: it was just written and came by gossip, push stream or live push, so it is passed
 * on. Otherwise a repair found it.
 */
export interface Origin {
  readonly lung: LungName;
  /** The author who handed it to us; undefined for a relay that P2P does not name. */
  readonly peer: Author | undefined;
  readonly live: boolean;
}
