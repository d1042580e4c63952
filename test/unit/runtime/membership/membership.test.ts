import { beforeEach, describe, expect, it } from 'vitest';
import { lastHlcAt } from '../../../../src/core/clock/index.ts';
import {
  type Acceptance,
  applyChange,
  certify,
  changeHash,
  encodeNotice,
  encodeRosterCertificate,
  isTwoVotes,
  type Notice,
  rosterHash,
  signStatement,
} from '../../../../src/core/roster/index.ts';
import { rosterCertificateKey } from '../../../../src/core/rows/index.ts';
import { bytesToHex, equalBytes } from '../../../../src/core/types/index.ts';
import { createSignedAttestation } from '../../../../src/core/wire/index.ts';
import {
  createAuthor,
  createHandClock,
  EPOCH_MS,
  gateStore,
  type HandClock,
  hasher,
  NETWORK,
  put,
  turns,
  until,
} from '../support.ts';
import { authorOf, createTestFleet, epochs, type Party, type TestFleet } from './support.ts';

let clock: HandClock;
let fleet: TestFleet;
const at = (id: number): Party => fleet.parties.find((one) => one.id === id) as Party;
const add = (id: number, role: 'writer' | 'mirror' = 'writer', name = '') =>
  ({ kind: 'add', author: authorOf(id), name, role }) as const;

beforeEach(async () => {
  clock = createHandClock();
  fleet = await createTestFleet(clock, [1, 2, 3]);
  await fleet.exchange();
});

/** Approves by the writers, and lets the fleet decide. */
async function decide(action: Parameters<Party['service']['propose']>[0], by: readonly number[]): Promise<string> {
  const [first, ...others] = by;
  const { id } = await at(first as number).service.propose(action);
  await fleet.exchange();
  for (const other of others) await at(other).service.approve(id);
  await fleet.pass(2_000);
  return id;
}

