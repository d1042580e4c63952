import { type CborItem, encodeCbor } from '../../../src/core/cbor/cbor.ts';
import { type Approval, decodeRosterCertificate, encodeRoster, signStatement } from '../../../src/core/roster/index.ts';
import { type Bytes, concatBytes } from '../../../src/core/types/index.ts';
import type { Forged, Good, PinnedHash } from './corpus.ts';
import {
  at,
  byMallory,
  CHAIN,
  dave,
  decided,
  decidedBytes,
  first,
  good,
  hashOf,
  KEYS,
  member,
  mona,
  next,
  one,
  pin,
  proofAt,
  ROSTERS,
  type RosterProof,
  SIGNERS,
  START,
  second,
  third,
  three,
  timeBytes,
  two,
  zero,
} from './roster-fleet.ts';
import {
  ABSENT,
  alice,
  base64url,
  bob,
  CONFLICT,
  carol,
  certificateBy,
  FIVE,
  flipped,
  fromHex,
  json,
  NETWORK,
  PRESENT,
  type Signer,
  stranger,
  T,
} from './world.ts';

/** The six fields of the certificate of epoch 1. */
const fieldsOf = (): readonly CborItem[] => {
  const { network, roster, ballot, votes } = decodeRosterCertificate(first);
  const packed = votes.map(({ author, attested, signature }) =>
    concatBytes(fromHex(author), timeBytes(attested), signature),
  );
  return [1, network, encodeRoster(roster), ballot.counter, fromHex(ballot.author), concatBytes(...packed)];
};

/** A certificate of epoch 1 whose roster has other fields, for which its voters signed. */
function withRoster(change: (was: readonly CborItem[]) => readonly CborItem[]): Bytes {
  const members = one.members.map(
    ({ author, name, role, until }): CborItem => [
      fromHex(author),
      name,
      ['writer', 'mirror', 'retired'].indexOf(role),
      until,
    ],
  );
  const bytes = encodeCbor(change([1, one.epoch, one.previous, 0, one.retentionMs, members]));
  return decidedBytes(bytes, one, at(START[1], ...byAuthor([alice, carol])));
}

/** What the same keys signed, but not in a decision. */
function approvals(): Bytes {
  const votes = byAuthor([alice, carol]).map((signer) => {
    const { author } = signer;
    const statement: Approval = { kind: 'approval', network: NETWORK, author, change: hashOf(one), expires: START[1] };
    const { signature } = signStatement(statement, (m) => signer.sign(m));
    return concatBytes(fromHex(author), timeBytes(START[1]), signature);
  });
  return encodeCbor([...fieldsOf().slice(0, 5), concatBytes(...votes)]);
}

const byAuthor = (signers: readonly Signer[]): Signer[] => signers.toSorted((a, b) => (a.author < b.author ? -1 : 1));

/** Two starts of one epoch, because quorums may differ: both hold. */
const lateFirst = decided(one, at(T - 10_000, bob, carol));

export function goodRosterProofs(): Good[] {
  return [
    ...([1, 2, 3] as const).flatMap((epoch) =>
      KEYS.map((key) => good(`${key}: epoch ${epoch} from the list`, proofAt(epoch, key))),
    ),
    ...([1, 2, 3] as const).map((epoch) =>
      good(
        `epoch ${epoch} from its own hash`,
        proofAt(epoch, FIVE, { rosters: [CHAIN[epoch - 1] as Bytes] }),
        pin(ROSTERS[epoch]),
      ),
    ),
    good('epoch 3 from the hash of epoch 1, in a chain from epoch 1', proofAt(3, PRESENT), pin(one)),
    good('epoch 3 from the hash of epoch 2, in a chain from epoch 1', proofAt(3, CONFLICT), pin(two)),
    good('an author who left before the pinned roster', proofAt(3, PRESENT, { rosters: [third] }), pin(three)),
    good('a cut at the very end of epoch 0', proofAt(0, FIVE, { rosters: [decided(one, at(T, alice, carol))] })),
    good(
      'a cut of epoch 1 before the end of it',
      proofAt(1, FIVE, { rosters: [first, decided(two, at(T, bob, carol, dave))] }),
    ),
    good('another quorum, that names another start', proofAt(1, FIVE, { rosters: [lateFirst] })),
    good(
      'votes of a mirror and of a stranger that do not count',
      proofAt(1, FIVE, {
        rosters: [decided(one, [...at(START[1], alice, carol), [mona, T + 90_000], [stranger, T + 90_000]])],
      }),
    ),
    good(
      'attestations of a mirror and of a retired writer that do not count',
      proofAt(2, FIVE, { signers: [alice, bob, dave, mona] }),
    ),
    good('a head of a writer who joined', proofAt(1, FIVE, { anchor: 'head' })),
    good('a head of a mirror', proofAt(2, ABSENT, { anchor: 'head', by: mona })),
    good('a head from the hash of its roster', proofAt(3, CONFLICT, { anchor: 'head', rosters: [third] }), pin(three)),
    good(
      'a roster between two that certifies nothing',
      proofAt(2, FIVE, {
        rosters: [lateFirst, decided(two, at(START[2], bob, carol, dave))],
      }),
    ),
  ];
}

