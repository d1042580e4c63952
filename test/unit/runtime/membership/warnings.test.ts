import { expect, it } from 'vitest';
import type { Author } from '../../../../src/core/types/index.ts';
import { createRoster } from '../../../../src/runtime/fleet/roster.ts';
import { rosterWarnings } from '../../../../src/runtime/membership/warnings.ts';
import { hasher } from '../support.ts';

const [self, oslo, rome] = ['a1', 'b2', 'c3'].map((byte) => byte.repeat(32)) as [Author, Author, Author];

it('a node whose roster is behind that of others says so, with their names [RO7]', () => {
  const epochs = new Map<Author, number>([[oslo, 0]]);
  const warnings = rosterWarnings({
    self,
    roster: createRoster([self, oslo, rome], self, hasher),
    membership: { abstains: () => undefined, second: () => undefined, offered: () => undefined },
    configured: () => [self, oslo, rome],
    epochOf: (author) => epochs.get(author),
    nameOf: (author) => (author === oslo ? 'oslo' : 'rome'),
    doubt: { why: () => undefined, lastsMs: () => 0 },
    afterEnd: () => [],
  });
  expect(warnings()).toEqual([]);
  epochs.set(oslo, 2).set(rome, 3);
  expect(warnings()).toEqual([
    { code: 'lacks-roster', text: expect.stringMatching(/^oslo and rome go by the roster of epoch 3, .* has epoch 0/) },
  ]);
});

it('a doubt of any kind that lasts over five minutes is warned of at a writer, a restored store at once [RO11]', () => {
  let kind: 'new' | 'restored' = 'new';
  let lastsMs = 300_000;
  const of = (author: Author): readonly unknown[] =>
    rosterWarnings({
      self: author,
      roster: createRoster([self, oslo, rome], self, hasher),
      membership: { abstains: () => 'it waits for rome', second: () => undefined, offered: () => undefined },
      configured: () => [self, oslo, rome],
      epochOf: () => undefined,
      nameOf: () => 'rome',
      doubt: { why: () => kind, lastsMs: () => lastsMs },
      afterEnd: () => [],
    })();
  expect(of(self)).toEqual([]);
  lastsMs = 300_001;
  expect(of(self)).toEqual([{ code: 'abstains', text: 'it waits for rome' }]);
  expect(of('d4'.repeat(32) as Author)).toEqual([]);
  [kind, lastsMs] = ['restored', 0];
  expect(of(self)).toHaveLength(1);
});
