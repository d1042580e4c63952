import { LatticeError } from '../core/types/index.ts';
import { whoAnswers } from './who-answers.ts';

/** How long what has answered just now is waited for, to say who it is. */
const ASK_MS = 2000;

/**
 * An error that came while an answer of this URL was worked on: as it is, unless what answers there is no node. Then it
 * is LatticeError `not-a-lattice-node`, because another service's answer may lack whatever a node's answer has.
 */
export async function understood(error: unknown, url: string): Promise<unknown> {
  if (!(error instanceof TypeError) || (await whoAnswers(url, ASK_MS)) !== undefined) return error;
  return new LatticeError('not-a-lattice-node', `${url} gave an answer that no node gives`, {
    next: 'Check that the URL is a Lattice node and not a proxy or another service.',
    cause: error,
  });
}
