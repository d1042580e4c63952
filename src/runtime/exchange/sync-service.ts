import { type Author, type Bytes, type Hasher, inSeconds, LatticeError } from '../../core/types/index.ts';
import {
  decodeRequest,
  decodeRequestHead,
  encodeIdentity,
  encodeResponse,
  identitySigningBytes,
  requestSigningBytes,
  responseSigningBytes,
} from '../../core/wire/index.ts';
import type { Clock, Random, Signer, Verifier } from '../../ports/index.ts';
import { settleWithin } from '../../timing/index.ts';
import type { SyncService } from '../facade/index.ts';
import { createRequestNonces, type NonceUse } from './request-nonces.ts';

/**
 * How many requests of one peer are answered at a time: as many as its client opens connections for, which is three
 * chunks of a snapshot and a hello.
 */
const MAX_PER_PEER = 4;
/**
 * How many requests of all peers are answered at a time. Each may keep a message of MAX_SYNC_BYTES in each direction.
 */
const MAX_IN_FLIGHT = 64;
/**
 * How many signatures of senders that have proven nothing are checked at a time, which bounds what a forger costs us.
 */
const MAX_VERIFYING = 64;
/** How many signatures of one peer are checked at a time under nonces with which it has proven itself. */
const MAX_VERIFYING_PER_PEER = 2 * MAX_PER_PEER;
/** Longer than any honest answer takes. The asker has given up by then. */
const ANSWER_TIMEOUT_MS = 10_000;
/**
 * How many push streams a peer may have open. It needs one, and a second while a proxy hides that the first is dead.
 * The oldest is closed for a new one.
 */
const MAX_STREAMS_PER_PEER = 2;
const MAX_STREAMS = 64;
/** The request for a stream contains only a cursor. */
const MAX_STREAM_REQUEST_BYTES = 1024;

/** What the sync service needs of the node. */
export interface SyncServiceDeps {
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly hasher: Hasher;
  readonly random: Random;
  readonly clock: Clock;
  /** The node's incarnation, 8 bytes. */
  readonly incarnation: Bytes;
  /** Whether a node with this author may sync with us. */
  isAllowed(author: Author): boolean;
  /** Whether this author was left out of a forced roster. */
  isLeftOut(author: Author): boolean;
  /**
   * Called when a request was refused that names this author, unproven. It is a knock (SPEC X10): the author may be the
   * one who answers at a URL that was not reached.
   */
  onStranger(author: Author): void;
  /** Answers one sync message of a proven peer, in at most MAX_SYNC_BYTES. */
  handle(peer: Author, message: Bytes): Promise<Bytes>;
  /**
   * Opens a push stream to a proven peer. `request` is the cursor as UTF-8; an empty one begins with the present. After
   * `send` has returned false or `close` was called, nothing more may be sent. `closed` is called when the node ends
   * the stream.
   */
  openStream(
    peer: Author,
    request: Bytes,
    send: (frame: Bytes) => boolean,
    closed: () => void,
  ): Promise<{ close(): void }>;
}

const unauthorized = (reason: string): LatticeError =>
  new LatticeError('sync-unauthorized', `the sync request is not authorised: ${reason}`, {
    next: 'ask for a new identity and sign again',
  });

const late = (): LatticeError => new LatticeError('deadline', `no answer within ${inSeconds(ANSWER_TIMEOUT_MS)}`);

/** Why a key is refused that was left out of a forced roster (SPEC RO15). */
const leftOut = (): LatticeError =>
  new LatticeError('other-lineage', 'this fleet lost its quorum and began a new lineage by force, without this key', {
    next: 'Stop that node, move its state aside, and invite it under a new key: lattice invite, lattice join.',
  });

const overloaded = (what: string): LatticeError =>
  new LatticeError('overloaded', `too many ${what} at a time`, { details: { retryAfterMs: 1000 } });

/**
 * The HTTP lung's server side: it proves who we are, and lets in signed requests of allowed peers, each once. Its calls
 * reject with LatticeError `malformed`, `unknown-version`, `sync-unauthorized` (wrong nonce, counter or signature: ask
 * who the node is and try again), `sync-forbidden` (the author is no member), `other-lineage` (it was left
 * out of a forced roster), `overloaded` or `deadline`.
 */