describe('a change', () => {
  it('takes effect on every member once a majority of the writers approve it, without anybody else [RO6]', async () => {
    const { id, stage, missing } = await at(1).service.propose(add(4, 'mirror', 'four'));
    expect([stage, missing.length]).toEqual(['waiting', 2]);
    await fleet.pass(2_000);
    expect(epochs(fleet)).toEqual([0, 0, 0]);
    expect(at(2).service.changes()).toMatchObject([{ id, stage: 'waiting', needed: 2 }]);
    const settled = at(3).service.settled(id, new AbortController().signal);
    await at(2).service.approve(id.slice(0, 8));
    await fleet.pass(2_000);
    expect(epochs(fleet)).toEqual([1, 1, 1]);
    await expect(settled).resolves.toMatchObject({ stage: 'decided', epoch: 1 });
    for (const { roster, service } of fleet.parties) {
      expect(roster.hash).toEqual(at(1).roster.hash);
      expect(service.roster().members.find(({ author }) => author === authorOf(4))).toMatchObject({
        name: 'four',
        role: 'mirror',
      });
      expect(roster.counts(authorOf(4), EPOCH_MS)).toBe(false);
    }
    const said = (type: string, by: number) => ({
      type,
      author: authorOf(by),
      name: `name of ${authorOf(by).slice(0, 4)}`,
    });
    expect(at(1).events).toMatchObject([
      said('change-proposed', 1),
      said('change-approved', 2),
      { type: 'roster-changed' },
    ]);
  });

  it('and the members are listed by name, those without one last [RO6]', async () => {
    const expected = [4, 5].map((id) => ({ author: authorOf(id), name: id === 4 ? 'zoe' : 'amy' })).reverse();
    await decide(add(4, 'writer', 'zoe'), [1, 2]);
    await decide(add(5, 'writer', 'amy'), [2, 3, 1]);
    const named = ({ author, name }: { readonly author: string; readonly name: string }) => ({ author, name });
    const unnamed = [1, 2, 3]
      .map((id) => ({ author: authorOf(id), name: '' }))
      .sort((a, b) => (a.author < b.author ? -1 : 1));
    expect(at(1).service.roster().members.map(named)).toEqual([...expected, ...unnamed]);
    const { missing } = await at(1).service.propose(add(6, 'mirror'));
    expect(missing).toEqual([...expected, ...unnamed.filter(({ author }) => author !== authorOf(1))]);
  });

  it('that is like one that waits approves that one, and two of them are decided one after the other [RO6]', async () => {
    const one = await at(1).service.propose(add(4, 'mirror'));
    await fleet.exchange();
    expect((await at(2).service.propose(add(4, 'mirror'))).id).toBe(one.id);
    await at(3).service.propose(add(5, 'mirror'));
    await fleet.exchange();
    await at(2).service.propose(add(5, 'mirror'));
    await fleet.pass(10_000);
    expect(epochs(fleet)).toEqual([2, 2, 2]);
    expect(at(1).roster.authors).toHaveLength(5);
    expect(new Set(fleet.parties.map(({ roster }) => bytesToHex(roster.hash))).size).toBe(1);
  });

  it('that two ask for at a time is decided for both, and one that was taken back stays so [RO6]', async () => {
    const back = await at(3).service.propose(add(4, 'mirror'));
    await at(3).service.withdraw(back.id);
    const [one, other] = [await at(1).service.propose(add(4, 'mirror')), await at(2).service.propose(add(4, 'mirror'))];
    expect(one.id).not.toBe(other.id);
    await fleet.exchange();
    await at(3).service.approve(other.id);
    await fleet.pass(3_000);
    for (const { service } of fleet.parties) {
      expect(new Map(service.changes().map(({ id, stage, epoch }) => [id, [stage, epoch]]))).toEqual(
        new Map([
          [back.id, ['withdrawn', undefined]],
          [one.id, ['decided', 1]],
          [other.id, ['decided', 1]],
        ]),
      );
      await expect(service.settled(one.id, new AbortController().signal)).resolves.toMatchObject({ stage: 'decided' });
    }
  });

  it('is not decided once an approval was taken back, and is again when it is given anew [RO6]', async () => {
    const { id } = await at(1).service.propose(add(4));
    await at(1).service.withdraw(id);
    await fleet.exchange();
    expect(at(2).service.changes()).toMatchObject([{ id, stage: 'withdrawn' }]);
    await at(2).service.approve(id);
    await fleet.pass(3_000);
    expect(epochs(fleet)).toEqual([0, 0, 0]);
    await at(1).service.approve(id);
    await fleet.pass(3_000);
    expect(epochs(fleet)).toEqual([1, 1, 1]);
  });

  it('is refused where it does not fit, and of who is no writer [RO6, RO10]', async () => {
    await expect(at(1).service.propose(add(2))).rejects.toMatchObject({ code: 'invalid-change' });
    await expect(at(1).service.propose({ kind: 'drop', author: authorOf(2) })).rejects.toMatchObject({
      code: 'invalid-change',
      message: expect.stringContaining('is a writer') as string,
    });
    await expect(at(1).service.approve('abcdef')).rejects.toMatchObject({ code: 'not-found' });
    const id = await decide(add(4, 'mirror'), [1, 2]);
    await expect(at(1).service.withdraw(id)).rejects.toMatchObject({ code: 'already-decided' });
    const four = await fleet.start(4);
    await fleet.exchange();
    expect(four.roster.present.state.roster.epoch).toBe(1);
    await expect(four.service.propose(add(5))).rejects.toMatchObject({ code: 'not-a-writer' });
  });

  it('of a stranger or a mirror costs no signature check, and a forged one is told apart [RO6]', async () => {
    const change = { network: NETWORK, nonce: new Uint8Array(16), action: add(9) };
    const stranger = createAuthor(8);
    const wordOf = (author: typeof stranger.author, sign: typeof stranger.sign): Notice => ({
      kind: 'approval',
      change,
      signed: signStatement(
        { kind: 'approval', network: NETWORK, author, change: changeHash(change, hasher), expires: EPOCH_MS + 1000 },
        sign,
      ),
    });
    const hear = (notice: Notice) => at(1).membership.hear(encodeNotice(notice), 'p2p', undefined);
    const junk = new Uint8Array(64).fill(1);
    expect(await hear(wordOf(stranger.author, () => junk))).toBe('known');
    expect(await hear(wordOf(authorOf(2), () => junk))).toBe('forged');
    expect(await hear(wordOf(authorOf(2), createAuthor(2).sign))).toBe('news');
    expect(await hear(wordOf(authorOf(2), createAuthor(2).sign))).toBe('known');
  });

  it('is put to no vote by a stranger or a mirror, whose ballots cost no signature check [RO4, RO6]', async () => {
    const other = createAuthor(8);
    const ballotOf = (author: typeof other.author): Notice => {
      const { roster, hash } = at(1).roster.present.state;
      const id = { network: NETWORK, epoch: roster.epoch + 1, previous: hash };
      const statement = {
        kind: 'promise',
        ...id,
        author,
        ballot: { counter: 9, author },
        accepted: undefined,
      } as const;
      return { kind: 'promise', signed: { statement, signature: new Uint8Array(64).fill(1) }, proposed: undefined };
    };
    const hear = (notice: Notice) => at(1).membership.hear(encodeNotice(notice), 'p2p', undefined);
    expect([await hear(ballotOf(other.author)), await hear(ballotOf(authorOf(2)))]).toEqual(['known', 'forged']);
    await decide(add(8, 'mirror'), [1, 2]);
    expect([await hear(ballotOf(other.author)), await hear(ballotOf(authorOf(2)))]).toEqual(['known', 'forged']);
    expect(at(1).roster.votes.promised).toBeUndefined();
  });
});

