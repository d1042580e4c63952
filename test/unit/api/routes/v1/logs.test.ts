import { expect, it } from 'vitest';
import { createLog, createLogRing } from '../../../../../src/adapters/system/index.ts';
import { createApi } from '../../../../../src/api/index.ts';
import { startLattice } from '../../live-lattice.ts';
import { ask, auth, clock, silentLog, TEST_CONFIG, TOKEN } from '../../support.ts';

it('a stream of the log ends when a reload replaces the token with which it was opened [N18]', async () => {
  let token: string | undefined = TOKEN;
  const config = {
    ...TEST_CONFIG,
    api: {
      ...TEST_CONFIG.api,
      get token() {
        return token;
      },
    },
  };
  const ring = createLogRing('test');
  const log = createLog({ level: { writes: () => true }, format: 'json', destination: ring });
  let opened = (): void => undefined;
  const isOpen = new Promise<void>((resolve) => (opened = resolve));
  const logs = {
    ...ring,
    follow(onLine: () => void) {
      opened();
      return ring.follow(onLine);
    },
  };
  const api = await createApi({ lattice: await startLattice(), config, clock, log: silentLog, logs });
  try {
    const { url } = await api.listen();
    log.info({}, 'before');
    const ended = ask(url, '/api/v1/logs', { headers: auth });
    await isOpen;
    token = 'another-token-of-no-value';
    log.info({}, 'after');
    const { status, text } = await ended;
    expect([status, text.includes('after')]).toEqual([200, false]);
  } finally {
    await api.close();
  }
});
