import { isFuture } from '../../core/clock/index.ts';
import { type Author, bytesToHex, dropOldest, equalBytes, type Hasher, LatticeError } from '../../core/types/index.ts';
import {
  decodeGossip,
  type GossipMessage,
  headSigningBytes,
  type SignedAttestation,
  type SignedHead,
  type SyncMessage,
} from '../../core/wire/index.ts';
import type { Clock, Verdict, Verifier } from '../../ports/index.ts';
import type { Door } from '../commit/door.ts';
import type { Guard } from '../commit/guard.ts';
import type { Origin } from '../commit/origin.ts';
import type { SyncMode } from '../facade/index.ts';
import type { LungName } from '../peers/link.ts';
import { forgetRefused, type PeerTable } from '../peers/peers.ts';
import { noteSoftware } from '../peers/view.ts';

/**
 * Live fragments known by the hash of their bytes: a second's worth of single writes. A name and its verdict take some
 * 300 bytes.
 */
const MAX_RECENT = 8192;

export interface Intake {
  /** A gossip message, from the relay `from`: the verdict tells what becomes of it and of the relay. */
  onGossip(data: Uint8Array, from: Author | undefined): Promise<Verdict>;
  /**
   * A frame of the push stream that we hold open to `author`. Rejects with `malformed` when the peer sent a forgery.
   */
  onStreamFrame(author: Author, message: GossipMessage): Promise<void>;
  /** A hello of `author`, who has proven who it is. Rejects with `malformed` or `bad-signature`. */
  onHello(author: Author, hello: Extract<SyncMessage, { type: 'hello' }>, lung: LungName): Promise<void>;
}

export interface IntakeDeps {
  readonly hasher: Hasher;
  readonly network: string;
  readonly self: Author;
  readonly incarnation: Uint8Array;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly door: Door;
  readonly guard: Guard;
  readonly peers: PeerTable;
  readonly mode: () => SyncMode;
  readonly isTrusted: (author: Author) => boolean;
  readonly isMember: (author: Author) => boolean;
  /** A signed attestation, from the relay `from`. */
  readonly onAttestation: (
    attestation: SignedAttestation,
    lung: LungName,
    from: Author | undefined,
  ) => Promise<Verdict>;
  /** Compares a peer's newest head with our state. */
  readonly compare: (author: Author) => void;
}

/** What others say unasked: heads, hellos and live commits, by either lung. */
export function createIntake(deps: IntakeDeps): Intake {
  const { self, clock, door, guard, peers, isMember } = deps;
  /** What became of live fragments, by the hash of their bytes. */
  const recent = new Map<string, Promise<Verdict>>();

  /** A signed head, however it came. accept: new and good; ignore: old or not ours to judge; reject: forged. */
  async function hear(signed: SignedHead, lung: LungName, direct: boolean): Promise<Verdict> {
    const { head } = signed;
    if (head.network !== deps.network || (!isMember(head.author) && head.author !== self)) return 'ignore';
    if (!(await deps.verifier.verify(head.author, headSigningBytes(signed.payloadBytes), signed.signature)))
      return 'reject';
    if (head.author === self) {
      guard.sawOwnHead(head);
      return equalBytes(head.incarnation, deps.incarnation) ? 'ignore' : 'accept';
    }
    const peer = peers.ensure(head.author);
    if (peer === undefined || !peers.hear(peer, signed, lung, direct)) return 'ignore';
    deps.compare(peer.author);
    return 'accept';
  }

  async function onHello(
    author: Author,
    hello: Extract<SyncMessage, { type: 'hello' }>,
    lung: LungName,
  ): Promise<void> {
    if (hello.head.head.author !== author) throw new LatticeError('malformed', "the hello carries another node's head");
    if ((await hear(hello.head, lung, true)) === 'reject')
      throw new LatticeError('bad-signature', "the hello's head has a bad signature");
    const peer = peers.get(author);
    if (peer === undefined) return;
    if (noteSoftware(peer.view, hello.software)) forgetRefused(peer);
    if (deps.isTrusted(author)) guard.toldOwnHlc(hello.yourHlc);
  }

  async function onGossip(data: Uint8Array, from: Author | undefined): Promise<Verdict> {
    if (deps.mode() === 'http') return 'ignore';
    let message: GossipMessage;
    try {
      message = decodeGossip(data, { stream: false });
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      return error.code === 'unknown-version' ? 'ignore' : 'reject';
    }
    if (message.type === 'head') return hear(message.head, 'p2p', from === message.head.head.author);
    if (message.type === 'attestation') return deps.onAttestation(message.attestation, 'p2p', from);
    return message.type === 'commits' ? take(message.fragments, 'p2p', from) : 'reject';
  }

  /**
   * Live commits: the verdict waits for the signatures, not for the disk. Every peer sends on what is fresh, so most
   * commits come more than once: bytes that were taken in a moment ago are known by their hash, and neither decoded nor
   * applied again.
   */
  async function take(fragments: readonly Uint8Array[], lung: LungName, from: Author | undefined): Promise<Verdict> {
    const verdicts = await Promise.all(
      fragments.map((bytes) => {
        const name = bytesToHex(deps.hasher.hash(bytes));
        return recent.get(name) ?? takeOne(name, bytes, { lung, peer: from, live: true });
      }),
    );
    return verdicts.includes('reject') ? 'reject' : verdicts.includes('ignore') ? 'ignore' : 'accept';
  }

  function takeOne(name: string, bytes: Uint8Array, origin: Origin): Promise<Verdict> {
    const taken = admitOne(bytes, origin, () => recent.delete(name));
    dropOldest(recent, MAX_RECENT);
    recent.set(name, taken);
    return taken;
  }

  /** `again`: called when the same bytes are to be looked at anew. */
  async function admitOne(bytes: Uint8Array, origin: Origin, again: () => void): Promise<Verdict> {
    const admission = await door.admit(bytes);
    if (!admission.ok) {
      again();
      return admission.reason === 'malformed' || admission.reason === 'bad-signature' ? 'reject' : 'ignore';
    }
    door.apply(admission.fragment, origin).then(
      (outcomes) => {
        if (outcomes === 'overloaded' || outcomes.includes('future')) again();
      },
      // A failure to store ends the process through onFatal; nothing is left to do here.
      again,
    );
    // Time is no fault of the relay; it is passed on by whoever takes it when its time has come.
    return isFuture(admission.fragment.header.hlc, clock.now()) ? 'ignore' : 'accept';
  }

  async function onStreamFrame(author: Author, message: GossipMessage): Promise<void> {
    if (message.type === 'head') await hear(message.head, 'http', message.head.head.author === author);
    else if (message.type === 'commits' && (await take(message.fragments, 'http', author)) === 'reject') {
      throw new LatticeError('malformed', 'the peer streamed a forged or malformed commit');
    } else if (
      message.type === 'attestation' &&
      (await deps.onAttestation(message.attestation, 'http', author)) === 'reject'
    ) {
      throw new LatticeError('malformed', 'the peer streamed a forged attestation');
    }
  }

  return { onGossip, onStreamFrame, onHello };
}
