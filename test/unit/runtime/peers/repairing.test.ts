import { beforeEach, describe, expect, it } from 'vitest';
import type { RepairProgress, RepairReport } from '../../../../src/runtime/facade/index.ts';
import {
  beginRepair,
  createRepairing,
  endRepair,
  hurry,
  isServed,
  noteCame,
  noteDecoded,
  noteDiffering,
  noteProbed,
  noteProgress,
  noteReborn,
  noteReport,
  type PeerRepair,
  serve,
  waitUntil,
} from '../../../../src/runtime/peers/repairing.ts';
import { EPOCH_MS } from '../support.ts';

let repair: PeerRepair;

beforeEach(() => {
  repair = createRepairing();
});

const report = (outcome: RepairReport['outcome'], found = 0): RepairReport => ({
  at: EPOCH_MS,
  lung: 'p2p',
  outcome,
  found,
  fetched: 0,
  pushed: 0,
  refused: 0,
  requests: 1,
  bytesSent: 1,
  bytesReceived: 1,
  durationMs: 1,
});

describe('when the next repair may begin', () => {
  it('is at once the first time', () => {
    expect(repair).toMatchObject({ running: false, urgent: true, nextAt: 0 });
  });

  it('is as after any other once one has begun', () => {
    beginRepair(repair);
    expect([repair.running, repair.urgent]).toEqual([true, false]);
    endRepair(repair);
    expect([repair.running, repair.urgent]).toEqual([false, false]);
  });

  it('is at once again for one who hurries, after a backoff for a new incarnation', () => {
    beginRepair(repair);
    endRepair(repair);
    waitUntil(repair, 5_000);
    noteReborn(repair, 0);
    expect([repair.urgent, repair.nextAt]).toEqual([true, 5_000]);
    hurry(repair);
    expect([repair.urgent, repair.nextAt]).toEqual([true, 0]);
  });
});

describe('the rest after fruitless sessions', () => {
  const seen = (now: number, state = 'a') => ({ now, state });
  const settle = (n: number): unknown => repair.settled.note(Uint8Array.of(n, 0, 0, 0, 0, 0), new Uint8Array(6));

  it('doubles, and a probe that delivers ends it while one that does not leaves it as it is [S15]', () => {
    noteCame(repair, 'fruitless', seen(0));
    noteCame(repair, 'fruitless', seen(1_000));
    expect([repair.fruitless, repair.restUntil]).toEqual([2, 3_000]);
    noteProbed(repair, 'fruitless', seen(2_000, 'b'));
    expect([repair.fruitless, repair.restUntil, repair.restedAt, repair.restedWith]).toEqual([2, 3_000, 2_000, 'b']);
    noteProbed(repair, 'fruitful', seen(2_500, 'b'));
    expect([repair.fruitless, repair.restUntil]).toEqual([0, 2_500]);
  });

  it('ends with a new incarnation, of which all is to be settled anew, once in ten minutes [S15]', () => {
    expect([settle(1), settle(1)]).toEqual(['first', 'again']);
    for (let i = 0; i < 12; i++) noteCame(repair, 'fruitless', seen(1_000));
    expect(repair.restUntil).toBe(601_000);
    noteReborn(repair, 5_000);
    expect([settle(1), repair.restUntil, repair.urgent]).toEqual(['first', 5_000, true]);
    // What it takes after that is new to it, so it proves nothing: the next fruitless session has the longest rest.
    noteCame(repair, 'fruitful', seen(6_000));
    noteReborn(repair, 7_000);
    expect(settle(1)).toBe('again');
    noteCame(repair, 'fruitless', seen(8_000));
    expect([repair.fruitless, repair.restUntil]).toEqual([13, 608_000]);
    noteReborn(repair, 605_000);
    expect([settle(1), repair.restUntil]).toEqual(['first', 605_000]);
  });
});

describe('what repairs tell', () => {
  it('failures count in a row', () => {
    const outcomes = ['failed', 'failed', 'partial', 'failed', 'equal'] as const;
    expect(outcomes.map((outcome) => noteReport(repair, report(outcome), EPOCH_MS))).toEqual([1, 2, 0, 1, 0]);
    expect([repair.failures, repair.last?.outcome]).toEqual([0, 'equal']);
  });

  it('coded symbols that did not decode count in a row', () => {
    const counts = [false, false, true, false].map((decoded) => {
      noteDecoded(repair, decoded);
      return repair.undecoded;
    });
    expect(counts).toEqual([1, 2, 0, 1]);
  });

  it.each<readonly [RepairReport['outcome'], keys: number]>([
    ['equal', 0],
    ['equal-except-refused', 7],
    ['repaired', 99],
    ['partial', 99],
    ['failed', 99],
  ])('%s says how many keys differ now, or nothing of it', (outcome, keys) => {
    noteDiffering(repair, { keys: 99, at: EPOCH_MS, exact: false });
    noteReport(repair, report(outcome, 7), EPOCH_MS + 5);
    expect(repair.differing).toEqual(
      keys === 99 ? { keys, at: EPOCH_MS, exact: false } : { keys, at: EPOCH_MS + 5, exact: true },
    );
  });

  it('progress says it too once something has been found, and is over when the repair is', () => {
    const progress: RepairProgress = {
      running: true,
      lung: 'p2p',
      found: 4,
      fetched: 1,
      pushed: 0,
      remaining: 3,
      perSecond: 1,
      since: EPOCH_MS,
    };
    beginRepair(repair);
    noteProgress(repair, progress, undefined, EPOCH_MS);
    expect([repair.progress, repair.differing]).toEqual([progress, undefined]);
    noteProgress(repair, progress, 3, EPOCH_MS + 9);
    expect(repair.differing).toEqual({ keys: 3, at: EPOCH_MS + 9, exact: true });
    endRepair(repair);
    expect(repair.progress).toBeUndefined();
    expect(repair.differing?.keys).toBe(3);
  });
});

describe("a session of the peer's own [S13]", () => {
  let now: number;
  const begin = (): (() => void) => serve(repair, () => now);
  const served = (): boolean => isServed(repair, now);

  beforeEach(() => {
    now = 1_000;
  });

  it('is there from the first of its requests until nothing has come of it for two seconds', () => {
    expect(served()).toBe(false);
    const first = begin();
    const second = begin();
    now += 60_000;
    first();
    now += 10_000;
    expect([served(), repair.served.open]).toEqual([true, 1]);
    second();
    now += 1_999;
    expect(served()).toBe(true);
    now += 1;
    expect([served(), repair.served.open]).toEqual([false, 0]);
  });

  it('is the same one while a request of it is being answered, however long that takes', () => {
    const long = begin();
    now += 119_000;
    begin()();
    now += 999;
    expect(served()).toBe(true);
    now += 1;
    expect(served()).toBe(false);
    long();
  });

  it('is waited for no longer than two minutes, and another one as long again', () => {
    for (; now < 121_000; now += 1_000) {
      expect(served()).toBe(now > 1_000);
      begin()();
    }
    expect(served()).toBe(false);
    now += 999;
    begin()();
    expect(served()).toBe(false);
    now += 2_000;
    begin()();
    expect(served()).toBe(true);
  });
});
