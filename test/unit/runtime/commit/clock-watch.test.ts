import { beforeEach, describe, expect, it } from 'vitest';
import { MAX_AHEAD_MS, MAX_CLOCK_ERROR_MS } from '../../../../src/core/types/index.ts';
import { type ClockWatch, createClockWatch } from '../../../../src/runtime/commit/clock-watch.ts';
import type { PeerClock } from '../../../../src/runtime/peers/clocks.ts';
import { createHandClock, EPOCH_MS, type HandClock, type LogLine, recordingLog } from '../support.ts';

let clock: HandClock;
let lines: LogLine[];
let reasons: Map<string, string>;
let stateMs: number;
/** Whether other nodes are expected, as things stand. */
let others: boolean;
let peers: Map<string, { offsetMs: number; heardAt: number }>;

/** A watch of a fleet of `members`, whose peers all tell of their clocks at every look until they are made silent. */
function watch(members: number, expectsOthers = true): ClockWatch {
  others = expectsOthers;
  return createClockWatch({
    clock,
    log: recordingLog(lines),
    expectsOthers: () => others,
    members: () => members,
    clockAheadMs: () => stateMs - clock.now(),
    peerClocks: () =>
      Array.from(peers, ([name, { offsetMs, heardAt }]): PeerClock => ({ name, ms: EPOCH_MS + offsetMs, heardAt })),
    set(code, text) {
      if (text === undefined) reasons.delete(code);
      else reasons.set(code, text);
    },
  });
}

/** Lets time pass, then the peers named tell of their clocks: how far each is from the true time. */
async function hear(ms: number, offsets: Readonly<Record<string, number>> = {}): Promise<void> {
  await clock.advance(ms);
  for (const [name, offsetMs] of Object.entries(offsets)) peers.set(name, { offsetMs, heardAt: clock.monotonic() });
}

beforeEach(() => {
  clock = createHandClock();
  lines = [];
  reasons = new Map();
  stateMs = 0;
  peers = new Map();
});

it('the first others of a running node are waited for as at a start, and missed in a warning [N8, N18]', async () => {
  const all = watch(3, false);
  await hear(60_000);
  all.look();
  expect([all.isCompared(), all.warnings()]).toEqual([true, []]);
  others = true;
  all.look();
  expect(all.isCompared()).toBe(false);
  await hear(3_000);
  all.look();
  expect([all.isCompared(), all.warnings().map(({ code }) => code)]).toEqual([true, ['clock-unchecked']]);
  others = false;
  all.look();
  expect(all.warnings()).toEqual([]);
});

describe('at a start', () => {
  it('a clock is compared as soon as a majority agrees with it, whoever is silent [N8]', async () => {
    const all = watch(5);
    await hear(250, { bergen: 20 });
    all.look();
    expect(all.isCompared()).toBe(false);
    await hear(250, { oslo: -20 });
    all.look();
    expect([all.isCompared(), all.isGood(), reasons.size]).toEqual([true, true, 0]);
  });

  it('a clock with which the first peer agrees by being as wrong is found out [N8, C6]', async () => {
    clock.step(7_200_000);
    const all = watch(5);
    await hear(250, { bergen: 7_200_000 });
    all.look();
    expect(all.isCompared()).toBe(false);
    await hear(250, { oslo: 0, narvik: 0, tromsø: 0 });
    all.look();
    expect([all.isCompared(), all.isGood(), all.now()]).toEqual([true, false, EPOCH_MS + clock.monotonic()]);
    expect([...reasons]).toEqual([['clock-skew', expect.stringContaining('2 h ahead of its peers') as string]]);
  });

  it('nobody is waited for longer than three seconds, and without peers nobody at all [N8]', async () => {
    expect(watch(1, false).isCompared()).toBe(true);
    const all = watch(3);
    await hear(2_999);
    all.look();
    expect(all.isCompared()).toBe(false);
    await hear(1);
    all.look();
    expect([all.isCompared(), all.hearsPeers(), all.warnings().map(({ code }) => code)]).toEqual([
      true,
      false,
      ['clock-unchecked'],
    ]);
  });
});

describe('a wrong clock', () => {
  const right = { bergen: 0, oslo: 0 };

  it('of another node stops nobody else, and is named with how far it is away, and the log says so once [C6, N7]', async () => {
    const all = watch(3);
    await hear(250, { bergen: 0, oslo: 40_000 });
    all.look();
    all.look();
    expect([reasons.size, all.isGood()]).toEqual([0, true]);
    const text = expect.stringContaining('the clock of oslo is 40 s ahead of the others') as string;
    expect(all.warnings()).toEqual([{ code: 'peer-clock', text }]);
    await hear(250, right);
    all.look();
    expect(all.warnings()).toEqual([]);
    const told = lines
      .filter(({ fields }) => fields.peer === 'oslo')
      .map(({ level, fields }) => [level, fields.aheadMs]);
    expect(told).toEqual([
      ['warn', 40_000],
      ['info', undefined],
    ]);
  });

  it('of this node stops it from 10 s on, either way, and no longer than it is wrong [N7]', async () => {
    const all = watch(3);
    await hear(250, right);
    all.look();
    clock.step(MAX_CLOCK_ERROR_MS);
    all.look();
    expect([reasons.size, all.isGood()]).toEqual([0, true]);
    for (const ms of [1, -2 * MAX_CLOCK_ERROR_MS - 2]) {
      clock.step(ms);
      all.look();
      await hear(250, right);
      all.look();
      expect([[...reasons.keys()], all.isGood()]).toEqual([['clock-skew'], false]);
    }
    expect(reasons.get('clock-skew')).toContain('10 s behind its peers');
    clock.step(MAX_CLOCK_ERROR_MS + 1);
    all.look();
    await hear(250, right);
    all.look();
    expect([reasons.size, all.isGood()]).toEqual([0, true]);
  });

  it('of half a second is a warning [N7]', async () => {
    const all = watch(3);
    await hear(250, { bergen: -600, oslo: -700 });
    all.look();
    expect(all.warnings()).toEqual([
      { code: 'clock-skew', text: expect.stringContaining('600 ms ahead of its peers') as string },
    ]);
  });

  it('that nobody has told of for 30 s does not count [C6]', async () => {
    const all = watch(3);
    await hear(250, { bergen: -40_000, oslo: -40_000 });
    all.look();
    expect(reasons.has('clock-skew')).toBe(true);
    await hear(30_001);
    all.look();
    expect([reasons.size, all.hearsPeers()]).toEqual([0, false]);
  });

  it('of half of the nodes stops those that are ahead [C6]', async () => {
    const all = watch(2);
    await hear(250, { bergen: 40_000 });
    all.look();
    expect(reasons.size).toBe(0);
    await hear(250, { bergen: -40_000 });
    all.look();
    expect([...reasons.keys()]).toEqual(['clock-skew']);
  });
});

