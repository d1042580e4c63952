import { createSigner, createVerifier, nodeHasher, systemRandom } from '../../../../src/adapters/system/index.ts';
import type { Author, Bytes } from '../../../../src/core/types/index.ts';
import type { Signer } from '../../../../src/ports/index.ts';
import { createSyncService, type SyncServiceDeps } from '../../../../src/runtime/exchange/sync-service.ts';
import type { SyncService } from '../../../../src/runtime/facade/index.ts';
import { createHandClock, type HandClock } from '../../../support/clock.ts';

export const bytes = (text: string): Bytes => new TextEncoder().encode(text);
export const text = (b: Bytes): string => new TextDecoder().decode(b);

export const newSigner = (): Signer => createSigner(systemRandom().bytes(32));

export interface TestService {
  readonly service: SyncService;
  readonly signer: Signer;
  readonly clock: HandClock;
  readonly allowed: Set<Author>;
}

/** A sync service with real keys. By default it answers `<peer's first 8 digits>:<message>`. */
export function testService(overrides: Partial<SyncServiceDeps> = {}): TestService {
  const signer = newSigner();
  const clock = createHandClock();
  const allowed = new Set<Author>();
  const service = createSyncService({
    signer,
    verifier: createVerifier(),
    hasher: nodeHasher(),
    random: systemRandom(),
    clock,
    incarnation: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    isAllowed: (author) => allowed.has(author),
    isLeftOut: () => false,
    onStranger: () => undefined,
    handle: async (peer, message) => bytes(`${peer.slice(0, 8)}:${text(message)}`),
    openStream: async () => ({ close: () => undefined }),
    ...overrides,
  });
  return { service, signer, clock, allowed };
}