describe('a decision', () => {
  it('shows who votes for two rosters in one ballot: both votes come to the keeper of evidence [EV2]', async () => {
    const { author, sign } = createAuthor(3);
    const id = { network: NETWORK, epoch: 1, previous: at(1).roster.hash, author };
    const twice = [1, 2].map((n) =>
      signStatement(
        { kind: 'acceptance', ...id, ballot: { counter: 1, author }, roster: new Uint8Array(32).fill(n), attested: 0 },
        sign,
      ),
    );
    for (const signed of twice)
      await at(1).membership.hear(encodeNotice({ kind: 'acceptance', signed }), 'p2p', undefined);
    const [a, b] = at(1).votes.map(({ statement }) => statement);
    expect(a !== undefined && b !== undefined && isTwoVotes(a, b)).toBe(true);
  });

  it('goes on with one of three away, who takes the chain when it is back [RO4, RO7]', async () => {
    fleet.stop(3);
    await decide(add(4, 'mirror'), [1, 2]);
    await decide({ kind: 'name', author: authorOf(3), name: 'three' }, [1, 2]);
    await fleet.pass(10_000);
    expect(epochs(fleet)).toEqual([2, 2]);
    await fleet.start(3);
    await fleet.pass(1_000);
    expect(epochs(fleet)).toEqual([2, 2, 2]);
  });

  it.each(['promise', 'proposal', 'acceptance', 'certificate'] as const)(
    'whose proposer dies before anybody hears its %s is ended by another writer [RO4]',
    async (kind) => {
      let died: number | undefined;
      fleet.reaches = (from, _to, notice) => {
        if (died === undefined && notice.kind === kind) died = from;
        return from !== died;
      };
      await decide(add(4), [1, 2]);
      expect(died).toBeDefined();
      fleet.stop(died as number);
      await fleet.pass(30_000);
      expect(epochs(fleet)).toEqual([1, 1]);
      fleet.reaches = () => true;
      const back = await fleet.start(died as number);
      await fleet.pass(5_000);
      expect(back.roster.hash).toEqual(fleet.parties[0]?.roster.hash);
    },
  );

  it('is told to nobody before it is durable [RO4]', async () => {
    const { store } = at(1).state;
    fleet.stop(2);
    fleet.stop(3);
    store.hold();
    void at(1)
      .service.propose(add(4))
      .catch(() => undefined);
    await turns(20);
    expect(fleet.told).toEqual([]);
    store.open();
    await turns(20);
    expect(fleet.told.map(({ notice }) => notice.kind)).toEqual(['approval']);
  });

  it('has votes that a restart keeps, and that the others get again [RO4]', async () => {
    fleet.reaches = (_from, _to, { kind }) => kind !== 'acceptance' && kind !== 'proposal';
    await decide(add(4), [1, 2]);
    const voted = fleet.parties.find(({ roster }) => roster.votes.accepted !== undefined) as Party;
    const { accepted } = voted.roster.votes;
    const again = await fleet.start(voted.id, voted.state.store);
    expect(again.roster.votes.accepted).toEqual(accepted);
    expect(again.membership.notices().map(({ kind }) => kind)).toContain('acceptance');
    fleet.reaches = () => true;
    await fleet.pass(30_000);
    expect(epochs(fleet)).toEqual([1, 1, 1]);
  });

  it('has no vote of a disk that was restored and lost one that others have heard, until the next epoch [RO4]', async () => {
    fleet.reaches = (_from, _to, { kind }) => kind === 'approval' || kind === 'promise';
    await decide(add(4), [1, 2]);
    const [old] = fleet.told.flatMap(({ from, notice }) => (notice.kind === 'promise' ? [from] : []));
    const lost = await fleet.start(old as number, gateStore());
    await lost.state.writer.write(put('again', 1));
    await fleet.pass(2_000);
    expect(lost.roster.votes.abstains).toBe(true);
    expect(lost.service.roster().abstains).toContain('next epoch');
    fleet.reaches = () => true;
    await fleet.pass(30_000);
    expect(epochs(fleet)).toEqual([1, 1, 1]);
    expect(lost.roster.votes.abstains).toBe(false);
    expect(lost.roster.hash).toEqual(at(old === 1 ? 2 : 1).roster.hash);
  });

  it('has no vote of a store that is told an attestation of its key that it knows nothing of [RO11]', async () => {
    const [one, two] = [at(1), at(2)];
    const tell = (by: number, time: number, sign = createAuthor(by).sign) => {
      const claim = { network: NETWORK, author: authorOf(by), at: time, entries: 1, trustHash: one.roster.hash };
      const { bytes } = createSignedAttestation({ ...claim, root: new Uint8Array(32).fill(1) }, sign);
      return one.membership.hear(encodeNotice({ kind: 'attested', attestation: bytes }), 'http', two.author);
    };
    one.attested = EPOCH_MS - 10_000;
    expect(await tell(1, EPOCH_MS, createAuthor(2).sign)).toBe('forged');
    // It made the first of these itself, and the second is not its own.
    for (const [by, time] of [
      [1, EPOCH_MS - 10_000],
      [2, EPOCH_MS],
    ] as const)
      await tell(by, time);
    expect(one.service.roster().abstains).toBeUndefined();
    await tell(1, EPOCH_MS);
    expect(one.service.roster().abstains).toContain('restored');
    expect(one.attested).toBe(EPOCH_MS);
    await decide(add(4, 'mirror'), [1, 2]);
    expect(one.roster.votes).toMatchObject({ promised: undefined, accepted: undefined });
    await fleet.pass(25_000);
    expect(epochs(fleet)).toEqual([1, 1, 1]);
    expect(one.service.roster().abstains).toBeUndefined();
  });

  it('ends the former roster at the newest cut that a vote names, which all observe before they write [RO5]', async () => {
    at(2).attested = EPOCH_MS + 7_000;
    await decide(add(4), [1, 2]);
    const { start } = at(1).roster.present;
    expect([0, EPOCH_MS + 7_000]).toContain(start);
    for (const party of fleet.parties) {
      expect(party.roster.present.start).toBe(start);
      const outcome = await party.state.writer.write(put('later', party.id));
      expect(outcome.ok && outcome.commit.header.hlc > lastHlcAt(start)).toBe(true);
    }
  });

  it('waits at a new store until every writer has told what it heard of the key [RO4]', async () => {
    const store = gateStore();
    fleet.stop(3);
    const fresh = await fleet.start(3, store);
    expect(fresh.service.roster().abstains).toContain('new');
    fleet.reaches = (from) => from !== 2;
    await fleet.pass(1_000);
    expect(fresh.service.roster().abstains).toContain('new');
    const again = await fleet.start(3, store);
    expect(again.service.roster().abstains).toContain('new');
    fleet.reaches = () => true;
    await fleet.pass(1_000);
    expect(again.service.roster().abstains).toBeUndefined();
  });
});

