import { beforeEach, describe, expect, it } from 'vitest';
import { bytesToHex, type Hlc } from '../../../../src/core/types/index.ts';
import type { Head } from '../../../../src/core/wire/index.ts';
import type { LungName } from '../../../../src/runtime/peers/link.ts';
import { RecentRoots } from '../../../../src/runtime/peers/recent-roots.ts';
import {
  agreeExceptRefused,
  clockOf,
  compareHead,
  createView,
  forgetExceptRefused,
  type Heard,
  hasTwin,
  hearHead,
  lastHeard,
  noteCondition,
  noteSoftware,
  type OurSide,
  type PeerView,
  restartAgreement,
} from '../../../../src/runtime/peers/view.ts';
import { createAuthor, createHandClock, EPOCH_MS, type HandClock } from '../support.ts';

const author = createAuthor(2);
const life = (n: number): Uint8Array => new Uint8Array(8).fill(n);
const root = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const rootHex = (n: number): string => bytesToHex(root(n));

let clock: HandClock;
let view: PeerView;

const moment = () => ({ now: clock.monotonic(), wall: clock.now() });

beforeEach(() => {
  clock = createHandClock();
  view = createView(moment());
});

const told = (lung: LungName, head: Partial<Head>, direct = true): Heard | undefined =>
  hearHead(view, author.head(head), lung, direct, moment());
const hear = (lung: LungName, head: Partial<Head>, direct = true): boolean => told(lung, head, direct) !== undefined;
const compare = (ours: OurSide): void => compareHead(view, ours, moment());

describe('heads of one life', () => {
  it('count for each lung by what it brings itself [E5]', async () => {
    expect(hear('http', { sequence: 7 })).toBe(true);
    await clock.advance(100);
    // Late, and yet the newest that P2P has brought: it shows that P2P lives.
    expect(hear('p2p', { sequence: 6 }, false)).toBe(true);
    expect(view.heardAt).toEqual({ p2p: 100, http: 0 });
    expect(view.head?.sequence).toBe(7);
    await clock.advance(100);
    expect(hear('p2p', { sequence: 6 })).toBe(false);
    expect(hear('http', { sequence: 7 })).toBe(false);
    expect(view.heardAt).toEqual({ p2p: 100, http: 0 });
    expect(hear('p2p', { sequence: 7 })).toBe(true);
    expect(view.heardAt).toEqual({ p2p: 200, http: 0 });
  });

  it('that a relay recorded do not show a silent peer over the lung that has not brought them [E5]', async () => {
    for (let i = 1; i <= 100; i++) hear('p2p', { sequence: i, wallMs: EPOCH_MS + i * 1_000 });
    await clock.advance(60_000);
    for (let i = 1; i < 90; i++) expect(hear('http', { sequence: i, wallMs: EPOCH_MS + i * 1_000 }, false)).toBe(false);
    expect(view.heardAt).toEqual({ p2p: 0 });
    // What is only late still shows that the other lung lives, and so does what is newest, whatever the clock says.
    expect(hear('http', { sequence: 91, wallMs: EPOCH_MS + 91_000 }, false)).toBe(true);
    expect(hear('http', { sequence: 101, wallMs: EPOCH_MS }, false)).toBe(true);
  });

  it('tell of a clock, as the one of them does that was fastest on its way [C6]', async () => {
    expect(clockOf(view)).toBeUndefined();
    hear('p2p', { sequence: 1, wallMs: EPOCH_MS + 400 }, false);
    expect(clockOf(view)).toEqual({ ms: EPOCH_MS + 400, at: 0 });
    // The second head was three seconds on its way.
    await clock.advance(4_000);
    hear('http', { sequence: 2, wallMs: EPOCH_MS + 1_400 });
    expect(clockOf(view)).toEqual({ ms: EPOCH_MS + 400, at: 4_000 });
    // The peer's clock was set back: what it was is forgotten after eight heads.
    for (let i = 3; i < 11; i++) hear('p2p', { sequence: i, wallMs: EPOCH_MS - 16_000 });
    expect(clockOf(view)).toEqual({ ms: EPOCH_MS - 20_000, at: 4_000 });
    hear('p2p', { incarnation: life(7), sequence: 1, wallMs: EPOCH_MS - 26_000 });
    expect(clockOf(view)).toEqual({ ms: EPOCH_MS - 30_000, at: 4_000 });
  });
});

