import { describe, expect, it } from 'vitest';
import type { Cause } from '../../../../src/runtime/facade/codes.ts';
import type { SyncMode } from '../../../../src/runtime/facade/index.ts';
import {
  decidePath,
  initialPath,
  type PathInput,
  type PathState,
  STABLE_MAX_MS,
  STABLE_MIN_MS,
} from '../../../../src/runtime/peers/failover.ts';

const GRACE = 3000;

/** One peer over time: P2P heard or not, at every 250 ms. */
function follow(options: { hasUrl?: boolean; mode?: SyncMode } = {}) {
  let state: PathState = initialPath(0);
  let now = 0;
  let heardAt: number | undefined;
  const changes: { at: number; to: string; cause: Cause }[] = [];
  const run = (ms: number, p2p: boolean, more: { mode?: SyncMode; behindSince?: number } = {}) => {
    for (const end = now + ms; now < end; now += 250) {
      if (p2p) heardAt = now;
      const decided = decidePath(state, {
        now,
        mode: more.mode ?? options.mode ?? 'auto',
        isMember: true,
        graceMs: GRACE,
        heardAt,
        behindSince: more.behindSince,
        hasUrl: options.hasUrl ?? true,
      });
      state = decided.state;
      if (decided.cause !== undefined) changes.push({ at: now, to: state.lung, cause: decided.cause });
    }
  };
  return { run, changes, lung: () => state.lung, now: () => now };
}

describe('fail-over of one peer', () => {
  it('uses HTTP from the start until P2P is first heard, then P2P at once [N5]', () => {
    const peer = follow();
    peer.run(1000, false);
    expect(peer.lung()).toBe('http');
    peer.run(250, true);
    expect(peer.lung()).toBe('p2p');
  });

  it('goes to HTTP when no head came over P2P for the grace, and says for how long [N4, N5]', () => {
    const peer = follow();
    peer.run(1000, true);
    const silentFrom = peer.now() - 250;
    peer.run(GRACE + 500, false);
    const change = peer.changes.at(-1);
    expect(change).toMatchObject({
      to: 'http',
      cause: { code: 'silent', text: expect.stringContaining('silent over P2P for 3.') as string },
    });
    expect((change?.at ?? 0) - silentFrom).toBeLessThanOrEqual(GRACE + 500);
  });

  it('goes to HTTP when heads come but their commits do not: ping alone is not liveness [N4]', () => {
    const peer = follow();
    peer.run(1000, true);
    peer.run(GRACE + 500, true, { behindSince: peer.now() });
    expect(peer.changes.at(-1)).toMatchObject({
      to: 'http',
      cause: { code: 'behind', text: expect.stringContaining('commits do not arrive') as string },
    });
  });

  it('returns to P2P after 15 s without a break, doubling when it flaps, up to 5 min [N5]', () => {
    const peer = follow();
    peer.run(1000, true);
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      peer.run(GRACE + 1000, false);
      expect(peer.lung()).toBe('http');
      const from = peer.now();
      peer.run(STABLE_MAX_MS + 1000, true);
      expect(peer.lung()).toBe('p2p');
      waits.push((peer.changes.at(-1)?.at ?? 0) - from);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 20, 20].map((n) => n * STABLE_MIN_MS));
  });

  it('starts the wait again when P2P breaks during it', () => {
    const peer = follow();
    peer.run(1000, true);
    peer.run(GRACE + 1000, false);
    peer.run(STABLE_MIN_MS - 1000, true);
    peer.run(GRACE + 1000, false);
    peer.run(STABLE_MIN_MS - 1000, true);
    expect(peer.lung()).toBe('http');
  });

  it('forgives flaps after ten quiet minutes [N5]', () => {
    const peer = follow();
    peer.run(1000, true);
    peer.run(GRACE + 1000, false);
    peer.run(700_000, true);
    peer.run(GRACE + 1000, false);
    const from = peer.now();
    peer.run(60_000, true);
    expect((peer.changes.at(-1)?.at ?? 0) - from).toBe(STABLE_MIN_MS);
  });

  it('has no lung for a silent peer without a URL', () => {
    const peer = follow({ hasUrl: false });
    peer.run(1000, true);
    peer.run(GRACE + 1000, false);
    expect(peer.lung()).toBe('none');
    peer.run(250, true);
    expect(peer.lung()).toBe('p2p');
  });

  it('obeys the manual modes, and returns without a restart [N5]', () => {
    const peer = follow();
    peer.run(1000, true);
    peer.run(250, true, { mode: 'http' });
    expect(peer.changes.at(-1)).toMatchObject({ to: 'http', cause: { code: 'manual-mode', text: 'manual mode http' } });
    peer.run(GRACE + 1000, false, { mode: 'p2p' });
    expect(peer.lung()).toBe('none');
    peer.run(250, true, { mode: 'auto' });
    expect(peer.lung()).toBe('p2p');
  });
});

const usual: PathInput = {
  now: 100_000,
  mode: 'auto',
  isMember: true,
  graceMs: GRACE,
  heardAt: 99_900,
  behindSince: undefined,
  hasUrl: true,
};
const on = (lung: PathState['lung'], more: Partial<PathState> = {}): PathState => ({
  ...initialPath(0),
  lung,
  ...more,
});

it.each<readonly [code: string, state: PathState, input: Partial<PathInput>]>([
  ['heard', on('none'), {}],
  ['heard', on('http'), {}],
  ['silent', on('p2p'), { heardAt: 90_000 }],
  ['behind', on('p2p'), { behindSince: 90_000 }],
  ['not-heard', on('none'), { heardAt: undefined }],
  ['manual-mode', on('p2p'), { mode: 'http' }],
  ['manual-mode', on('http'), { mode: 'p2p' }],
  ['no-member', on('p2p'), { isMember: false }],
  ['no-member', on('http'), { isMember: false, mode: 'http', heardAt: undefined }],
  ['stable', on('http', { lostAt: 1, coveredSince: 10_000 }), {}],
])('a cause is told by its code, here %s, and in a sentence [M2]', (code, state, input) => {
  const { cause, state: next } = decidePath(state, { ...usual, ...input });
  expect(next.lung).not.toBe(state.lung);
  expect(cause).toEqual({ code, text: expect.stringMatching(/\w \w/) as string });
});

it('nothing carries a peer that is no member, however well it is heard [S9]', () => {
  expect(decidePath(on('none'), { ...usual, isMember: false })).toEqual({
    state: { ...on('none'), coveredSince: usual.now },
  });
});
