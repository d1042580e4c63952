import { LatticeError } from '../../core/types/index.ts';
import type { P2pLung } from '../../ports/index.ts';
import { raceAbort } from '../../timing/index.ts';
import { type Bans, createBans } from './bans.ts';
import type { RunningLung } from './lung.ts';
import type { P2pLungOptions } from './options.ts';

export type { P2pHeartbeat, P2pLungOptions } from './options.ts';

/**
 * The P2P lung over libp2p. This call begins to load libp2p, while the program does the rest of its start. Loading
 * takes 0.3 s of processor time, for which the first contact with a peer would wait otherwise. `start` rejects with
 * LatticeError `address-in-use`, `address-unavailable`, `address-forbidden`, `invalid-address`, `p2p-start-failed` or
 * `aborted`. While the lung is not running, `publish` and `request` reject with LatticeError `p2p-not-running`.
 */
export function createP2pLung(options: P2pLungOptions): P2pLung {
  const bans: Bans = createBans(options.clock);
  const loading = load();
  // `start` awaits the same promise and rejects with its error. Here the error must not count as unhandled.
  loading.catch(() => undefined);
  let running: RunningLung | undefined;
  /** Resolves when the last start or stop has ended, its cleaning up included. Never rejects. */
  let settling: Promise<void> = Promise.resolve();
  /** Aborts the start that is under way. */
  let cutOff: (() => void) | undefined;
  let wanted: readonly [addresses: readonly string[], announced: readonly string[]] | undefined;

  const current = (): RunningLung => {
    if (running === undefined) throw new LatticeError('p2p-not-running', 'the P2P lung is not running');
    return running;
  };

  return {
    async start(handlers, signal) {
      if (running !== undefined || cutOff !== undefined) throw new Error('the P2P lung has been started already');
      const controller = new AbortController();
      const cancel = (): void =>
        controller.abort(new LatticeError('aborted', 'the start of P2P was cut off', { cause: signal.reason }));
      cutOff = cancel;
      if (signal.aborted) cancel();
      else signal.addEventListener('abort', cancel, { once: true });
      const before = settling;
      const work = async (): Promise<void> => {
        await before;
        controller.signal.throwIfAborted();
        const { startLung } = await loading;
        controller.signal.throwIfAborted();
        const lung = await startLung(options, bans, handlers);
        if (wanted !== undefined) lung.stayWith(...wanted);
        if (controller.signal.aborted) {
          await lung.stop();
          controller.signal.throwIfAborted();
        }
        running = lung;
      };
      const started = work();
      settling = started.catch(() => undefined);
      try {
        await raceAbort(started, controller.signal);
      } finally {
        signal.removeEventListener('abort', cancel);
        cutOff = undefined;
      }
    },
    async stop() {
      cutOff?.();
      await settling;
      const lung = running;
      running = undefined;
      settling = lung?.stop() ?? Promise.resolve();
      await settling;
    },
    stayWith(addresses, announced = []) {
      wanted = [addresses, announced];
      running?.stayWith(addresses, announced);
    },
    publish: async (data) => current().publish(data),
    request: async (peer, message, request) => current().request(peer, message, request),
    connections: () => running?.connections() ?? [],
    topicPeers: () => running?.topicPeers() ?? 0,
    listenAddresses: () => running?.listenAddresses() ?? [],
  };
}

async function load(): Promise<typeof import('./lung.ts')> {
  const { installShims } = await import('./runtime-shims.ts');
  installShims();
  return import('./lung.ts');
}
