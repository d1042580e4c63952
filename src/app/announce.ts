import type { Config } from '../config/index.ts';
import type { Clock, Log, Timer } from '../ports/index.ts';
import type { Lattice } from '../runtime/index.ts';

/** Between two looks at a lung that starts. */
const LOOK_MS = 20;
/** The original waited this long for a peer id before it went on with HTTP. */
const P2P_START_MS = 10_000;

/**
 * Logs how the start ended, in the order that operators of the original look for: what became of P2P (told by the lung
 * itself), HTTP sync, ready, peers monitored. Only the lines wait for P2P; the API answers already. The returned
 * function ends the wait.
 */
export function announce(deps: {
  readonly lattice: Lattice;
  readonly config: Pick<Config, 'http' | 'p2p'>;
  readonly url: string;
  readonly clock: Clock;
  readonly log: Log;
}): () => void {
  const { lattice, config, url, clock, log } = deps;
  const { nodes, pollIntervalMs } = config.http;
  const root = lattice.root().root;
  let timer: Timer | undefined;
  let looks = 0;

  function conclude(): void {
    if (nodes.length > 0) log.info({ nodes, pollMs: pollIntervalMs }, 'HTTP sync activated');
    log.info({ url, root }, 'LATTICE READY');
    log.info({ count: nodes.length }, 'HTTP peers monitored');
  }
  function look(): void {
    timer = undefined;
    const { state } = lattice.status().p2p;
    const settled = !config.p2p.enabled || state === 'running' || state === 'failed';
    if (!settled && ++looks * LOOK_MS < P2P_START_MS) {
      timer = clock.after(LOOK_MS, look);
      return;
    }
    if (!settled)
      log.warn({ reason: 'p2p_start_timeout', waitedMs: P2P_START_MS }, 'P2P has not started yet, HTTP carries on');
    conclude();
  }
  look();
  return () => timer?.cancel();
}
