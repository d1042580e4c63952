import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { systemClock } from '../../../../src/adapters/system/clock.ts';

const clock = systemClock();

test('no timer fires before its time, and each fires once', async () => {
  const early: number[] = [];
  let fired = 0;
  // Many, begun at all phases of the loop's millisecond: Node's own timers are early now and then only.
  for (let round = 0; round < 40; round++) {
    const timers = Array.from({ length: 25 }, (_, i) => {
      const ms = i / 5;
      const due = clock.monotonic() + ms;
      return new Promise<void>((resolve) => {
        clock.after(ms, () => {
          fired++;
          if (clock.monotonic() < due) early.push(ms);
          resolve();
        });
      });
    });
    await Promise.all(timers);
  }
  expect(early).toEqual([]);
  expect(fired).toBe(1000);
});

test('timers fire in the order of their times; a cancelled one never does', async () => {
  const fired: string[] = [];
  await new Promise<void>((resolve) => {
    clock.after(30, resolve);
    clock.after(15, () => fired.push('second'));
    const cancelled = clock.after(10, () => fired.push('cancelled'));
    clock.after(5, () => {
      fired.push('first');
      cancelled.cancel();
    });
  });
  expect(fired).toEqual(['first', 'second']);
});

test('a delay beyond what the platform takes does not fire at once', async () => {
  let fired = false;
  const warnings: string[] = [];
  const warned = (warning: Error): void => void warnings.push(warning.name);
  process.on('warning', warned);
  const timer = clock.after(2 ** 32, () => {
    fired = true;
  });
  await new Promise<void>((resolve) => {
    clock.after(20, resolve);
  });
  timer.cancel();
  process.off('warning', warned);
  expect(fired).toBe(false);
  expect(warnings).toEqual([]);
});

test('monotonic time does not go back; wall time is the machine’s', () => {
  let last = clock.monotonic();
  for (let i = 0; i < 10_000; i++) {
    const next = clock.monotonic();
    expect(next >= last).toBe(true);
    last = next;
  }
  const before = Date.now();
  const now = clock.now();
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(Date.now());
});

test('what a callback throws is told and does not end the process, where somebody listens', async () => {
  const told: unknown[] = [];
  const failure = new Error('EMFILE: too many open files');
  const watched = systemClock({ keepsAlive: true, onError: (error) => told.push(error) });
  watched.after(1, () => {
    throw failure;
  });
  await new Promise<void>((resolve) => watched.after(20, resolve));
  expect(told).toEqual([failure]);
});

test.each([
  ['does not keep a process alive', '', 3_600_000, 'armed\n'],
  ['keeps it alive when it is told to', '{ keepsAlive: true }', 20, 'armed\nfired\n'],
])('a pending timer %s', (_title, options, ms, said) => {
  const source = `import { systemClock } from '${new URL('../../../../src/adapters/system/clock.ts', import.meta.url).href}';
systemClock(${options}).after(${ms}, () => console.log('fired'));
console.log('armed');`;
  const hooks = fileURLToPath(new URL('../../../support/ts-loader.mjs', import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, ['--import', hooks, '--input-type=module', '-e', source], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  expect({ status, stdout }).toEqual({ status: 0, stdout: said });
});