describe('a change of the writers', () => {
  beforeEach(() => {
    fleet.hears = (_from, to) => fleet.parties.some(({ author }) => author === to);
  });

  it('is not asked for where nothing could be decided after it, and others are [RO13]', async () => {
    fleet.stop(3);
    await expect(at(1).service.propose(add(4))).rejects.toMatchObject({
      code: 'invalid-change',
      message: expect.stringContaining('is not heard, and a writer more needs votes more') as string,
    });
    await expect(at(1).service.propose({ kind: 'retire', author: authorOf(2) })).rejects.toMatchObject({
      code: 'invalid-change',
      message: expect.stringContaining('2 of 2 writers would have to vote') as string,
    });
    // Who is away goes, or comes back under another key; a newcomer that is there becomes a writer.
    await decide({ kind: 'rotate', author: authorOf(3), to: authorOf(7) }, [1, 2]);
    await decide({ kind: 'retire', author: authorOf(7) }, [1, 2]);
    await decide(add(4, 'mirror'), [1, 2]);
    expect(epochs(fleet)).toEqual([3, 3]);
    const four = await fleet.start(4);
    await fleet.pass(1_000);
    await decide({ kind: 'promote', author: four.author }, [1, 2]);
    expect(epochs(fleet)).toEqual([4, 4, 4]);
    expect(four.roster.isWriter(four.author)).toBe(true);
  });

  it('that was approved while all were there waits while one of them is away, and says why [RO13]', async () => {
    await fleet.start(4);
    fleet.reaches = (_from, _to, { kind }) => kind === 'approval';
    const { id } = await at(1).service.propose(add(4));
    await fleet.exchange();
    await at(2).service.approve(id);
    for (const gone of [3, 4]) fleet.stop(gone);
    fleet.reaches = () => true;
    await fleet.pass(20_000);
    expect(epochs(fleet)).toEqual([0, 0]);
    const [one, two] = [at(1), at(2)].map(({ service }) => service.changes()[0]);
    for (const change of [one, two])
      expect(change).toMatchObject({ id, stage: 'deciding', why: expect.stringContaining('is not heard') as string });
    // What else is approved is decided meanwhile.
    await decide({ kind: 'name', author: authorOf(2), name: 'two' }, [1, 2]);
    expect(epochs(fleet)).toEqual([1, 1]);
    const three = await fleet.start(3);
    await fleet.start(4);
    await fleet.pass(10_000);
    expect(epochs(fleet)).toEqual([2, 2, 2, 2]);
    expect(three.roster.isWriter(authorOf(4))).toBe(true);
  });

  it('that takes out this node itself is decided by those who stay [RO13]', async () => {
    fleet.stop(3);
    await decide({ kind: 'retire', author: authorOf(3) }, [1, 2]);
    await decide({ kind: 'retire', author: authorOf(1) }, [1, 2]);
    expect(epochs(fleet)).toEqual([2, 2]);
    await expect(at(2).service.propose({ kind: 'retire', author: authorOf(2) })).rejects.toMatchObject({
      code: 'invalid-change',
      message: expect.stringContaining('no writer left') as string,
    });
  });
});

