import { describe, expect, it } from 'vitest';
import { announce } from '../../../src/app/announce.ts';
import type { Clock } from '../../../src/ports/index.ts';
import type { Lattice, LungStatus } from '../../../src/runtime/facade/facade.ts';

/** The lines of a start whose P2P lung is in `states`, one for each look; the last one stays. */
function lines(
  states: readonly LungStatus['state'][],
  options: { enabled?: boolean; nodes?: string[]; looks?: number } = {},
) {
  const said: string[] = [];
  const due: (() => void)[] = [];
  let look = 0;
  const after: Clock['after'] = (_ms, run) => {
    due.push(run);
    return { cancel: () => void due.splice(due.indexOf(run), 1) };
  };
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
    clock: { after } as Clock,
    log,
  });
  for (let i = 0; i < (options.looks ?? 10_000) && due.length > 0; i++) due.shift()?.();
  return { said, due, stop };
}

const END = ['LATTICE READY', 'HTTP peers monitored'];

describe('the end of a start', () => {
  it('is told once P2P runs or has failed', () => {
    expect(lines(['starting', 'starting'], { looks: 3 }).said).toEqual([]);
    expect(lines(['off', 'starting', 'running']).said).toEqual(END);
    expect(lines(['starting', 'failed'], { nodes: ['http://x'] }).said).toEqual(['HTTP sync activated', ...END]);
  });

  it('does not wait for P2P that is off', () => {
    expect(lines(['off'], { enabled: false, looks: 0 }).said).toEqual(END);
  });

  it('comes without P2P after ten seconds, with the reason', () => {
    expect(lines(['starting']).said).toEqual(['P2P has not started yet, HTTP carries on', ...END]);
  });

  it('is not told by a node that stops before', () => {
    const { said, due, stop } = lines(['starting'], { looks: 2 });
    stop();
    expect([said, due]).toEqual([[], []]);
  });
});
