import { beforeEach, describe, expect, it } from 'vitest';
import { MAX_PENDING_OPERATIONS } from '../../../../src/core/cut/index.ts';
import type { Step } from '../../../../src/core/replica/index.ts';
import { checkCutCertificate, firstSpan, spanWithHash } from '../../../../src/core/roster/index.ts';
import { bytesToHex, type Entry, type Fragment } from '../../../../src/core/types/index.ts';
import {
  createSignedAttestation,
  decodeSignedAttestation,
  encodeFragment,
  fragmentToSiblings,
  keyHash,
  type SignedAttestation,
  trustHash,
} from '../../../../src/core/wire/index.ts';
import type { Applied } from '../../../../src/runtime/commit/applied.ts';
import { createAttestationBook } from '../../../../src/runtime/cuts/attestations.ts';
import { createRoster } from '../../../../src/runtime/fleet/roster.ts';
import {
  createAuthor,
  createHandClock,
  EPOCH_MS,
  FOUND,
  type HandClock,
  hasher,
  NETWORK,
  put,
  type TestAuthor,
  until,
  verifier,
} from '../support.ts';
import { authorsOf, createParty, gossip, linkTo, type Party, PERIOD_MS, SETTLE_MS } from './support.ts';

const TRUSTED = authorsOf(1, 2, 3);

let clock: HandClock;
let one: Party;
let two: Party;
let three: Party;

beforeEach(async () => {
  clock = createHandClock();
  [one, two, three] = (await Promise.all([1, 2, 3].map((id) => createParty(id, clock, TRUSTED)))) as [
    Party,
    Party,
    Party,
  ];
  await clock.advance(1);
});

const times = (party: Party): number[] => party.sent.map(({ signed }) => signed.attestation.at - EPOCH_MS);
/** Until the cut at `n` periods is fixed. */
const reach = async (n: number): Promise<void> =>
  clock.advance(EPOCH_MS + n * PERIOD_MS + SETTLE_MS + 300 - clock.now());

/** Applies the fragment on every party. */
async function spreadOut(fragment: Fragment, ...parties: readonly Party[]): Promise<void> {
  for (const party of parties) await party.writer.apply(fragment, FOUND);
}

function attestationBy(
  author: TestAuthor,
  n: number,
  more: { root?: number; network?: string; at?: number; trust?: typeof TRUSTED } = {},
): SignedAttestation {
  const { root = 7, network = NETWORK, at = EPOCH_MS + n * PERIOD_MS, trust = TRUSTED } = more;
  return createSignedAttestation(
    {
      network,
      author: author.author,
      at,
      root: new Uint8Array(32).fill(root),
      entries: 1,
      trustHash: trustHash(trust, hasher),
    },
    author.sign,
  );
}

