import { expect, it } from 'vitest';
import type { Transition } from '../../../../src/runtime/facade/index.ts';
import { createTransitions } from '../../../../src/runtime/fleet/transitions.ts';
import { createHandClock, EPOCH_MS, log, metrics } from '../support.ts';

function open() {
  const clock = createHandClock();
  const lines: unknown[] = [];
  const counted: unknown[] = [];
  const told: Transition[] = [];
  const transitions = createTransitions({
    nameOf: (author) => `node ${author}`,
    clock,
    log: { ...log, info: (fields, message) => void lines.push([message, fields]) },
    metrics: { ...metrics, count: (name, labels) => void counted.push([name, labels]) },
    publish: (transition) => told.push(transition),
  });
  return { clock, lines, counted, told, transitions };
}

it('a transition is kept with its time, logged, told, and counted by code, never by sentence [M2]', async () => {
  const { clock, lines, counted, told, transitions } = open();
  await clock.advance(1_500);
  const change = { peer: 'abc', from: 'p2p', to: 'http', cause: 'silent over P2P for 3.2 s', code: 'silent' } as const;
  transitions.note(change);
  const kept = { at: EPOCH_MS + 1_500, name: 'node abc', ...change };
  expect(transitions.all).toEqual([kept]);
  expect(told).toEqual([kept]);
  expect(lines).toEqual([['transition', change]]);
  expect(counted).toEqual([['lattice_transitions_total', { from: 'p2p', to: 'http', cause: 'silent' }]]);
});

it('the newest 200 are kept, oldest first, and every one is told [L2]', () => {
  const { told, transitions } = open();
  for (let i = 0; i < 250; i++) transitions.note({ from: `${i}`, to: `${i + 1}`, cause: 'x', code: 'retry' });
  expect(transitions.all.map(({ from }) => from)).toEqual(Array.from({ length: 200 }, (_, i) => `${i + 50}`));
  expect(told).toHaveLength(250);
});
