import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Row, TABLE } from '../../integration/situations/table.ts';
import { ROOT, read } from '../deploy/support.ts';

const GUIDE = 'docs/operating.md';

const HEAD = '| Situation | Seen from | Verdict | Reasons | Ends by itself | `/readyz` | `doctor` | Alerts |';
const codes = (all: readonly string[]): string => (all.length === 0 ? '–' : all.map((one) => `\`${one}\``).join(', '));

/** A row of the guide: what the integration test holds against real nodes. */
function rowOf({ situation, seenFrom, verdict, codes: reasons, heals, notReady, doctor, alerts }: Row): string {
  const cells = [
    situation,
    seenFrom,
    verdict,
    codes(reasons),
    heals === undefined ? '–' : heals === 'by-itself' ? 'yes' : 'no',
    notReady.length === 0 ? '200' : `503: ${codes(notReady)}`,
    `exit ${doctor}`,
    alerts.length === 0 ? '–' : alerts.join(', '),
  ];
  return `| ${cells.join(' | ')} |`;
}

const expected = [HEAD, '|---|---|---|---|---|---|---|---|', ...TABLE.map(rowOf)];

describe('what a node says, in docs/operating.md', () => {
  // UPDATE_SITUATIONS=1 writes the rows into the guide.
  it('is the table that is held against real nodes, row by row', () => {
    const lines = read(GUIDE).split('\n');
    const from = lines.indexOf(HEAD);
    const end = lines.indexOf('', from);
    if (process.env['UPDATE_SITUATIONS'] === '1') {
      writeFileSync(ROOT + GUIDE, [...lines.slice(0, from), ...expected, ...lines.slice(end)].join('\n'));
      return;
    }
    expect(lines.slice(from, end)).toEqual(expected);
  });

  it('has each situation once from each side', () => {
    const keys = TABLE.map(({ situation, seenFrom }) => `${situation} ${seenFrom}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(TABLE.length).toBeGreaterThanOrEqual(20);
  });
});