describe('a node', () => {
  it('attests each multiple of ten seconds once, five seconds later, in order [Z3]', async () => {
    await clock.advance(PERIOD_MS + SETTLE_MS - 300);
    expect(times(one)).toEqual([]);
    await clock.advance(600);
    expect(times(one)).toEqual([PERIOD_MS]);
    await clock.advance(2 * PERIOD_MS);
    expect(times(one)).toEqual([PERIOD_MS, 2 * PERIOD_MS, 3 * PERIOD_MS]);
  });

  it('attests the state of the operations up to the time, not that of later ones [Z1]', async () => {
    await one.writer.write(put('before', 1));
    const root = bytesToHex(one.replica.tree.root());
    await clock.advance(PERIOD_MS + 100);
    await one.writer.write(put('after', 2));
    await reach(1);
    const [first] = one.sent;
    expect([bytesToHex(first?.signed.attestation.root as Uint8Array), first?.signed.attestation.entries]).toEqual([
      root,
      1,
    ]);
    await reach(2);
    expect(bytesToHex(one.sent[1]?.signed.attestation.root as Uint8Array)).toBe(bytesToHex(one.replica.tree.root()));
    expect(one.cuts.current()).toMatchObject({ at: EPOCH_MS + 2 * PERIOD_MS, entries: 2 });
  });

  it('begins after a start with the first time later than its clocks [Z2]', async () => {
    // An operation of 15 s hence was observed: its time cannot be told from earlier ones any more.
    await one.writer.apply(createAuthor(2).commit({ ahead: 1 }, { ms: EPOCH_MS + 15_000 }), FOUND);
    one.cuts.pause('test');
    one.cuts.resume();
    await reach(4);
    expect(times(one)).toEqual([2 * PERIOD_MS, 3 * PERIOD_MS, 4 * PERIOD_MS]);
  });

  it('counts from the next cut on by a trust list that was replaced, and nothing made under the former [N18, Z5]', async () => {
    const hear = (signed: SignedAttestation) => one.cuts.onAttestation(signed, 'http', undefined);
    const [, two, three] = TRUSTED.map((_, i) => createAuthor(i + 1)) as [TestAuthor, TestAuthor, TestAuthor];
    await reach(1);
    const { attestation } = one.sent[0]?.signed ?? expect.fail('it attested nothing');
    const root = attestation.root[0] as number;
    const fits = { ...attestation, author: two.author };
    const signed = createSignedAttestation(fits, two.sign);
    expect(await hear(signed)).toBe('accept');
    expect([one.cuts.status().certified?.quorum, root]).toEqual([2, root]);
    const list = [...TRUSTED, createAuthor(4).author];
    one.roster.replace(list);
    expect([one.cuts.status().certified, one.book.certificate()]).toEqual([undefined, undefined]);
    expect(await hear(signed)).toBe('ignore');
    await reach(2);
    const next = one.sent.at(-1)?.signed.attestation ?? expect.fail('it attested nothing');
    expect([next.at, bytesToHex(next.trustHash)]).toEqual([EPOCH_MS + 2 * PERIOD_MS, bytesToHex(one.roster.hash)]);
    for (const author of [two, three]) {
      expect(one.cuts.status().certified).toBeUndefined();
      expect(await hear(createSignedAttestation({ ...next, author: author.author }, author.sign))).toBe('accept');
    }
    expect(one.cuts.status().certified?.quorum).toBe(3);
  });

  it('attests nothing while its word does not count, and goes on with the present time [Z3]', async () => {
    one.mayAttest = false;
    await reach(2);
    expect(one.sent).toEqual([]);
    expect(one.cuts.status().newest?.at).toBe(EPOCH_MS + 2 * PERIOD_MS);
    one.mayAttest = true;
    await reach(3);
    expect(times(one)).toEqual([3 * PERIOD_MS]);
  });

  it('fixes no cut while its clock is not to be relied on [Z3]', async () => {
    one.clockIsGood = false;
    await reach(2);
    expect([one.sent.length, one.cuts.status().newest]).toEqual([0, undefined]);
    one.clockIsGood = true;
    await reach(3);
    expect(times(one)).toEqual([2 * PERIOD_MS, 3 * PERIOD_MS]);
  });

  it.each(['nothing', 'a later write'])(
    'never attests a root that does not agree with the state, and makes the tree of the cuts anew, with %s pending [Z2, Z3]',
    async (pending) => {
      await one.writer.write(put('key', 1));
      await reach(1);
      // What no rule of the tracker leads to: one leaf of its tree is another than that of the state.
      const { tree, cells } = one.cuts.current() ?? expect.fail('there is no cut');
      const hash = keyHash('key', hasher);
      cells.replace(hash, tree.get(hash), new Uint8Array(32).fill(1));
      tree.set(hash, new Uint8Array(32).fill(1));
      expect(one.mismatches.warnings()).toEqual([]);
      if (pending === 'a later write') {
        await clock.advance(PERIOD_MS - SETTLE_MS + 1_000);
        await one.writer.write(put('other', 2));
      }
      await reach(2);
      expect(times(one)).toEqual([PERIOD_MS]);
      expect(one.cuts.current()).toBeUndefined();
      expect(one.mismatches.warnings()).toMatchObject([{ code: 'cut-mismatch' }]);
      expect(one.errors).toMatchObject([{ level: 'error', fields: { at: EPOCH_MS + 2 * PERIOD_MS } }]);
      await reach(3);
      expect(times(one)).toEqual([PERIOD_MS, 3 * PERIOD_MS]);
      expect(one.cuts.current()?.root).toEqual(one.replica.tree.root());
      expect(one.errors).toHaveLength(1);
    },
  );

  it('moves many keys in slices and attests when all have moved [Z1]', async () => {
    for (let i = 0; i < 10; i++)
      await one.writer.write({
        operations: Array.from({ length: 100 }, (_, k) => ({ kind: 'put', key: `${i}/${k}`, value: k })),
      });
    await clock.advance(PERIOD_MS + SETTLE_MS - 1);
    const moving = clock.advance(1_000);
    await moving;
    expect(one.sent[0]?.signed.attestation.entries).toBe(1000);
    expect(one.sent[0]?.signed.attestation.root).toEqual(one.replica.tree.root());
  });

  it('lets its tracker go when a bulk load asks for it, with the reason, and starts over', async () => {
    await reach(1);
    one.cuts.pause('bulk load');
    expect([one.cuts.status().lagging, one.cuts.current()]).toEqual(['bulk load', undefined]);
    await one.writer.write(put('k', 1));
    await reach(3);
    expect(times(one)).toEqual([PERIOD_MS]);
    one.cuts.resume();
    await reach(4);
    expect(times(one)).toEqual([PERIOD_MS, 4 * PERIOD_MS]);
    expect(one.cuts.status().lagging).toBeUndefined();
    expect(one.sent[1]?.signed.attestation.root).toEqual(one.replica.tree.root());
  });

  it('starts over when more operations come between two cuts than it keeps, and says so', async () => {
    const fragment = createAuthor(2).commit({ k: 1 }, { ms: EPOCH_MS + 5_000 });
    const [sibling] = fragmentToSiblings(fragment, hasher);
    const size = 8192;
    for (let n = 0; n <= MAX_PENDING_OPERATIONS; n += size)
      one.cuts.applied(manyKeys(fragment, sibling as Entry['siblings'][number], n, size));
    expect(one.cuts.status().lagging).toMatch(/262144 operations/);
    await reach(3);
    expect(one.cuts.status().lagging).toBeUndefined();
    expect(one.sent.at(-1)?.signed.attestation.root).toEqual(one.replica.tree.root());
  });
});

