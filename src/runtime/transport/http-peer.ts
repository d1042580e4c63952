import type { Author, Bytes, ErrorCode } from '../../core/types/index.ts';
import type { GossipMessage, Hello, SyncMessage } from '../../core/wire/index.ts';
import type { HttpLung, Log } from '../../ports/index.ts';
import type { SyncMode } from '../facade/index.ts';
import type { Tries } from './announced-tries.ts';
import type { HttpRhythmDeps } from './http-rhythm.ts';

/** One URL and what is known of the node that answers there. */
export interface HttpPeer {
  readonly url: string;
  readonly author: Author | undefined;
  /** True: this node itself answers at the URL. A fleet may configure the same URLs on every node. */
  readonly self: boolean;
  /** True: a member announced the URL, and neither the configuration nor an operator names it. */
  readonly announced: boolean;
  readonly reachable: boolean;
  readonly streaming: boolean;
  readonly error: string | undefined;
  /** The code of `error`, where it has one. */
  readonly errorCode: ErrorCode | undefined;
  /** Unix ms. */
  readonly lastHeardAt: number | undefined;
}

/** What the rest of the node does with what peers say over HTTP. */
export interface HttpHandlers {
  /** The author, which may be this node's own, proved to be the one that answers at the URL. */
  readonly onIdentity: (author: Author, url: string) => void;
  /** Another running node proved at this URL that it has our own key. */
  readonly onTwin: (url: string) => void;
  readonly onHello: (author: Author, hello: Hello) => Promise<void>;
  readonly onFrame: (author: Author, message: GossipMessage) => Promise<void>;
  /** The stream has lost its place; a repair must bring what it missed. */
  readonly onReset: (author: Author) => void;
}

export interface HttpUrlDeps extends HttpRhythmDeps {
  readonly lung: HttpLung;
  readonly self: Author;
  /** The node's incarnation as 16 hex digits. */
  readonly incarnation: string;
  readonly log: Log;
  readonly mode: () => SyncMode;
  /** Whether this is the URL over which the peer is carried. A peer that answers at several URLs has one of them. */
  readonly isPrimary: (author: Author) => boolean;
  /** Whether HTTP carries this peer at present. */
  readonly isActive: (author: Author) => boolean;
  /** Whether P2P carries the peer at present. */
  readonly isCovered: (author: Author) => boolean;
  /** Whether the peer has a push stream open from us. Such a peer needs no pushes, and it sends its own hellos. */
  readonly streamsToUs: (author: Author) => boolean;
  readonly hello: (author: Author) => SyncMessage;
}

/** The client side of the HTTP lung for one URL. */
export interface HttpUrl {
  readonly peer: HttpPeer;
  /** The member that announced the URL, who alone may answer there; undefined where it is configured. */
  readonly announcer: Author | undefined;
  /** Whether a question to the URL is under way. */
  readonly busy: boolean;
  /** The tries in vain since it last answered; one that is under way counts as such. */
  tries(): Tries;
  /**
   * Opens or closes the stream and asks the peer, as the mode and the peer's lung require. To be called at every tick.
   */
  look(handlers: HttpHandlers): void;
  /** Leaves the URL alone, because its peer is reached at another one: it counts as not reached until it is asked. */
  rest(): void;
  /** Makes the next look ask the peer at once. */
  wake(): void;
  /** Where the push stream of this URL is. Undefined before its first cursor. */
  readonly cursor: string | undefined;
  /** Becomes the primary URL of its peer, whose stream goes on from the cursor of the former one. */
  takeOver(cursor: string | undefined): void;
  /**
   * As `wake`, but only for an unreached URL that may be this author's, and not too often. Returns true when a look is
   * worth it.
   */
  knocked(author: Author): boolean;
  /** Queues live commits while HTTP carries the peer and the peer has no stream from us. */
  push(messages: () => readonly Bytes[], except: Author | undefined): void;
  readonly outboxBytes: number;
  /** Ends the work on the URL: aborts what is under way and drops what waits. Resolves when all of it has ended. */
  stop(reason: Error): Promise<void>;
  request(message: Bytes, expect: Author | undefined, timeoutMs?: number): Promise<Bytes>;
}
