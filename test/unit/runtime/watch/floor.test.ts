import { beforeEach, describe, expect, it } from 'vitest';
import type { Author } from '../../../../src/core/types/index.ts';
import type { ReadOnlyReason } from '../../../../src/runtime/facade/codes.ts';
import type { HeaderLaggard } from '../../../../src/runtime/fleet/header-versions.ts';
import { createNames } from '../../../../src/runtime/fleet/names.ts';
import { createPeerTable, type PeerTable } from '../../../../src/runtime/peers/peers.ts';
import { noteCondition } from '../../../../src/runtime/peers/view.ts';
import type { CollectionStatus } from '../../../../src/runtime/upkeep/collection.ts';
import { createFloorWatch, type FloorWatch } from '../../../../src/runtime/watch/floor.ts';
import { authorsOf, createParty, gossip, type Party, PERIOD_MS, SETTLE_MS } from '../cuts/support.ts';
import { createAuthor, createHandClock, EPOCH_MS, FOUND, type HandClock, log, until } from '../support.ts';

const TRUSTED = authorsOf(1, 2, 3);
const [SELF, TWO, THREE] = TRUSTED as [Author, Author, Author];

let clock: HandClock;
let parties: [Party, Party, Party];
let peers: PeerTable;
let watch: FloorWatch;
let reasons: ReadOnlyReason[];
let epochs: Map<Author, number>;
let numbers: number;
let doubt: string | undefined;
let collection: Omit<CollectionStatus, 'waitsFor'>;
let laggards: HeaderLaggard[];
let asides: { size: number; lost: number };

beforeEach(async () => {
  clock = createHandClock();
  parties = (await Promise.all([1, 2, 3].map((id) => createParty(id, clock, TRUSTED)))) as typeof parties;
  peers = createPeerTable(clock);
  reasons = [];
  epochs = new Map();
  numbers = 0;
  doubt = undefined;
  collection = { closed: 0, collected: 0, isCollecting: false, keys: 0 };
  laggards = [];
  asides = { size: 0, lost: 0 };
  const [one] = parties;
  watch = createFloorWatch({
    self: SELF,
    clock,
    startedAt: clock.now(),
    periodMs: PERIOD_MS,
    settleMs: SETTLE_MS,
    heartbeatMs: 1_000,
    graceMs: 3_000,
    roster: one.roster,
    book: one.book,
    complete: one.complete,
    cuts: one.cuts,
    guard: { reasons: () => reasons, since: () => EPOCH_MS },
    doubt: { mayAttest: () => doubt === undefined, text: () => doubt, lastsMs: () => 4_000 },
    peers,
    names: createNames({
      self: SELF,
      ownName: 'oslo',
      configured: new Map([
        [TWO, 'lima'],
        [THREE, 'rome'],
      ]),
      remembered: new Map(),
      peerIdOf: (author) => author,
      log,
    }),
    remembered: { of: () => undefined },
    collection: { status: () => collection },
    collectors: { laggards: () => laggards },
    asides,
    epochOf: (author) => epochs.get(author),
    peerIdOf: (author) => author,
  });
  await clock.advance(1);
});

const cutAt = (n: number): number => EPOCH_MS + n * PERIOD_MS;

/** Until a while after the cut at `n` periods, of which those `among` hear from each other. */
async function reach(n: number, among: readonly Party[] = parties): Promise<void> {
  await clock.advance(cutAt(n) + SETTLE_MS + 300 - clock.now());
  await gossip(among);
  await clock.advance(PERIOD_MS / 2 - 400);
}

/** This node hears it just now, and it tells its condition. */
function hear(id: number, condition = { serves: true, readOnly: [] as string[] }): void {
  const { author, head } = createAuthor(id);
  const peer = peers.ensure(author) ?? expect.fail();
  const signed = head({ wallMs: clock.now(), sequence: ++numbers });
  peers.hear(peer, signed, 'http', true);
  noteCondition(peer.view, condition, clock.now(), signed.head);
}

const holders = () => watch.view().holders.map(({ label, code }) => [label, code]);

