import type { Config } from '../config/index.ts';
import type { Clock, Log } from '../ports/index.ts';
import type { Lattice } from '../runtime/index.ts';
import { sleep } from '../timing/index.ts';

/** Milliseconds between two looks at the P2P lung while it starts. */
const LOOK_MS = 20;
/**
 * How long the lines wait for P2P. It is the time that the original waits for its peer id before it goes on with HTTP.
 */
const P2P_START_MS = 10_000;

/**
 * Logs how the start ended, in the order of the original's log, which its operators know: P2P, of which the lung itself
 * tells, then HTTP sync, the node being ready, and the number of HTTP peers. Only these lines wait for P2P; the API
 * answers meanwhile. The function that it returns ends the wait.
 */
export function announce(deps: {
  readonly lattice: Lattice;
  readonly config: Pick<Config, 'http' | 'p2p'>;
  /** Undefined when the node serves no API. */
  readonly url: string | undefined;
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
    log.info(url === undefined ? { root } : { url, root }, 'LATTICE READY - Hybrid Sync Active');
    log.info({ count: nodes.length }, 'HTTP peers monitored');
  }
  void settle();
  return () => stopped.abort();
}