describe('a retired key', () => {
  it('writes until its end and never again, also after a restart with an earlier clock [RO8]', async () => {
    await decide({ kind: 'retire', author: authorOf(3) }, [1, 2]);
    const three = at(3);
    const until = three.roster.endOf(authorOf(3)) as number;
    expect(until).toBeGreaterThan(clock.now() + 50_000);
    expect(three.stopped).toEqual([]);
    expect((await three.state.writer.write(put('still', 1))).ok).toBe(true);
    await clock.advance(until - clock.now() + 1_000);
    await turns(20);
    expect(three.stopped).toEqual([until]);
    clock.step(-3_600_000);
    const again = await fleet.start(3);
    await turns(20);
    expect(again.stopped).toEqual([until]);
    expect(again.state.replica.meta.hlc).toBeDefined();
  });

  it('is the old one of a rotation; the new one counts from the decision on [RO8]', async () => {
    await decide({ kind: 'rotate', author: authorOf(3), to: authorOf(7) }, [1, 2]);
    const { roster } = at(1);
    const until = roster.endOf(authorOf(3)) as number;
    expect([roster.counts(authorOf(3), until), roster.counts(authorOf(3), until + 1)]).toEqual([true, false]);
    expect([roster.isWriter(authorOf(7)), roster.isWriter(authorOf(3))]).toEqual([true, false]);
    await expect(at(1).service.propose(add(3))).rejects.toMatchObject({ code: 'invalid-change' });
  });
});

