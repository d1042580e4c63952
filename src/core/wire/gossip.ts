import type { CborItem } from '../cbor/cbor.ts';
import { malformed } from '../cbor/reader.ts';
import { type Bytes, MAX_GOSSIP_BYTES, MAX_NOTICE_BYTES } from '../types/index.ts';
import { MAX_ANNOUNCEMENT_BYTES } from './announcement.ts';
import { decodeSignedAttestation, MAX_ATTESTATION_BYTES, type SignedAttestation } from './attestation.ts';
import { clip, createWireReader, encodeChecked, type WireReader, wellFormed } from './fields.ts';
import { decodeSignedHead, MAX_HEAD_BYTES, type SignedHead } from './head.ts';
import { readFragments } from './transfer.ts';

/** (wire) Most fragments in one gossip message: one author's commits of a batch or two, whatever their size. */
export const MAX_GOSSIP_FRAGMENTS = 256;
/** (wire) Most bytes of UTF-8 in a cursor, which has a store incarnation and a sequence. */
const MAX_CURSOR_BYTES = 128;
/** (wire) Most bytes of UTF-8 in the reason of a reset, which is for logs. */
const MAX_REASON_BYTES = 256;

/**
 * What gossip and push streams carry (SPEC G2). There are 1…MAX_GOSSIP_FRAGMENTS fragments, encoded; when decoded, they
 * are views of the input.
 */
export type GossipMessage =
  | { readonly type: 'commits'; readonly fragments: readonly Bytes[] }
  | { readonly type: 'head'; readonly head: SignedHead }
  /** What a node says of the state at one cut. It is sent on once, whatever way it came. */
  | { readonly type: 'attestation'; readonly attestation: SignedAttestation }
  /** What members tell each other about the next roster, left for `decodeNotice`. */
  | { readonly type: 'notice'; readonly notice: Bytes }
  /** Where a member can be reached, left for `decodeAnnouncement`. It is sent on once, whatever way it came. */
  | { readonly type: 'announcement'; readonly announcement: Bytes }
  /** On push streams only: where the stream stands, so that a later one can resume there. At most 128 bytes of text. */
  | { readonly type: 'cursor'; readonly cursor: string }
  /**
   * On push streams only: the stream cannot resume at the cursor asked for, so the reader has to repair. At most 256
   * bytes of text.
   */
  | { readonly type: 'reset'; readonly reason: string };

const GOSSIP = { commits: 1, head: 2, cursor: 3, reset: 4, attestation: 5, notice: 6, announcement: 7 } as const;
const GOSSIP_LENGTHS = { 1: 2, 2: 2, 3: 2, 4: 2, 5: 2, 6: 2, 7: 2 };

/**
 * The bytes of a gossip message. A reset's reason is cut to its bound. RangeError when the message breaks another bound
 * of `decodeGossip`.
 */
export function encodeGossip(message: GossipMessage): Bytes {
  return encodeChecked([GOSSIP[message.type], gossipBody(message)], (bytes) => decodeGossip(bytes, { stream: true }));
}

function gossipBody(message: GossipMessage): CborItem {
  switch (message.type) {
    case 'commits':
      return message.fragments;
    case 'head':
      return message.head.bytes;
    case 'attestation':
      return message.attestation.bytes;
    case 'notice':
      return message.notice;
    case 'announcement':
      return message.announcement;
    case 'cursor':
      return wellFormed(message.cursor);
    case 'reset':
      return clip(message.reason, MAX_REASON_BYTES);
  }
}

/**
 * Checks structure and bounds; fragments are left for `decodeFragment`, and the head's signature for the caller. A
 * cursor or a reset is `malformed` unless `stream` is set. LatticeError `malformed` or `unknown-version`.
 */
export function decodeGossip(bytes: Bytes, options: { readonly stream: boolean }): GossipMessage {
  const reader = createWireReader('gossip message', bytes, MAX_GOSSIP_BYTES);
  const type = reader.open(GOSSIP_LENGTHS);
  if (!options.stream && (type === GOSSIP.cursor || type === GOSSIP.reset))
    throw malformed(`gossip message of type ${type} belongs on push streams only`);
  const message = readGossip(reader, type);
  reader.end();
  return message;
}

function readGossip(reader: WireReader, type: number): GossipMessage {
  switch (type) {
    case GOSSIP.commits:
      return { type: 'commits', fragments: readFragments(reader, 1, MAX_GOSSIP_FRAGMENTS) };
    case GOSSIP.head:
      return { type: 'head', head: decodeSignedHead(reader.bytes('head', 1, MAX_HEAD_BYTES)) };
    case GOSSIP.attestation:
      return {
        type: 'attestation',
        attestation: decodeSignedAttestation(reader.bytes('attestation', 1, MAX_ATTESTATION_BYTES)),
      };
    case GOSSIP.notice:
      return { type: 'notice', notice: reader.bytes('notice', 1, MAX_NOTICE_BYTES) };
    case GOSSIP.announcement:
      return { type: 'announcement', announcement: reader.bytes('announcement', 1, MAX_ANNOUNCEMENT_BYTES) };
    case GOSSIP.cursor:
      return { type: 'cursor', cursor: reader.text('cursor', 0, MAX_CURSOR_BYTES) };
    default:
      return { type: 'reset', reason: reader.text('reason', 0, MAX_REASON_BYTES) };
  }
}
