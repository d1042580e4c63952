import type { Author, Bytes, Hasher } from '../../core/types/index.ts';
import type { SignedHead } from '../../core/wire/index.ts';
import type { Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { EventSubscription, Lattice, LatticeEvent } from '../facade/index.ts';
import type { Entries } from '../storage/entries.ts';
import { type Batch, createConsumers } from './consumers.ts';
import { openEventStream } from './event-stream.ts';
import { openPushStream } from './push-stream.ts';
import { createCursors } from './replay.ts';

/** The durable local sequence as streams: push streams for peers, event streams for clients. */
export interface Streams {
  publish(batch: Batch): void;
  publishHead(head: SignedHead): void;
  /** Sends a message on every push stream except that of `except`. */
  publishFrame(frame: Bytes, except: Author | undefined): void;
  /** Sends a message on the push streams of one peer. */
  publishTo(frame: Bytes, peer: Author): void;
  /** Sends an event that belongs to no batch; it has no id and is not replayed. */
  publishEvent(event: LatticeEvent): void;
  /** See `openPushStream`. */
  openPush(
    peer: Author,
    cursor: string,
    send: (frame: Bytes) => boolean,
    closed: () => void,
  ): Promise<EventSubscription>;
  /** See `openEventStream`. */
  openEvents: Lattice['subscribe'];
  /** Whether the peer has a push stream open from us. */
  streamsTo(peer: Author): boolean;
  /** Ends the push streams to the peers that `is` says. */
  endPushTo(is: (peer: Author) => boolean): void;
  closeAll(): void;
}

export interface StreamsDeps {
  readonly store: Pick<Store, 'iterate'>;
  readonly entries: Pick<Entries, 'many'>;
  readonly hasher: Hasher;
  readonly writer: Pick<Writer, 'read'>;
  /** The store incarnation in hex, which cursors carry. */
  readonly incarnation: string;
  /** The newest durable sequence. */
  readonly sequence: () => number;
}

export function createStreams(deps: StreamsDeps): Streams {
  const cursors = createCursors(deps.incarnation);
  const consumers = createConsumers({ ...deps, cursors });
  return {
    publish: (batch) => consumers.offer((c) => c.take(batch)),
    publishHead: (head) => consumers.offer((c) => c.takeHead?.(head) ?? true),
    publishFrame: (frame, except) => consumers.offer((c) => c.peer === except || (c.takeFrame?.(frame) ?? true)),
    publishTo: (frame, peer) => consumers.offer((c) => c.peer !== peer || (c.takeFrame?.(frame) ?? true)),
    publishEvent: (event) => consumers.offer((c) => c.takeEvent?.(event) ?? true),
    openPush: (peer, cursor, send, closed) =>
      openPushStream({ ...deps, consumers, cursors }, peer, cursor, send, closed),
    openEvents: (after, send, dropped) => openEventStream({ consumers, cursors }, after, send, dropped),
    streamsTo: (peer) => consumers.some((c) => c.peer === peer),
    endPushTo: (is) => consumers.drop((c) => c.peer !== undefined && is(c.peer)),
    closeAll: () => consumers.drop(() => true),
  };
}
