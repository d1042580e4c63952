import { LatticeProblem } from '../client/errors.ts';
import { LatticeError } from '../core/types/index.ts';

/** What to do about a missing or wrong token, here and where the original's endpoints say it otherwise. */
export const TOKEN_HINT =
  "Give the node's token with --token, DIOTEC360_API_TOKEN, --env-file, or a context that names its file (lattice context add NAME --token-file F).";

/** The node and the client speak of headers and options of a program; who types commands needs those of commands. */
function adviceOn(error: LatticeError): string | undefined {
  if (!(error instanceof LatticeProblem)) {
    if (error.code === 'unreachable' && error.details['certificate'] !== true)
      return 'Start the node (lattice start --env-file F, or lattice up), or name another one with --url.';
    if (error.code === 'timeout') return 'Look at the node (is it busy or stopped?), or allow more with --timeout.';
    return undefined;
  }
  if (error.status === 401) return TOKEN_HINT;
  if (error.code === 'not-supported')
    return 'Update the node (lattice status shows its version), or name a newer one with --url.';
  if (error.status === 404 && error.problem?.next === undefined)
    return 'Check the spelling (lattice state ls lists the keys) and the URL.';
  return undefined;
}

/** An error of the client with what to do about it on the command line; any other as it is. */
export function advised<T>(error: T): T | LatticeError {
  const next = error instanceof LatticeError ? adviceOn(error) : undefined;
  if (next === undefined || !(error instanceof LatticeError)) return error;
  return new LatticeError(error.code, error.message, { next, details: { ...error.details }, cause: error });
}
