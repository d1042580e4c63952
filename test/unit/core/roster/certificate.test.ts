import { describe, expect, it } from 'vitest';
import { createSigner, createVerifier, nodeHasher } from '../../../../src/adapters/system/index.ts';
import {
  type Acceptance,
  type Approval,
  accept,
  advance,
  applyChange,
  type Change,
  certify,
  changeHash,
  checkRosterCertificate,
  compareBallots,
  decodeRosterCertificate,
  decodeStatement,
  encodeRosterCertificate,
  encodeStatement,
  endOf,
  initialRoster,
  NO_VOTES,
  type Notice,
  type Promise1b,
  type Proposal,
  promise,
  rosterHash,
  type Signed,
  signaturesOf,
  signStatement,
  stateOf,
} from '../../../../src/core/roster/index.ts';
import { LatticeError } from '../../../../src/core/types/index.ts';

const hasher = nodeHasher();
const NETWORK = 'test/roster';
const NOW = 1_700_000_000_000;
const signers = [1, 2, 3, 4].map((i) => createSigner(new Uint8Array(32).fill(i)));
const [a, b, c, stranger] = signers as [Signer, Signer, Signer, Signer];
type Signer = ReturnType<typeof createSigner>;
const writers = [a, b, c];
const state = stateOf(initialRoster(writers.map(({ author }) => author)), new Set(), hasher);
const id = { network: NETWORK, epoch: 1, previous: state.hash };
const ballot = { counter: 1, author: a.author };
const change: Change = {
  network: NETWORK,
  nonce: new Uint8Array(16).fill(9),
  action: { kind: 'add', author: stranger.author, name: 'oslo', role: 'mirror' },
};
const sign = <S extends Approval | Promise1b | Acceptance>(by: Signer, statement: S): Signed<S> =>
  signStatement(statement, by.sign);
const approvals = (by: readonly Signer[], expires = NOW + 1000): Signed<Approval>[] =>
  by.map((one) =>
    sign(one, { kind: 'approval', network: NETWORK, author: one.author, change: changeHash(change, hasher), expires }),
  );
const voter = (self: Signer) => ({ network: NETWORK, self: self.author, hasher });
const promises = (by: readonly Signer[]): Signed<Promise1b>[] =>
  by.map((one) => {
    const vote = promise(voter(one), state, NO_VOTES, { ...id, ballot });
    if (!vote.given) throw new Error(vote.because);
    return sign(one, vote.statement);
  });
const roster = applyChange(state, change.action, 0);
const proposal: Proposal = {
  ...id,
  ballot,
  proposed: { roster, change, approvals: approvals([a, b]) },
  promises: promises([a, b]),
};
const own = { attested: NOW - 5000, floor: 0, nowMs: NOW };
const voteOf = (one: Partial<Proposal>, by: Signer = c, votes = NO_VOTES, at = own): string => {
  const vote = accept(voter(by), state, votes, { ...proposal, ...one }, at);
  return vote.given ? 'given' : vote.because;
};
const acceptance = (by: Signer, attested = NOW - 5000): Signed<Acceptance> => {
  const vote = accept(voter(by), state, NO_VOTES, proposal, { ...own, attested });
  if (!vote.given) throw new Error(vote.because);
  return sign(by, vote.statement);
};

