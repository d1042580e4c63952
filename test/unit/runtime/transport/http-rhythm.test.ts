import { expect, it } from 'vitest';
import type { Author } from '../../../../src/core/types/index.ts';
import { createHttpRhythm } from '../../../../src/runtime/transport/http-rhythm.ts';

const peer = 'f1' as Author;

it('a stall of our own process gives a peer that was heard at its end no credit for the stall [X12]', () => {
  let now = 0;
  const rhythm = createHttpRhythm({
    clock: { now: () => now, monotonic: () => now, after: () => ({ cancel() {} }) },
    random: { bytes: (n) => new Uint8Array(n), fraction: () => 0.5 },
    heartbeatMs: 1_000,
    graceMs: 3_000,
    pollMs: 5_000,
    heardAt: () => undefined,
  });
  const passes = (ms: number): void => {
    for (let left = ms; left > 0; left -= 500) {
      now += 500;
      rhythm.look();
    }
  };
  rhythm.answered();
  now += 3_600_000;
  // What waited in the socket is read before the first look after the stall.
  rhythm.heard();
  rhythm.look();
  expect(rhythm.isSilent(peer)).toBe(false);
  passes(4_000);
  expect(rhythm.isSilent(peer)).toBe(false);
  passes(500);
  expect(rhythm.isSilent(peer)).toBe(true);
  // A stall in which nothing was heard is still no silence of the peer.
  rhythm.reset();
  now += 3_600_000;
  rhythm.look();
  expect(rhythm.isSilent(peer)).toBe(false);
});
