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
 * How many live fragments are remembered by the hash of their bytes: a second's worth of single writes. A hash and its
 * verdict take some 300 bytes.
 */
const MAX_RECENT = 8192;

export interface Intake {
  /**
   * Takes a gossip message from the relay `from`. The verdict says whether the message is sent on, and whether the
   * relay is to blame for it.
   */
  onGossip(data: Uint8Array, from: Author | undefined): Promise<Verdict>;
  /**
   * Takes a frame of the push stream that we have open to `author`. Rejects with LatticeError `malformed` when the peer
   * sent a forgery.
   */
  onStreamFrame(author: Author, message: GossipMessage): Promise<void>;
  /** Takes a hello of `author`, who has proven who it is. Rejects with LatticeError `malformed` or `bad-signature`. */
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
  /** Takes a signed attestation from the relay `from`. */
  readonly onAttestation: (
    attestation: SignedAttestation,
    lung: LungName,
    from: Author | undefined,
  ) => Promise<Verdict>;
  /** Compares a peer's newest head with our state. */
  readonly compare: (author: Author) => void;
}

/** Takes what others send unasked, over either lung: heads, hellos and live commits. */
export function createIntake(deps: IntakeDeps): Intake {
  const { self, clock, door, guard, peers, isMember } = deps;
  /** The verdicts on live fragments, by the hash of their bytes. */
  const recent = new Map<string, Promise<Verdict>>();

  /**
   * Takes a signed head, by whatever way it came. The verdict is `accept` when the head is new and good, `ignore` when
   * it is old or not one that this node judges, and `reject` when it is forged.
   */
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
    if (deps.isTrusted(author)) guard.toldOwnHlc(author, hello.yourHlc);
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
   * Takes live commits. The verdict waits for the signatures but not for the disk. Every peer sends on what is fresh,
   * so most commits come more than once; bytes that came a moment ago are recognised by their hash and neither decoded
   * nor applied again.
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

  /** Takes one live fragment. `again` is called when the same bytes should be examined anew the next time. */
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
      // A store that fails ends the process through onFatal, so nothing is left to do here.
      again,
    );
    // A commit from the future is no fault of the relay. A node that accepts it when its time has come sends it on
    // then.
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
