import { createSigner, createVerifier, nodeHasher, systemRandom } from '../../../../src/adapters/system/index.ts';
import type { Author, Bytes } from '../../../../src/core/types/index.ts';
import type { Clock, Signer } from '../../../../src/ports/index.ts';
import { createSyncService, type SyncServiceDeps } from '../../../../src/runtime/exchange/sync-service.ts';
import type { SyncService } from '../../../../src/runtime/facade/facade.ts';

export const bytes = (text: string): Bytes => new TextEncoder().encode(text);
export const text = (b: Bytes): string => new TextDecoder().decode(b);

export const newSigner = (): Signer => createSigner(systemRandom().bytes(32));

/** A clock that stands still until it is advanced; timers fire then. */
function manualClock(): Clock & { advance(ms: number): void } {
  let now = 1_700_000_000_000;
  const timers = new Set<{ at: number; run: () => void }>();
  return {
    now: () => now,
    monotonic: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    advance(ms) {
      now += ms;
      for (const timer of timers) {
        if (timer.at > now) continue;
        timers.delete(timer);
        timer.run();
      }
    },
  };
}

export interface TestService {
  readonly service: SyncService;
  readonly signer: Signer;
  readonly clock: ReturnType<typeof manualClock>;
  readonly allowed: Set<Author>;
}

/** A sync service with real keys. By default it answers `<peer's first 8 digits>:<message>`. */
export function testService(overrides: Partial<SyncServiceDeps> = {}): TestService {
  const signer = newSigner();
  const clock = manualClock();
  const allowed = new Set<Author>();
  const service = createSyncService({
    signer,
    verifier: createVerifier(),
    hasher: nodeHasher(),
    random: systemRandom(),
    clock,
    incarnation: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    isAllowed: (author) => allowed.has(author),
    onStranger: () => undefined,
    handle: async (peer, message) => bytes(`${peer.slice(0, 8)}:${text(message)}`),
    openStream: async () => ({ close: () => undefined }),
    ...overrides,
  });
  return { service, signer, clock, allowed };
}
