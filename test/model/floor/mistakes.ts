/**
 * Mistakes that are planted to see that the checker finds them, each with a case that shows it and is sound without it.
 * A change of the weather makes other cases of the same seeds, and then others have to be looked for here.
 */
export const FOUND_BY = {
  'filter the floor state': 'p/864',
  'drop superseded at once': 'p/0',
  'until = floor': 'p/19',
  'removal from the decision on': 'p/40',
  'old key never stops': 'p/4',
  'tombstone-only collection': 'p/4',
  'collect all tombstones': 'p/4',
  "proposer's HLC in place of start": 'p/512',
  'vote after a restore': 'p/332',
  'observe (T, 0)': 'p/2',
  'no observing': 'p/2',
  'take a floor without replacing': 'p/9',
  'keep late operations': 'p/4',
  'forget what was set aside': 'p/81',
  'R5 drops all dots of authors that left': 'p/0',
  'no floor-state exemption': 'p/9',
  'ignore an attested T': 'p/34',
  'unchecked proposals': 'p/6',
  'newcomer that does not observe start': 'p/101',
} as const;

export type Mistake = 'none' | keyof typeof FOUND_BY;
