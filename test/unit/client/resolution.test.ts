import { describe, expect, it } from 'vitest';
import { createClient } from '../../../src/client/index.ts';
import { asShown, resolution } from '../../../src/client/resolution.ts';
import { friend, startWithFriend } from '../api/live-lattice.ts';
import { startApi, TOKEN } from '../api/support.ts';
import { run } from '../cli/support.ts';
import { EPOCH_MS } from '../runtime/support.ts';

const MINUTE = 60_000;

/** A node with a conflict under `k` whose winner readers do not see, and the same under `l`. */
async function startGone(why: 'ended' | 'deleted') {
  const { lattice, clock } = await startWithFriend();
  for (const key of ['k', 'l']) await lattice.write([{ op: 'put', key, value: 'earlier' }]);
  if (why === 'ended') {
    const end = { ms: EPOCH_MS + 5, expires: EPOCH_MS + MINUTE };
    await lattice.take([friend.commit({ k: 'ends' }, end), friend.commit({ l: 'ends' }, end)]);
    await clock.advance(MINUTE);
  } else {
    for (const key of ['k', 'l']) await lattice.write([{ op: 'delete', key }]);
    const early = { ms: EPOCH_MS - 10 };
    await lattice.take([friend.commit({ k: 'other' }, early), friend.commit({ l: 'other' }, early)]);
  }
  const { url } = await startApi({ lattice });
  const client = createClient({ url, token: TOKEN });
  const read = async (key: string) => {
    const { conflicts } = await client.listConflicts();
    const found = conflicts.find((conflict) => conflict.key === key);
    if (found === undefined) throw new Error(`${key} is not in conflict`);
    return found;
  };
  return { url, client, read };
}

describe.each(['ended', 'deleted'] as const)('a conflict whose winner is %s', (why) => {
  it('is settled by keeping the deletion, by keeping another value, and by a new one [EX2, A3]', async () => {
    const { client, read } = await startGone(why);
    const k = await read('k');
    expect(k.siblings.map(({ deleted }) => deleted)).toEqual([true, false]);
    await client.commit([resolution(k, k.siblings[0] ?? { deleted: true })]);
    expect(await client.getEntry('k')).toBeUndefined();
    const l = await read('l');
    const [, other] = l.siblings;
    await client.commit([resolution(l, other ?? { deleted: true })]);
    expect((await client.getEntry('l'))?.value).toBe(other?.value);
    expect((await client.listConflicts()).conflicts).toEqual([]);
  });

  it('is not settled where somebody wrote in the meantime [EX2, A3]', async () => {
    const { client, read } = await startGone(why);
    const k = await read('k');
    await client.putEntry('k', 'unseen');
    const refused = { code: 'precondition-failed' };
    await expect(client.commit([resolution(k, { deleted: true })])).rejects.toMatchObject(refused);
    await expect(client.putEntryJson('k', '"own"', asShown(k))).rejects.toMatchObject(refused);
    expect((await client.getEntry('k'))?.value).toBe('unseen');
  });

  it('is settled by a command [EX2]', async () => {
    const { url, client } = await startGone(why);
    const at = ['--url', url, '--token', TOKEN];
    expect(await run(['conflicts', 'resolve', 'k', '--take', '1', ...at])).toMatchObject({ code: 0 });
    expect(await run(['conflicts', 'resolve', 'l', '--value', '"new"', ...at])).toMatchObject({ code: 0 });
    expect(await client.getEntry('k')).toBeUndefined();
    expect((await client.getEntry('l'))?.value).toBe('new');
  });
});
