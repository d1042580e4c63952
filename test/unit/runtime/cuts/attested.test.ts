import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../../../src/adapters/store/index.ts';
import { lastHlcAt } from '../../../../src/core/clock/index.ts';
import { ATTESTED, decodeAttested, encodeAttested } from '../../../../src/core/rows/index.ts';
import type { Hlc } from '../../../../src/core/types/index.ts';
import { createSignedAttestation, trustHash } from '../../../../src/core/wire/index.ts';
import { createHandClock, EPOCH_MS, gateStore, hasher, NETWORK, openTestState, put, until } from '../support.ts';
import { authorsOf, createParty, type Party, PERIOD_MS, SETTLE_MS } from './support.ts';

const TRUSTED = authorsOf(1, 2, 3);
/** After the epoch: the first cut has been fixed and attested. */
const FIRST_ATTESTED_MS = PERIOD_MS + SETTLE_MS + 300;

const times = (party: Party): number[] => party.sent.map(({ signed }) => signed.attestation.at - EPOCH_MS);

async function hlcOfWrite(party: Party, key: string): Promise<Hlc> {
  const outcome = await party.writer.write(put(key, 1));
  if (!outcome.ok) throw outcome.error;
  return outcome.commit.header.hlc;
}

describe('what a node attests', () => {
  it('is durable before it is sent or counted [Z10]', async () => {
    const [clock, store] = [createHandClock(), gateStore()];
    const party = await createParty(1, clock, TRUSTED, store);
    store.hold();
    await clock.advance(FIRST_ATTESTED_MS);
    expect(store.held).toHaveLength(1);
    expect([party.sent, party.book.views(), party.cuts.status().newest]).toEqual([[], [], undefined]);
    store.open();
    await until('it is sent', () => party.sent.length === 1);
    expect(decodeAttested((await store.get(ATTESTED)) as Uint8Array)).toBe(EPOCH_MS + PERIOD_MS);
  });

  it('is the last that its own commits may belong to, whatever its wall clock says afterwards [Z10]', async () => {
    const clock = createHandClock();
    const party = await createParty(1, clock, TRUSTED);
    await clock.advance(FIRST_ATTESTED_MS);
    expect(times(party)).toEqual([PERIOD_MS]);
    clock.step(-8_000);
    expect(clock.now()).toBeLessThan(EPOCH_MS + PERIOD_MS);
    expect(await hlcOfWrite(party, 'late')).toBeGreaterThan(lastHlcAt(EPOCH_MS + PERIOD_MS));
  });

  it('is the last that its own commits may belong to after a restart, too [Z10]', async () => {
    const [clock, store] = [createHandClock(), gateStore(createMemoryStore())];
    const party = await createParty(1, clock, TRUSTED, store);
    await clock.advance(FIRST_ATTESTED_MS);
    party.cuts.stop();
    await party.writer.drain();
    const back = await createParty(1, createHandClock(EPOCH_MS), TRUSTED, store);
    expect(await hlcOfWrite(back, 'late')).toBeGreaterThan(lastHlcAt(EPOCH_MS + PERIOD_MS));
  });

  it('counts when only others know of it: a node with an older disk does not attest that time again [Z10]', async () => {
    const clock = createHandClock();
    const party = await createParty(1, clock, TRUSTED);
    const { self } = party;
    const signed = createSignedAttestation(
      {
        network: NETWORK,
        author: self.author,
        at: EPOCH_MS + 2 * PERIOD_MS,
        root: new Uint8Array(32).fill(9),
        entries: 1,
        trustHash: trustHash(TRUSTED, hasher),
      },
      self.sign,
    );
    await party.cuts.onAttestation(signed, 'http', undefined);
    await clock.advance(3 * PERIOD_MS + SETTLE_MS + 300);
    expect(times(party)).toEqual([3 * PERIOD_MS]);
    expect(party.cuts.status().newest?.at).toBe(EPOCH_MS + 3 * PERIOD_MS);
  });
});

it('a damaged row of the newest attested cut ends the start [Z10, N2]', async () => {
  const store = gateStore();
  await store.batch([{ type: 'put', key: ATTESTED, value: Uint8Array.of(0x61) }]);
  await expect(openTestState({ store })).rejects.toMatchObject({ code: 'damaged-row' });
  await store.batch([{ type: 'put', key: ATTESTED, value: encodeAttested(2 ** 48) }]);
  await expect(openTestState({ store })).rejects.toMatchObject({ code: 'damaged-row' });
});
