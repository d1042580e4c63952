import { hlcMs } from '../../../src/core/clock/index.ts';
import {
  type CutRules,
  type FloorRules,
  type HeldKey,
  isDead,
  type KeptKey,
  siblingsOf,
  stateAt,
} from '../../../src/core/floor/index.ts';
import type { Mistake } from './mistakes.ts';
import type { Op } from './world.ts';

/** What the register becomes of a mistake; undefined for the right one. */
export function mistakenRecount(mistake: Mistake, held: HeldKey<Op>, rules: FloorRules): HeldKey<Op> | undefined {
  if (mistake !== 'filter the floor state') return undefined;
  const all = [...held.siblings, ...held.hidden];
  const siblings = siblingsOf(all.filter(({ author, hlc }) => rules.counts(author, hlc)));
  return {
    siblings,
    hidden: all.filter((one) => !siblings.includes(one)).filter(({ author, hlc }) => rules.counts(author, hlc)),
  };
}

/** What the state of a key at a cut becomes of a mistake. */
export function mistakenCollect(
  mistake: Mistake,
  key: KeptKey<Op>,
  rules: FloorRules,
  cut: CutRules,
): readonly Op[] | undefined {
  const whole = (): readonly Op[] => stateAt(key, rules, { ...cut, collection: 0 });
  if (mistake === 'tombstone-only collection') {
    const siblings = whole();
    const [first] = siblings;
    return siblings.length === 1 && first !== undefined && isDead(first, cut.collection) ? [] : siblings;
  }
  if (mistake === 'collect all tombstones')
    return whole().filter((one) => one.operation.kind !== 'delete' || hlcMs(one.hlc) > cut.collection);
  return undefined;
}
