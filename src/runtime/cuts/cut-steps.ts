import type { AppliedStep, ChangedKey } from '../../core/cut/index.ts';
import type { Step } from '../../core/replica/index.ts';
import type { Versioned } from '../../core/state/index.ts';
import type { Fragment } from '../../core/types/index.ts';
import type { Applied, TakenFragment } from '../commit/applied.ts';

/**
 * An applied step in the form that the trailing tree takes. Operations that were held already are left out, because the
 * tree has seen them.
 */
export function appliedToStep({ step, taken }: Applied): AppliedStep {
  return { operations: operationsOf(step, taken), changed: changedOf(step) };
}

const NONE: readonly Versioned[] = [];

interface KeyedOperation {
  readonly key: string;
  readonly operation: Versioned;
}

function* operationsOf({ commits }: Applied['step'], taken: readonly TakenFragment[]): Generator<KeyedOperation> {
  for (const { fragment, outcomes } of taken) {
    for (let j = 0; j < fragment.operations.length; j++) {
      if (outcomes[j] === 'added' || outcomes[j] === 'superseded') yield operationAt(fragment, j);
    }
  }
  for (const commit of commits) for (let j = 0; j < commit.operations.length; j++) yield operationAt(commit, j);
}

function operationAt({ header, idBytes, operations }: Fragment, at: number): KeyedOperation {
  const { index, operation } = operations[at] as Fragment['operations'][number];
  const { author, hlc } = header;
  return { key: operation.key, operation: { commit: idBytes, index, author, hlc, operation } };
}

function* changedOf({ changed }: Step): Generator<ChangedKey> {
  for (const { key, keyHash, before, after } of changed)
    yield { key, keyHash, before: before?.siblings ?? NONE, after: after?.siblings ?? NONE };
}
