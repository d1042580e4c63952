import { describe, expect, it } from 'vitest';
import type { Author } from '../../../src/core/types/index.ts';
import type { Standing } from '../../../src/ports/index.ts';
import { settled, startedLung, type TestLung, testLung, until } from './support.ts';

const refusals = (lung: TestLung): readonly unknown[] =>
  lung.log.lines.filter(({ message }) => message === 'P2P connection refused').map(({ fields }) => fields['reason']);

const lost = (lung: TestLung): number =>
  lung.log.lines.filter(({ message }) => /^dial failed|^peer disconnected/.test(message)).length;

describe('who may connect', () => {
  it('is members only: a stranger is refused once Noise has proven its key, however often it comes [S9]', async () => {
    const seed = new Uint8Array(32).fill(21);
    const friend = testLung({ seed }).author;
    const a = await startedLung({}, { standingOf: (peer) => (peer === friend ? 'member' : 'barred') });
    const stranger = await startedLung({ bootstrap: [a.address()] });
    const known = await startedLung({ seed, bootstrap: [a.address()] });
    await settled(a, known);
    await until('the stranger was refused twice', () => lost(stranger) >= 2);
    expect(a.events).toEqual([`+${friend}`]);
    expect(new Set(refusals(a))).toEqual(new Set(['it is no member']));
  });

  it('does not let this node dial a stranger either [S9]', async () => {
    const b = await startedLung();
    const a = await startedLung({ bootstrap: [b.address()] }, { standingOf: () => 'barred' });
    await until('the dial failed', () => lost(a) >= 1);
    expect([...a.events, ...b.events]).toEqual([]);
  });

  it('ends with the membership: a peer that is removed is disconnected and does not come back [S9]', async () => {
    let members: readonly (Author | undefined)[] = [];
    const a = await startedLung({}, { standingOf: (peer) => (members.includes(peer) ? 'member' : 'barred') });
    const b = testLung({ bootstrap: [a.address()] });
    members = [b.author];
    await b.start();
    await settled(a, b);
    members = [];
    await until('B is put out', () => a.lung.connections().length === 0);
    await until('B was refused', () => refusals(a).length > 0);
    members = [b.author];
    await until('B is in again', () => a.lung.connections().length === 1);
    expect(a.events).toEqual([`+${b.author}`, `-${b.author}`, `+${b.author}`]);
  });

  it('of guests from one address lets four in, and members beside them [S9, L2]', async () => {
    const seed = new Uint8Array(32).fill(22);
    const friend = testLung({ seed }).author;
    const standingOf = (peer: Author | undefined): Standing => (peer === friend ? 'member' : 'guest');
    const a = await startedLung({}, { standingOf });
    await Promise.all(Array.from({ length: 6 }, () => startedLung({ bootstrap: [a.address()] })));
    await until('two were refused', () => refusals(a).length >= 2 && a.lung.connections().length === 4);
    const known = await startedLung({ seed, bootstrap: [a.address()] });
    await settled(a, known);
    await until('the four are still there', () => a.lung.connections().length === 5);
    expect(new Set(refusals(a))).toEqual(new Set(['there are 4 guests of its address']));
  });
});
