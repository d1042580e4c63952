import { expect, test } from 'vitest';
import { createMemoryStore } from '../../src/adapters/store/index.ts';
import { bytesToHex } from '../../src/core/types/index.ts';
import { authorsOf, createParty, gossip, type Party, PERIOD_MS, SETTLE_MS } from '../unit/runtime/cuts/support.ts';
import { createHandClock, EPOCH_MS, type GatedStore, gateStore, put } from '../unit/runtime/support.ts';

const IDS = [1, 2, 3] as const;
const TRUSTED = authorsOf(...IDS);
/** How far the clocks of all machines stand back after the restart. */
const BACK_MS = 25_000;

type Attested = Map<number, Set<string>>;

/** One life of the whole fleet, from wall time `fromMs` after the epoch to `toMs`: what was attested of each time. */
async function live(
  stores: readonly GatedStore[],
  fromMs: number,
  toMs: number,
  attested: Attested,
  during: (parties: readonly Party[]) => Promise<void> = async () => undefined,
): Promise<void> {
  const clock = createHandClock(EPOCH_MS + fromMs);
  const parties = await Promise.all(IDS.map((id, i) => createParty(id, clock, TRUSTED, stores[i])));
  await clock.advance(1);
  await during(parties);
  await clock.advance(toMs - fromMs);
  for (const { sent } of parties)
    for (const { signed } of sent) {
      const { author, at, root } = signed.attestation;
      const name = `${author}.${bytesToHex(root)}`;
      attested.set(at - EPOCH_MS, (attested.get(at - EPOCH_MS) ?? new Set()).add(name));
    }
  await gossip(parties);
  for (const { cuts, writer } of parties) {
    cuts.stop();
    await writer.drain();
  }
}

test('a fleet whose clocks stand back after a restart attests no time again [Z3]', async () => {
  const stores = IDS.map(() => gateStore(createMemoryStore()));
  const attested: Attested = new Map();
  const firstEnd = PERIOD_MS + SETTLE_MS + 500;
  await live(stores, 0, firstEnd, attested);
  expect([...attested.keys()]).toEqual([PERIOD_MS]);
  const first = new Set(attested.get(PERIOD_MS));
  expect(first.size).toBe(IDS.length);

  // The write would change the root of the time that was attested.
  await live(stores, firstEnd - BACK_MS, firstEnd + PERIOD_MS, attested, async (parties) => {
    await parties[0]?.writer.write(put('again', 1));
  });
  expect(attested.get(PERIOD_MS)).toEqual(first);
  expect([...attested.keys()]).toEqual([PERIOD_MS, 2 * PERIOD_MS]);
});
