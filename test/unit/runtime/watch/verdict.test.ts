import { describe, expect, it } from 'vitest';
import type { VerdictCode } from '../../../../src/runtime/facade/codes.ts';
import type { MemberAgreement, VerdictKind } from '../../../../src/runtime/facade/index.ts';
import { judge } from '../../../../src/runtime/watch/verdict.ts';
import type { MemberFacts, VerdictFacts } from '../../../../src/runtime/watch/verdict-facts.ts';

/** 2026-11-28 05:58:20 UTC. */
const NOW = 1_795_845_500_000;
const GRACE = 3_500;
const SINCE = NOW - 10_000;

/** A member that is heard and has our root. */
function member(label: string, change: Partial<MemberFacts> = {}): MemberFacts {
  return {
    author: label.padEnd(64, '0'),
    peerId: `12D3KooW${label}`,
    name: label,
    label,
    lung: 'p2p',
    heard: true,
    lastHeardAt: NOW - 400,
    heardInThisRun: true,
    sameRoot: true,
    agreement: 'equal',
    agreementSince: NOW - 60_000,
    agreedAt: NOW - 400,
    flowing: false,
    refused: [],
    ...change,
  };
}
const equal = member('bergen');
const silent = member('oslo', { heard: false, lastHeardAt: SINCE, agreedAt: SINCE, lung: 'p2p' });
const never = member('narvik', {
  heard: false,
  lastHeardAt: undefined,
  agreedAt: undefined,
  heardInThisRun: false,
  sameRoot: false,
  agreement: 'unknown',
  lung: 'none',
});
const different: Partial<MemberFacts> = {
  sameRoot: false,
  agreement: 'different',
  agreementSince: SINCE,
  agreedAt: SINCE,
};

const facts = (members: readonly MemberFacts[], change: Partial<VerdictFacts> = {}): VerdictFacts => ({
  now: NOW,
  startedAt: NOW - 600_000,
  graceMs: GRACE,
  readOnly: [],
  members,
  ...change,
});

interface Case {
  readonly title: string;
  readonly given: VerdictFacts;
  readonly kind: VerdictKind;
  readonly sentence: string;
  readonly codes: readonly VerdictCode[];
  readonly agreement?: readonly MemberAgreement[];
}

