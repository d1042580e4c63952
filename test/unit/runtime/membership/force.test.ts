import { describe, expect, it } from 'vitest';
import {
  decodeRosterCertificate,
  encodeForced,
  encodeNotice,
  forcedBytes,
  forcedRoster,
  stateOf,
} from '../../../../src/core/roster/index.ts';
import { forcedKey } from '../../../../src/core/rows/index.ts';
import type { Bytes } from '../../../../src/core/types/index.ts';
import { createAuthor, createHandClock, hasher, NETWORK } from '../support.ts';
import { authorOf, createTestFleet, type Party, type TestFleet } from './support.ts';

describe('a forced roster that a member tells', () => {
  const forcedBy = (id: number, fleet: TestFleet): Bytes => {
    const { author, roster } = fleet.parties.find((one) => one.id === id) as Party;
    const start = Math.floor(fleet.clock.now() / 10_000) * 10_000;
    const next = forcedRoster(roster.present.state, [author], start);
    const one = { network: NETWORK, author, roster: next, start };
    return encodeForced(one, createAuthor(id).sign(forcedBytes(one, hasher)));
  };
  const tell = async ({ membership }: Party, certificate: Bytes): Promise<unknown> =>
    membership.hear(encodeNotice({ kind: 'certificate', certificate }), 'http', authorOf(1));

  it('is refused without a word of the operator, and the warning names who began it [RO15]', async () => {
    const fleet = await createTestFleet(createHandClock(), [1, 2, 3]);
    const second = fleet.parties[1] as Party;
    expect(await tell(second, forcedBy(1, fleet))).toBe('known');
    expect(second.roster.present.state.roster.epoch).toBe(0);
    expect(second.membership.offered()).toEqual({ epoch: 1, by: authorOf(1) });
    // A forged one is not even offered.
    const forged = forcedBy(1, fleet);
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1;
    expect(await tell(fleet.parties[2] as Party, forged)).toBe('forged');
    expect((fleet.parties[2] as Party).membership.offered()).toBeUndefined();
  });

  it('is taken by a node that may, over restarts, and no votes for that epoch change anything then [RO15]', async () => {
    const fleet = await createTestFleet(createHandClock(), [1, 2, 3]);
    const certificate = forcedBy(1, fleet);
    const { hash } = stateOf(decodeRosterCertificate(certificate).roster, new Set(), hasher);
    const { store } = (fleet.parties[0] as Party).state;
    await store.batch([{ type: 'put', key: forcedKey(hash), value: new Uint8Array([1]) }]);
    fleet.reaches = () => false;
    let first = await fleet.start(1);
    expect(await tell(first, certificate)).toBe('news');
    expect([...first.roster.present.state.leftOut].sort()).toEqual([authorOf(2), authorOf(3)].sort());
    first = await fleet.start(1);
    expect(first.roster.present.state.roster.epoch).toBe(1);
    // The two that were left out decide something else for that epoch.
    fleet.reaches = (from, to) => from !== 1 && to !== 1;
    const [two, three] = fleet.parties.filter(({ id }) => id !== 1) as [Party, Party];
    const { id } = await two.service.propose({ kind: 'name', author: authorOf(2), name: 'ghost' });
    await fleet.pass(1000);
    await three.service.approve(id);
    await fleet.pass(10_000);
    expect(two.roster.present.state.roster.epoch).toBe(1);
    expect(await tell(first, two.roster.present.certificate as Bytes)).toBe('known');
    expect([first.membership.second(), first.roster.writers]).toEqual([undefined, [authorOf(1)]]);
  });
});
