import { describe, expect, it } from 'vitest';
import {
  type CleanTarget,
  type CleanValuesOptions,
  cleanValues,
  type Decision,
} from '../../../src/cli/clean-values.ts';
import { LatticeProblem } from '../../../src/client/errors.ts';
import { LatticeError } from '../../../src/core/types/index.ts';
import type { KeyedEntry } from '../../../src/moving/plan.ts';

type Wish = Parameters<CleanTarget['clean']>[0];
const backup = (...entries: KeyedEntry[]): Map<string, KeyedEntry> => new Map(entries.map((one) => [one[0], one]));
const PER_PAGE = 300;

/** A node of these keys, a page of which has PER_PAGE of them; `fails` may throw before or after it has worked. */
function target(
  keys: readonly (readonly [string, Decision['does']])[],
  fails: (wish: Wish, when: 'before' | 'after') => void = () => undefined,
) {
  const left = new Map(keys);
  const wishes: Wish[] = [];
  const isReplaced = (does: string): boolean => ['deleted', 'from-backup', 'settled'].includes(does);
  const node: CleanTarget = {
    async clean(wish) {
      wishes.push(wish);
      fails(wish, 'before');
      if (wish.keys !== undefined) {
        const items = wish.keys.map(({ key, value }): Decision => {
          const does = left.get(key);
          if (does === undefined) return { key, does: 'changed' };
          if (isReplaced(does)) left.delete(key);
          return { key, does: does === 'settled' ? does : value === undefined ? 'deleted' : 'from-backup' };
        });
        fails(wish, 'after');
        return { items };
      }
      const from = Number.parseInt(wish.cursor ?? '0', 16);
      const at = keys.findIndex((_, i) => i >= from);
      const page = at < 0 ? [] : keys.slice(at, at + PER_PAGE).filter(([key]) => left.has(key));
      if (wish.dryRun !== true) for (const [key, does] of page) if (isReplaced(does)) left.delete(key);
      fails(wish, 'after');
      const next = from + PER_PAGE;
      const items = page.map(([key, does]) => ({ key, does }));
      return { items, ...(next < keys.length ? { cursor: next.toString(16).padStart(64, '0') } : {}) };
    },
  };
  return { node, wishes, left: () => [...left.keys()] };
}
const many = (count: number): [string, Decision['does']][] =>
  Array.from({ length: count }, (_, i) => [`k${String(i).padStart(5, '0')}`, 'deleted']);

async function clean(
  node: CleanTarget,
  more: Partial<CleanValuesOptions> = {},
): Promise<{ readonly told: Decision[]; readonly lost: number }> {
  const told: Decision[] = [];
  const lost = await cleanValues(node, {
    backup: undefined,
    dryRun: false,
    signal: new AbortController().signal,
    now: () => 0,
    progress: () => undefined,
    tell: (one) => void told.push(one),
    ...more,
  });
  return { told, lost };
}