/** Flaws of the chain and of what is certified under it, each in a proof. */
export function rosterFlaws(): Forged[] {
  let turn = 0;
  const flaw = (
    name: string,
    rule: string,
    fails: Forged['fails'],
    epoch: 0 | 1 | 2 | 3,
    options: RosterProof,
    trusted?: PinnedHash,
  ): Forged => {
    const { document, asked: about } = proofAt(epoch, KEYS[turn++ % KEYS.length] as string, options);
    return { name, rule, fails, asked: about, text: json(document), ...(trusted === undefined ? {} : { trusted }) };
  };
  /** A chain of one whose certificate is another one. */
  const chain = (name: string, rule: string, certificate: Bytes, fails: Forged['fails'] = 'rosters'): Forged =>
    flaw(name, rule, fails, 1, { rosters: [certificate] });
  const wrongPrevious = next(zero, one.members, { previous: flipped(hashOf(zero), 0) });
  const skipped = next(one, two.members, { epoch: 3 });
  const returned = next(three, [...three.members, member(alice)], { certify: 'majority' });
  const fields = fieldsOf();
  const other = next(zero, [member(alice), member(bob), member(carol), member(mona)]);
  const made: Forged[] = [
    // The chain.
    chain('another roster before it', 'Z11', decided(wrongPrevious, at(START[1], alice, carol))),
    chain(
      'votes for another roster than the one that stands there',
      'Z11',
      decided(one, at(START[1], alice, carol), { signed: { roster: hashOf(two) } }),
    ),
    chain(
      'votes in another ballot than the one that stands there',
      'Z11',
      decided(one, at(START[1], alice, carol), { signed: { ballot: { counter: 2, author: bob.author } } }),
    ),
    chain('votes for another epoch', 'Z11', decided(one, at(START[1], alice, carol), { signed: { epoch: 2 } })),
    chain(
      'votes after another roster',
      'Z11',
      decided(one, at(START[1], alice, carol), { signed: { previous: hashOf(two) } }),
    ),
    chain(
      'votes that name an earlier time than was signed',
      'Z11',
      decided(one, at(START[1], alice, carol), { signed: { attested: T } }),
    ),
    chain(
      'the votes of another network',
      'Z11',
      decided(one, at(START[1], alice, carol), { signed: { network: 'elsewhere' } }),
    ),
    chain(
      'a certificate of another network',
      'Z11',
      decided(one, at(START[1], alice, carol), { network: 'elsewhere' }),
    ),
    chain('one vote of three', 'Z11', decided(one, at(START[1], alice))),
    chain('a vote and that of a stranger', 'Z11', decided(one, at(START[1], alice, stranger))),
    chain('a vote and those of who joins by it', 'Z11', decided(one, at(START[1], alice, dave, mona))),
    chain('a vote with a changed bit', 'Z11', flipped(first, first.length - 1)),
    chain(
      'a vote twice',
      'Z11',
      decidedBytes(encodeRoster(one), one, [...at(START[1], alice), ...at(START[1], alice)]),
    ),
    chain(
      'votes in another order',
      'Z11',
      decidedBytes(encodeRoster(one), one, at(START[1], alice, carol).toReversed()),
    ),
    chain('no votes', 'Z11', decidedBytes(encodeRoster(one), one, [])),
    chain('a vote of 103 bytes', 'Z11', encodeCbor([...fields.slice(0, 5), (fields[5] as Bytes).slice(1)])),
    chain('approvals in place of votes', 'Z11', approvals()),
    chain('version 2', 'Z11', encodeCbor([2, ...fields.slice(1)])),
    chain('an element more', 'Z11', encodeCbor([...fields, 0])),
    chain('ballot 0', 'Z11', encodeCbor([...fields.slice(0, 3), 0, ...fields.slice(4)])),
    chain('a byte left over', 'B6', concatBytes(first, Uint8Array.of(0))),
    chain(
      'members out of order',
      'Z11',
      withRoster((was) => [...was.slice(0, 5), (was[5] as readonly CborItem[]).toReversed()]),
    ),
    chain(
      'a roster without a writer',
      'Z11',
      withRoster((was) => [...was.slice(0, 5), [[fromHex(mona.author), '', 1, 0]]]),
    ),
    chain(
      'a writer with an end',
      'Z11',
      withRoster((was) => [...was.slice(0, 5), [[fromHex(bob.author), '', 0, 5]]]),
    ),
    chain(
      'a role that there is not',
      'Z11',
      withRoster((was) => [
        ...was.slice(0, 5),
        [
          [fromHex(bob.author), '', 0, 0],
          [fromHex(carol.author), '', 3, 0],
        ],
      ]),
    ),
    chain(
      'a rule that there is not',
      'Z11',
      withRoster((was) => [...was.slice(0, 3), 2, ...was.slice(4)]),
    ),
    chain(
      'epoch 0 once more',
      'Z11',
      withRoster((was) => [1, 0, ...was.slice(2)]),
    ),
    flaw('a chain that begins with epoch 2', 'Z11', 'rosters', 2, { rosters: [second] }),
    flaw('a chain that leaves out epoch 2', 'Z11', 'rosters', 3, { rosters: [first, third] }),
    flaw('a chain in another order', 'Z11', 'rosters', 2, { rosters: [second, first] }),
    flaw('an epoch twice', 'Z11', 'rosters', 1, { rosters: [first, first] }),
    flaw('an epoch that is skipped by its number', 'Z11', 'rosters', 1, {
      rosters: [first, decided(skipped, at(START[2], bob, carol, dave))],
    }),
    flaw('two of four votes for epoch 2', 'Z11', 'rosters', 2, {
      rosters: [first, decided(two, at(START[2], carol, dave))],
    }),
    flaw('a mirror voted for epoch 2', 'Z11', 'rosters', 2, {
      rosters: [first, decided(two, at(START[2], carol, dave, mona))],
    }),
    flaw('a retired writer voted for epoch 3', 'Z11', 'rosters', 3, {
      rosters: [first, second, decided(three, at(START[3], alice, dave))],
    }),
    flaw('a key that left returns', 'Z11', 'rosters', 3, {
      rosters: [...CHAIN, decided(returned, at(T + 10_000, bob, carol))],
    }),
    flaw('the pinned roster is not there', 'Z11', 'rosters', 2, {}, pin(three)),
    flaw('a pinned roster, and no rosters', 'Z11', 'rosters', 0, {}, pin(zero)),
    flaw(
      'the pinned roster of another network',
      'Z11',
      'rosters',
      1,
      { rosters: [decided(one, at(START[1], alice, carol), { network: 'elsewhere' })] },
      pin(one),
    ),
    flaw(
      'a step after the pinned roster that others decided',
      'Z11',
      'rosters',
      3,
      { rosters: [second, decided(three, at(START[3], alice, mona))] },
      pin(two),
    ),
    flaw('257 rosters', 'P5', 'form', 1, { rosters: Array.from({ length: 257 }, () => Uint8Array.of(0)) }),
    // The cut.
    flaw('a cut of epoch 0 later than its end', 'Z12', 'signature', 0, { rosters: [first] }),
    flaw('a cut of epoch 1 later than its end', 'Z12', 'signature', 1, { rosters: [first, second] }),
    flaw('a cut at the very start of its epoch', 'Z12', 'signature', 1, {
      rosters: [decided(one, at(T, alice, carol))],
    }),
    flaw('a cut before the start of its epoch', 'Z12', 'signature', 2, {
      rosters: [first, decided(two, at(T + 10_000, bob, carol, dave))],
    }),
    flaw('a cut of a roster that certifies nothing', 'Z12', 'signature', 1, {
      rosters: [lateFirst, decided(two, at(START[2], bob, carol, dave))],
    }),
    flaw('a cut before the start, which an earlier epoch named', 'Z12', 'signature', 2, {
      rosters: [decided(one, at(T, alice, carol)), decided(two, at(START[2], bob, carol, dave))],
    }),
    flaw('a cut of a roster that is not in the chain', 'Z12', 'signature', 1, {
      rosters: [first],
      claim: { trustHash: hashOf(other) },
    }),
    flaw('a cut with the hash of the trust list, by the writers of epoch 1', 'Z12', 'signature', 1, {
      rosters: [first],
      claim: { trustHash: hashOf(zero) },
    }),
    flaw('a cut of a later roster, and no chain', 'Z12', 'signature', 1, { rosters: [] }),
    flaw('a cut of the roster before the pinned one', 'Z12', 'signature', 1, { rosters: [first, second] }, pin(two)),
    flaw('two attestations of four writers', 'Z5', 'signature', 1, { signers: [alice, dave] }),
    flaw('an attestation of a mirror', 'Z5', 'signature', 1, { signers: [alice, dave, mona] }),
    flaw('an attestation of a retired writer', 'Z5', 'signature', 2, { signers: [alice, dave] }),
    flaw('two of three, where more than two thirds are asked for', 'Z13', 'signature', 3, { signers: [bob, dave] }),
    flaw('two of three and a mirror, where more than two thirds are asked for', 'Z13', 'signature', 3, {
      signers: [bob, dave, mona],
    }),
    // The head, and who wrote.
    flaw('a head of a retired writer', 'P8', 'signer', 2, { anchor: 'head', by: alice }),
    flaw('a head of who has left', 'P8', 'signer', 3, { anchor: 'head', by: alice }),
    flaw('a head of a stranger', 'P8', 'signer', 1, { anchor: 'head', by: stranger }),
    flaw('a head of an earlier roster', 'P8', 'signer', 1, { anchor: 'head', by: bob, rosters: [first, second] }),
    flaw('a head with the hash of the trust list', 'P8', 'signer', 1, {
      anchor: 'head',
      by: bob,
      head: { trustHash: hashOf(zero) },
    }),
  ];
  const strange = proofAt(1, 'account/strange', { state: byMallory });
  made.push({
    name: 'an author who never was a member',
    rule: 'P8',
    fails: 'writers',
    asked: strange.asked,
    text: json(strange.document),
  });
  const empty = proofAt(0, FIVE).document;
  const form = (name: string, rosters: unknown): Forged => ({
    name,
    rule: 'P5',
    fails: 'form',
    asked: { key: FIVE, network: NETWORK },
    text: json({ ...empty, rosters }),
  });
  made.push(
    form('an empty list of rosters', []),
    form('null in place of the rosters', null),
    form('a text in place of the rosters', base64url(first)),
    form('a roster with padding', [`${base64url(first)}=`]),
    form('a number among the rosters', [base64url(first), 5]),
  );
  return made;
}

