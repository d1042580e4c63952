import type { Author, Bytes } from '../../core/types/index.ts';
import type { Clock, Log, P2pHandlers, P2pLung, Random, Timer } from '../../ports/index.ts';
import { backoff, withDeadline } from '../../timing/index.ts';
import type { Cause, CauseCode } from '../facade/codes.ts';
import type { LungStatus } from '../facade/index.ts';

/** A start that takes longer is cut off. One that hangs would otherwise keep P2P from ever being tried again. */
const START_DEADLINE_MS = 10_000;
const RETRY_MIN_MS = 2_000;
const RETRY_MAX_MS = 60_000;
const retryWait = backoff({ minMs: RETRY_MIN_MS, maxMs: RETRY_MAX_MS, jitter: 'equal' });

/** What the rest of the node does with what peers say over P2P. */
export type P2pNodeHandlers = Omit<P2pHandlers, 'onFailure'>;

export interface P2pSupervisor {
  start(handlers: P2pNodeHandlers): void;
  /** Starts the lung when the flaws in its settings kept it from starting and are gone, or tells the new ones. */
  settingsChanged(): void;
  stop(): Promise<void>;
  status(): LungStatus;
  readonly running: boolean;
  publish(data: Bytes): void;
  request(peer: Author, message: Bytes, timeoutMs: number): Promise<Bytes>;
}

export interface P2pSupervisorDeps {
  readonly lung: P2pLung | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What is wrong with the settings of the lung, as sentences. It does not start while there are any. */
  readonly flaws: () => readonly string[];
  /** Called with every change of the lung's state and its cause. */
  readonly onState: (from: string, to: string, cause: Cause) => void;
}

/**
 * Keeps the P2P lung running beside the node, which never waits for it. A start that fails or hangs becomes a state
 * with its reason, and the start is repeated with backoff.
 */
export function createP2pSupervisor(deps: P2pSupervisorDeps): P2pSupervisor {
  const { lung, clock, log } = deps;
  let status: LungStatus = { enabled: lung !== undefined, state: 'off' };
  let failures = 0;
  let retry: Timer | undefined;
  let stopped = true;
  let attempt: AbortController | undefined;
  let stopping: Promise<void> = Promise.resolve();
  /** What the lung starts with once its settings are good. */
  let waiting: P2pNodeHandlers | undefined;

  function change(state: LungStatus['state'], code: CauseCode, text: string, more: Partial<LungStatus> = {}): void {
    const from = status.state;
    status = { enabled: lung !== undefined, state, ...more };
    if (from !== state) deps.onState(from, state, { code, text });
  }

  async function begin(handlers: P2pNodeHandlers): Promise<void> {
    if (lung === undefined || stopped) return;
    await stopping;
    // The node was stopped meanwhile, so nothing may start.
    if (stopped) return;
    const flaws = deps.flaws();
    if (flaws.length > 0) {
      waiting = handlers;
      const error = flaws.join(' ');
      log.error({ flaws }, 'P2P settings are not usable, HTTP carries on');
      change('failed', 'settings', error, { error });
      return;
    }
    waiting = undefined;
    const controller = new AbortController();
    attempt = controller;
    if (failures === 0) change('starting', 'node-start', 'the node starts');
    else change('starting', 'retry', `retry ${failures}`);
    try {
      await withDeadline(
        clock,
        START_DEADLINE_MS,
        (signal) => lung.start({ ...handlers, onFailure: (cause) => fail(controller, handlers, cause) }, signal),
        () => new Error(`did not start within ${START_DEADLINE_MS / 1000} s`),
        controller.signal,
      );
      if (controller.signal.aborted) return;
      failures = 0;
      change('running', 'started', 'started');
    } catch (error) {
      fail(controller, handlers, error instanceof Error ? error : new Error(String(error)));
    }
  }

  function fail(controller: AbortController, handlers: P2pNodeHandlers, cause: Error): void {
    if (attempt !== controller || stopped || lung === undefined) return;
    attempt = undefined;
    controller.abort(cause);
    failures++;
    const wait = Math.round(retryWait(failures, deps.random.fraction()));
    log.warn({ error: cause.message, retryInMs: wait, attempt: failures }, 'P2P failed, HTTP carries on');
    change('failed', 'failed', cause.message, { error: cause.message, retryAt: clock.now() + wait });
    stopping = lung.stop();
    retry = clock.after(wait, () => void begin(handlers));
  }

  return {
    start(handlers) {
      stopped = false;
      void begin(handlers);
    },
    settingsChanged() {
      if (waiting !== undefined) void begin(waiting);
    },
    async stop() {
      stopped = true;
      waiting = undefined;
      retry?.cancel();
      attempt?.abort(new Error('the node is stopping'));
      attempt = undefined;
      await stopping;
      await lung?.stop();
      change('off', 'node-stop', 'the node stops');
    },
    status: () => status,
    get running() {
      return status.state === 'running';
    },
    publish(data) {
      if (lung === undefined || status.state !== 'running') return;
      // Gossip may be lost at any time; a repair finds what is missing.
      lung.publish(data).catch((error: unknown) => log.debug({ error: String(error) }, 'gossip not published'));
    },
    request(peer, message, timeoutMs) {
      if (lung === undefined || status.state !== 'running')
        return Promise.reject(new Error('the P2P lung is not running'));
      return lung.request(peer, message, { timeoutMs });
    },
  };
}
