import { describe, expect, it } from 'vitest';
import { announce } from '../../../src/app/announce.ts';
import type { Lattice, LungStatus } from '../../../src/runtime/facade/index.ts';
import { createHandClock, turns } from '../../support/clock.ts';

/** A start whose P2P lung is in `states`, one for each look; the last one stays. */
function start(states: readonly LungStatus['state'][], options: { enabled?: boolean; nodes?: string[] } = {}) {
  const said: string[] = [];
  const clock = createHandClock();
  let look = 0;
  const say = (_fields: object, message: string): void => void said.push(message);
  const log = { debug: say, info: say, warn: say, error: say, child: () => log };
  const status = () => ({ p2p: { state: states[Math.min(look++, states.length - 1)] } });
  const stop = announce({
    lattice: { status, root: () => ({ root: '' }) } as unknown as Lattice,
    config: {
      http: { nodes: options.nodes ?? [], pollIntervalMs: 1 },
      p2p: { enabled: options.enabled ?? true },
    } as never,
    url: 'http://127.0.0.1:1',
    clock,
    log,
  });
  return { said, clock, stop };
}

const END = ['LATTICE READY - Hybrid Sync Active', 'HTTP peers monitored'];

describe('the end of a start', () => {
  it('is told once P2P runs or has failed', async () => {
    const running = start(['off', 'starting', 'running']);
    await running.clock.advance(39);
    expect(running.said).toEqual([]);
    await running.clock.advance(1);
    await turns();
    expect(running.said).toEqual(END);
    const failed = start(['starting', 'failed'], { nodes: ['http://x'] });
    await failed.clock.advance(100);
    expect(failed.said).toEqual(['HTTP sync activated', ...END]);
    expect([running.clock.armed, failed.clock.armed]).toEqual([0, 0]);
  });

  it('does not wait for P2P that is off', () => {
    expect(start(['off'], { enabled: false }).said).toEqual(END);
  });

  it('comes without P2P after ten seconds, with the reason', async () => {
    const { said, clock } = start(['starting']);
    await clock.advance(9_999);
    expect(said).toEqual([]);
    await clock.advance(100);
    expect(said).toEqual(['P2P has not started yet, HTTP carries on', ...END]);
  });

  it('is not told by a node that stops before', async () => {
    const { said, clock, stop } = start(['starting']);
    await clock.advance(50);
    stop();
    await clock.advance(60_000);
    expect([said, clock.armed]).toEqual([[], 0]);
  });
});
