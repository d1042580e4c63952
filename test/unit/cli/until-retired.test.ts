import { expect, it } from 'vitest';
import type { CarriedOut, ChangeOptions } from '../../../src/cli/carry-out.ts';
import type { CliContext } from '../../../src/cli/context.ts';
import type { RosterMember } from '../../../src/cli/operators.ts';
import { createHolders, type SeenPeer, untilRetired } from '../../../src/cli/until-retired.ts';

const [asked, second, gone] = ['aa', 'bb', 'cc'].map((digits) => digits.repeat(32)) as [string, string, string];
const seen = (author: string, agreement: SeenPeer['agreement']): SeenPeer => ({ author, agreement });

it('a writer holds what a retired member wrote once it agrees with a node that has agreed with that member [RO8]', () => {
  const holders = createHolders({ self: asked, retired: gone, writers: [asked, second] });
  // Two that agree may both lack it.
  expect(holders.missing([seen(second, 'equal'), seen(gone, 'different')])).toEqual([gone]);
  expect(holders.missing([seen(second, 'different'), seen(gone, 'equal')])).toEqual([second]);
  expect(holders.missing([seen(second, 'equal'), seen(gone, 'unknown')])).toEqual([]);
});

it('a node that is asked about itself has what it wrote', () => {
  expect(createHolders({ self: gone, retired: gone, writers: [second] }).missing([seen(second, 'equal')])).toEqual([]);
});

/** Runs the command's last part against a node that sees this of its peers, with no time to wait. */
async function told(peers: readonly SeenPeer[]): Promise<{ readonly code: number; readonly text: string }> {
  const lines: string[] = [];
  const say = (text: string): void => void lines.push(text);
  const members = [
    { author: asked, name: 'oslo', role: 'writer' },
    { author: second, name: 'rome', role: 'writer' },
    { author: gone, name: 'kyiv', role: 'retired', until: 1 },
  ];
  const client = {
    members: { roster: () => Promise.resolve({ members }) },
    getStatus: () => Promise.resolve({ now: 2 }),
    listPeers: () => Promise.resolve(peers),
  };
  const context = { output: { line: say, remark: () => undefined, progress: () => undefined } };
  const code = await untilRetired(
    context as unknown as CliContext,
    { wait: 0, json: false } as unknown as ChangeOptions,
    { node: { name: 'oslo', client, author: asked } } as unknown as CarriedOut,
    members[2] as unknown as RosterMember,
  );
  return { code, text: lines.join('\n') };
}

it('says that its node can be stopped only when every writer has what it wrote [RO8]', async () => {
  expect(await told([seen(second, 'equal'), seen(gone, 'equal')])).toEqual({
    code: 0,
    text: expect.stringContaining('can be stopped') as string,
  });
  expect(await told([seen(second, 'different'), seen(gone, 'equal')])).toEqual({
    code: 1,
    text: expect.stringContaining('Leave its node running until rome agrees') as string,
  });
  expect(await told([seen(second, 'equal'), seen(gone, 'different')])).toEqual({
    code: 1,
    text: expect.stringContaining('do not have all that it wrote') as string,
  });
  expect(await told([seen(second, 'equal'), seen(gone, 'unknown')])).toEqual({
    code: 0,
    text: expect.stringContaining('is not heard') as string,
  });
});
