import { expect, it } from 'vitest';
import { startLattice } from '../../live-lattice.ts';
import { overtakenAfter } from '../../overrides.ts';
import { startApi } from '../../support.ts';

it('an export has a line for the moment, one for each entry and one that counts them [A31]', async () => {
  const lattice = await startLattice();
  await lattice.write([
    { op: 'put', key: 'a/1', value: { b: [1, 'é\n'] } },
    { op: 'put', key: 'a/2', value: null },
    { op: 'put', key: 'b', value: 3 },
    { op: 'put', key: 'gone', value: 4 },
  ]);
  await lattice.write([{ op: 'delete', key: 'gone' }]);
  const { ask } = await startApi({ lattice });
  const answer = await ask('/api/v1/export?prefix=a%2F');
  expect(answer.headers['content-type']).toBe('application/x-ndjson; charset=utf-8');
  const lines = answer.text.split('\n');
  expect(lines.pop()).toBe('');
  const [begin, ...rest] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const { network, now } = lattice.status();
  expect(begin).toMatchObject({ export: 1, network, root: lattice.root().root, live: 3, prefix: 'a/', at: now });
  expect(rest.pop()).toEqual({ end: true, entries: 2 });
  const entries = await Promise.all(['a/1', 'a/2'].map((key) => lattice.get(key)));
  expect(rest.toSorted((x, y) => String(x['key']).localeCompare(String(y['key'])))).toEqual(entries);
});

it('an export that is overtaken is told so before its first byte, and is cut after it [A31, N13]', async () => {
  const before = await startApi({
    lattice: { ...(await startLattice()), wholeState: (await overtakenAfter(250, 0)).snapshot },
  });
  expect(await before.ask('/api/v1/export')).toMatchObject({ status: 503 });
  const later = await overtakenAfter(1500, 500);
  const { url } = await startApi({ lattice: { ...(await startLattice()), wholeState: later.snapshot } });
  await expect((await fetch(`${url}/api/v1/export`)).text()).rejects.toThrow(/terminated/);
  expect(later.closed()).toBe(1);
});

it('an export of a prefix costs what it reads, and one of everything the whole state [A31, A18]', async () => {
  const lattice = await startLattice();
  await lattice.write([{ op: 'put', key: 'a', value: 1 }]);
  const share = { msPerSecond: 0.000_001, burstMs: 100 };
  const { ask } = await startApi({
    lattice,
    limits: { client: share },
    config: { trustedProxies: ['loopback'] },
  });
  const asks = async (path: string, client: string): Promise<number> => {
    let answered = 0;
    while (answered < 50 && (await ask(path, { headers: { 'x-forwarded-for': client } })).status === 200) answered++;
    return answered;
  };
  expect(await asks('/api/v1/export', '192.0.2.1')).toBeLessThan(5);
  expect(await asks('/api/v1/export?prefix=a', '192.0.2.2')).toBe(50);
});
