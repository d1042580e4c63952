import { describe, expect, it } from 'vitest';
import { createSigner, createVerifier, nodeHasher } from '../../../../src/adapters/system/index.ts';
import {
  applyChange,
  checkChain,
  checkForcedRoster,
  checkRosterCertificate,
  counts,
  encodeForced,
  forcedBytes,
  forcedRoster,
  initialRoster,
  isForcedAfter,
  memberOf,
  type Roster,
  stateOf,
  writersOf,
} from '../../../../src/core/roster/index.ts';
import type { Author } from '../../../../src/core/types/index.ts';

const hasher = nodeHasher();
const network = 'test/forced';
const END = 1_700_000_000_000;
const signers = [1, 2, 3].map((i) => createSigner(new Uint8Array(32).fill(i)));
const [a, b, c] = signers as [Signer, Signer, Signer];
type Signer = (typeof signers)[number];
const founders = signers.map(({ author }) => author).sort();
const state = stateOf(initialRoster(founders), new Set(), hasher);
const about = { network, hasher };

const forced = (roster: Roster, { by = a, start = END }: { by?: Signer; start?: number } = {}) => {
  const one = { network, author: by.author, roster, start };
  return encodeForced(one, by.sign(forcedBytes(one, hasher)));
};
const roster = forcedRoster(state, [a.author], END);
const bytes = forced(roster);
const refusal = (work: () => unknown): string => {
  try {
    work();
    return 'taken';
  } catch (error) {
    return String(error);
  }
};

describe('a forced roster', () => {
  it('has those who go on, and everybody else retired with one end [RO15]', () => {
    expect(writersOf(roster)).toEqual([a.author]);
    for (const { author } of [b, c]) {
      expect(memberOf(roster, author)).toMatchObject({ role: 'retired', until: END });
      expect([counts(roster, author, END), counts(roster, author, END + 1)]).toEqual([true, false]);
    }
    expect(roster).toMatchObject({ epoch: 1, previous: state.hash, certify: 'majority' });
  });

  it('is not made where a majority is left, of nobody, or with somebody who is no writer [RO15]', () => {
    expect(refusal(() => forcedRoster(state, [a.author, b.author], END))).toMatch(/2 of 3 writers would be left/);
    expect(refusal(() => forcedRoster(state, [], END))).toMatch(/nobody would be left/);
    expect(refusal(() => forcedRoster(state, ['dd'.repeat(32) as Author], END))).toMatch(/is no writer/);
  });

  it('is checked by its form and its one signature, and leaves out the others [RO15]', async () => {
    const checked = checkForcedRoster(bytes, state, about);
    expect([...checked.state.leftOut].sort()).toEqual([b.author, c.author].sort());
    expect(checked.start).toBe(END);
    const [one] = checked.signatures;
    if (one === undefined) throw new Error('no signature');
    expect(checked.signatures).toHaveLength(1);
    expect(await createVerifier().verify(one.author, one.message, one.signature)).toBe(true);
    expect(await createVerifier().verify(b.author, one.message, one.signature)).toBe(false);
  });

  it('is refused in another form: of another network, end, member, maker, or after another roster [RO15]', () => {
    const members = roster.members.map((member) =>
      member.author === b.author ? { ...member, until: END + 10_000 } : member,
    );
    const cases: readonly (readonly [ReturnType<typeof forced>, RegExp])[] = [
      [forced(roster, { start: END + 10_000 }), /changes more/],
      [forced({ ...roster, members }), /changes more/],
      [forced({ ...roster, retentionMs: 1 }), /changes more/],
      [forced(roster, { by: b }), /does not go on/],
      [forced({ ...roster, epoch: 2 }), /comes after another roster/],
      [forced({ ...roster, previous: new Uint8Array(32) }), /comes after another roster/],
    ];
    for (const [one, says] of cases) expect(refusal(() => checkForcedRoster(one, state, about))).toMatch(says);
    expect(refusal(() => checkForcedRoster(bytes, state, { ...about, network: 'other' }))).toMatch(/network/);
    // A removal by votes of a majority has its own form, and force can make none of it.
    const removed = applyChange(state, { kind: 'retire', author: c.author }, END);
    expect(refusal(() => checkForcedRoster(forced(removed), state, about))).toMatch(/2 of 3 writers would be left/);
  });

  it('is no decision of the fleet, and no verifier takes it by a trust list [RO15]', () => {
    expect(refusal(() => checkRosterCertificate(bytes, state, about))).toMatch(/1 writers voted/);
    expect(isForcedAfter(bytes, state, about)).toBe(true);
    expect(refusal(() => checkChain([bytes], { authors: founders }, about))).toMatch(/was forced/);
    const pinned = checkChain([bytes], { hash: stateOf(roster, new Set(), hasher).hash }, about);
    expect(pinned.spans[0].state.roster).toEqual(roster);
    const chain = checkChain([bytes], { authors: founders }, { ...about, forced: true });
    expect([chain.forced.length, chain.spans[0].end, chain.spans.at(-1)?.start]).toEqual([1, END, END]);
  });
});