/** A step that put `count` new keys, as a writer would report it. */
function manyKeys(fragment: Fragment, sibling: Entry['siblings'][number], from: number, count: number): Applied {
  const keys = Array.from({ length: count }, (_, i) => `many/${from + i}`);
  const operations = keys.map((key, index) => ({
    ...(fragment.operations[0] as Fragment['operations'][number]),
    index,
    operation: { ...sibling.operation, key },
  }));
  const taken = [{ fragment: { ...fragment, operations }, outcomes: keys.map(() => 'added' as const), origin: FOUND }];
  const step: Pick<Step, 'applied' | 'changed' | 'commits'> = {
    applied: taken,
    changed: keys.map((key) => ({
      key,
      keyHash: keyHash(key, hasher),
      before: undefined,
      after: { key, siblings: [sibling] },
    })),
    commits: [],
  };
  return { step, taken, amended: false } as unknown as Applied;
}

describe('a fleet of three', () => {
  it('certifies a root that two attest, and knows as of when it has converged [Z5, Z7]', async () => {
    const fragment = createAuthor(1).commit({ k: 1 }, { ms: EPOCH_MS + 5_000 });
    await spreadOut(fragment, one, two, three);
    three.mayAttest = false;
    await reach(1);
    await gossip([one, two, three]);
    for (const party of [one, two, three]) {
      const { certified, convergedAsOf, disagreeing } = party.cuts.status();
      expect(certified).toMatchObject({
        at: EPOCH_MS + PERIOD_MS,
        attesters: [one, two].map((p) => p.self.author).sort(),
        quorum: 2,
      });
      expect([convergedAsOf, disagreeing]).toEqual([EPOCH_MS + PERIOD_MS, []]);
      const bytes = party.cuts.current()?.certificate as Uint8Array;
      expect(
        checkCutCertificate(bytes, {
          network: NETWORK,
          withHash: (hash) => spanWithHash([firstSpan(TRUSTED, hasher)], hash),
        }).certificate.root,
      ).toEqual(one.replica.tree.root());
      expect(party.events.map((e) => e.certified)).toEqual([false, true]);
    }
  });

  it('has no certificate of what one alone attests [Z5]', async () => {
    two.mayAttest = false;
    three.mayAttest = false;
    await reach(1);
    await gossip([one, two, three]);
    expect([one.book.certificate(), one.cuts.status().certified, one.cuts.status().convergedAsOf]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('names who held another root, and has not converged as of that time [Z7]', async () => {
    await one.writer.apply(createAuthor(1).commit({ missed: 1 }, { ms: EPOCH_MS + 5_000 }), FOUND);
    await two.writer.apply(createAuthor(1).commit({ missed: 1 }, { ms: EPOCH_MS + 5_000 }), FOUND);
    await reach(1);
    await gossip([one, two, three]);
    const odd = bytesToHex(three.replica.tree.root());
    expect(one.cuts.status()).toMatchObject({
      disagreeing: [{ author: three.self.author, at: EPOCH_MS + PERIOD_MS, root: odd }],
    });
    expect(one.cuts.status().convergedAsOf).toBeUndefined();
    expect(one.book.views().map((v) => [v.root === odd, v.ours, v.certified, v.attesters.length])).toEqual(
      [
        [false, true, false, 2],
        [true, false, false, 1],
      ].map((v, i) => (i === 0 ? [v[0], v[1], true, v[3]] : v)),
    );
    expect(three.cuts.status().disagreeing).toHaveLength(2);
    // A certificate of a root that is not ours is a fact all the same, but not one about our tree.
    expect(three.cuts.status().certified?.root).not.toBe(odd);
    expect(three.cuts.current()?.certificate).toBeUndefined();
  });

  it('takes what came late into the cut that it stands at, which then is no longer the certified one [Z2]', async () => {
    await reach(1);
    await gossip([one, two, three]);
    expect(one.cuts.current()?.certificate).toBeDefined();
    await one.writer.apply(createAuthor(2).commit({ late: 1 }, { ms: EPOCH_MS + 9_000 }), FOUND);
    const current = one.cuts.current();
    expect([current?.root, current?.entries, current?.certificate]).toEqual([one.replica.tree.root(), 1, undefined]);
  });

  it('agrees also where operations of before the cut reach somebody in the settling time [Z1]', async () => {
    const early = createAuthor(2).commit({ k: 'early' }, { ms: EPOCH_MS + 9_990 });
    const later = createAuthor(3).commit(
      { k: 'later' },
      { ms: EPOCH_MS + 10_010, context: [{ author: createAuthor(2).author, hlc: early.header.hlc }] },
    );
    await spreadOut(early, two, three);
    await spreadOut(later, two, three);
    await clock.advance(PERIOD_MS + 2_000);
    // The other way round, and what is superseded already belongs to the cut all the same.
    await spreadOut(later, one);
    await spreadOut(early, one);
    await reach(1);
    const roots = [one, two, three].map((p) => bytesToHex(p.sent[0]?.signed.attestation.root as Uint8Array));
    expect(new Set(roots).size).toBe(1);
    expect(roots[0]).not.toBe(bytesToHex(one.replica.tree.root()));
  });
});

describe('an attestation from elsewhere', () => {
  const friend = createAuthor(2);
  const hear = (signed: SignedAttestation): Promise<string> => one.cuts.onAttestation(signed, 'http', friend.author);

  it('is sent on once, with the lung that brought it and not to who did [Z6]', async () => {
    const signed = attestationBy(friend, 1);
    expect([await hear(signed), await hear(signed)]).toEqual(['accept', 'ignore']);
    expect(one.sent).toEqual([{ signed, lung: 'http', from: friend.author }]);
  });

  it('is refused when forged [Z6]', async () => {
    const forged = attestationBy({ ...friend, sign: createAuthor(3).sign }, 1);
    expect(await hear(forged)).toBe('reject');
    expect(one.book.views()).toEqual([]);
  });

  it.each([
    ['of a stranger', () => attestationBy(createAuthor(9), 1)],
    ['of another network', () => attestationBy(friend, 1, { network: 'other' })],
    ['of a trust list that is not ours', () => attestationBy(friend, 1, { trust: TRUSTED.slice(1) })],
    ['of a time between cuts', () => attestationBy(friend, 1, { at: EPOCH_MS + PERIOD_MS + 1 })],
    ['of the far future', () => attestationBy(friend, 8)],
    ['of long ago', () => attestationBy(friend, -64)],
    ['of our own key', () => attestationBy(createAuthor(1), 1)],
  ])('%s is left alone [Z6]', async (_, make) => {
    expect(await hear(make())).toBe('ignore');
    expect([one.book.views(), one.sent, one.doubled]).toEqual([[], [], []]);
  });

  it('of another root than its author attested before is not taken, and the author is named [Z6]', async () => {
    await hear(attestationBy(friend, 1, { root: 1 }));
    expect(await hear(attestationBy(friend, 1, { root: 2 }))).toBe('ignore');
    expect(one.book.views().map((v) => v.root)).toEqual(['01'.repeat(32)]);
    const roots = one.doubled.flat().map((bytes) => decodeSignedAttestation(bytes).attestation.root[0]);
    expect(roots).toEqual([1, 2]);
    expect(one.sent).toHaveLength(1);
  });

  it('costs no signature check when it is known, nor when its author has attested two roots of its time [Z6]', async () => {
    let checks = 0;
    const book = createAttestationBook({
      network: NETWORK,
      self: createAuthor(1).author,
      roster: createRoster(TRUSTED, createAuthor(1).author, hasher),
      periodMs: PERIOD_MS,
      hasher,
      verifier: {
        verify(author, message, signature) {
          checks++;
          return verifier.verify(author, message, signature);
        },
      },
      clock,
      onOwn: () => undefined,
      onTwoRoots: () => undefined,
      onHeard: () => undefined,
    });
    const roots = [1, 1, 2, 1, 2, 3, 4];
    const heard: string[] = [];
    for (const root of roots) heard.push(await book.hear(attestationBy(friend, 1, { root })));
    expect([heard, checks]).toEqual([['new', ...roots.slice(1).map(() => 'known')], 2]);
    // What our own key signed elsewhere is checked once, so that it is known to be no invention.
    for (let i = 0; i < 3; i++) await book.hear(attestationBy(createAuthor(1), 2));
    expect(checks).toBe(3);
  });

  it('is remembered for the newest 64 cuts [Z6]', async () => {
    for (let n = 1; n <= 70; n++) {
      await clock.advance(PERIOD_MS);
      await hear(attestationBy(friend, n));
    }
    expect(new Set(one.book.views().map((v) => v.at)).size).toBe(64);
    expect(one.book.views()[0]?.at).toBe(EPOCH_MS + 70 * PERIOD_MS);
  });
});

describe('a peer without streams', () => {
  it('learns and tells what each of both knows with one request after a cut [Z6]', async () => {
    one.streamless = [{ author: two.self.author, ask: linkTo(two, one.self.author) }];
    await reach(1);
    expect(one.cuts.status().certified).toBeUndefined();
    await clock.advance(1_000);
    await until('both have the certificate', () =>
      [one, two].every((p) => p.cuts.status().certified?.attesters.length === 2),
    );
    // What came so is sent on by streams and gossip.
    expect(one.sent.map((s) => [s.signed.attestation.author, s.lung])).toContainEqual([two.self.author, 'http']);
  });

  it('learns of the newest certificate, though it knows none of its attestations [Z6]', async () => {
    await reach(1);
    await gossip([one, two, three]);
    for (const party of [one, two]) party.mayAttest = false;
    await reach(3);
    await gossip([one, two, three]);
    const late = await createParty(4, clock, TRUSTED);
    late.streamless = [{ author: one.self.author, ask: linkTo(one, late.self.author) }];
    await reach(5);
    await clock.advance(1_000);
    await until('the certificate came', () => late.book.certificate()?.at === EPOCH_MS + PERIOD_MS);
  });

  it('is refused with a forged attestation among others [Z6]', async () => {
    const forged = attestationBy({ ...createAuthor(2), sign: createAuthor(3).sign }, 1);
    await expect(one.cuts.onAttest(two.self.author, [forged.bytes], 'http')).rejects.toMatchObject({
      code: 'bad-signature',
    });
    await expect(
      one.cuts.onAttest(two.self.author, [encodeFragment(createAuthor(2).commit({ k: 1 }))], 'http'),
    ).rejects.toMatchObject({
      code: 'malformed',
    });
  });
});