const CASES: readonly Case[] = [
  {
    title: 'a node that expects nobody is alone',
    given: facts([]),
    kind: 'ALONE',
    sentence: 'This node expects no other node: neither its trust list nor its configuration names one.',
    codes: [],
  },
  {
    title: 'a node whose configuration names only nodes that have left is alone, and says whom it passes over',
    given: facts([], { left: ['kyiv', 'rome'], epoch: 4 }),
    kind: 'ALONE',
    sentence:
      'This node expects no other node: its roster names none, and its configuration names only kyiv and rome, which left the fleet.',
    codes: [],
  },
  {
    title: 'all members are heard and equal',
    given: facts([equal, member('oslo')]),
    kind: 'CONVERGED',
    sentence: 'Both other nodes hold the same state as this one.',
    codes: [],
    agreement: ['equal', 'equal'],
  },
  {
    title: 'a dead or frozen member whose last root is still ours is not equal',
    given: facts([equal, silent]),
    kind: 'DEGRADED',
    sentence: '1 of 2 other nodes is unreachable: oslo, since 05:58:10 UTC.',
    codes: ['not-heard'],
    agreement: ['equal', 'not-heard'],
  },
  {
    title: 'a member that was never heard counts, too',
    given: facts([equal, silent, never]),
    kind: 'DEGRADED',
    sentence: '2 of 3 other nodes are unreachable: oslo, since 05:58:10 UTC and narvik, never heard.',
    codes: ['not-heard', 'never-heard'],
    agreement: ['equal', 'not-heard', 'never-heard'],
  },
  {
    title: 'a member that was heard in an earlier run only has its time, with the date where that was another day',
    given: facts([equal, { ...never, lastHeardAt: NOW - 86_400_000 }]),
    kind: 'DEGRADED',
    sentence: '1 of 2 other nodes is unreachable: narvik, since 2026-11-27 05:58:20 UTC.',
    codes: ['not-heard'],
    agreement: ['equal', 'not-heard'],
  },
  {
    title: 'nobody is heard',
    given: facts([silent, never]),
    kind: 'ISOLATED',
    sentence: 'None of the 2 other nodes is reachable: oslo, since 05:58:10 UTC and narvik, never heard.',
    codes: ['not-heard', 'never-heard'],
  },
  {
    title: 'the only other node is not heard',
    given: facts([silent]),
    kind: 'ISOLATED',
    sentence: 'The only other node is not reachable: oslo, since 05:58:10 UTC.',
    codes: ['not-heard'],
  },
  {
    title: 'a node that was left out by force differs for good',
    given: facts([member('oslo', { ...different, differing: 1, error: '403', errorCode: 'other-lineage' })]),
    kind: 'DIVERGED',
    sentence:
      'The only other node differs from this one: oslo, which has begun another lineage; this does not heal by itself.',
    codes: ['differs'],
    agreement: ['differs'],
  },
  {
    title: 'a node that has just started waits before it says that nobody is heard',
    given: facts([never], { startedAt: NOW - 1_000 }),
    kind: 'STARTING',
    sentence: 'This node has just started and has not compared its state yet with narvik.',
    codes: ['not-compared'],
  },
  {
    title: 'a member that was heard since the start and is silent again is down, however new the start is',
    given: facts([silent, equal], { startedAt: NOW - 4_900 }),
    kind: 'DEGRADED',
    sentence: '1 of 2 other nodes is unreachable: oslo, since 05:58:10 UTC.',
    codes: ['not-heard'],
  },
  {
    title: 'writes that this node refuses come before everything else',
    given: facts([silent, member('bergen', different)], {
      readOnly: [{ code: 'disk', text: 'the disk is full', since: SINCE }],
    }),
    kind: 'READ_ONLY',
    sentence: 'This node refuses writes: the disk is full.',
    codes: ['disk', 'repairing', 'not-heard'],
  },
  {
    title: 'a member that refuses writes is named with the reason that it told',
    given: facts([equal, member('oslo', { readOnly: { codes: ['disk'], since: SINCE } })]),
    kind: 'DEGRADED',
    sentence: '1 of 2 other nodes refuses writes: oslo, since 05:58:10 UTC, because its disk is full.',
    codes: ['member-read-only'],
    agreement: ['equal', 'equal'],
  },
  {
    title: 'a mirror takes no writes, which is no fault [J6]',
    given: facts([equal, member('oslo', { isMirror: true, readOnly: { codes: ['mirror'], since: SINCE } })]),
    kind: 'CONVERGED',
    sentence: 'Both other nodes hold the same state as this one.',
    codes: [],
    agreement: ['equal', 'equal'],
  },
  {
    title: 'a mirror with a full disk is named for that [J6]',
    given: facts([equal, member('oslo', { isMirror: true, readOnly: { codes: ['mirror', 'disk'], since: SINCE } })]),
    kind: 'DEGRADED',
    sentence: '1 of 2 other nodes refuses writes: oslo, since 05:58:10 UTC, because its disk is full.',
    codes: ['member-read-only'],
  },
  {
    title: 'a writer that takes itself for a mirror is behind or wrong, and counts [J6]',
    given: facts([equal, member('oslo', { readOnly: { codes: ['mirror'], since: SINCE } })]),
    kind: 'DEGRADED',
    sentence: '1 of 2 other nodes refuses writes: oslo, since 05:58:10 UTC, because it is a mirror.',
    codes: ['member-read-only'],
  },
  {
    title: 'a mirror judges the fleet as any other node, and says that it is one [J6]',
    given: facts([equal, silent], { readOnly: [{ code: 'mirror', text: 'this node is a mirror', since: SINCE }] }),
    kind: 'DEGRADED',
    sentence: '1 of 2 other nodes is unreachable: oslo, since 05:58:10 UTC. This node is a mirror and takes no writes.',
    codes: ['not-heard'],
  },
  {
    title: 'a mirror whose disk is full is read-only for that [J6]',
    given: facts([equal], {
      readOnly: [
        { code: 'mirror', text: 'this node is a mirror', since: SINCE },
        { code: 'disk', text: 'the disk is full', since: SINCE },
      ],
    }),
    kind: 'READ_ONLY',
    sentence: 'This node refuses writes: the disk is full. This node is a mirror and takes no writes.',
    codes: ['disk'],
  },
  {
    title: 'one is down and another one refuses writes',
    given: facts([equal, silent, member('moss', { readOnly: { codes: ['clone'], since: SINCE } })]),
    kind: 'DEGRADED',
    sentence:
      '1 of 3 other nodes is unreachable: oslo, since 05:58:10 UTC and 1 refuses writes: moss, since 05:58:10 UTC, because its key is in use by another node, or it was restored from an old copy.',
    codes: ['not-heard', 'member-read-only'],
  },
  {
    title: 'a member that differs beyond the grace',
    given: facts([equal, member('oslo', { ...different, differing: 3 })]),
    kind: 'DIVERGED',
    sentence: '1 of 2 other nodes differs from this one: oslo in 3 keys; this heals by itself.',
    codes: ['repairing'],
    agreement: ['equal', 'differs'],
  },
  {
    title: 'a difference within the grace is no divergence: the two were equal as of its begin',
    given: facts([member('oslo', { ...different, agreementSince: NOW - 3_000, agreedAt: NOW - 3_100 })]),
    kind: 'CONVERGED',
    sentence:
      'The other node, oslo, held the same state as this one a short while ago, and the newest writes are on their way.',
    codes: [],
    agreement: ['equal-as-of'],
  },
  {
    title: 'roots that keep changing, with an equal cut after the difference began',
    given: facts([member('oslo', { ...different, agreementSince: NOW - 40_000, cutAt: NOW - 12_000 })]),
    kind: 'CONVERGED',
    sentence:
      'The other node, oslo, held the same state as this one a short while ago, and the newest writes are on their way.',
    codes: [],
    agreement: ['equal-as-of'],
  },
  {
    title: 'an equal cut that no other has followed for long counts no more, even one after the difference began [J3]',
    given: facts([
      member('oslo', {
        ...different,
        agreementSince: NOW - 300_000,
        cutAt: NOW - 240_000,
        flowing: true,
        differing: 1,
      }),
    ]),
    kind: 'DIVERGED',
    sentence: 'The only other node differs from this one: oslo in 1 key; this heals by itself.',
    codes: ['repairing'],
    agreement: ['differs'],
  },
  {
    title: 'an equal cut before the difference began counts only while both states keep changing',
    given: facts([member('oslo', { ...different, cutAt: NOW - 12_000, differing: 1 })]),
    kind: 'DIVERGED',
    sentence: 'The only other node differs from this one: oslo in 1 key; this heals by itself.',
    codes: ['repairing'],
    agreement: ['differs'],
  },
  {
    title: 'the same while both states keep changing',
    given: facts([member('oslo', { ...different, cutAt: NOW - 12_000, flowing: true })]),
    kind: 'CONVERGED',
    sentence:
      'The other node, oslo, held the same state as this one a short while ago, and the newest writes are on their way.',
    codes: [],
    agreement: ['equal-as-of'],
  },
  {
    title: 'a repair that has gone on beyond the grace is a divergence that heals',
    given: facts([
      member('oslo', {
        ...different,
        cutAt: NOW - 12_000,
        flowing: true,
        differing: 120,
        repair: { remaining: 120, since: NOW - 4_000 },
      }),
    ]),
    kind: 'DIVERGED',
    sentence: 'The only other node differs from this one: oslo in 120 keys; this heals by itself.',
    codes: ['repairing'],
    agreement: ['differs'],
  },
  {
    title: 'what was refused does not heal by itself',
    given: facts([
      equal,
      member('oslo', {
        ...different,
        agreement: 'equal-except-refused',
        differing: 3,
        refused: [{ reason: 'untrusted-author', keys: 3, by: 'us', author: 'moss' }],
      }),
    ]),
    kind: 'DIVERGED',
    sentence: '1 of 2 other nodes differs from this one: oslo in 3 keys; this does not heal by itself.',
    codes: ['refused'],
    agreement: ['equal', 'differs'],
  },
  {
    title: 'a node that takes over the state is starting, whatever differs',
    given: facts([member('oslo', different)], { bootstrap: { done: 3, total: 256 } }),
    kind: 'STARTING',
    sentence: 'This node takes over the state of the fleet: 3 of 256 chunks are here.',
    codes: ['bootstrap'],
  },
  {
    title: 'a member that takes over the state is named as that, and not as one that differs',
    given: facts([equal, member('oslo', { ...different, serves: false })]),
    kind: 'DEGRADED',
    sentence: '1 of 2 other nodes takes over the state: oslo.',
    codes: ['member-starting'],
  },
];

