import { createP2pLung } from '../adapters/p2p/index.ts';
import { systemRandom } from '../adapters/system/index.ts';
import type { Config } from '../config/index.ts';
import type { Bytes } from '../core/types/index.ts';
import type { Clock, Log, P2pLung } from '../ports/index.ts';

/** The lung reads its settings at each start, because a reload may have corrected them. */
export function openP2p(deps: {
  readonly seed: Bytes;
  readonly publicKey: Bytes;
  readonly settings: () => Config['p2p'];
  readonly log: Log;
  readonly clock: Clock;
  readonly mayAccept: () => boolean;
}): P2pLung {
  const { seed, publicKey, settings, clock, mayAccept } = deps;
  return createP2pLung({
    seed,
    publicKey,
    get listen() {
      return settings().listen;
    },
    get bootstrap() {
      return settings().bootstrap;
    },
    get mdns() {
      return settings().mdns;
    },
    topic: settings().topic,
    log: deps.log.child('p2p'),
    clock,
    random: systemRandom(),
    mayAccept,
  });
}
