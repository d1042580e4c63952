import { type ErrorCode, LatticeError } from '../../core/types/index.ts';
import type { Clock, HttpLung, Metrics, P2pLung, Store, Verifier } from '../../ports/index.ts';
import type { Lattice, SyncService } from '../facade/index.ts';
import type { NodeDeps } from '../facade/options.ts';

const SENT = { direction: 'sent' };
const RECEIVED = { direction: 'received' };
const SYNC = {
  p2p: { sent: { lung: 'p2p', direction: 'sent' }, received: { lung: 'p2p', direction: 'received' } },
  http: { sent: { lung: 'http', direction: 'sent' }, received: { lung: 'http', direction: 'received' } },
} as const;
/** The refusals of writes that have a label value of their own. */
const WRITE_OUTCOMES: ReadonlySet<ErrorCode> = new Set([
  'precondition-failed',
  'not-found',
  'read-only',
  'disk-full',
  'overloaded',
  'stopping',
]);

/**
 * Wraps the node's ports so that their traffic and times are counted, which spares the other parts the counting. Ports
 * are plain objects, so whatever is not wrapped here is passed on as it is.
 */
export function measured(deps: NodeDeps, metrics: Metrics): NodeDeps {
  const { clock } = deps;
  return {
    ...deps,
    metrics,
    store: measuredStore(deps.store, metrics, clock),
    verifier: measuredVerifier(deps.verifier, metrics, clock),
    http: measuredHttp(deps.http, metrics),
    ...(deps.p2p === undefined ? {} : { p2p: measuredP2p(deps.p2p, metrics) }),
  };
}

function measuredStore(store: Store, metrics: Metrics, clock: Clock): Store {
  return {
    ...store,
    async batch(operations) {
      const started = clock.monotonic();
      await store.batch(operations);
      metrics.observe('lattice_store_batch_seconds', (clock.monotonic() - started) / 1000);
    },
  };
}

function measuredVerifier(verifier: Verifier, metrics: Metrics, clock: Clock): Verifier {
  return {
    async verify(author, message, signature) {
      const started = clock.monotonic();
      const good = await verifier.verify(author, message, signature);
      metrics.observe('lattice_verify_seconds', (clock.monotonic() - started) / 1000);
      return good;
    },
  };
}

function measuredP2p(lung: P2pLung, metrics: Metrics): P2pLung {
  const { sent, received } = SYNC.p2p;
  return {
    ...lung,
    start: (handlers, signal) =>
      lung.start(
        {
          ...handlers,
          onGossip(data, from) {
            metrics.count('lattice_gossip_bytes_total', RECEIVED, data.length);
            return handlers.onGossip(data, from);
          },
          async onRequest(peer, message) {
            metrics.count('lattice_sync_bytes_total', received, message.length);
            const answer = await handlers.onRequest(peer, message);
            metrics.count('lattice_sync_bytes_total', sent, answer.length);
            return answer;
          },
        },
        signal,
      ),
    async publish(data) {
      const receivers = await lung.publish(data);
      metrics.count('lattice_gossip_bytes_total', SENT, data.length * receivers);
      return receivers;
    },
    async request(peer, message, options) {
      metrics.count('lattice_sync_bytes_total', sent, message.length);
      const answer = await lung.request(peer, message, options);
      metrics.count('lattice_sync_bytes_total', received, answer.length);
      return answer;
    },
  };
}

function measuredHttp(lung: HttpLung, metrics: Metrics): HttpLung {
  const { sent, received } = SYNC.http;
  return {
    ...lung,
    async request(url, message, options) {
      metrics.count('lattice_sync_bytes_total', sent, message.length);
      const answer = await lung.request(url, message, options);
      metrics.count('lattice_sync_bytes_total', received, answer.length);
      return answer;
    },
    stream: (url, options, onFrame) =>
      lung.stream(url, options, (frame) => {
        metrics.count('lattice_sync_bytes_total', received, frame.length);
        return onFrame(frame);
      }),
  };
}

/** Wraps the HTTP lung's server side so that its bytes are counted. */
export function measuredSync(sync: SyncService, metrics: Metrics): SyncService {
  const { sent, received } = SYNC.http;
  return {
    ...sync,
    async handle(envelope) {
      metrics.count('lattice_sync_bytes_total', received, envelope.length);
      const answer = await sync.handle(envelope);
      metrics.count('lattice_sync_bytes_total', sent, answer.length);
      return answer;
    },
    open: (envelope, send, closed) =>
      sync.open(
        envelope,
        (frame) => {
          const taken = send(frame);
          if (taken) metrics.count('lattice_sync_bytes_total', sent, frame.length);
          return taken;
        },
        closed,
      ),
  };
}

/** Wraps local writes: counts them by how they ended, and measures how long the durable ones took. */
export function measuredWrites(write: Lattice['write'], metrics: Metrics, clock: Clock): Lattice['write'] {
  return async (...given) => {
    const started = clock.monotonic();
    try {
      const result = await write(...given);
      metrics.observe('lattice_write_seconds', (clock.monotonic() - started) / 1000);
      metrics.count('lattice_writes_total', { outcome: 'durable' });
      return result;
    } catch (error) {
      metrics.count('lattice_writes_total', { outcome: outcomeOf(error) });
      throw error;
    }
  };
}

function outcomeOf(error: unknown): string {
  if (!(error instanceof LatticeError)) return 'failed';
  const { code } = error;
  if (WRITE_OUTCOMES.has(code)) return code;
  return code.startsWith('invalid-') ? 'invalid' : 'failed';
}
