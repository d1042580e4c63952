import type { Config } from '../config/index.ts';
import type { Clock, Log } from '../ports/index.ts';
import type { Lattice } from '../runtime/index.ts';
import { sleep } from '../timing/index.ts';

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
  const stopped = new AbortController();

  function isSettled(): boolean {
    const { state } = lattice.status().p2p;
    return !config.p2p.enabled || state === 'running' || state === 'failed';
  }

  async function settle(): Promise<void> {
    for (let waitedMs = 0; !isSettled(); waitedMs += LOOK_MS) {
      if (waitedMs >= P2P_START_MS) {
        log.warn({ reason: 'p2p_start_timeout', waitedMs }, 'P2P has not started yet, HTTP carries on');
        break;
      }
      await sleep(clock, LOOK_MS, stopped.signal);
      if (stopped.signal.aborted) return;
    }
    if (nodes.length > 0) log.info({ nodes, pollMs: pollIntervalMs }, 'HTTP sync activated');
    log.info({ url, root }, 'LATTICE READY');
    log.info({ count: nodes.length }, 'HTTP peers monitored');
  }
  void settle();
  return () => stopped.abort();
}
