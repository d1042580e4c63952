import { encodeCbor } from '../../../src/core/cbor/cbor.ts';
import {
  type Acceptance,
  type Ballot,
  encodeRoster,
  initialRoster,
  type Member,
  type Roster,
  rosterHash,
  signStatement,
} from '../../../src/core/roster/index.ts';
import { type Bytes, bytesToHex, concatBytes } from '../../../src/core/types/index.ts';
import type { Asked, Good, PinnedHash } from './corpus.ts';
import {
  ABSENT,
  alice,
  asked,
  base64url,
  bob,
  CONFLICT,
  carol,
  commit,
  DELETED,
  type Document,
  FIVE,
  FLEET,
  fromHex,
  hasher,
  json,
  NETWORK,
  PRESENT,
  type ProveOptions,
  prove,
  put,
  SIBLINGS,
  type Signer,
  signerOf,
  stateOf,
  stranger,
  T,
} from './world.ts';

/**
 * Chains of rosters (SPEC Z11, Z12). Epoch 0 is the trust list of alice, bob and carol. Epoch 1 adds dave as a writer
 * and mona as a mirror, epoch 2 retires alice, and epoch 3 asks for more than two thirds and has dropped alice. In the
 * cut at T everything that alice wrote still stands.
 */
export const dave = signerOf('dave');
export const mona = signerOf('mona');
export const START = [0, T - 40_000, T - 30_000, T - 20_000] as const;

export const member = ({ author }: Signer, role: Member['role'] = 'writer', until = 0): Member => ({
  author,
  name: '',
  role,
  until,
});
const sorted = (members: readonly Member[]): Member[] => members.toSorted((a, b) => (a.author < b.author ? -1 : 1));
export const zero = initialRoster(FLEET);

export function next(before: Roster, members: readonly Member[], change: Partial<Roster> = {}): Roster {
  return {
    ...before,
    epoch: before.epoch + 1,
    previous: rosterHash(before, hasher),
    members: sorted(members),
    ...change,
  };
}

export const one = next(zero, [member(alice), member(bob), member(carol), member(dave), member(mona, 'mirror')]);
export const two = next(one, [
  member(alice, 'retired', T + 60_000),
  member(bob),
  member(carol),
  member(dave),
  member(mona, 'mirror'),
]);
export const three = next(two, [member(bob), member(carol), member(dave), member(mona, 'mirror')], {
  certify: 'two-thirds',
});
export const hashOf = (roster: Roster): Bytes => rosterHash(roster, hasher);

interface VoteOptions {
  readonly network?: string;
  readonly ballot?: Ballot;
  /** What the signed votes say in place of what stands in the certificate. */
  readonly signed?: Partial<Acceptance>;
}

/** The certificate of a roster by these voters, each with its newest attested time. */
export function decided(
  roster: Roster,
  voters: readonly (readonly [Signer, number])[],
  options: VoteOptions = {},
): Bytes {
  const votes = voters.toSorted(([a], [b]) => (a.author < b.author ? -1 : 1));
  return decidedBytes(encodeRoster(roster), roster, votes, options);
}

/** The same for bytes that may be no roster at all, with the votes in the order given. */
export function decidedBytes(
  roster: Bytes,
  { epoch, previous }: Pick<Roster, 'epoch' | 'previous'>,
  voters: readonly (readonly [Signer, number])[],
  { network = NETWORK, ballot = { counter: 1, author: bob.author }, signed = {} }: VoteOptions = {},
): Bytes {
  const hash = hasher.hash(roster);
  const votes = voters.map(([signer, attested]) => {
    const { author } = signer;
    const kind = 'acceptance';
    const statement: Acceptance = { kind, network, epoch, previous, author, ballot, roster: hash, attested };
    const { signature } = signStatement({ ...statement, ...signed }, (m) => signer.sign(m));
    return concatBytes(fromHex(author), timeBytes(attested), signature);
  });
  return encodeCbor([1, network, roster, ballot.counter, fromHex(ballot.author), concatBytes(...votes)]);
}

export function timeBytes(ms: number): Bytes {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(ms));
  return out;
}

export const at = (start: number, ...voters: Signer[]): (readonly [Signer, number])[] =>
  voters.map((voter, i) => [voter, i === 0 ? start : start - 10_000]);

export const first = decided(one, at(START[1], alice, carol));
export const second = decided(two, at(START[2], bob, carol, dave));
export const third = decided(three, at(START[3], carol, dave));
export const CHAIN = [first, second, third] as const;
/** Who signs a cut under each epoch, in just a quorum. */
export const SIGNERS = [
  [alice, carol],
  [alice, bob, dave],
  [bob, dave],
  [bob, carol, dave],
] as const;
export const ROSTERS = [zero, one, two, three] as const;
export const KEYS = [FIVE, DELETED, ABSENT, PRESENT, CONFLICT];

interface Made {
  readonly document: Document;
  readonly asked: Asked;
}

export interface RosterProof extends ProveOptions {
  /** Undefined: none go along. */
  readonly rosters?: readonly Bytes[] | undefined;
  readonly anchor?: 'head' | 'cut';
}

/** A proof under the roster of an epoch, with the chain up to it. */
export function proofAt(epoch: 0 | 1 | 2 | 3, key: string, options: RosterProof = {}): Made {
  const { rosters = CHAIN.slice(0, epoch), anchor = 'cut', ...rest } = options;
  const trustHash = hashOf(ROSTERS[epoch]);
  const document = prove(key, anchor, {
    signers: SIGNERS[epoch],
    by: dave,
    ...rest,
    claim: { trustHash, ...rest.claim },
    head: { trustHash, ...rest.head },
  });
  return {
    document: rosters.length === 0 ? document : { ...document, rosters: rosters.map(base64url) },
    asked: asked(document),
  };
}

export const good = (name: string, { document, asked: about }: Made, trusted?: PinnedHash): Good => ({
  name,
  asked: about,
  text: json(document),
  ...(trusted === undefined ? {} : { trusted }),
});
export const pin = (roster: Roster): PinnedHash => ({ roster: bytesToHex(hashOf(roster)) });

export const byMallory = stateOf([...SIBLINGS, ...commit(stranger, [put('account/strange', 1)])]);
