import { type Author, type Bytes, bytesToHex, dropOldest, equalBytes, LatticeError } from '../../core/types/index.ts';
import {
  decodeGossip,
  type GossipMessage,
  type Head,
  type Hello,
  headSigningBytes,
  type SignedAttestation,
  type SignedHead,
} from '../../core/wire/index.ts';
import type { Clock, Verdict, Verifier } from '../../ports/index.ts';
import { type BucketSize, createBuckets } from '../../timing/index.ts';
import type { Guard } from '../commit/guard.ts';
import type { SyncMode } from '../facade/index.ts';
import type { LungName } from '../peers/link.ts';
import { forgetRefused, type PeerTable } from '../peers/peers.ts';
import { hasTwin, noteCondition, noteSoftware } from '../peers/view.ts';
import type { LiveCommits } from './live-commits.ts';

/** Ways on which the heads of an author are counted: two lungs for each peer that this node remembers. */
const MAX_HEARD = 1024;
/** Other incarnations of our own key whose heads are told apart from their replays. */
const MAX_TWINS = 16;

/**
 * How many heads of one author count by one lung: four for each of our own, which leaves room for one who tells them
 * more often. Without a bound, whoever replays heads of an earlier incarnation would have all of them sent on.
 */
const headsAt = (heartbeatMs: number): BucketSize => ({ burst: 16, perSecond: 4000 / heartbeatMs });

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
  onHello(author: Author, hello: Hello, lung: LungName): Promise<void>;
}

/** Takes what members tell each other about the fleet. LatticeError `malformed` or `unknown-version`. */
type TakeNotice = (
  bytes: Bytes,
  lung: LungName,
  from: Author | undefined,
) => Promise<'news' | 'known' | 'forged' | 'unread'>;

export interface IntakeDeps {
  readonly network: string;
  readonly self: Author;
  readonly incarnation: Uint8Array;
  readonly verifier: Verifier;
  readonly clock: Clock;
  /** How often this node tells its own head, ms. */
  readonly heartbeatMs: number;
  readonly commits: LiveCommits;
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
  /** Takes an encoded notice about the next roster from the relay `from`. */
  readonly onNotice: TakeNotice;
  /** Takes an encoded announcement of a member from the relay `from`. */
  readonly onAnnouncement: TakeNotice;
  /** Takes the name that a peer gives itself; undefined where it gives none. */
  readonly onName: (author: Author, name: string | undefined) => void;
  /** Is told the newest format version of headers that a peer says it reads; undefined when it says none. */
  readonly onReads: (author: Author, version: number | undefined) => void;
  /** Sends a head of an author with whose key two nodes run to those of the two that have a push stream from us. */
  readonly tellTwins: (head: SignedHead) => void;
  /** Compares a peer's newest head with our state. */
  readonly compare: (author: Author) => void;
}

/** Takes what others send unasked, over either lung: heads, hellos and live commits. */
export function createIntake(deps: IntakeDeps): Intake {
  const { self, guard, peers, isMember } = deps;
  const heads = createBuckets(deps.clock, headsAt(deps.heartbeatMs), MAX_HEARD);
  /** The number of the newest head of each other incarnation of our own key, in hex. */
  const twins = new Map<string, number>();

  function isNews(head: Head, lung: LungName, direct: boolean): boolean {
    if (head.author === self)
      return (
        !equalBytes(head.incarnation, deps.incarnation) &&
        head.sequence > (twins.get(bytesToHex(head.incarnation)) ?? 0)
      );
    const peer = peers.get(head.author);
    return peer === undefined || peers.isNews(peer, head, lung, direct);
  }

  /**
   * Takes a signed head, by whatever way it came. The verdict is `accept` when the head is new and good, `ignore` when
   * it is old or not one that this node judges, and `reject` when it is forged.
   */
  async function hear(signed: SignedHead, lung: LungName, direct: boolean): Promise<Verdict> {
    const { head } = signed;
    if (head.network !== deps.network || (!isMember(head.author) && head.author !== self)) return 'ignore';
    // A replay costs no signature check.
    if (!isNews(head, lung, direct)) return 'ignore';
    if (!(await deps.verifier.verify(head.author, headSigningBytes(signed.payloadBytes), signed.signature)))
      return 'reject';
    if (!heads.get(`${lung} ${head.author}`).take(1)) return 'ignore';
    if (head.author === self) {
      if (!isNews(head, lung, direct)) return 'ignore';
      const incarnation = bytesToHex(head.incarnation);
      // Those told last stay, so that one that goes on telling never pushes another out, nor is pushed out itself.
      twins.delete(incarnation);
      dropOldest(twins, MAX_TWINS);
      twins.set(incarnation, head.sequence);
      guard.sawOwnHead(head);
      return 'accept';
    }
    const peer = peers.ensure(head.author);
    if (peer === undefined || !peers.hear(peer, signed, lung, direct)) return 'ignore';
    if (hasTwin(peer.view, deps.clock.monotonic())) deps.tellTwins(signed);
    deps.compare(peer.author);
    return 'accept';
  }

  async function onHello(author: Author, hello: Hello, lung: LungName): Promise<void> {
    if (hello.head.head.author !== author) throw new LatticeError('malformed', "the hello carries another node's head");
    if ((await hear(hello.head, lung, true)) === 'reject')
      throw new LatticeError('bad-signature', "the hello's head has a bad signature");
    const peer = peers.get(author);
    if (peer === undefined) return;
    const otherSoftware = noteSoftware(peer.view, hello.software);
    const mended = noteCondition(peer.view, hello.about?.condition, deps.clock.now(), hello.head.head);
    if (otherSoftware || mended) forgetRefused(peer);
    deps.onName(author, hello.about?.name);
    deps.onReads(author, hello.about?.reads);
    if (deps.isTrusted(author)) guard.toldOwnHlc(author, hello.yourHlc);
  }

  async function hearNotice(
    take: TakeNotice,
    notice: Bytes,
    lung: LungName,
    from: Author | undefined,
  ): Promise<Verdict> {
    try {
      const heard = await take(notice, lung, from);
      return heard === 'forged' ? 'reject' : heard === 'news' ? 'accept' : 'ignore';
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      return error.code === 'malformed' ? 'reject' : 'ignore';
    }
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
    if (message.type === 'notice') return hearNotice(deps.onNotice, message.notice, 'p2p', from);
    if (message.type === 'announcement') return hearNotice(deps.onAnnouncement, message.announcement, 'p2p', from);
    return message.type === 'commits' ? deps.commits.take(message.fragments, 'p2p', from) : 'reject';
  }

  async function onStreamFrame(author: Author, message: GossipMessage): Promise<void> {
    if (message.type === 'head') await hear(message.head, 'http', message.head.head.author === author);
    else if (message.type === 'commits' && (await deps.commits.take(message.fragments, 'http', author)) === 'reject') {
      throw new LatticeError('malformed', 'the peer streamed a forged or malformed commit');
    } else if (message.type === 'notice') {
      if ((await hearNotice(deps.onNotice, message.notice, 'http', author)) === 'reject')
        throw new LatticeError('malformed', 'the peer streamed a forged notice about the roster');
    } else if (message.type === 'announcement') {
      if ((await hearNotice(deps.onAnnouncement, message.announcement, 'http', author)) === 'reject')
        throw new LatticeError('malformed', 'the peer streamed a forged announcement');
    } else if (
      message.type === 'attestation' &&
      (await deps.onAttestation(message.attestation, 'http', author)) === 'reject'
    ) {
      throw new LatticeError('malformed', 'the peer streamed a forged attestation');
    }
  }

  return { onGossip, onStreamFrame, onHello };
}
