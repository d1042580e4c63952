import type { Connection } from '@libp2p/interface';
import { inSeconds, LatticeError } from '../../core/types/index.ts';
import type { Clock, Random } from '../../ports/index.ts';
import { withDeadline } from '../../timing/index.ts';
import { gossipStream } from './gossip.ts';
import { PING_DEADLINE_MS, STALL_MS } from './limits.ts';
import { toError } from './reasons.ts';
import { readUntil } from './sync-frame.ts';

/** libp2p's ping protocol: the other side sends back the 32 bytes that it gets. */
const PING_PROTOCOL = '/ipfs/ping/1.0.0';
const PING_BYTES = 32;

export interface LivenessDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly pingIntervalMs: number;
  /** A connection without a sign of life for this long is closed, ms. */
  readonly silenceMs: number;
  connections(): readonly Connection[];
  /** When the last gossip message came from the peer, monotonic ms. */
  gossipHeardAt(peerId: string): number | undefined;
}

export interface Liveness {
  tick(): void;
  /** Round-trip time of the last ping, ms. Undefined before the first ping is answered. */
  rttMs(connection: Connection): number | undefined;
}

interface Pulse {
  lastSign: number;
  nextPing: number;
  pinging: boolean;
  unsent: number;
  rttMs: number | undefined;
}

/**
 * Pings every connection and closes those that are silent. A late answer alone proves nothing: on a slow line, or
 * behind a few megabytes of gossip, a ping waits while data flows. Signs of life are therefore an answered ping, gossip
 * from the peer, and bytes of ours that the connection takes. Time in which our own process did not run does not count
 * as silence.
 */
export function createLiveness(deps: LivenessDeps): Liveness {
  const { clock } = deps;
  const pulses = new Map<string, Pulse>();
  let lastTick = clock.monotonic();

  /** Sends one ping. Resolves with the round-trip time in ms. */
  const roundTrip = async (connection: Connection, signal: AbortSignal): Promise<number> => {
    const stream = await connection.newStream(PING_PROTOCOL, { signal });
    try {
      const sentAt = clock.monotonic();
      const pong = readUntil(stream, collect(PING_BYTES), signal);
      stream.send(deps.random.bytes(PING_BYTES));
      await pong;
      return clock.monotonic() - sentAt;
    } finally {
      stream.abort(new Error('the ping has ended'));
    }
  };
  const ping = async (connection: Connection, pulse: Pulse): Promise<void> => {
    pulse.pinging = true;
    try {
      pulse.rttMs = await withDeadline(clock, PING_DEADLINE_MS, (signal) => roundTrip(connection, signal), unanswered);
      pulse.lastSign = clock.monotonic();
    } catch (cause) {
      // A peer that answers that it does not speak ping is alive. After any other failure the time of silence decides.
      if (toError(cause).name === 'UnsupportedProtocolError') pulse.lastSign = clock.monotonic();
    } finally {
      pulse.pinging = false;
      pulse.nextPing = clock.monotonic() + deps.pingIntervalMs;
    }
  };

  const observe = (connection: Connection, pulse: Pulse): void => {
    const heardAt = deps.gossipHeardAt(connection.remotePeer.toString());
    if (heardAt !== undefined && heardAt > pulse.lastSign && gossipStream(connection, 'inbound') !== undefined)
      pulse.lastSign = heardAt;
    const unsent = connection.streams.reduce((sum, stream) => sum + stream.writeBufferLength, 0);
    if (unsent < pulse.unsent) pulse.lastSign = clock.monotonic();
    pulse.unsent = unsent;
  };

  return {
    tick() {
      const now = clock.monotonic();
      const asleep = now - lastTick > STALL_MS ? now - lastTick : 0;
      lastTick = now;
      const open = new Map(deps.connections().map((connection) => [connection.id, connection]));
      for (const id of pulses.keys()) {
        if (!open.has(id)) pulses.delete(id);
      }
      for (const [id, connection] of open) {
        // The first ping is sent at once, so that the round-trip time is known early.
        const pulse = pulses.get(id) ?? { lastSign: now, nextPing: now, pinging: false, unsent: 0, rttMs: undefined };
        pulses.set(id, pulse);
        pulse.lastSign += asleep;
        observe(connection, pulse);
        if (now - pulse.lastSign >= deps.silenceMs)
          connection.abort(new Error(`no sign of life for ${inSeconds(deps.silenceMs)}`));
        else if (!pulse.pinging && now >= pulse.nextPing) void ping(connection, pulse);
      }
    },
    rttMs: (connection) => pulses.get(connection.id)?.rttMs,
  };
}

const unanswered = (): LatticeError =>
  new LatticeError('timeout', `a ping was not answered within ${inSeconds(PING_DEADLINE_MS)}`);

function collect(length: number): { push(chunk: Uint8Array): true | undefined } {
  let received = 0;
  return {
    push(chunk) {
      received += chunk.length;
      return received >= length ? true : undefined;
    },
  };
}
