import { checkKey } from '../core/codec/index.ts';
import type { WriteIntent } from '../core/replica/index.ts';
import { LatticeError } from '../core/types/index.ts';
import type { WriteOperation } from './facade.ts';

/** A client's operations as the replica takes them. Keys are checked before anything looks them up: a lone surrogate has no row in the store. */
export function toIntent(operations: readonly WriteOperation[]): WriteIntent {
  return {
    operations: operations.map((o) => {
      if (o.op === 'put' && o.value === undefined)
        throw new LatticeError('invalid-commit', `put of ${JSON.stringify(o.key)} needs a value`);
      return {
        kind: o.op,
        key: checkKey(o.key),
        ...(o.op === 'put' ? { value: o.value } : {}),
        ...(o.ifMatch === undefined ? {} : { ifMatch: o.ifMatch }),
        ...(o.ifNoneMatch === undefined ? {} : { ifNoneMatch: o.ifNoneMatch }),
        ...(o.mustExist === undefined ? {} : { mustExist: o.mustExist }),
      };
    }),
  };
}