describe('cleaning', () => {
  it('goes through all pages, and tells each key once [RO14]', async () => {
    const { node, wishes, left } = target(many(1000));
    const shares: number[] = [];
    const { told, lost } = await clean(node, { progress: (share) => void shares.push(share) });
    expect([left(), new Set(told.map(({ key }) => key)).size, told.length, lost]).toEqual([[], 1000, 1000, 0]);
    expect(wishes.map(({ dryRun, keys }) => dryRun === false && keys === undefined)).toEqual(Array(4).fill(true));
    expect([shares.length, shares.at(-1)]).toEqual([4, 1]);
  });

  it('writes nothing in a dry run, and tells what a backup would change [RO14]', async () => {
    const keys: [string, Decision['does']][] = [
      ['kept', 'deleted'],
      ['ended', 'deleted'],
      ['unknown', 'deleted'],
      ['dead', 'shows-nothing'],
      ['beside', 'settled'],
      ['torn', 'in-conflict'],
      ['vault/1', 'vault'],
    ];
    const { node, wishes, left } = target(keys);
    const values = backup(...keys.map(([key]): KeyedEntry => (key === 'ended' ? [key, 1, 50] : [key, 1, 51])));
    values.delete('unknown');
    const { told } = await clean(node, { dryRun: true, backup: values, now: () => 50 });
    expect(told.map(({ does }) => does)).toEqual([
      'from-backup',
      'deleted',
      'deleted',
      'from-backup',
      'settled',
      'in-conflict',
      'vault',
    ]);
    expect(left()).toHaveLength(keys.length);
    expect(wishes.every(({ dryRun }) => dryRun === true)).toBe(true);
  });

  it('names keys with the values of the backup, 256 at most, and those alone that get something [RO14]', async () => {
    const keys: [string, Decision['does']][] = [...many(290), ['torn', 'in-conflict'], ['beside', 'settled']];
    const { node, wishes, left } = target(keys);
    const values = backup(['k00000', 'a', 9], ['beside', 'b'], ['elsewhere', 'c']);
    const { told } = await clean(node, { backup: values });
    expect(left()).toEqual(['torn']);
    const named = wishes.flatMap((wish) => (wish.keys === undefined ? [] : [wish.keys]));
    expect(named.map((list) => list.length)).toEqual([256, 35]);
    expect(named.flat().filter(({ value }) => value !== undefined)).toEqual([
      { key: 'k00000', value: 'a', expires: 9 },
      { key: 'beside', value: 'b' },
    ]);
    expect(told).toHaveLength(292);
    expect(told.filter(({ does }) => does !== 'deleted').map(({ key, does }) => [key, does])).toEqual([
      ['torn', 'in-conflict'],
      ['k00000', 'from-backup'],
      ['beside', 'settled'],
    ]);
  });

  it('asks for the rest where an answer has some of the keys only [RO14]', async () => {
    const { node, left } = target(many(10));
    const short: CleanTarget = {
      clean: (wish) => node.clean(wish.keys === undefined ? wish : { ...wish, keys: wish.keys.slice(-4) }),
    };
    const { told } = await clean(short, { backup: backup(['k00001', 1]) });
    expect([left(), new Set(told.map(({ key }) => key)).size]).toEqual([[], 10]);
  });

  it('ends with the first error that does not pass, and goes on where it stopped [RO14]', async () => {
    let broken = true;
    const { node, left } = target(many(1000), ({ cursor }) => {
      if (broken && cursor !== undefined) throw new LatticeError('read-only', 'the node takes no writes');
    });
    await expect(clean(node)).rejects.toMatchObject({ code: 'read-only' });
    expect(left()).toHaveLength(700);
    broken = false;
    expect((await clean(node)).told).toHaveLength(700);
    expect(left()).toEqual([]);
  });

  it('counts the answers that were lost, and not those of a node that did nothing [RO14]', async () => {
    const problem = {
      type: 'about:blank',
      title: 'busy',
      status: 429,
      code: 'overloaded',
    } as LatticeProblem['problem'];
    const busy = new LatticeProblem('overloaded', 'busy', { status: 429, problem, retryAfterMs: 1, next: undefined });
    const errors: [unknown, 'before' | 'after'][] = [
      [busy, 'before'],
      [new LatticeError('unreachable', 'the connection broke'), 'after'],
    ];
    const { node, left } = target(many(100), (_wish, when) => {
      const next = errors[0];
      if (next?.[1] !== when) return;
      errors.shift();
      throw next[0];
    });
    const { told, lost } = await clean(node);
    expect([left(), told.length, lost]).toEqual([[], 0, 1]);
  });

  it('ends with the reason of its signal [RO14]', async () => {
    const ending = new AbortController();
    const { node, left } = target(many(1000), (_wish, when) => when === 'after' && ending.abort(new Error('stopped')));
    await expect(clean(node, { signal: ending.signal })).rejects.toThrow('stopped');
    expect(left()).toHaveLength(700);
  });
});