describe('a head of another life', () => {
  beforeEach(() => {
    hear('p2p', { incarnation: life(1), sequence: 50, wallMs: EPOCH_MS });
  });

  it('counts at once when the node speaks itself, whatever its clock says [E5]', () => {
    expect(hear('http', { incarnation: life(2), sequence: 1, wallMs: EPOCH_MS - 60_000 })).toBe(true);
    expect(view.head?.incarnation).toEqual(life(2));
  });

  it('counts by relay when its clock is later [E5]', () => {
    expect(hear('p2p', { incarnation: life(2), sequence: 1, wallMs: EPOCH_MS + 1 }, false)).toBe(true);
    expect(view.head?.incarnation).toEqual(life(2));
  });

  it('counts by relay without a later clock only after 10 s without the former life [E5]', async () => {
    const earlier = { incarnation: life(2), wallMs: EPOCH_MS };
    await clock.advance(9_999);
    expect(hear('p2p', { ...earlier, sequence: 1 }, false)).toBe(false);
    expect(view.head?.incarnation).toEqual(life(1));
    await clock.advance(1);
    expect(hear('p2p', { ...earlier, sequence: 2 }, false)).toBe(true);
  });

  it('begins to count from its own first number on both lungs [E5]', () => {
    hear('http', { incarnation: life(1), sequence: 50, wallMs: EPOCH_MS });
    expect(hear('p2p', { incarnation: life(2), sequence: 1, wallMs: EPOCH_MS + 1 })).toBe(true);
    expect(view.head).toMatchObject({ incarnation: life(2), sequence: 1 });
    expect(hear('http', { incarnation: life(2), sequence: 1, wallMs: EPOCH_MS + 1 })).toBe(true);
  });

  it('does not come back by a late relay [E5]', () => {
    hear('p2p', { incarnation: life(2), sequence: 1, wallMs: EPOCH_MS + 1 });
    expect(hear('http', { incarnation: life(1), sequence: 51, wallMs: EPOCH_MS }, false)).toBe(false);
    expect([view.head?.sequence, view.twinAt]).toEqual([1, undefined]);
  });

  it('that had been replaced and speaks again shows that two nodes run with this key', () => {
    hear('p2p', { incarnation: life(2), sequence: 1, wallMs: EPOCH_MS + 1 });
    expect(hasTwin(view, clock.monotonic())).toBe(false);
    hear('p2p', { incarnation: life(1), sequence: 51, wallMs: EPOCH_MS + 2 });
    expect(hasTwin(view, clock.monotonic())).toBe(true);
    // One of the two has ended.
    expect(hasTwin(view, clock.monotonic() + 30_000)).toBe(false);
  });
});

describe('how a peer compares', () => {
  const ours = (n: number, seenHlc = 0n as Hlc, recent = new RecentRoots()) => ({
    root: rootHex(n),
    recent,
    seenHlc,
    trustHash: new Uint8Array(32),
  });

  it('is equal when the roots of both were the same within three seconds', async () => {
    const recent = new RecentRoots();
    recent.add(rootHex(1), clock.monotonic());
    hear('p2p', { sequence: 1, root: root(1) });
    await clock.advance(1_000);
    hear('p2p', { sequence: 2, root: root(2) });
    // We have gone on to a root of our own; theirs of a second ago was ours.
    compare(ours(1, 0n as Hlc, recent));
    expect(view.agreement).toBe('equal');
    await clock.advance(2_001);
    hear('p2p', { sequence: 3, root: root(3) });
    compare(ours(1, 0n as Hlc, recent));
    expect(view.agreement).toBe('different');
    // Theirs is a root that we had.
    recent.add(rootHex(3), clock.monotonic());
    compare(ours(4, 0n as Hlc, recent));
    expect(view.agreement).toBe('equal');
    await clock.advance(3_001);
    compare(ours(4, 0n as Hlc, recent));
    expect(view.agreement).toBe('different');
  });

  it('is unknown before anything was heard', () => {
    compare(ours(1));
    expect([view.agreement, view.trustMatches]).toEqual(['unknown', undefined]);
  });

  it('dates a difference from when it began, and an equality from when it was last seen', async () => {
    hear('p2p', { sequence: 1, root: root(1) });
    await clock.advance(100);
    compare(ours(9));
    await clock.advance(100);
    compare(ours(9));
    expect([view.agreementAt, view.agreementSince]).toEqual([100, EPOCH_MS + 100]);
    compare(ours(1));
    await clock.advance(100);
    compare(ours(1));
    expect([view.agreementAt, view.agreementSince]).toEqual([300, EPOCH_MS + 200]);
  });

  it('is equal except refused for the very pair of roots that a repair left so [S11]', async () => {
    hear('p2p', { sequence: 1, root: root(1) });
    agreeExceptRefused(view, rootHex(9), moment());
    compare(ours(9));
    expect(view.agreement).toBe('equal-except-refused');
    compare(ours(8));
    expect(view.agreement).toBe('different');
    hear('p2p', { sequence: 2, root: root(2) });
    await clock.advance(5_000);
    compare(ours(9));
    expect(view.agreement).toBe('different');
  });

  it('is that again only once what was refused is open again [S12]', () => {
    expect(forgetExceptRefused(view)).toBe(false);
    hear('p2p', { sequence: 1, root: root(1) });
    agreeExceptRefused(view, rootHex(9), moment());
    expect(view.agreement).toBe('equal-except-refused');
    expect(forgetExceptRefused(view)).toBe(true);
    compare(ours(9));
    expect(view.agreement).toBe('different');
    expect(forgetExceptRefused(view)).toBe(false);
  });

  it('is not equal except refused to a peer that was never heard', () => {
    agreeExceptRefused(view, rootHex(9), moment());
    expect([view.agreement, view.exceptRefused]).toEqual(['unknown', undefined]);
  });

  it('dates the pair of roots from when either changed', async () => {
    hear('p2p', { sequence: 1, root: root(1) });
    compare(ours(9));
    expect(view.pair.at).toBe(0);
    await clock.advance(100);
    compare(ours(9));
    expect(view.pair.at).toBe(0);
    compare(ours(8));
    expect(view.pair.at).toBe(100);
    await clock.advance(100);
    hear('p2p', { sequence: 2, root: root(2) });
    compare(ours(8));
    expect(view.pair.at).toBe(200);
  });

  it('counts from now on where the peer is to be repaired soon, whatever is compared after that', async () => {
    hear('p2p', { sequence: 1, root: root(1) });
    compare(ours(9));
    await clock.advance(400);
    restartAgreement(view, clock.monotonic());
    await clock.advance(100);
    compare(ours(9));
    expect([view.agreement, view.agreementAt, view.agreementSince]).toEqual(['different', 400, EPOCH_MS]);
  });

  it('tells whether the trust lists are the same', () => {
    hear('p2p', { sequence: 1, trustHash: root(1) });
    compare(ours(1));
    expect(view.trustMatches).toBe(false);
    hear('p2p', { sequence: 2 });
    compare(ours(1));
    expect(view.trustMatches).toBe(true);
  });

  it('is behind since its head first named commits that we lack, until we hold them [N4]', async () => {
    hear('p2p', { sequence: 1, hlc: 5n as Hlc });
    await clock.advance(100);
    compare(ours(1, 4n as Hlc));
    await clock.advance(100);
    hear('p2p', { sequence: 2, hlc: 6n as Hlc });
    compare(ours(1, 5n as Hlc));
    expect(view.behindSince).toBe(100);
    compare(ours(1, 6n as Hlc));
    expect(view.behindSince).toBeUndefined();
  });

  it('is not behind while its state is one that we had, even where its commits were replaced before we knew it [N4, R5]', () => {
    hear('p2p', { sequence: 1, hlc: 5n as Hlc, root: root(1) });
    compare(ours(2));
    expect(view.behindSince).toBe(0);
    compare(ours(1));
    expect(view.behindSince).toBeUndefined();
  });
});

