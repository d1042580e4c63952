import { expect, it } from 'vitest';
import type { Author } from '../../../../src/core/types/index.ts';
import { createPeerTable } from '../../../../src/runtime/peers/peers.ts';
import { createWarnings } from '../../../../src/runtime/watch/warnings.ts';
import { createAuthor, createHandClock } from '../support.ts';

const [oslo, rome] = [2, 3].map((id) => createAuthor(id).author) as [Author, Author];
const none = () => [];

/** The warning about two nodes of one name, of which the roster gives it to some. */
function told(byRoster: readonly Author[]): string {
  const clock = createHandClock();
  const { author: self } = createAuthor(1);
  const warnings = createWarnings({
    options: { warnings: [], trusted: [self, oslo, rome] },
    self,
    roster: { present: { state: { roster: { epoch: 1 } } }, endOf: () => undefined } as never,
    clock,
    parts: {
      peers: createPeerTable(clock),
      names: {
        label: (author) => (author === oslo ? 'o' : 'r'),
        shared: () => [{ name: 'oslo', authors: [oslo, rome], byRoster }],
      },
      guard: { warnings: none },
      signedTwice: { warnings: none },
      contradictions: { warnings: none },
      mismatches: { warnings: none },
      bootstrap: { warnings: none },
      lost: { warnings: none },
      rosterWarnings: none,
    },
    floor: { warnings: none },
  })();
  return warnings.map(({ code, text }) => `${code}: ${text}`).join('\n');
}

const BEGIN = 'same-name: two nodes are named oslo, so they are told apart by id (o and r): ';

it('two nodes of one name get others where their names come from: their own settings, or the roster [J5]', () => {
  const rename = (author: Author): string => `lattice members rename ${author.slice(0, 16)} NAME`;
  expect(told([])).toBe(`${BEGIN}give each a DIOTEC360_NODE_NAME of its own`);
  expect(told([oslo])).toBe(
    `${BEGIN}the roster gives it to o: ${rename(oslo)}; or give r a DIOTEC360_NODE_NAME of its own`,
  );
  expect(told([oslo, rome])).toBe(`${BEGIN}the roster gives it to o and r: ${rename(oslo)}, ${rename(rome)}`);
});
