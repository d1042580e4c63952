import type { FollowOptions } from '../client/index.ts';
import type { CliContext } from './context.ts';
import { printable } from './output.ts';

/** A node that restarts is back within this time. After it the command ends, so that a script notices. */
const MAX_AWAY_MS = 120_000;

/**
 * The options with which commands follow a stream until `signal` aborts. A node that does not answer at first, or that
 * stays away for two minutes, is an error.
 */
export const followed = (context: CliContext, signal: AbortSignal, after: string | undefined): FollowOptions => ({
  signal,
  after,
  retryFirst: false,
  maxAwayMs: MAX_AWAY_MS,
  onLost: (error) => context.output.remark(`${printable(error.message)}; trying again`),
});
