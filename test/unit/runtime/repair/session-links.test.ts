import { describe, expect, it } from 'vitest';
import { SessionTally, SettledKeys } from '../../../../src/core/reconcile/index.ts';
import { LatticeError } from '../../../../src/core/types/index.ts';
import { sharedLink } from '../../../../src/runtime/repair/session-links.ts';
import { createHandClock, hasher } from '../support.ts';

const ANSWER = Uint8Array.of(1);

/** A session's link over a clock of the test, and how to settle one more key. */
function open(isWanted: () => boolean = () => false) {
  const clock = createHandClock();
  const tally = new SessionTally(new SettledKeys());
  const turn = { flowMs: 0, isProbe: false, wait: () => Promise.resolve(), isWanted };
  const shared = sharedLink(clock, tally, turn, async () => ANSWER);
  let keys = 0;
  const settle = (): void => {
    const hash = hasher.hash(Uint8Array.of(++keys));
    tally.noteSettled(hash, hash);
  };
  const ask = async (): Promise<unknown> => {
    try {
      await shared.link(ANSWER);
      return 'answered';
    } catch (error) {
      return error instanceof LatticeError ? error.code : error;
    }
  };
  return { clock, shared, settle, ask };
}

describe('the link of a session', () => {
  it('ends one of which nothing has come for half a minute, whatever is answered [S15]', async () => {
    const { clock, ask, settle } = open();
    await clock.advance(30_000);
    settle();
    expect(await ask()).toBe('answered');
    await clock.advance(30_000);
    expect(await ask()).toBe('answered');
    await clock.advance(1);
    expect(await ask()).toBe('no-progress');
  });

  it('ends one that has had its turn of half a minute while other peers wait [N10]', async () => {
    let wanted = false;
    const { clock, ask, settle } = open(() => wanted);
    for (let i = 0; i < 4; i++) {
      await clock.advance(10_000);
      settle();
      expect(await ask()).toBe('answered');
    }
    wanted = true;
    expect(await ask()).toBe('session-deadline');
  });

  it('counts neither time anew after a wait between two looks [S14]', async () => {
    const { clock, ask, shared } = open(() => true);
    await clock.advance(60_000);
    shared.begin();
    expect(await ask()).toBe('answered');
    await clock.advance(30_001);
    expect(await ask()).toBe('no-progress');
  });
});
