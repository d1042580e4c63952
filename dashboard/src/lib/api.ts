import { createClient, LatticeError, LatticeProblem } from '../../../src/client/index.ts';
import { forgetToken, token } from './auth.ts';

/** A node that answers needs milliseconds; this is one that doesn't. */
const TIMEOUT_MS = 8000;
/** For repairs and comparisons, which the node itself bounds at 30 s. */
export const LONG = { timeoutMs: 35_000 } as const;

/** The node that serves this page. Requests carry the token of this tab, which is forgotten when the node refuses it. */
export const api = createClient({
  url: new URL('..', document.baseURI).href,
  token: () => token.peek(),
  timeoutMs: TIMEOUT_MS,
  async fetch(url, init) {
    const answer = await fetch(url, init);
    if (answer.status === 401 && 'authorization' in init.headers) forgetToken();
    return answer;
  },
});

/** Any failure as one that can be shown. */
export function asProblem(error: unknown): LatticeError {
  if (error instanceof LatticeError) return error;
  return new LatticeError('internal', error instanceof Error ? error.message : String(error), { cause: error });
}

/** Whether the node's version has no such route. Only for requests whose 404 cannot mean an absent key or peer. */
export const isMissing = (problem: LatticeError): boolean =>
  problem instanceof LatticeProblem && (problem.status === 404 || problem.status === 405 || problem.status === 501);
