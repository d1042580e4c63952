import { type Author, type Bytes, type Hasher, LatticeError } from '../../core/types/index.ts';
import {
  decodeRequest,
  encodeIdentity,
  encodeResponse,
  identitySigningBytes,
  requestSigningBytes,
  responseSigningBytes,
} from '../../core/wire/index.ts';
import type { Clock, Random, Signer, Verifier } from '../../ports/index.ts';
import { withDeadline } from '../../timing/index.ts';
import type { SyncService } from '../facade/index.ts';
import { createRequestNonces } from './request-nonces.ts';

/**
 * Requests of one peer at a time: as many as its client opens connections for; three chunks of a snapshot and a hello.
 */
const MAX_PER_PEER = 4;
/** Requests of all peers at a time: each may hold a message of MAX_SYNC_BYTES both ways. */
const MAX_IN_FLIGHT = 64;
/** Signatures being checked for senders not yet proven: a forger costs us at most this many. */
const MAX_VERIFYING = 64;
/** Longer than any honest answer takes; the asker has given up by then. */
const ANSWER_TIMEOUT_MS = 10_000;
/**
 * A peer needs one push stream, and a second while the first is dying unnoticed behind a proxy. The oldest gives way.
 */
const MAX_STREAMS_PER_PEER = 2;
const MAX_STREAMS = 64;
/** A stream's request is a cursor. */
const MAX_STREAM_REQUEST_BYTES = 1024;

/** What the sync service asks of the node. */
export interface SyncServiceDeps {
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly hasher: Hasher;
  readonly random: Random;
  readonly clock: Clock;
  /** 8 bytes. */
  readonly incarnation: Bytes;
  /** Whether a node with this key may sync with us. */
  isAllowed(author: Author): boolean;
  /**
   * Somebody who names this key, unproven, was turned away: it may be who answers at a URL of ours that was not reached
   * yet.
   */
  onStranger(author: Author): void;
  /** Answers one sync message of a proven peer, in at most MAX_SYNC_BYTES. */
  handle(peer: Author, message: Bytes): Promise<Bytes>;
  /**
   * Starts pushing to a proven peer. `request` is the cursor as UTF-8, empty for "from now". After `send` has
   * answered false, or `close` was called, nothing more may be sent; `closed` tells that the node ends the stream.
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

const late = (): LatticeError => new LatticeError('deadline', `no answer within ${ANSWER_TIMEOUT_MS} ms`);

const overloaded = (what: string): LatticeError =>
  new LatticeError('overloaded', `too many ${what} at a time`, { details: { retryAfterMs: 1000 } });

/**
 * The HTTP lung's server side: proves who we are, and lets in signed requests of allowed peers, each once. Errors:
 * `malformed`, `unknown-version`, `sync-unauthorized` (nonce, counter or signature: identify and try again),
 * `sync-forbidden` (not a peer of ours), `overloaded`, `deadline`.
 */
export function createSyncService(deps: SyncServiceDeps): SyncService {
  const { signer, verifier, hasher, clock } = deps;
  const sessions = createRequestNonces(deps);
  const inFlight = new Map<Author, number>();
  let inFlightTotal = 0;
  let verifying = 0;
  /** Open push streams, oldest first. */
  const streams = new Set<{ readonly peer: Author; end(): void }>();

  async function authorise(envelope: Bytes): Promise<{ peer: Author; message: Bytes; signing: Bytes }> {
    const request = decodeRequest(envelope);
    const { author, counter, message, sessionNonce } = request;
    if (!deps.isAllowed(author)) {
      deps.onStranger(author);
      throw new LatticeError('sync-forbidden', `this node does not sync with ${author}`, {
        next: "add the key to this node's DIOTEC360_TRUSTED_STATE_PUBKEYS",
      });
    }
    const session = sessions.find(sessionNonce, author);
    if (session === undefined) throw unauthorized('its session nonce is unknown or expired');
    if (!sessions.isFresh(session, counter)) throw unauthorized('its counter was used before');
    if (verifying >= MAX_VERIFYING) throw overloaded('unproven requests');
    const signing = requestSigningBytes({ server: signer.author, sessionNonce, counter, message }, hasher);
    verifying++;
    let genuine: boolean;
    try {
      genuine = await verifier.verify(author, signing, request.signature);
    } finally {
      verifying--;
    }
    if (!genuine) throw unauthorized('its signature does not match');
    // A twin may have been checked in the meantime.
    if (!sessions.use(session, author, counter)) throw unauthorized('its counter was used before');
    return { peer: author, message, signing };
  }

  /** Runs `handle` in one of the peer's slots. A slot is free again when the work ends, not when the asker gives up. */
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
        sessionNonce: sessions.issue(),
      };
      return encodeIdentity({ ...claim, signature: signer.sign(identitySigningBytes(claim)) });
    },

    async handle(envelope) {
      const { peer, message, signing } = await authorise(envelope);
      const answer = await withDeadline(clock, ANSWER_TIMEOUT_MS, () => handleInSlot(peer, message), late);
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
      /** Ends both sides once, whoever began it. */
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
      // Ended while it was being opened: nobody has closed the source yet.
      if (!open) source.close();
      return { close: () => void finish() };
    },
  };
}
