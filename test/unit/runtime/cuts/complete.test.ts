import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../../../src/adapters/store/index.ts';
import { hlcMs, lastHlcAt } from '../../../../src/core/clock/index.ts';
import { NO_VOTES } from '../../../../src/core/roster/index.ts';
import { COMPLETE } from '../../../../src/core/rows/index.ts';
import { bytesToHex } from '../../../../src/core/types/index.ts';
import {
  createSignedAttestation,
  decodeCertificate,
  decodeSignedAttestation,
  encodeCertificate,
} from '../../../../src/core/wire/index.ts';
import {
  createHandClock,
  EPOCH_MS,
  FOUND,
  type GatedStore,
  gateStore,
  type HandClock,
  NETWORK,
  put,
  until,
} from '../support.ts';
import { authorsOf, createParty, decide, gossip, type Party, PERIOD_MS, SETTLE_MS } from './support.ts';

const TRUSTED = authorsOf(1, 2, 3);

let clock: HandClock;
let parties: [Party, Party, Party];
let disk: GatedStore;

beforeEach(async () => {
  clock = createHandClock();
  disk = gateStore(createMemoryStore());
  parties = [
    await createParty(1, clock, TRUSTED, disk),
    await createParty(2, clock, TRUSTED),
    await createParty(3, clock, TRUSTED),
  ];
  await clock.advance(1);
});

const cutAt = (n: number): number => EPOCH_MS + n * PERIOD_MS;
const newestOf = ({ complete }: Party): number | undefined => {
  const at = complete.newest()?.at;
  return at === undefined ? undefined : (at - EPOCH_MS) / PERIOD_MS;
};

/** Until the cut at `n` periods is fixed, and what was attested of it has gone around between `among`. */
async function reach(n: number, among: readonly Party[] = parties): Promise<void> {
  await clock.advance(cutAt(n) + SETTLE_MS + 300 - clock.now());
  await gossip(among);
}

describe('a complete cut', () => {
  it('is one that all writers attested alike; a quorum alone makes none [FL1]', async () => {
    const [one, two, three] = parties;
    await reach(1, [one, two]);
    expect([one.book.views()[0]?.certified, newestOf(one), newestOf(two)]).toEqual([true, undefined, undefined]);
    // The third is heard later. Its attestation joins those of the certificate.
    await gossip([one, two, three]);
    await until('it is complete', () => newestOf(one) === 1);
    const { certificate, signers } = one.complete.newest() ?? expect.fail();
    expect(decodeCertificate(certificate).signers.map(({ author }) => author)).toEqual([...TRUSTED].sort());
    expect([...signers].sort()).toEqual([...TRUSTED].sort());
  });

  it('is none while one writer had another state, and the next one is complete again [FL1]', async () => {
    const [one, two, three] = parties;
    const { commit } = one.self;
    const fragment = commit({ late: 1 }, { ms: cutAt(1) - 1_000 });
    for (const party of [one, two]) await party.writer.apply(fragment, FOUND);
    await reach(1);
    expect(newestOf(one)).toBeUndefined();
    await three.writer.apply(fragment, FOUND);
    await reach(2);
    await until('it is complete', () => parties.every((party) => newestOf(party) === 2));
  });

  it('is durable before anybody is told of it, and is known after a restart [FL3]', async () => {
    const [one] = parties;
    await reach(1);
    await until('it is complete', () => newestOf(one) === 1);
    disk.hold();
    const told: number[] = [];
    one.complete.onNewer(({ at }) => told.push(at));
    await clock.advance(cutAt(2) + SETTLE_MS + 300 - clock.now());
    await until('the mark of its own attestation waits', () => disk.held.length > 0);
    disk.held.shift()?.release();
    await until('it is attested', () => one.sent.length > 0);
    await gossip(parties);
    await until('the row waits', () => disk.held.some(({ operations }) => operations.some(({ key }) => isRow(key))));
    expect([told, newestOf(one)]).toEqual([[], 1]);
    disk.open();
    await until('it is durable', () => newestOf(one) === 2);
    expect(told).toEqual([cutAt(2)]);

    one.cuts.stop();
    await one.writer.drain();
    const back = await createParty(1, clock, TRUSTED, disk);
    expect(newestOf(back)).toBe(2);
    expect(back.complete.newest()?.certificate).toEqual(one.complete.newest()?.certificate);
  });

  it('is believed to nobody, the own disk neither, without the signatures of all writers [FL3]', async () => {
    const [one, two] = parties;
    await reach(1);
    await until('it is complete', () => newestOf(two) === 1);
    const { certificate } = two.complete.newest() ?? expect.fail();
    const held = decodeCertificate(certificate);
    const fewer = encodeCertificate({ ...held, signers: held.signers.slice(1) });
    const [first, ...rest] = held.signers;
    const signature = (first ?? expect.fail()).signature.map((byte) => byte ^ 1);
    const forged = encodeCertificate({
      ...held,
      signers: [{ author: first?.author ?? expect.fail(), signature }, ...rest],
    });

    const four = await createParty(4, clock, TRUSTED);
    expect(await four.complete.hear(fewer)).toBe(false);
    await expect(four.complete.hear(forged)).rejects.toMatchObject({ code: 'bad-signature' });
    await expect(four.complete.hear(certificate.slice(1))).rejects.toMatchObject({ code: 'malformed' });
    const ahead = encodeCertificate({ ...held, at: clock.now() + 3_600_000 });
    expect(await four.complete.hear(ahead)).toBe(false);
    expect(newestOf(four)).toBeUndefined();
    expect(await four.complete.hear(certificate)).toBe(true);
    expect(await four.complete.hear(certificate)).toBe(false);
    await until('it is durable', () => newestOf(four) === 1);

    await one.writer.drain();
    for (const value of [forged, fewer, Uint8Array.of(1)]) {
      const store = gateStore();
      await store.batch([{ type: 'put', key: COMPLETE, value }]);
      const back = await createParty(4, clock, TRUSTED, store);
      expect(newestOf(back)).toBeUndefined();
      expect(back.errors.map(({ message }) => message)).toContain(
        'the stored complete cut does not hold and is passed over',
      );
    }
  });

  it('shows a store that was put back what its key attested, and tells it what a member attested [RO11]', async () => {
    const [, two, three] = parties;
    await reach(1);
    await until('it is complete', () => newestOf(two) === 1);
    const back = await createParty(3, clock, TRUSTED);
    const four = await createParty(4, clock, TRUSTED);
    const { certificate } = two.complete.newest() ?? expect.fail();
    for (const party of [back, four]) await party.complete.hear(certificate);
    expect([back.own, four.own]).toEqual([[cutAt(1)], []]);
    expect(two.complete.attestedBy(four.self.author)).toBeUndefined();
    const { attestation, bytes } = two.complete.attestedBy(three.self.author) ?? expect.fail();
    expect([attestation.at, attestation.author]).toEqual([cutAt(1), three.self.author]);
    expect(await four.book.hear(decodeSignedAttestation(bytes))).toBe('new');
  });

  it('under another configured list says nothing any more [FL3]', async () => {
    const [one] = parties;
    await reach(1);
    await until('it is complete', () => newestOf(one) === 1);
    one.roster.replace(authorsOf(1, 2));
    expect(newestOf(one)).toBeUndefined();
    one.roster.replace(TRUSTED);
    expect(newestOf(one)).toBe(1);
  });
});

