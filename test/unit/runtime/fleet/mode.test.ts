import { expect, it } from 'vitest';
import { createMode } from '../../../../src/runtime/fleet/mode.ts';

it('both lungs are used until an operator says otherwise, and a change is told from none [N5]', () => {
  const mode = createMode();
  expect(mode.now).toBe('auto');
  const changes = (['auto', 'http', 'http', 'p2p', 'auto'] as const).map((next) => [mode.set(next), mode.now]);
  expect(changes).toEqual([
    [false, 'auto'],
    [true, 'http'],
    [false, 'http'],
    [true, 'p2p'],
    [true, 'auto'],
  ]);
});