it('a key that has left is told with how it ended, the last first, and by every member alike [RO19]', async () => {
  await decide(add(4, 'mirror', 'four'), [1, 2]);
  await decide({ kind: 'retire', author: authorOf(4) }, [1, 2]);
  await decide({ kind: 'remove', author: authorOf(3) }, [1, 2]);
  const until = at(1).roster.endOf(authorOf(3)) as number;
  const four = { author: authorOf(4), name: 'four', how: 'retired', epoch: 2 };
  for (const id of [1, 2]) {
    const { members, gone } = at(id).service.roster();
    expect(members.find(({ author }) => author === authorOf(3))).toMatchObject({ role: 'retired', how: 'removed' });
    expect(gone).toMatchObject([four]);
    expect(gone?.[0]).not.toHaveProperty('until');
  }
  for (const party of fleet.parties) party.floor = until + 1;
  await decide({ kind: 'drop', author: authorOf(3) }, [1, 2]);
  const three = { author: authorOf(3), how: 'removed', until, epoch: 3 };
  for (const id of [1, 2]) expect(at(id).service.roster().gone).toMatchObject([three, four]);
});

describe('what was decided', () => {
  /** A certificate for another roster after the first one, as two writers who sign two things could make it. */
  function other(network = NETWORK, attested = 0): Uint8Array {
    const { state } = at(1).roster.from(0)[0] as NonNullable<ReturnType<Party['roster']['withHash']>>;
    const roster = applyChange(state, add(9, 'mirror', 'nine'), 0);
    const votes = [1, 2].map((id) =>
      signStatement<Acceptance>(
        {
          kind: 'acceptance',
          network,
          epoch: 1,
          previous: state.hash,
          author: authorOf(id),
          ballot: { counter: 99, author: authorOf(1) },
          roster: rosterHash(roster, hasher),
          attested,
        },
        createAuthor(id).sign,
      ),
    );
    return encodeRosterCertificate(certify(roster, votes));
  }
  const hear = (id: number, certificate: Uint8Array) =>
    at(id).membership.hear(encodeNotice({ kind: 'certificate', certificate }), 'http', authorOf(2));

  it('is there after a restart and verified again: a changed chain refuses the start [RO9]', async () => {
    await decide(add(4, 'mirror'), [1, 2]);
    const { hash } = at(1).roster;
    const again = await fleet.start(1);
    expect(again.roster.hash).toEqual(hash);
    const row = rosterCertificateKey(1);
    const value = (await again.state.store.get(row)) as Uint8Array;
    const changed = value.slice();
    changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
    await again.state.store.batch([{ type: 'put', key: row, value: changed }]);
    await expect(fleet.start(1)).rejects.toMatchObject({ code: 'damaged-row' });
  });

  it('stays in force when the list is replaced while it is written; before that the new list counts [RO2, N18]', async () => {
    const [one] = [at(1)];
    const { store } = one.state;
    const list = [1, 2, 3, 7].map(authorOf);
    store.hold();
    const taken = hear(1, other());
    await until('the certificate is on its way to the disk', () =>
      store.held.some(({ operations }) => operations.some(({ key }) => equalBytes(key, rosterCertificateKey(1)))),
    );
    expect(one.roster.present.state.roster.epoch).toBe(0);
    expect(one.roster.replace(list)).toEqual({ added: [], removed: [], differs: true });
    store.open();
    expect(await taken).toBe('news');
    const again = await fleet.start(1);
    expect(again.roster.hash).toEqual(one.roster.hash);
    expect(one.roster.present.state.roster.epoch).toBe(1);
  });

  it('by another network is refused by name, and what skips an epoch is left until the chain is here [RO9]', async () => {
    expect(await hear(3, other('test/another'))).toBe('known');
    expect(at(3).log.some(({ fields }) => String(fields['reason']).includes('test/another'))).toBe(true);
    fleet.reaches = (_from, to) => to !== 3;
    await decide(add(4, 'mirror'), [1, 2]);
    await decide(add(5, 'mirror'), [1, 2]);
    const [first, second] = at(1).service.chain(0, 9) as [Uint8Array, Uint8Array];
    expect([await hear(3, second), await hear(3, first), await hear(3, second)]).toEqual(['known', 'news', 'news']);
    expect(epochs(fleet)).toEqual([2, 2, 2]);
  });

  it('that begins in the future is not taken, whoever votes so, and is decided without that vote [RO4, RO9]', async () => {
    expect(await hear(1, other(NETWORK, clock.now() + 20_001))).toBe('known');
    expect(at(1).roster.present.state.roster.epoch).toBe(0);
    // The first of the writers proposes, so that everybody hears its vote before any other.
    const first = fleet.parties.find(({ author }) => author === at(1).roster.writers[0]) ?? expect.fail();
    first.attested = 2 ** 48 - 1;
    // In the first ballot: the other two are a majority.
    await decide(add(4, 'mirror'), [1, 2]);
    expect(epochs(fleet)).toEqual([1, 1, 1]);
    expect(at(1).roster.present.start).toBeLessThanOrEqual(clock.now());
  });

  it('a vote for a time to come is sent on by nobody, and shows a lost vote all the same [RO4, RO7]', async () => {
    const vote = (id: number): Promise<string> => {
      const { author, sign } = createAuthor(id);
      const decision = { network: NETWORK, epoch: 1, previous: at(1).roster.hash };
      const roster = new Uint8Array(32).fill(1);
      const attested = clock.now() + 20_001;
      const ballot = { counter: 1, author: authorOf(3) };
      const signed = signStatement({ kind: 'acceptance', ...decision, author, ballot, roster, attested }, sign);
      return at(1).membership.hear(encodeNotice({ kind: 'acceptance', signed }), 'p2p', authorOf(2));
    };
    const before = fleet.told.length;
    expect([await vote(3), await vote(3)]).toEqual(['known', 'known']);
    expect(at(1).service.roster().abstains).toBeUndefined();
    expect([await vote(1), fleet.told.length]).toEqual(['known', before]);
    expect(at(1).roster.votes.abstains).toBe(true);
  });

  it('of an epoch that is over is only warned of, because keys that have left may sign it [RO9]', async () => {
    await decide(add(4, 'mirror'), [1, 2]);
    await decide(add(5, 'mirror'), [1, 2]);
    expect(await hear(1, other())).toBe('known');
    expect(at(1).service.roster().abstains).toBeUndefined();
    expect(at(1).log.some(({ message }) => message.includes('an epoch that is over'))).toBe(true);
  });

  it('twice for one epoch ends all decisions, over restarts, and says so [RO9]', async () => {
    await decide(add(4, 'mirror'), [1, 2]);
    expect(await hear(1, other())).toBe('news');
    await turns(20);
    const again = await fleet.start(1);
    expect(again.service.roster().abstains).toContain('two rosters');
    await expect(again.service.propose(add(6))).rejects.toMatchObject({ code: 'invalid-change' });
    expect(at(3).service.roster().abstains).toContain('two rosters');
  });
});
