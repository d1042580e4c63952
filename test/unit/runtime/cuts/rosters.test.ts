import { beforeEach, describe, expect, it } from 'vitest';
import { examineEvidence, verifyCertificate, verifyProofDocument } from '../../../../src/audit/index.ts';
import { type ChangeAction, NO_VOTES } from '../../../../src/core/roster/index.ts';
import { bytesToHex } from '../../../../src/core/types/index.ts';
import { createSignedAttestation, type SignedAttestation } from '../../../../src/core/wire/index.ts';
import {
  createAuthor,
  createHandClock,
  EPOCH_MS,
  FOUND,
  type HandClock,
  hasher,
  NETWORK,
  until,
  verifier,
} from '../support.ts';
import { authorsOf, createParty, decide, gossip, type Party, PERIOD_MS, SETTLE_MS } from './support.ts';

const TRUSTED = authorsOf(1, 2, 3);
const options = { hasher, verifier, trusted: TRUSTED };

let clock: HandClock;
let parties: [Party, Party, Party];

beforeEach(async () => {
  clock = createHandClock();
  parties = (await Promise.all([1, 2, 3].map((id) => createParty(id, clock, TRUSTED)))) as [Party, Party, Party];
  await clock.advance(1);
});

const cutAt = (n: number): number => EPOCH_MS + n * PERIOD_MS;

/** Until the cut at `n` periods is fixed, and what was attested of it has gone around. */
async function reach(n: number): Promise<void> {
  await clock.advance(cutAt(n) + SETTLE_MS + 300 - clock.now());
  await gossip(parties);
}

/** Writes one key on every party. */
async function writeEverywhere(): Promise<void> {
  const fragment = createAuthor(3).commit({ here: 'value' }, { ms: EPOCH_MS + 2_000 });
  for (const party of parties) await party.writer.apply(fragment, FOUND);
}

const fourth = createAuthor(4).author;
const ADD: ChangeAction = { kind: 'add', author: fourth, name: 'four', role: 'writer' };
const TWO_THIRDS: ChangeAction = { kind: 'settings', certify: 'two-thirds', retentionMs: 0 };
const attestedOf = (party: Party): number[] =>
  party.sent.map(({ signed }) => (signed.attestation.at - EPOCH_MS) / 10_000);
const certifiedOf = (party: Party): [number, number][] =>
  party.book
    .views()
    .filter(({ certified }) => certified)
    .map(({ at, epoch }): [number, number] => [(at - EPOCH_MS) / PERIOD_MS, epoch])
    .toReversed();

describe('cuts over a change of the roster', () => {
  it('are certified by the roster of their time, and the certificates of earlier ones hold [Z12, Z13]', async () => {
    const [one] = parties;
    await writeEverywhere();
    await reach(1);
    const added = decide(one, ADD, cutAt(1));
    for (const party of parties) party.roster.take(added, NO_VOTES);
    await reach(2);
    expect(certifiedOf(one)).toEqual([
      [1, 0],
      [2, 1],
    ]);
    expect(one.cuts.status().certified?.quorum).toBe(3);
    const before = one.reads.certificate(cutAt(1)) ?? expect.fail('the cut has no certificate');
    expect(before.rosters).toHaveLength(1);
    const text = JSON.stringify(before);
    expect(await verifyCertificate(text, options)).toMatchObject({ quorum: 2, roster: { epoch: 0 } });
    expect(await verifyCertificate(JSON.stringify(one.reads.certificate()), options)).toMatchObject({ quorum: 3 });
  });

  it('are not certified by attestations under the former roster that are later than its end [Z12]', async () => {
    const [one] = parties;
    await reach(1);
    await reach(2);
    expect(certifiedOf(one)).toEqual([
      [1, 0],
      [2, 0],
    ]);
    // Such a decision cannot be: the voters attested the second cut. It shows that the end counts, whoever signed.
    one.roster.take(decide(one, ADD, cutAt(1)), NO_VOTES);
    expect(certifiedOf(one)).toEqual([[1, 0]]);
    expect(one.book.certificate({ at: cutAt(2) })).toBeUndefined();
  });

  it('need more than two thirds of the writers where the roster says so [Z13]', async () => {
    const [one, two, three] = parties;
    await reach(1);
    const decided = decide(one, TWO_THIRDS, cutAt(1));
    for (const party of parties) party.roster.take(decided, NO_VOTES);
    three.mayAttest = false;
    await reach(2);
    three.mayAttest = true;
    await reach(3);
    expect(certifiedOf(one)).toEqual([
      [1, 0],
      [3, 1],
    ]);
    expect(two.cuts.status().certified?.quorum).toBe(3);
  });

  it('that were attested under a roster which comes later are kept for it [Z6]', async () => {
    const [one, two, three] = parties;
    await reach(1);
    const decided = decide(one, ADD, cutAt(1));
    for (const party of [two, three]) party.roster.take(decided, NO_VOTES);
    await clock.advance(cutAt(2) + SETTLE_MS + 300 - clock.now());
    for (const party of [two, three])
      for (const { signed } of party.sent.splice(0))
        expect(await one.cuts.onAttestation(signed, 'p2p', party.self.author)).toBe('ignore');
    expect(one.book.views().find(({ at }) => at === cutAt(2))?.attesters).toHaveLength(1);
    one.sent.length = 0;
    one.roster.take(decided, NO_VOTES);
    // Their signatures are verified first.
    await until(
      'both attestations are in',
      () => one.book.views().find(({ at }) => at === cutAt(2))?.attesters.length === 2,
    );
    expect(one.book.views().find(({ at }) => at === cutAt(2))?.attesters).toEqual(
      [two.self.author, three.self.author].toSorted(),
    );
    expect(attestedOf(one)).toEqual([2, 2]);
  });
});

