import { expect, test } from 'vitest';
import { createMemoryStore } from '../../src/adapters/store/index.ts';
import { createNode } from '../../src/runtime/index.ts';
import { createSimClock } from '../sim/clock.ts';
import { createSimSigner, hasher } from '../sim/crypto.ts';
import { createRng } from '../sim/rng.ts';
import { createScheduler } from '../sim/scheduler.ts';
import { createTrace } from '../sim/trace.ts';

test('a key with a lone surrogate is refused and harms nobody, whatever key its replacement character names', async () => {
  const rng = createRng('lone surrogate');
  const scheduler = createScheduler(rng, createTrace(undefined), (error) => {
    throw error;
  });
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
    child: () => log,
  };
  const fatal: unknown[] = [];
  const { lattice } = await createNode(
    {
      name: 'n0',
      role: 'test',
      version: '0.0.0',
      network: 'test',
      trusted: [],
      bootstrap: [],
      urls: [],
      heartbeatMs: 1000,
      graceMs: 3000,
      pollMs: 10_000,
      directory: 'memory',
      violations: [],
      warnings: [],
      p2p: { topic: 'test', bootstrap: [] },
    },
    {
      store: createMemoryStore(),
      hasher,
      signer: createSimSigner('n0'),
      verifier: { verify: () => Promise.resolve(true) },
      clock: createSimClock(scheduler, { skewMs: 0, drift: 0 }, { alive: true, name: 'n0' }),
      random: { bytes: (length) => rng.bytes(length), fraction: () => rng.next() },
      log,
      metrics: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
      http: {
        identify: () => Promise.reject(new Error('none')),
        request: () => Promise.reject(new Error('none')),
        stream: () => Promise.reject(new Error('none')),
      },
      peerIdOf: (author) => author,
      onFatal: (error) => fatal.push(error),
    },
  );
  // U+FFFD is what UTF-8 encoders put in the place of a lone surrogate: both have the same hash.
  for (let i = 0; i < 4200; i += 200) {
    // More keys than entries are kept decoded, so that the first must be read from the store again.
    await lattice.write(
      Array.from({ length: 200 }, (_, k) => ({
        op: 'put' as const,
        key: i + k === 0 ? '\ufffd' : `k${i + k}`,
        value: 1,
      })),
    );
  }
  await expect(lattice.write([{ op: 'put', key: '\ud800', value: 1 }])).rejects.toMatchObject({ code: 'invalid-key' });
  expect(fatal).toEqual([]);
  await lattice.write([{ op: 'put', key: 'after', value: 1 }]);
  expect((await lattice.get('after'))?.value).toBe(1);
});