describe('what a head tells beside the state', () => {
  it('is that the peer has started anew, which dates the comparison too', async () => {
    expect(told('p2p', { sequence: 5 })).toEqual({ newIncarnation: false, newTrust: false });
    await clock.advance(700);
    expect(told('p2p', { sequence: 1, incarnation: life(9) })).toEqual({ newIncarnation: true, newTrust: false });
    expect([view.formerIncarnation, view.agreementAt]).toEqual(['02'.repeat(8), 700]);
    expect(told('p2p', { sequence: 2, incarnation: life(9) })).toEqual({ newIncarnation: false, newTrust: false });
  });

  it('is that its trust list has changed, by its newest head only [S12]', () => {
    expect(told('http', { sequence: 5 })?.newTrust).toBe(false);
    expect(told('p2p', { sequence: 4, trustHash: root(7) }, false)?.newTrust).toBe(false);
    expect(told('p2p', { sequence: 6, trustHash: root(7) })?.newTrust).toBe(true);
    expect(told('p2p', { sequence: 7, trustHash: root(7) })?.newTrust).toBe(false);
  });
});

it('a peer was last heard by whichever lung brought its newest head, or never', async () => {
  expect(lastHeard(view)).toBe(-Infinity);
  hear('http', { sequence: 1 });
  await clock.advance(10);
  hear('p2p', { sequence: 1 });
  expect(lastHeard(view)).toBe(10);
  await clock.advance(10);
  hear('http', { sequence: 2 });
  expect(lastHeard(view)).toBe(20);
});

it('a reason against writes that has gone is told from one that stays, comes, or was never told [S12]', () => {
  const told = [['disk'], ['disk'], ['clone', 'disk'], ['clone'], []];
  const head = { incarnation: life(2), sequence: 1 };
  expect(told.map((readOnly) => noteCondition(view, { serves: true, readOnly }, EPOCH_MS, head))).toEqual([
    false,
    false,
    false,
    true,
    true,
  ]);
});

it('a hello that was overtaken on its way does not bring an earlier condition back [S16]', () => {
  const note = (sequence: number, readOnly: string[], incarnation = life(2)): boolean =>
    noteCondition(view, { serves: true, readOnly }, EPOCH_MS, { incarnation, sequence });
  note(8, ['disk']);
  expect(note(7, [])).toBe(false);
  expect(view.condition?.readOnly).toEqual(['disk']);
  expect(note(9, [])).toBe(true);
  note(1, ['clone'], life(3));
  expect(view.condition?.readOnly).toEqual(['clone']);
});

it('other software is told from the same, and from the first that is heard of [S12]', () => {
  expect(['1.0.0', '1.0.0', '1.1.0', '1.1.0', '1.0.0'].map((software) => noteSoftware(view, software))).toEqual([
    false,
    false,
    true,
    false,
    true,
  ]);
  expect(view.software).toBe('1.0.0');
});
