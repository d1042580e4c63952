import { afterEach, describe, expect, it } from 'vitest';
import { createApi } from '../../../../../src/api/index.ts';
import { createFakeLattice } from '../../fake-lattice.ts';
import { ask, auth, clock, silentLog, TEST_CONFIG } from '../../support.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

describe('GET /api/v1/peers/<peerId>/differences', () => {
  it('tells which keys differ, to whoever has the token', async () => {
    const api = await createApi({ lattice: createFakeLattice(), config: TEST_CONFIG, clock, log: silentLog });
    closing.push(() => api.close());
    const { url } = await api.listen();
    const get = (path: string, headers: Record<string, string> = auth) =>
      ask(url, `/api/v1/peers/${path}`, { headers });
    const whole = await get('some-peer/differences');
    expect(whole.status).toBe(200);
    expect(whole.json()).toMatchObject({
      peer: 'some-peer',
      complete: true,
      method: 'cells',
      keys: [{ key: 'differs/0', side: 'ours' }, {}, {}],
    });
    expect((await get('some-peer/differences?limit=2')).json()).toMatchObject({ complete: false, keys: [{}, {}] });
    const statuses = [
      await get('some-peer/differences', {}),
      await get('some-peer/differences?limit=0'),
      await get('some-peer/differences?limit=1001'),
      await get('some-peer/differences?other=1'),
      await get('unreachable/differences'),
    ].map(({ status }) => status);
    expect(statuses).toEqual([401, 400, 400, 400, 503]);
  });
});
