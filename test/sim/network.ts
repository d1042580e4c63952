import { type Bytes, LatticeError } from '../../src/core/types/index.ts';
import type { Life } from './clock.ts';
import type { Rng } from './rng.ts';
import type { Scheduler } from './scheduler.ts';
import { shortHash } from './trace.ts';
import { CALM, type LungName, type Weather } from './weather.ts';

/** The wires between the machines, apart for each lung. */
export interface Wires {
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  weather(lung: LungName): Weather;
  setWeather(lung: LungName, weather: Weather): void;
  isCut(lung: LungName, from: number, to: number): boolean;
  /** ms that a message takes now. */
  delay(lung: LungName): number;
  /** Carries `bytes` to the other side: late, twice or never. `lossFactor` 1 for datagram-like gossip. */
  carry(
    lung: LungName,
    from: number,
    to: number,
    kind: string,
    bytes: Bytes,
    lossFactor: number,
    deliver: () => void,
  ): void;
}

export function createWires(scheduler: Scheduler, rng: Rng): Wires {
  const now: Record<LungName, Weather> = { p2p: CALM, http: CALM };
  const isCut = (lung: LungName, from: number, to: number): boolean => now[lung].cut.has(`${from}>${to}`);
  const delay = (lung: LungName): number =>
    1 + rng.between(0, 10) + (rng.chance(0.3) ? rng.next() ** 2 * now[lung].maxDelayMs : 0);
  return {
    scheduler,
    rng,
    weather: (lung) => now[lung],
    setWeather: (lung, weather) => {
      now[lung] = weather;
    },
    isCut,
    delay,
    carry(lung, from, to, kind, bytes, lossFactor, deliver) {
      const { loss, duplicate } = now[lung];
      const detail = `${from}>${to} ${shortHash(bytes)}`;
      if (isCut(lung, from, to) || rng.chance(loss * lossFactor)) return;
      const copies = rng.chance(duplicate) ? 2 : 1;
      for (let i = 0; i < copies; i++) {
        scheduler.after(
          delay(lung),
          `n${to}`,
          `${lung}-${kind}`,
          () => {
            if (!isCut(lung, from, to)) deliver();
          },
          detail,
        );
      }
    },
  };
}

/**
 * Settles as `work` does, or rejects after `timeoutMs` of simulated time or when given up. Never settles for a dead
 * life.
 */
export function withTimeout<T>(
  scheduler: Scheduler,
  life: Life,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  work: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const settle = (end: () => void): void => {
      timer.cancel();
      options.signal?.removeEventListener('abort', giveUp);
      if (life.alive) end();
    };
    const timer = scheduler.after(options.timeoutMs, life.name, 'timeout', () =>
      settle(() => reject(new LatticeError('timeout', `no answer within ${options.timeoutMs} ms`))),
    );
    const giveUp = (): void => settle(() => reject(new LatticeError('aborted', 'given up')));
    if (options.signal?.aborted === true) return giveUp();
    options.signal?.addEventListener('abort', giveUp, { once: true });
    work(
      (value) => settle(() => resolve(value)),
      (error) => settle(() => reject(error)),
    );
  });
}