describe('the floor', () => {
  it('is held by nobody while all writers attest alike, and there is none at first [FL4]', async () => {
    expect(watch.view()).toMatchObject({ held: false, holders: [] });
    expect(watch.view().at).toBeUndefined();
    await reach(1);
    await until('it is complete', () => watch.view().at === cutAt(1));
    expect(watch.view()).toMatchObject({ at: cutAt(1), due: cutAt(1), held: false, holders: [], epoch: 0 });
    expect(watch.view().certificate).toMatch(/^[\w-]+$/);
  });

  it('is held by a writer that is away, since it was last heard, and may never come back [FL4]', async () => {
    await reach(1);
    hear(3);
    const heardAt = clock.now();
    parties[2].cuts.stop();
    for (let n = 2; n < 4; n++) {
      await reach(n, [parties[0], parties[1]]);
      hear(2);
    }
    expect(watch.view()).toMatchObject({ at: cutAt(1), due: cutAt(3), held: true });
    expect(watch.view().holders).toMatchObject([
      { author: THREE, label: 'rome', self: false, code: 'away', since: heardAt },
    ]);
    expect(watch.view().holders[0]?.next).toContain('lattice members retire rome');
  });

  it('is held by one that attested another state, and not by those who agree [FL4]', async () => {
    const fragment = createAuthor(1).commit({ late: 1 }, { ms: cutAt(1) - 1_000 });
    for (const party of parties.slice(0, 2)) await party.writer.apply(fragment, FOUND);
    await reach(1);
    for (const id of [2, 3]) hear(id);
    expect(holders()).toEqual([['rome', 'differs']]);
  });

  const cases: readonly (readonly [code: string, tell: () => void])[] = [
    ['starting', () => hear(3, { serves: false, readOnly: [] })],
    ['read-only', () => hear(3, { serves: true, readOnly: ['clone'] })],
    [
      'behind',
      () => {
        hear(3);
        epochs.set(THREE, -1);
      },
    ],
    ['abstains', () => hear(3)],
    ['away', () => undefined],
  ];
  it.each(cases)('is held by a writer, with the reason %s [FL4]', async (code, tell) => {
    parties[2].mayAttest = false;
    await reach(1, parties.slice(0, 2));
    tell();
    expect(holders()).toEqual([['rome', code]]);
  });

  it('is held by this node itself where it attests nothing, and it says why [FL4]', async () => {
    parties[0].mayAttest = false;
    await reach(1);
    for (const id of [2, 3]) hear(id);
    expect(watch.view().holders).toMatchObject([{ label: 'oslo', self: true, code: 'starting' }]);
    doubt = 'this store is new; now it waits for rome';
    expect(watch.view().holders).toMatchObject([{ code: 'abstains', text: doubt, since: clock.now() - 4_000 }]);
    reasons = [{ code: 'clone', text: 'a twin runs' }];
    expect(watch.view().holders).toMatchObject([{ code: 'read-only', since: EPOCH_MS }]);
    expect(watch.view().holders[0]?.text).toContain('a twin runs');
    parties[0].roster.vote({ abstains: true, promised: undefined, accepted: undefined });
    expect(holders()).toEqual([['oslo', 'abstains']]);
  });
});

describe('the warning of a floor that is held', () => {
  it('comes after an hour, names who holds it and what to do, and goes with the next complete cut [FL4]', async () => {
    await reach(1);
    await until('it is complete', () => watch.view().at === cutAt(1));
    parties[2].mayAttest = false;
    await reach(2);
    await clock.advance(3_560_000);
    expect(watch.warnings()).toEqual([]);
    await clock.advance(60_000);
    await gossip(parties);
    for (const id of [2, 3]) hear(id);
    expect(watch.warnings()).toMatchObject([{ code: 'floor-held' }]);
    expect(watch.warnings()[0]?.text).toContain('held by rome (it is heard and attests nothing): ');
    expect(watch.warnings()[0]?.text).toContain('lattice floor on rome');
    parties[2].mayAttest = true;
    const next = Math.ceil((clock.now() - EPOCH_MS) / PERIOD_MS) + 1;
    await reach(next);
    await until('it is complete', () => watch.view().at === cutAt(next));
    expect(watch.warnings()).toEqual([]);
  });
});

describe('the collection', () => {
  it('tells how long deletions stay, and nothing of times that there are not [FL6]', () => {
    expect(watch.view().collection).toEqual({
      retentionMs: 86_400_000,
      collecting: false,
      keys: 0,
      waitsFor: [],
      setAside: 0,
    });
    collection = { closed: EPOCH_MS, collected: EPOCH_MS + 1, isCollecting: true, keys: 7 };
    expect(watch.view().collection).toMatchObject({
      closed: EPOCH_MS,
      collected: EPOCH_MS + 1,
      collecting: true,
      keys: 7,
    });
  });

  it('names whom it waits for, why, and what to do, apart for old versions and silent members [FL6]', () => {
    laggards = [
      { label: 'lima', told: true },
      { label: 'rome', told: false },
    ];
    expect(watch.view().collection.waitsFor).toMatchObject([
      { label: 'lima', text: expect.stringContaining('version'), next: expect.stringContaining('update lima') },
      { label: 'rome', text: expect.stringContaining('not heard'), next: expect.stringContaining('retire rome') },
    ]);
  });

  it('says how much of what was set aside could not be kept, also once nothing else is left [FL8]', () => {
    asides.lost = 3;
    expect(watch.view().collection.setAsideLost).toBe(3);
    expect(watch.warnings()).toMatchObject([
      { code: 'set-aside', text: expect.stringContaining('3 more operations could not be kept') },
    ]);
  });

  it('warns while something is set aside, and no longer [FL8]', () => {
    asides.size = 2;
    expect(watch.view().collection.setAside).toBe(2);
    expect(watch.warnings()).toMatchObject([
      { code: 'set-aside', text: expect.stringMatching(/^2 operations were .*lattice recover/) },
    ]);
    asides.size = 1;
    expect(watch.warnings()[0]?.text).toMatch(/^1 operation was /);
    asides.size = 0;
    expect(watch.warnings()).toEqual([]);
  });
});