/** A certificate by itself, with the chain of its roster. */
const standing = (
  epoch: 0 | 1 | 2 | 3,
  rosters: readonly Bytes[],
  signers: readonly Signer[] = SIGNERS[epoch],
): string =>
  json({
    at: T,
    certificate: base64url(certificateBy(signers, { trustHash: hashOf(ROSTERS[epoch]) })),
    ...(rosters.length === 0 ? {} : { rosters: rosters.map(base64url) }),
  });

export function goodRosterCertificates(): Good[] {
  const about = { network: NETWORK, at: T };
  return [
    ...([1, 2, 3] as const).map((epoch) => ({
      name: `epoch ${epoch}, with its chain`,
      asked: about,
      text: standing(epoch, CHAIN.slice(0, epoch)),
    })),
    { name: 'epoch 3 from its own hash', asked: about, text: standing(3, [third]), trusted: pin(three) },
    {
      name: 'an earlier epoch with the whole chain',
      asked: about,
      text: standing(0, [decided(one, at(T, alice, carol))]),
    },
  ];
}

export function rosterCertificateFlaws(): Forged[] {
  const flaw = (name: string, rule: string, fails: Forged['fails'], text: string, trusted?: PinnedHash): Forged => ({
    name,
    rule,
    fails,
    asked: { network: NETWORK, at: T },
    text,
    ...(trusted === undefined ? {} : { trusted }),
  });
  return [
    flaw('a chain with a gap', 'Z11', 'rosters', standing(3, [first, third])),
    flaw('later than the end of its epoch', 'Z12', 'signature', standing(1, [first, second])),
    flaw('no chain', 'Z12', 'signature', standing(1, [])),
    flaw('two of three, where more than two thirds are asked for', 'Z13', 'signature', standing(3, CHAIN, [bob, dave])),
    flaw('too few votes for its roster', 'Z11', 'rosters', standing(1, [decided(one, at(START[1], carol))])),
    flaw('a pinned roster that is not there', 'Z11', 'rosters', standing(2, [first, second]), pin(three)),
    flaw('an empty list of rosters', 'Z5', 'form', json({ ...JSON.parse(standing(1, [])), rosters: [] })),
    flaw('the rosters as one text', 'Z5', 'form', json({ ...JSON.parse(standing(1, [])), rosters: base64url(first) })),
  ];
}