export function createSyncService(deps: SyncServiceDeps): SyncService {
  const { signer, verifier, hasher, clock } = deps;
  const nonces = createRequestNonces(deps);
  const inFlight = new Map<Author, number>();
  let inFlightTotal = 0;
  let verifying = 0;
  const verifyingOf = new Map<Author, number>();
  /** The open push streams, oldest first. */
  const streams = new Set<{ readonly peer: Author; end(): void }>();

  /** Throws unless a member may have sent a request that begins so. Answers what it has used of the nonce. */
  function screen({ author, counter, sessionNonce }: ReturnType<typeof decodeRequestHead>): NonceUse {
    if (!deps.isAllowed(author)) {
      deps.onStranger(author);
      if (deps.isLeftOut(author)) throw leftOut();
      throw new LatticeError('sync-forbidden', `this node does not sync with ${author}`, {
        next: "add the key to this node's DIOTEC360_TRUSTED_STATE_PUBKEYS",
      });
    }
    const use = nonces.find(sessionNonce, author);
    if (use === undefined) throw unauthorized('its request nonce is unknown or expired');
    if (!nonces.isFresh(use, counter)) throw unauthorized('its counter was used before');
    return use;
  }

  /**
   * Checks a signature. Senders that have proven themselves under the nonce before have slots of their own, which
   * forgers cannot take because they do not know the nonce.
   */
  async function verify(author: Author, isProven: boolean, signing: Bytes, signature: Bytes): Promise<boolean> {
    const mine = verifyingOf.get(author) ?? 0;
    if (isProven ? mine >= MAX_VERIFYING_PER_PEER : verifying >= MAX_VERIFYING) throw overloaded('unproven requests');
    if (isProven) verifyingOf.set(author, mine + 1);
    else verifying++;
    try {
      return await verifier.verify(author, signing, signature);
    } finally {
      if (!isProven) verifying--;
      else if (verifyingOf.get(author) === 1) verifyingOf.delete(author);
      else verifyingOf.set(author, (verifyingOf.get(author) ?? 1) - 1);
    }
  }

  async function authorise(envelope: Bytes): Promise<{ peer: Author; message: Bytes; signing: Bytes }> {
    const request = decodeRequest(envelope);
    const { author, counter, message, sessionNonce } = request;
    const use = screen(request);
    const signing = requestSigningBytes({ server: signer.author, sessionNonce, counter, message }, hasher);
    const isGenuine = await verify(author, nonces.isProven(use), signing, request.signature);
    if (!isGenuine) throw unauthorized('its signature does not match');
    // The same request may have come a second time and have been accepted meanwhile.
    if (!nonces.use(use, author, counter)) throw unauthorized('its counter was used before');
    return { peer: author, message, signing };
  }

  /**
   * Runs `handle` in one of the peer's slots. A slot is free again when the work has ended, not when the asker gives
   * up.
   */
  async function handleInSlot(peer: Author, message: Bytes): Promise<Bytes> {
    const mine = inFlight.get(peer) ?? 0;
    if (mine >= MAX_PER_PEER || inFlightTotal >= MAX_IN_FLIGHT) throw overloaded('sync requests');
    inFlight.set(peer, mine + 1);
    inFlightTotal++;
    try {
      return await deps.handle(peer, message);
    } finally {
      inFlightTotal--;
      const left = (inFlight.get(peer) ?? 1) - 1;
      if (left === 0) inFlight.delete(peer);
      else inFlight.set(peer, left);
    }
  }

  function makeRoomForStream(peer: Author): void {
    const mine = [...streams].filter((stream) => stream.peer === peer);
    for (const old of mine.slice(0, Math.max(0, mine.length - MAX_STREAMS_PER_PEER + 1))) old.end();
    if (streams.size >= MAX_STREAMS) throw overloaded('push streams');
  }

  return {
    identify(nonce, url) {
      if (nonce.length !== 16) throw new LatticeError('malformed', 'the nonce must be 16 bytes');
      const claim = {
        askerNonce: nonce,
        url,
        author: signer.author,
        incarnation: deps.incarnation,
        sessionNonce: nonces.issue(),
      };
      return encodeIdentity({ ...claim, signature: signer.sign(identitySigningBytes(claim)) });
    },

    screen: (head) => ({ proven: nonces.isProven(screen(decodeRequestHead(head))) }),

    async handle(envelope) {
      const { peer, message, signing } = await authorise(envelope);
      const answer = await settleWithin(clock, ANSWER_TIMEOUT_MS, handleInSlot(peer, message), late);
      const signature = signer.sign(responseSigningBytes(signing, answer, hasher));
      return encodeResponse({ author: signer.author, signature, message: answer });
    },

    async admit(envelope) {
      return (await authorise(envelope)).message;
    },

    async open(envelope, send, closed) {
      const { peer, message } = await authorise(envelope);
      if (message.length > MAX_STREAM_REQUEST_BYTES) throw new LatticeError('malformed', 'the cursor is too long');
      makeRoomForStream(peer);
      let source: { close(): void } | undefined;
      let open = true;
      /** Ends both sides once, whichever began it. Returns false when they had ended already. */
      const finish = (): boolean => {
        if (!open) return false;
        open = false;
        streams.delete(stream);
        source?.close();
        return true;
      };
      const stream = {
        peer,
        end: () => {
          if (finish()) closed();
        },
      };
      streams.add(stream);
      try {
        source = await deps.openStream(peer, message, (frame) => open && send(frame), stream.end);
      } catch (cause) {
        finish();
        throw cause;
      }
      // The stream was ended while it was being opened, when there was no source to close.
      if (!open) source.close();
      return { close: () => void finish() };
    },
  };
}
