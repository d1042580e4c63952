import type { Problem } from '../api/contract/entities.ts';

/** A request that a node answered with an error. */
export class LatticeProblem extends Error {
  readonly status: number;
  /** For programs: `not-found`, `precondition-failed`, `read-only`, … */
  readonly code: string;
  /** The node's whole answer; absent where a proxy or something else answered. */
  readonly problem: Problem | undefined;
  /** Milliseconds to wait before trying again, where the node said so. */
  readonly retryAfterMs: number | undefined;
  constructor(status: number, problem: Problem | undefined, retryAfterMs: number | undefined) {
    super(problem === undefined ? `the answer was ${status}` : problem.detail);
    this.name = 'LatticeProblem';
    this.status = status;
    this.code = problem?.code ?? 'http-error';
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

function isProblem(value: unknown): value is Problem {
  return (
    typeof value === 'object' &&
    value !== null &&
    'code' in value &&
    'detail' in value &&
    typeof value.detail === 'string'
  );
}

export async function problemOf(response: Response): Promise<LatticeProblem> {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined;
  const body: unknown = await response.json().catch(() => undefined);
  return new LatticeProblem(response.status, isProblem(body) ? body : undefined, retryAfterMs);
}