describe('a vote', () => {
  it('is given to what the change makes of the roster, approved and promised by a majority', () => {
    expect(voteOf({})).toBe('given');
  });

  it('is declined by name', () => {
    const { proposed } = proposal;
    expect(voteOf({ network: 'other' })).toBe('other-decision');
    expect(voteOf({ epoch: 2 })).toBe('other-decision');
    expect(voteOf({ previous: new Uint8Array(32) })).toBe('other-decision');
    expect(voteOf({ ballot: { counter: 1, author: stranger.author } })).toBe('not-a-writer');
    expect(voteOf({}, stranger)).toBe('not-a-writer');
    expect(voteOf({}, c, { ...NO_VOTES, abstains: true })).toBe('abstains');
    expect(voteOf({}, c, { ...NO_VOTES, promised: { counter: 2, author: b.author } })).toBe('later-ballot');
    expect(voteOf({ promises: promises([a]) })).toBe('too-few-promises');
    expect(voteOf({ promises: [...promises([a]), ...promises([a])] })).toBe('too-few-promises');
    expect(voteOf({ proposed: { ...proposed, approvals: approvals([a]) } })).toBe('not-approved');
    expect(voteOf({ proposed: { ...proposed, approvals: approvals([a, a, stranger]) } })).toBe('not-approved');
    expect(voteOf({ proposed: { ...proposed, approvals: approvals([a, b], NOW) } })).toBe('not-approved');
    expect(voteOf({ proposed: { ...proposed, roster: { ...roster, retentionMs: 1 } } })).toBe('wrong-roster');
    const accepted = { ballot: { counter: 1, author: a.author }, roster: new Uint8Array(32).fill(5) };
    const bound = sign(b, {
      ...(promises([b])[0] as Signed<Promise1b>).statement,
      ballot: { counter: 2, author: a.author },
      accepted,
    });
    const free = sign(a, { ...(promises([a])[0] as Signed<Promise1b>).statement, ballot: bound.statement.ballot });
    expect(voteOf({ ballot: bound.statement.ballot, promises: [bound, free] })).toBe('not-the-accepted');
  });

  it('is given to nothing that is not approved, whatever a promise claims to have accepted [RO4]', () => {
    const later = { counter: 2, author: a.author };
    // One writer puts out another by itself: it says that it had accepted that, and nobody approved it.
    const action = { kind: 'remove', author: b.author } as const;
    const forged = { roster: applyChange(state, action, 0), change: { ...change, action } };
    const accepted = { ballot, roster: rosterHash(forged.roster, hasher) };
    const claims = (by: Signer, more: Partial<Promise1b>): Signed<Promise1b> =>
      sign(by, { ...(promises([by])[0] as Signed<Promise1b>).statement, ballot: later, ...more });
    const bound = [claims(a, { accepted }), claims(b, {})];
    expect(voteOf({ ballot: later, promises: bound, proposed: { ...forged, approvals: [] } })).toBe('not-approved');
    const garbage = approvals([a, b, c]).map((one) => ({ ...one, signature: new Uint8Array(64) }));
    const junk = claims(a, { ballot: { counter: 1, author: a.author }, accepted: undefined });
    const notice: Notice = {
      kind: 'proposal',
      signed: acceptance(a),
      proposed: { ...proposal.proposed, approvals: garbage },
      promises: [...bound, junk],
    };
    // Every approval is verified before anybody looks at what it approves.
    const verified = signaturesOf(notice).map(({ signature }) => signature);
    for (const { signature } of garbage) expect(verified).toContain(signature);
    // What was accepted first is accepted again, also after its approvals have run out.
    const again = { ballot, roster: rosterHash(roster, hasher) };
    const honest = [claims(a, { accepted: again }), claims(b, {})];
    expect(voteOf({ ballot: later, promises: honest }, c, NO_VOTES, { ...own, nowMs: NOW + 5000 })).toBe('given');
  });

  it('for a retirement is given only where its end is a cut about a minute ahead [RO8]', () => {
    const action = { kind: 'retire', author: b.author } as const;
    const ends = [0, 20_000, 60_000, 65_000, 90_000, 110_000].map((ms) => voteForEnd(action, NOW + ms, own));
    expect(ends).toEqual(['wrong-end', 'wrong-end', 'given', 'wrong-end', 'given', 'wrong-end']);
  });

  it('for a removal is given only where its end is a cut about now, and no cut before one that was attested [RO10]', () => {
    const action = { kind: 'remove', author: b.author } as const;
    const ends = [-40_000, -10_000, 0, 5_000, 40_000].map((ms) => voteForEnd(action, NOW + ms, own));
    expect(ends).toEqual(['wrong-end', 'wrong-end', 'given', 'wrong-end', 'wrong-end']);
    expect(voteForEnd(action, NOW, { ...own, attested: NOW + 10_000 })).toBe('wrong-end');
    expect(endOf(action, NOW + 9_999)).toBe(NOW);
    // Somebody has voted for it and attests nothing more, so that no later cut becomes complete whatever others do.
    expect(voteForEnd(action, NOW, { ...own, attested: NOW + 10_000, nowMs: NOW + 90_000 }, true)).toBe('given');
    // What the floor has is filtered by nobody, whatever somebody claims to have accepted.
    const floor = NOW + 10_000;
    expect([true, false].map((isBound) => voteForEnd(action, NOW, { ...own, floor }, isBound))).toEqual([
      'wrong-end',
      'wrong-end',
    ]);
  });

  /** What becomes of a proposal that ends the writing of a member at `until`; bound where one had accepted it before. */
  function voteForEnd(
    action: Change['action'],
    until: number,
    at: Parameters<typeof accept>[4],
    isBound = false,
  ): string {
    const ends: Change = { ...change, action };
    const proposed = {
      roster: applyChange(state, action, until),
      change: ends,
      approvals: [a, c].map((one) =>
        sign<Approval>(one, {
          kind: 'approval',
          network: NETWORK,
          author: one.author,
          change: changeHash(ends, hasher),
          expires: NOW + 1000,
        }),
      ),
    };
    if (!isBound) return voteOf({ proposed }, c, NO_VOTES, at);
    const later = { counter: 2, author: a.author };
    const accepted = { ballot, roster: rosterHash(proposed.roster, hasher) };
    const bound = promises([a, b]).map(({ statement }, i) =>
      sign([a, b][i] as Signer, { ...statement, ballot: later, ...(i === 0 ? { accepted } : {}) }),
    );
    return voteOf({ ballot: later, promises: bound, proposed }, c, NO_VOTES, at);
  }

  it('lets a retired member go only once the floor has passed its end', () => {
    const retired = advance(state, applyChange(state, { kind: 'retire', author: b.author }, NOW), hasher);
    const action = { kind: 'drop', author: b.author } as const;
    const drop: Change = { ...change, action };
    const at = { network: NETWORK, epoch: 2, previous: retired.hash };
    const vows = [a, c].map((one) => {
      const vote = promise(voter(one), retired, NO_VOTES, { ...at, ballot });
      if (!vote.given) throw new Error(vote.because);
      return sign(one, vote.statement);
    });
    const asked: Proposal = {
      ...at,
      ballot,
      promises: vows,
      proposed: {
        roster: applyChange(retired, action, 0),
        change: drop,
        approvals: [a, c].map((one) =>
          sign(one, {
            kind: 'approval',
            network: NETWORK,
            author: one.author,
            change: changeHash(drop, hasher),
            expires: NOW + 1000,
          } as const),
        ),
      },
    };
    const vote = (floor: number) => accept(voter(c), retired, NO_VOTES, asked, { ...own, floor });
    expect(vote(NOW - 1)).toMatchObject({ given: false, because: 'floor-behind' });
    expect(vote(NOW)).toMatchObject({ given: true });
  });

  it('is promised to no earlier ballot, and again to the same one', () => {
    const second = { counter: 2, author: b.author };
    const first = promise(voter(c), state, NO_VOTES, { ...id, ballot: second });
    if (!first.given) throw new Error(first.because);
    expect(promise(voter(c), state, first.state, { ...id, ballot: second })).toEqual(first);
    expect(promise(voter(c), state, first.state, { ...id, ballot })).toEqual({
      given: false,
      because: 'later-ballot',
      promised: second,
    });
    expect(compareBallots(ballot, { counter: 1, author: a.author })).toBe(0);
  });

  it('and every other statement has one form of bytes', () => {
    for (const { statement } of [...approvals([a]), ...promises([a]), acceptance(b)]) {
      const bytes = encodeStatement(statement);
      expect(decodeStatement(bytes)).toEqual(statement);
      for (const bad of [bytes.subarray(0, -1), Uint8Array.of(...bytes, 0)])
        expect(() => decodeStatement(bad)).toThrow(LatticeError);
    }
  });
});

