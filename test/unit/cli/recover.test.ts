import { beforeEach, describe, expect, it } from 'vitest';
import { storeWithAside } from '../api/aside-store.ts';
import { friend, type LiveLattice, startLattice } from '../api/live-lattice.ts';
import { startApi, TOKEN } from '../api/support.ts';
import { EPOCH_MS } from '../runtime/support.ts';
import { errorOf, run } from './support.ts';

let lattice: LiveLattice;
let on: (...argv: string[]) => ReturnType<typeof run>;

/** A real node with its API that has set operations of another author aside in an earlier run. */
beforeEach(async () => {
  const commit = friend.commit(
    { 'orders/1': { sum: 12 }, 'orders/2': 'x'.repeat(100), gone: undefined, evil: '\u001b[2J' },
    { ms: EPOCH_MS - 1_000 },
  );
  lattice = await startLattice({ store: await storeWithAside(commit) });
  const { url } = await startApi({ lattice });
  on = (...argv) => run([...argv, '--url', url, '--token', TOKEN, '--utc']);
});

describe('recover', () => {
  it('lists what was set aside, why, and what to do, and writes nothing', async () => {
    const { code, out, err } = await on('recover');
    expect(code).toBe(0);
    const lines = out.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^KEY +VALUE +BY +AT +AT PRESENT$/);
    expect(out).toMatch(/^orders\/1 +\{"sum":12\} +\S+ +\d{4}-.* the key has no value$/m);
    expect(out).toMatch(/^orders\/2 +"x{59}… /m);
    expect(out).toMatch(/^gone +\(deleted\) .*the key shows the same$/m);
    expect(out + err).not.toContain('\u001b[2J');
    expect(out + err).toContain('4 operations: it came here after the cut of');
    expect(out + err).toMatch(/lattice recover .*--key KEY or --all writes it anew/);
    expect(lattice.status().entries).toBe(0);
    const { items } = JSON.parse((await on('recover', '--json')).out) as { items: { key: string; value?: unknown }[] };
    expect(items.find(({ key }) => key === 'orders/2')?.value).toBe('x'.repeat(100));
    const some = await on('recover', '--limit', '1');
    expect([some.out.trimEnd().split('\n').length > 1, some.out + some.err]).toEqual([
      true,
      expect.stringContaining('raise --limit'),
    ]);
  });

  it('writes the named keys anew, then all, and says what it passed over', async () => {
    const one = await on('recover', '--key', 'orders/1', '--key', 'evil');
    expect([one.code, one.out]).toEqual([
      0,
      expect.stringMatching(/^written anew: orders\/1, version [0-9a-f]{64}\.\d$/m),
    ]);
    expect((await lattice.get('orders/1'))?.value).toEqual({ sum: 12 });
    const rest = await on('recover', '--all');
    expect(rest.out).toMatch(/^written anew: orders\/2/m);
    expect(rest.out).toMatch(/^passed over: gone, the key shows the same; forgotten$/m);
    expect((await on('recover')).out).toBe('Nothing is set aside.\n');
    expect((await on('recover', '--all')).out).toBe('Nothing is set aside.\n');
    expect(JSON.parse((await on('recover', '--all', '--json')).out)).toEqual({
      written: [],
      passedOver: [],
      forgotten: 0,
    });
  });

  it('leaves what was written later, says so, and replaces it with --overwrite', async () => {
    await lattice.write([{ op: 'put', key: 'orders/1', value: 'later' }]);
    const { code, out, err } = await on('recover', '--key', 'orders/1');
    expect([code, out]).toEqual([0, 'passed over: orders/1, the key was written later\n']);
    expect(err).toContain('1 key written later stays set aside');
    expect(out + err).toContain('--overwrite');
    expect((await lattice.get('orders/1'))?.value).toBe('later');
    expect((await on('recover', '--key', 'orders/1', '--overwrite')).code).toBe(0);
    expect((await lattice.get('orders/1'))?.value).toEqual({ sum: 12 });
  });

  it('only forgets with --forget', async () => {
    expect((await on('recover', '--key', 'evil', '--forget')).out).toBe('forgotten: 1 operation\n');
    expect((await on('recover', '--all', '--forget')).out).toBe('forgotten: 3 operations\n');
    expect(lattice.status().entries).toBe(0);
  });

  it('refuses what makes no sense before it asks, and names a key that is not set aside', async () => {
    for (const wrong of [
      ['--key', 'a', '--all'],
      ['--forget'],
      ['--overwrite'],
      ['--all', '--forget', '--overwrite'],
      ['--limit', '0'],
      ['extra'],
    ])
      expect((await on('recover', ...wrong)).code, wrong.join(' ')).toBe(2);
    const absent = await on('recover', '--key', 'absent', '--json');
    expect([absent.code, errorOf(absent)]).toMatchObject([
      1,
      { code: 'not-found', next: expect.stringContaining('lattice recover') },
    ]);
    expect(await lattice.setAside.list()).toMatchObject({ items: { length: 4 } });
  });
});

describe('floor and status', () => {
  it('tell how long deletions stay and what is set aside, as text and as JSON [FL6]', async () => {
    const { out, err } = await on('floor');
    expect(out).toContain('No deletion has left the state yet: each stays for 24 h, and until all writers have it.');
    expect(out + err).toMatch(/4 operations are set aside\.[^]*lattice recover/);
    expect(JSON.parse((await on('floor', '--json')).out)).toMatchObject({ collection: { setAside: 4, keys: 0 } });
    expect((await on('status')).out).toMatch(/warning: 4 operations were taken out of the state/);
  });
});
