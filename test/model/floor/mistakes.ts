/**
 * Mistakes that are planted to see that the checker finds them, each with a case that shows it and is sound without it.
 * A change of the weather makes other cases of the same seeds, and then others have to be looked for here.
 */
export const FOUND_BY = {
  'filter the floor state': 'p/25',
  'drop superseded at once': 'p/0',
  'until = floor': 'p/8',
  'old key never stops': 'p/4',
  'tombstone-only collection': 'p/0',
  'collect all tombstones': 'p/0',
  'vote after a restore': 'p/97',
  'no observing': 'p/1',
  'take a floor without replacing': 'p/4',
  'keep late operations': 'p/3',
  'R5 drops all dots of authors that left': 'p/36',
  'ignore an attested T': 'p/1',
  'unchecked proposals': 'p/4',
  'newcomer that does not observe start': 'p/173',
} as const;

/** Mistakes that need rarer weather than some thousand cases have (docs/adr/0022). */
export type Rare =
  | "proposer's HLC in place of start"
  | 'observe (T, 0)'
  | 'forget what was set aside'
  | 'no floor-state exemption';

export type Mistake = 'none' | keyof typeof FOUND_BY | Rare;
