import type { Operation } from '../types/index.ts';

/**
 * Whether readers see nothing of an operation because it is a put whose end has come (SPEC EX2): the end itself is the
 * first moment at which it is gone. `nowMs` is in Unix ms.
 */
export function isExpired({ expires }: Pick<Operation, 'expires'>, nowMs: number): boolean {
  return expires !== undefined && expires <= nowMs;
}

/** Whether an operation is as good as nothing for readers at `nowMs` (Unix ms): a delete, or a put that has ended. */
export function isGone(operation: Pick<Operation, 'kind' | 'expires'>, nowMs: number): boolean {
  return operation.kind === 'delete' || isExpired(operation, nowMs);
}
