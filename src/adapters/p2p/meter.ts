import type { Connection } from '@libp2p/interface';
import type { Clock, Standing } from '../../ports/index.ts';
import { createBuckets } from '../../timing/index.ts';
import type { Allowances } from './allowances.ts';
import { hasInside } from './inside.ts';
import { BYTES_OF_GUESTS, MAX_ADDRESSES, STREAMS_OF_GUEST, STREAMS_OF_MEMBER } from './limits.ts';

export interface MeterDeps {
  readonly clock: Clock;
  readonly allowances: Pick<Allowances, 'take'>;
  standingOf(peerId: string): Standing;
  /** The addresses (groups) that a connected peer came from. */
  addressesOf(peerId: string): readonly string[];
  /** Disconnects the peer and bans it. */
  evict(peerId: string, reason: string): void;
}

export interface Meter {
  /** Counts what comes over a connection. To be called when libp2p has opened it. */
  watch(connection: Connection): void;
}

/**
 * Bounds what comes over a connection beside messages that are judged one by one: the streams that a peer opens, and of
 * a guest all bytes, whatever protocol they are of. A guest has nothing to send in bulk, because it does not sync. The
 * guests of one address share one allowance, because a key costs nothing.
 */
export function createMeter(deps: MeterDeps): Meter {
  const { allowances } = deps;
  const streamsOfMembers = createBuckets(deps.clock, STREAMS_OF_MEMBER, MAX_ADDRESSES);
  const streamsOfGuests = createBuckets(deps.clock, STREAMS_OF_GUEST, MAX_ADDRESSES);

  const onStream = (peerId: string): void => {
    const buckets = deps.standingOf(peerId) === 'member' ? streamsOfMembers : streamsOfGuests;
    if (!buckets.get(peerId).take(1)) deps.evict(peerId, 'too many streams');
  };
  const onBytes = (peerId: string, name: string, bytes: number): void => {
    if (deps.standingOf(peerId) === 'member') return;
    if (!allowances.take(name, BYTES_OF_GUESTS, bytes)) deps.evict(peerId, 'it sent more than a guest may');
  };

  return {
    watch(connection) {
      if (!hasInside(connection)) throw new Error('a libp2p connection has another shape than this version expects');
      const peerId = connection.remotePeer.toString();
      const [address = peerId] = deps.addressesOf(peerId);
      const { muxer } = connection;
      muxer.addEventListener('stream', () => onStream(peerId));
      muxer.maConn.addEventListener('message', (event) =>
        onBytes(
          peerId,
          `guests of ${address}`,
          (event as Event & { readonly data: { readonly byteLength: number } }).data.byteLength,
        ),
      );
    },
  };
}
