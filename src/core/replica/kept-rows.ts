import { isSameOperation, type KeptKey, type SetAside } from '../floor/index.ts';
import { asideKey, encodeAside, encodeHidden, hiddenKey } from '../rows/index.ts';
import type { Bytes, Hasher, Sibling } from '../types/index.ts';
import type { RowWrite } from './step.ts';

/** What a key has outside the tree. */
type Beside = Pick<KeptKey<Sibling>, 'hidden' | 'aside'>;

/**
 * The rows by which what a key has outside the tree becomes `after` (docs/adr/0022): one for each operation that is new
 * there, gone, or set aside for another cut. What stays as it was costs none.
 */
export function keptRows(before: Beside, after: Beside, hasher: Hasher): readonly RowWrite[] {
  const put = (key: Bytes, value: Bytes): RowWrite => ({ type: 'put', key, value });
  const del = (key: Bytes): RowWrite => ({ type: 'del', key });
  const isHidden = (one: Sibling, { hidden }: Beside): boolean => hidden.some((other) => isSameOperation(other, one));
  const asideOf = (one: Sibling, { aside }: Beside): SetAside<Sibling> | undefined =>
    aside.find(({ operation }) => isSameOperation(operation, one));
  return [
    ...before.hidden.filter((one) => !isHidden(one, after)).map((one) => del(hiddenKey(one, hasher))),
    ...before.aside
      .filter(({ operation }) => asideOf(operation, after) === undefined)
      .map(({ operation }) => del(asideKey(operation, hasher))),
    ...after.hidden
      .filter((one) => !isHidden(one, before))
      .map((one) => put(hiddenKey(one, hasher), encodeHidden(one))),
    ...after.aside
      .filter(({ operation, until }) => asideOf(operation, before)?.until !== until)
      .map((one) => put(asideKey(one.operation, hasher), encodeAside(one))),
  ];
}
