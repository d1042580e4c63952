import { expect, it } from 'vitest';
import type { CarriedOut, ChangeOptions } from '../../../src/cli/carry-out.ts';
import type { CliContext } from '../../../src/cli/context.ts';
import type { RosterMember } from '../../../src/cli/operators.ts';
import { createHolders, type SeenPeer, untilRetired } from '../../../src/cli/until-retired.ts';

const [asked, second, gone] = ['aa', 'bb', 'cc'].map((digits) => digits.repeat(32)) as [string, string, string];
const UNTIL = 1_000_000;

/** A peer that was heard `after` s after the end of the retired member. */
const seen = (author: string, agreement: SeenPeer['agreement'], after: number, isRetired = false): SeenPeer => ({
  author,
  agreement,
  p2p: {},
  http: { lastHeardAt: UNTIL + after * 1_000 },
  ...(isRetired ? { readOnly: { codes: ['retired'], since: UNTIL } } : {}),
});

it('a writer holds what a retired member wrote once it agrees with a node that has agreed with that member [RO8]', () => {
  const holders = createHolders({ self: asked, retired: gone, until: UNTIL, writers: [asked, second] });
  // A verdict from before the member has stopped says nothing of its last commit.
  for (let after = 0; after < 10; after++)
    expect(holders.missing([seen(second, 'equal', after), seen(gone, 'equal', after)])).toEqual([gone]);
  for (let after = 10; after < 14; after++)
    expect(holders.missing([seen(second, 'equal', after), seen(gone, 'equal', after, true)])).toEqual([gone]);
  // Two that agree may both lack it.
  expect(holders.missing([seen(second, 'equal', 14), seen(gone, 'different', 14, true)])).toEqual([gone]);
  for (let after = 15; after < 19; after++)
    expect(holders.missing([seen(second, 'equal', after), seen(gone, 'equal', after, true)])).toEqual([second]);
  expect(holders.missing([seen(second, 'different', 19)])).toEqual([second]);
  expect(holders.missing([seen(second, 'equal', 20), seen(gone, 'unknown', 19)])).toEqual([]);
});

it('a member of which only others tell has stopped when no clock can be further behind [RO8]', () => {
  const holders = createHolders({ self: asked, retired: gone, until: UNTIL, writers: [asked] });
  for (const after of [24, 25, 26, 29]) expect(holders.missing([seen(gone, 'equal', after)])).toEqual([gone]);
  expect(holders.missing([seen(gone, 'equal', 30)])).toEqual([]);
});

it('a node that is asked about itself has what it wrote', () => {
  const holders = createHolders({ self: gone, retired: gone, until: UNTIL, writers: [second] });
  expect(holders.missing([seen(second, 'equal', 0)])).toEqual([second]);
  expect(holders.missing([seen(second, 'equal', 4)])).toEqual([]);
});

it('a writer that has left meanwhile is not waited for', () => {
  const holders = createHolders({ self: gone, retired: gone, until: UNTIL, writers: [asked, second] });
  expect(holders.missing([seen(asked, 'equal', 0)])).toEqual([asked, second]);
  expect(holders.missing([seen(asked, 'equal', 4)], [asked])).toEqual([]);
});

type Agreements = readonly [second: SeenPeer['agreement'], gone: SeenPeer['agreement']];

/** Runs the command's last part against a node that sees this of its peers, 5 s later with each look. */
async function told(
  [ofSecond, ofGone]: Agreements,
  wait: number,
): Promise<{ readonly code: number; readonly text: string }> {
  const lines: string[] = [];
  let after = 0;
  const say = (text: string): void => void lines.push(text);
  const members = [
    { author: asked, name: 'oslo', role: 'writer' },
    { author: second, name: 'rome', role: 'writer' },
    { author: gone, name: 'kyiv', role: 'retired', until: UNTIL },
  ];
  const client = {
    members: { roster: () => Promise.resolve({ members }) },
    getStatus: () => Promise.resolve({ now: UNTIL }),
    listPeers: () => Promise.resolve([seen(second, ofSecond, (after += 5)), seen(gone, ofGone, after, true)]),
  };
  const context = { output: { say, remark: () => undefined, progress: () => undefined } };
  const code = await untilRetired(
    context as unknown as CliContext,
    { wait, json: false } as unknown as ChangeOptions,
    { node: { name: 'oslo', client, author: asked } } as unknown as CarriedOut,
    members[2] as unknown as RosterMember,
  );
  return { code, text: lines.join('\n') };
}

it('says that its node can be stopped only when every writer has what it wrote [RO8]', async () => {
  expect(await told(['equal', 'equal'], 10)).toEqual({
    code: 0,
    text: expect.stringContaining('can be stopped') as string,
  });
  expect(await told(['different', 'equal'], 0.6)).toEqual({
    code: 1,
    text: expect.stringContaining('Leave its node running until rome agrees') as string,
  });
  expect(await told(['equal', 'different'], 0)).toEqual({
    code: 1,
    text: expect.stringContaining('do not have all that it wrote') as string,
  });
  expect(await told(['equal', 'unknown'], 0)).toEqual({
    code: 0,
    text: expect.stringContaining('is not heard') as string,
  });
});