describe('the verdict', () => {
  it.each(CASES)('$title [J1, J2, J3]', ({ given, kind, sentence, codes, agreement }) => {
    const verdict = judge(given);
    expect(verdict.kind).toBe(kind);
    expect(verdict.sentence).toBe(sentence);
    expect(verdict.reasons.map(({ code }) => code)).toEqual(codes);
    if (agreement !== undefined) expect(verdict.members.map((m) => m.agreement)).toEqual(agreement);
  });
});

describe('the reasons of a verdict', () => {
  const reasonsFor = (change: Partial<MemberFacts>) =>
    judge(facts([equal, member('oslo', { ...different, ...change })])).reasons;

  it('tell why a divergence cannot heal, by whom and by whose author, and what to do [J4]', () => {
    const [reason, ...others] = reasonsFor({
      agreement: 'equal-except-refused',
      refused: [{ reason: 'untrusted-author', keys: 3, by: 'us', author: 'moss' }],
    });
    expect(others).toEqual([]);
    expect(reason).toEqual({
      code: 'refused',
      text: 'oslo is equal except 3 keys that were refused: 3 because author moss is not trusted here.',
      next: 'Put moss on the trust list (DIOTEC360_TRUSTED_STATE_PUBKEYS) of this node, or take it off everywhere.',
      since: SINCE,
      author: 'oslo'.padEnd(64, '0'),
      name: 'oslo',
      heals: 'operator',
    });
  });

  it('tell who refused where it was the other node [J4]', () => {
    const [reason] = reasonsFor({
      agreement: 'equal-except-refused',
      refused: [
        { reason: 'untrusted-author', keys: 1, by: 'member', author: 'moss' },
        { reason: 'read-only', keys: 2, by: 'member' },
      ],
    });
    expect(reason?.text).toBe(
      'oslo is equal except 3 keys that were refused: 1 because author moss is not trusted by oslo and 2 because oslo has no room for them.',
    );
    expect(reason?.next).toContain('of oslo');
  });

  it('tell how many keys a repair has left [J4]', () => {
    expect(reasonsFor({ repair: { remaining: 40, since: NOW - 4_000 } })).toMatchObject([
      { code: 'repairing', text: 'oslo differs and is under repair: 40 keys remain.', heals: 'by-itself' },
    ]);
  });

  it('tell that a repair which the other node does not allow needs an operator [J4]', () => {
    expect(reasonsFor({ failed: { text: 'not a member', code: 'not-a-member' } })).toMatchObject([
      { code: 'differs', heals: 'operator' },
    ]);
    expect(reasonsFor({ failed: { text: 'timed out', code: 'timeout' } })).toMatchObject([
      { code: 'repairing', heals: 'by-itself' },
    ]);
  });

  it('tell that nothing can be repaired with a member that no lung carries [J4]', () => {
    expect(reasonsFor({ lung: 'none' })).toMatchObject([{ code: 'differs', heals: 'operator' }]);
  });

  it('tell of the own read-only state since when it holds, and what to do [J4]', () => {
    const readOnly = [
      { code: 'disk' as const, text: 'the disk is full', since: SINCE },
      { code: 'own-history' as const, text: 'own commits are being fetched', since: NOW },
    ];
    expect(judge(facts([equal], { readOnly })).reasons).toEqual([
      {
        code: 'disk',
        text: 'This node refuses writes: the disk is full.',
        next: 'Make room on the disk; writes go on by themselves then.',
        since: SINCE,
        heals: 'operator',
      },
      {
        code: 'own-history',
        text: 'This node refuses writes: own commits are being fetched.',
        next: 'Wait until they are fetched; when it stays, make the peers that hold them reachable.',
        since: NOW,
        heals: 'by-itself',
      },
    ]);
  });

  it('never speak of waiting where only an operator helps [J4]', () => {
    for (const { given } of CASES)
      for (const { heals, next } of judge(given).reasons)
        if (heals === 'operator' && next !== undefined) expect(next).not.toMatch(/\bwait/i);
  });

  it('says of a node that has just started who has not compared what', () => {
    expect(judge(facts([never], { startedAt: NOW - 1_000 })).reasons.map(({ text }) => text)).toEqual([
      'This node has not compared its state with that of narvik since it started.',
    ]);
  });

  it('name why a silent member is not reached [J4]', () => {
    const textFor = (error: string) => judge(facts([{ ...silent, error }])).reasons[0]?.text;
    expect(textFor('http://127.0.0.1:8002/x cannot be reached: connect ECONNREFUSED 127.0.0.1:8002')).toBe(
      'oslo has not been heard since 05:58:10 UTC (the connection is refused).',
    );
    expect(textFor('no answer within 4 s')).toBe('oslo has not been heard since 05:58:10 UTC (it does not answer).');
    expect(textFor('the certificate has expired')).toBe(
      'oslo has not been heard since 05:58:10 UTC (the certificate has expired).',
    );
  });

  it('a member of another lineage is never equal for good, whatever it has at present [J1, RO15]', () => {
    const { kind, sentence, reasons } = judge(
      facts([member('rome'), member('oslo', { error: '403', errorCode: 'other-lineage' })]),
    );
    expect(kind).toBe('DIVERGED');
    expect(sentence).toBe(
      '1 of 2 other nodes differs from this one: oslo, which has begun another lineage; this does not heal by itself.',
    );
    expect(reasons[0]?.text).toBe(
      'oslo takes nothing from this node any more: it has begun another lineage by force, without this node.',
    );
  });

  it('say how to reach a member of which this node knows no address [J4]', () => {
    const next = (addressed: boolean) => judge(facts([{ ...never, addressed }])).reasons[0]?.next;
    expect(next(false)).toMatch(/^This node knows no address of narvik: name it in DIOTEC360_LATTICE_NODES/);
    expect(next(true)).toMatch(/^See whether narvik runs/);
  });

  it('say what to do about a member that does not let this node sync [J4]', () => {
    const error = `http://127.0.0.1:8002/x answered with status 403: this node does not sync with ${'ab'.repeat(32)}`;
    const reason = judge(facts([{ ...silent, error, errorCode: 'sync-forbidden' }])).reasons[0];
    expect(reason?.text).toBe("oslo has not been heard since 05:58:10 UTC (this node's key is no member there).");
    expect(reason?.next).toMatch(/^Put this node's key on the trust list .* of oslo; /);
  });

  it('speak of the roster once one was decided, and never of a trust list then [J4, RO2]', () => {
    const untrusted = { reason: 'untrusted-author', keys: 3, by: 'us', author: 'moss' } as const;
    const told = [
      judge({ ...facts([{ ...silent, error: 'x', errorCode: 'sync-forbidden' }]), epoch: 3 }),
      judge({
        ...facts([
          member('oslo', { ...different, agreement: 'equal-except-refused', refused: [untrusted] }),
          member('rome', { ...different, failed: { text: 'refused', code: 'not-a-member' } }),
        ]),
        epoch: 3,
      }),
      judge({ ...facts([]), epoch: 3 }),
      judge({ ...facts([]), epoch: 3, readOnly: [{ code: 'untrusted-self', text: 'it is no member', since: SINCE }] }),
    ];
    const text = JSON.stringify(told);
    expect(text).not.toMatch(/trust list|TRUSTED_STATE/);
    expect(text).toContain('roster of epoch 3');
    expect(text).toContain('lattice members add');
  });

  it('tell of what the state is closed for that nodes settle it among themselves, and where to look [FL9, J4]', () => {
    const below = { reason: 'below-floor', keys: 2 } as const;
    const told = (refused: MemberFacts['refused']) =>
      judge(facts([member('oslo', { ...different, agreement: 'equal-except-refused', refused })])).reasons[0];
    const ours = told([{ ...below, by: 'member' }]);
    expect(ours?.text).toContain('2 by oslo, because the state is closed for their time (below-floor)');
    expect(ours).toMatchObject({ code: 'refused', heals: 'by-itself' });
    expect(ours?.next).toMatch(/^Wait: .* this node sets them aside by itself, and lattice recover lists/);
    expect(told([{ ...below, by: 'us' }])?.next).toMatch(
      / oslo sets them aside by itself, and lattice recover on oslo/,
    );
    // Something else beside it needs somebody all the same.
    const untrusted = { reason: 'untrusted-author', keys: 3, by: 'us', author: 'moss' } as const;
    expect(told([{ ...below, by: 'us' }, untrusted])?.heals).toBe('operator');
  });
});
