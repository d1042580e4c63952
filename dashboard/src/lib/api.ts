import { createClient, LatticeError, LatticeProblem } from '../../../src/client/index.ts';
import { platformFetch } from '../../../src/client/platform-fetch.ts';
import { forgetToken, token } from './auth.ts';

/** A node answers within milliseconds. One that takes this long does not answer. */
const TIMEOUT_MS = 8000;
/** The timeout for repairs and comparisons, which the node itself ends after 30 s. */
export const LONG = { timeoutMs: 35_000 } as const;

const NODE_URL = new URL('..', document.baseURI).href;

/** The client of the node that serves this page. Requests carry the tab's token, which a refusal makes it forget. */
export const api = createClient({
  url: NODE_URL,
  token: () => token.peek(),
  timeoutMs: TIMEOUT_MS,
  async fetch(url, init) {
    const answer = await platformFetch(url, init);
    if (answer.status === 401 && 'authorization' in init.headers) forgetToken();
    return answer;
  },
});

/**
 * Asks the node whether it takes a token, by a read that needs one. A token that is good for less than that read is taken
 * too. Rejects with the LatticeError `unauthorized` for a wrong token, and with another one when the node does not tell.
 */
export async function checkToken(candidate: string): Promise<void> {
  try {
    await createClient({ url: NODE_URL, token: candidate, timeoutMs: TIMEOUT_MS }).getConfig();
  } catch (error) {
    if (!(error instanceof LatticeProblem && error.code === 'right-missing')) throw error;
  }
}

/** Makes a LatticeError of any failure, so that it can be shown. */
export function asProblem(error: unknown): LatticeError {
  if (error instanceof LatticeError) return error;
  return new LatticeError('internal', error instanceof Error ? error.message : String(error), { cause: error });
}

/**
 * Whether the node's version lacks the route of a request. To be asked only of requests whose 404 cannot mean that a
 * key or a peer is absent.
 */
export const isMissing = (problem: LatticeError): boolean =>
  problem instanceof LatticeProblem && (problem.status === 404 || problem.status === 405 || problem.status === 501);