describe('over a change of the roster', () => {
  it('a retired writer holds nothing back, and the roster of the time decides who all are [FL1]', async () => {
    const [one, two, three] = parties;
    await reach(1);
    await until('it is complete', () => newestOf(one) === 1);
    // The third is gone for good.
    three.cuts.stop();
    await reach(2, [one, two]);
    expect(newestOf(one)).toBe(1);
    const retired = decide(one, { kind: 'retire', author: three.self.author }, cutAt(2));
    for (const party of [one, two]) party.roster.take(retired, NO_VOTES);
    await reach(3, [one, two]);
    await until('it is complete', () => newestOf(one) === 3 && newestOf(two) === 3);
    expect(one.complete.newest()).toMatchObject({ epoch: 1 });
    // Whoever has not heard of the roster yet cannot judge it, and can once it has.
    const { certificate } = one.complete.newest() ?? expect.fail();
    expect(await three.complete.hear(certificate)).toBe(false);
    three.roster.take(retired, NO_VOTES);
    expect(await three.complete.hear(certificate)).toBe(true);
  });

  it('a certificate of another roster than that of its time is left alone, whoever has signed it [FL3, RO5]', async () => {
    const [one, two, three] = parties;
    await reach(1);
    await until('it is complete', () => newestOf(one) === 1);
    const before = one.roster.hash;
    one.roster.take(decide(one, { kind: 'retire', author: three.self.author }, cutAt(2)), NO_VOTES);
    const signedBy = (trustHash: Uint8Array, at: number, signers: readonly Party[]): Uint8Array => {
      const cut = { network: NETWORK, at, root: new Uint8Array(32).fill(7), entries: 1, trustHash };
      const signed = signers.map(({ self }) => {
        const { signature } = createSignedAttestation({ ...cut, author: self.author }, (message) => self.sign(message));
        return { author: self.author, signature };
      });
      return encodeCertificate({ ...cut, signers: signed.sort((a, b) => (a.author < b.author ? -1 : 1)) });
    };
    const own = newestOf(one);
    // The former roster after its end, the present one before its start, and one that nobody knows.
    expect(await one.complete.hear(signedBy(before, cutAt(3), [one, two, three]))).toBe(false);
    expect(await one.complete.hear(signedBy(one.roster.hash, cutAt(2), [one, two]))).toBe(false);
    expect(await one.complete.hear(signedBy(new Uint8Array(32).fill(1), cutAt(3), [one, two]))).toBe(false);
    expect(newestOf(one)).toBe(own);
    await clock.advance(cutAt(3) - clock.now());
    expect(await one.complete.hear(signedBy(one.roster.hash, cutAt(3), [one, two]))).toBe(true);
  });
});

describe('the last HLC of a cut', () => {
  it('that another writer attested is observed, so that a slow clock holds nothing back [FL2]', async () => {
    const slow = createHandClock(EPOCH_MS - 8_000);
    const [, two] = parties;
    const four = await createParty(1, slow, TRUSTED);
    await clock.advance(cutAt(1) + SETTLE_MS + 300 - clock.now());
    await slow.advance(PERIOD_MS + SETTLE_MS);
    const [sent] = two.sent;
    await four.cuts.onAttestation((sent ?? expect.fail()).signed, 'p2p', two.self.author);
    expect(slow.now()).toBeLessThan(cutAt(1));
    const outcome = await four.writer.write(put('key', 1));
    if (!outcome.ok) throw outcome.error;
    expect(outcome.commit.header.hlc).toBeGreaterThan(lastHlcAt(cutAt(1)));
    expect(hlcMs(outcome.commit.header.hlc)).toBe(cutAt(1) + 1);
  });
});

const isRow = (key: Uint8Array): boolean => bytesToHex(key) === bytesToHex(COMPLETE);
