import { expect, it } from 'vitest';
import type { Author } from '../../../../src/core/types/index.ts';
import { createNames } from '../../../../src/runtime/fleet/names.ts';

const [self, oslo, bergen] = ['a1', 'b2', 'c3'].map((byte) => byte.repeat(32)) as [Author, Author, Author];

it('a member is called what the roster calls it, in contact or not, and else what it tells [J5]', () => {
  const names = createNames({
    self,
    ownName: 'narvik',
    configured: new Map(),
    remembered: new Map(),
    decided: [
      { author: oslo, name: 'oslo' },
      { author: self, name: '' },
    ],
    peerIdOf: (author) => author,
    log: { warn() {} },
  });
  expect([oslo, self].map(names.label)).toEqual(['oslo', 'narvik']);
  names.learn(oslo, 'something else');
  expect(names.of(oslo)).toBe('oslo');
  names.decide([{ author: self, name: 'tromso' }]);
  expect([oslo, self].map(names.of)).toEqual(['something else', 'tromso']);
  // Two nodes of one name are told apart, whoever gave the names.
  names.learn(bergen, 'tromso');
  expect(names.shared()).toEqual([{ name: 'tromso', authors: [self, bergen], byRoster: [self] }]);
  // Who has left the fleet takes no name from anybody.
  names.decide([{ author: self, name: 'tromso' }], new Set([bergen]));
  expect([names.shared(), names.label(self)]).toEqual([[], 'tromso']);
  expect(names.label(bergen)).not.toBe('tromso');
  names.decide([]);
  expect(names.shared()).toEqual([]);
  expect(names.label(self)).not.toBe('tromso');
});

it('two nodes that call themselves ever another common name are remembered for the newest of these only [J5]', () => {
  const warned: unknown[] = [];
  const names = createNames({
    self,
    ownName: 'narvik',
    configured: new Map(),
    remembered: new Map(),
    peerIdOf: (author) => author,
    log: { warn: (fields) => void warned.push((fields as { name: string }).name) },
  });
  const share = (name: string): void => {
    names.learn(oslo, name);
    names.learn(bergen, name);
  };
  for (let i = 0; i < 1_100; i++) share(`n${i}`);
  share('n1099');
  share('n1098');
  expect(warned).toHaveLength(1_100);
  // The first of them is forgotten, so nothing grows for as long as this goes on.
  share('n0');
  expect(warned.at(-1)).toBe('n0');
  expect(warned).toHaveLength(1_101);
});

it('a retired member takes no name from another, and is told apart from it itself [J5, RO18]', () => {
  const names = createNames({
    self,
    ownName: 'narvik',
    configured: new Map(),
    remembered: new Map(),
    peerIdOf: (author) => author,
    log: { warn() {} },
  });
  const turned = (role: string) => [
    { author: oslo, name: 'oslo', role },
    { author: bergen, name: 'oslo', role: 'writer' },
  ];
  names.decide(turned('retired'));
  expect([names.label(bergen), names.shared()]).toEqual(['oslo', []]);
  expect(names.label(oslo)).toMatch(/^oslo \(/);
  names.decide(turned('writer'));
  expect(names.label(bergen)).not.toBe('oslo');
  names.decide([{ author: oslo, name: 'oslo', role: 'retired' }]);
  expect(names.label(oslo)).toBe('oslo');
});