describe('a node', () => {
  it('attests nothing once it has voted for the next roster, and goes on under that one [RO5]', async () => {
    const [one] = parties;
    await reach(1);
    const decided = decide(one, ADD, cutAt(1));
    const ballot = { counter: 1, author: TRUSTED[0] as never };
    const proposed = { roster: decided.state.roster } as never;
    one.roster.vote({
      abstains: false,
      promised: ballot,
      accepted: { ballot, roster: decided.state.hash, proposed, attested: 0 },
    });
    await reach(2);
    expect(one.book.views().find(({ at }) => at === cutAt(2))?.attesters).not.toContain(one.self.author);
    for (const party of parties) party.roster.take(decided, NO_VOTES);
    await reach(3);
    expect(one.book.views().find(({ at }) => at === cutAt(3))?.attesters).toContain(one.self.author);
  });

  it('attests nothing while its store keeps out of the decision, or as a mirror [RO5]', async () => {
    const [one, two, three] = parties;
    one.roster.vote({ ...NO_VOTES, abstains: true });
    await reach(1);
    expect(two.book.views()[0]?.attesters).toEqual([two.self.author, three.self.author].toSorted());
    const gone = decide(two, { kind: 'remove', author: three.self.author }, cutAt(1));
    for (const party of parties) party.roster.take(gone, NO_VOTES);
    await reach(2);
    expect(two.book.views()[0]?.attesters).toEqual([one.self.author, two.self.author].toSorted());
  });

  it('attests no time up to the start of the roster [RO5]', async () => {
    const [one] = parties;
    const decided = decide(one, ADD, cutAt(2));
    for (const party of parties) party.roster.take(decided, NO_VOTES);
    for (const n of [1, 2, 3]) await reach(n);
    expect(certifiedOf(one)).toEqual([[3, 1]]);
  });
});

describe('a proof over a change of the roster', () => {
  it('carries the chain from the list, or from the roster that is asked for [Z12, P8]', async () => {
    const [one] = parties;
    await writeEverywhere();
    await reach(1);
    for (const [n, action] of [ADD, TWO_THIRDS].entries()) {
      const decided = decide(one, action, cutAt(n + 1));
      for (const party of parties) party.roster.take(decided, NO_VOTES);
      await reach(n + 2);
    }
    const [, first, second] = one.roster.from(0).map(({ state }) => bytesToHex(state.hash)) as [string, string, string];
    for (const at of ['cut', undefined] as const) {
      const asked = at === undefined ? {} : { at };
      // Two thirds of four are three, and only three attest.
      const whole = await one.reads.prove('here', asked);
      expect(whole.rosters).toHaveLength(2);
      if (at === 'cut') expect(await verifyProofDocument(whole, options)).toMatchObject({ certificate: { quorum: 3 } });
      const short = await one.reads.prove('here', { ...asked, from: second });
      expect(short.rosters).toHaveLength(1);
      if (at === 'cut')
        for (const pinned of [first, second])
          expect(
            await verifyProofDocument(pinned === first ? whole : short, { ...options, trusted: { roster: pinned } }),
          ).toMatchObject({ value: 'value' });
    }
    await expect(one.reads.prove('here', { from: '00'.repeat(32) })).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('the mark of what was attested', () => {
  it('lets nothing be attested under a roster after the vote for the next one has been made [Z10, RO5]', async () => {
    const [one] = parties;
    await reach(1);
    const { attested } = one.marks;
    const under = one.roster.hash;
    expect(attested.newest).toBe(cutAt(1));
    // The rows of both wait for one batch: whichever is made first decides what the vote names.
    const advanced = attested.advance(cutAt(2), under);
    let named = 0;
    const voted = one.writer.keep(() => {
      named = attested.close(under);
      return [];
    });
    const late = attested.advance(cutAt(3), under);
    await voted;
    expect([await advanced, named, await late]).toEqual([true, cutAt(2), false]);
    expect(await attested.advance(cutAt(3), new Uint8Array(32))).toBe(true);
  });
});

describe('a liar that attests two roots for one time', () => {
  it('is found by every honest node that both come to, by whatever way, with evidence that holds [EV2, EV5]', async () => {
    const [one, two] = parties;
    await reach(1);
    const { author, sign } = createAuthor(3);
    const claim = { network: NETWORK, author, at: cutAt(2), entries: 0, trustHash: one.roster.hash };
    const [a, b] = [1, 2].map((root) =>
      createSignedAttestation({ ...claim, root: new Uint8Array(32).fill(root) }, sign),
    ) as [SignedAttestation, SignedAttestation];
    // It tells each something else; they send on what they heard.
    await one.cuts.onAttestation(a, 'p2p', author);
    await two.cuts.onAttestation(b, 'p2p', author);
    await gossip([one, two]);
    for (const party of [one, two]) {
      expect(party.doubled).toHaveLength(1);
      const document = {
        format: 'diotec360-lattice-evidence/1',
        kind: 'two-roots',
        network: NETWORK,
        author,
        statements: party.doubled[0]?.map((bytes) => Buffer.from(bytes).toString('base64url')),
      };
      const { proven } = await examineEvidence(document, { hasher, verifier, trusted: TRUSTED });
      expect(proven).toMatchObject({ author, kind: 'two-roots' });
    }
  });
});