describe('a roster certificate', () => {
  const votes = [acceptance(a, NOW - 9000), acceptance(c, NOW - 2000)];
  const bytes = encodeRosterCertificate(certify(roster, votes));
  const check = (input = bytes, from = state, network = NETWORK) =>
    checkRosterCertificate(input, from, { network, hasher });

  it('decides the next roster, says where the present one ends, and verifies offline', async () => {
    const { state: next, start, signatures } = check();
    expect(rosterHash(next.roster, hasher)).toEqual(rosterHash(roster, hasher));
    expect(start).toBe(NOW - 2000);
    const verifier = createVerifier();
    const good = signatures.map(({ author, message, signature }) => verifier.verify(author, message, signature));
    expect(await Promise.all(good)).toEqual([true, true]);
  });

  it('is refused for another network, an epoch that is not the next, another lineage or too few votes', () => {
    const refusal = (...args: Parameters<typeof check>): string => {
      try {
        check(...args);
      } catch (error) {
        if (error instanceof LatticeError) return error.message;
        throw error;
      }
      return 'taken';
    };
    expect(refusal(bytes, state, 'other')).toMatch(/is of network/);
    expect(refusal(bytes, check().state)).toMatch(/epoch 2 is the next one/);
    const others = stateOf(initialRoster([a, b].map(({ author }) => author)), new Set(), hasher);
    expect(refusal(bytes, others)).toMatch(/after another roster/);
    const one = encodeRosterCertificate(certify(roster, votes.slice(0, 1)));
    expect(refusal(one)).toMatch(/1 writers voted for it, and 2 decide/);
    const gone = stateOf(state.roster, new Set([stranger.author]), hasher);
    expect(refusal(bytes, gone)).toMatch(/never returns/);
  });

  it('names in its signatures what nobody can exchange', async () => {
    const verifier = createVerifier();
    const certificate = decodeRosterCertificate(bytes);
    const forged = [
      { ...certificate, roster: { ...roster, retentionMs: 5 } },
      { ...certificate, ballot: { counter: 2, author: a.author } },
      { ...certificate, votes: certificate.votes.map((vote) => ({ ...vote, attested: vote.attested + 1 })) },
    ];
    for (const one of forged) {
      const { signatures } = check(encodeRosterCertificate(one));
      for (const { author, message, signature } of signatures)
        expect(await verifier.verify(author, message, signature)).toBe(false);
    }
  });
});