describe('a jump', () => {
  const right = { bergen: 0, oslo: 0 };

  it('does not decide about a commit that is made before anybody looks [C6]', async () => {
    const all = watch(3);
    await hear(250, right);
    all.look();
    clock.step(7_200_000);
    expect([all.now(), all.isGood()]).toEqual([EPOCH_MS + 250, false]);
    all.look();
    expect([all.now(), [...reasons.keys()]]).toEqual([EPOCH_MS + 250, ['clock-jump']]);
  });

  it('that sets the clock right keeps writes back until a majority has been heard again, and no longer [N7]', async () => {
    clock.step(-3_600_000);
    const all = watch(3);
    await hear(250, right);
    all.look();
    expect(reasons.has('clock-skew')).toBe(true);
    clock.step(3_600_000);
    all.look();
    expect([...reasons.keys()].sort()).toEqual(['clock-jump', 'clock-skew']);
    await hear(1_000, { oslo: 0 });
    all.look();
    expect([reasons.size, all.isGood(), all.now()]).toEqual([0, true, clock.now()]);
  });

  it('of a machine that slept is none once the peers have been heard again [N7]', async () => {
    const all = watch(3);
    await hear(250, right);
    all.look();
    // The monotonic clock stood still for an hour, so the peers' clocks seem to have jumped as well.
    clock.step(3_600_000);
    all.look();
    await hear(1_000, { bergen: 3_600_000, oslo: 3_600_000 });
    all.look();
    expect([reasons.size, all.isGood()]).toEqual([0, true]);
  });

  it('keeps writes of a node that hears nobody back for half a minute [N7]', async () => {
    const all = watch(1, false);
    clock.step(60_000);
    all.look();
    await hear(29_999);
    all.look();
    expect([[...reasons.keys()], all.now()]).toEqual([['clock-jump'], EPOCH_MS + 29_999]);
    await hear(1);
    all.look();
    expect([reasons.size, all.now()]).toEqual([0, clock.now()]);
  });

  it('says what writes wait for, which is no peer where none is expected; nobody judged it, and that is told [N7]', async () => {
    const all = watch(1, false);
    clock.step(60_000);
    all.look();
    expect(reasons.get('clock-jump')).toMatch(/jumped ahead by 60 s.*for 30 s.*no other one to compare it with/);
    await hear(30_000);
    all.look();
    expect([...all.warnings()]).toEqual([
      { code: 'clock-unchecked', text: expect.stringMatching(/jumped ahead by 60 s, and no other node/) as string },
    ]);
    await hear(3_600_000);
    all.look();
    expect(all.warnings()).toEqual([]);

    const fleet = watch(3);
    clock.step(-60_000);
    fleet.look();
    expect(reasons.get('clock-jump')).toMatch(/jumped back by 60 s.*compared with the peers'/);
    await hear(30_000);
    fleet.look();
    expect(fleet.warnings().map(({ text }) => text)).toContainEqual(expect.stringContaining('jumped back by 60 s'));
    await hear(1_000, right);
    fleet.look();
    expect(fleet.warnings().some(({ code }) => code === 'clock-unchecked')).toBe(false);
  });

  it('that is taken back within the wait is none, and nothing is told of it [N7]', async () => {
    const all = watch(1, false);
    clock.step(60_000);
    all.look();
    clock.step(-60_000);
    all.look();
    await hear(30_000);
    all.look();
    expect([reasons.size, all.warnings()]).toEqual([0, []]);
  });
});

it("a state's clock far ahead of this machine's stops writing until it has caught up [N7]", async () => {
  const all = watch(1, false);
  stateMs = EPOCH_MS + MAX_AHEAD_MS + 90_000_000;
  all.look();
  expect([...reasons]).toEqual([
    ['clock-ahead', expect.stringMatching(/state's clock is 25 h ahead.*writes go on at 2026-01-02 01:00:00 UTC/)],
  ]);
  await hear(90_000_000 - 1);
  all.look();
  expect(reasons.get('clock-ahead')).toContain('writes go on at 01:00:00 UTC');
  await hear(1);
  all.look();
  expect(reasons.size).toBe(0);
});
