import { LatticeProblem } from '../client/errors.ts';
import { LatticeError } from '../core/types/index.ts';
import type { GlobalOptions } from './context.ts';
import { shellWord } from './output.ts';

/** What to do about a missing or wrong token. */
export const TOKEN_HINT =
  "Give the node's token with --token, DIOTEC360_API_TOKEN, --env-file, or a context that names its file (lattice context add NAME --token-file F).";

/** What is known of how the node is started and of the token: what the user has typed, or what a fleet.json tells. */
export interface Known extends Pick<GlobalOptions, 'token' | 'envFile'> {
  /** The env file of a node that a fleet.json names, and whether that node runs on this machine. */
  readonly inFleet?: { readonly envFile: string; readonly isHere: boolean };
  /** Where the token comes from that wins over that of the env file, in words. */
  readonly tokenFrom?: string | undefined;
}

/** The next step in terms of the command line. Those of node and client speak of headers and of a program's options. */
function adviceOn(error: LatticeError, { token, envFile, inFleet, tokenFrom }: Known): string | undefined {
  if (!(error instanceof LatticeProblem)) {
    if (error.code === 'unreachable' && error.details['mayBeDown'] !== false) {
      if (inFleet !== undefined) {
        const start = `lattice start --env-file ${shellWord(inFleet.envFile)}`;
        return inFleet.isHere
          ? `Start the node: ${start}`
          : `Start the node on its host, by its service or there with ${start}`;
      }
      const start = envFile === undefined || envFile === '-' ? 'F' : shellWord(envFile);
      return `Start the node (lattice start --env-file ${start}, or lattice up), or name another one with --url.`;
    }
    if (error.code === 'timeout') return 'Look at the node (is it busy or stopped?), or allow more with --timeout.';
    return undefined;
  }
  // A node without a token says itself what to do: no token of the caller helps.
  if (error.status === 401 && error.code !== 'token-not-set') {
    if (token !== undefined) return 'The token that was given with --token is not that of this node.';
    if (tokenFrom !== undefined)
      return `The token comes from ${tokenFrom}, and is not that of this node. Correct it there, or give the right one with --token.`;
    if (envFile === undefined) return TOKEN_HINT;
    return `${envFile} does not have the DIOTEC360_API_TOKEN of this node. Name the env file that the node was started with.`;
  }
  if (error.code === 'not-supported')
    return 'Update the node (lattice status shows its version), or name a newer one with --url. A node of the original has none of these paths.';
  if (error.status === 404 && error.problem?.next === undefined)
    return 'Check the spelling and the URL: lattice state ls lists the keys, lattice peers the peers.';
  return undefined;
}

/** Gives an error of the client the next step for the command line. Any other error is returned as it is. */
export function advised<T>(error: T, known: Known = {}): T | LatticeError {
  const next = error instanceof LatticeError ? adviceOn(error, known) : undefined;
  if (next === undefined || !(error instanceof LatticeError)) return error;
  return new LatticeError(error.code, error.message, { next, details: { ...error.details }, cause: error });
}
