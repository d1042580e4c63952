import {
  type Bytes,
  compareBytes,
  concatBytes,
  type Hlc,
  LatticeError,
  MAX_FRAGMENT_BYTES,
  MAX_GOSSIP_BYTES,
  MAX_OPERATIONS,
  MAX_QUERIES,
  MAX_SYNC_BYTES,
  MAX_WANTS,
  PROTOCOL_VERSION,
  REFUSALS,
  type Refusal,
} from '../types/index.ts';
import { decodeSignedHead, MAX_HEAD_BYTES, type SignedHead } from './head.ts';
import { hlcToBytes } from './hlc.ts';
import { malformed, splitBytes } from './reader.ts';
import { clip, createWireReader, encodeChecked, type WireReader, wellFormed } from './wire.ts';

/** (wire) Fragments in one gossip message: one author's commits of a group commit or two, whatever their size. */
export const MAX_GOSSIP_FRAGMENTS = 256;
/** (wire) Fragments in one entries answer: no fragment has under 128 bytes, so the message is full before this is. */
export const MAX_ENTRY_FRAGMENTS = MAX_SYNC_BYTES / 128;
/** (wire) Differences in one answer: every child of every query. */
export const MAX_DIFFERENCES = 16 * MAX_QUERIES;
/** (wire) Bits of a key hash; prefixes end on its 64 four-bit digits. */
const HASH_BITS = 256;
const HASH_BYTES = 32;
/** (wire) Bytes of a subtree's or leaf's hash that are compared: no accidental collision, half the traffic. */
const DIGEST_BYTES = 16;
const LEAF_BYTES = HASH_BYTES + DIGEST_BYTES;
/** (wire) Bytes of UTF-8 in the short texts of messages. A cursor holds an incarnation and a sequence; the rest are for logs. */
const MAX_CURSOR_BYTES = 128;
const MAX_REASON_BYTES = 256;
const MAX_SOFTWARE_BYTES = 64;
const MAX_CODE_BYTES = 64;
const MAX_ERROR_BYTES = 256;

/** What gossip and push streams carry. Fragments are encoded ones, 1…MAX_GOSSIP_FRAGMENTS, as views of the input when decoded. */
export type GossipMessage =
  | { readonly type: 'commits'; readonly fragments: readonly Bytes[] }
  | { readonly type: 'head'; readonly head: SignedHead }
  /** Push streams only: where the stream stands, to resume there. At most 128 bytes of text. */
  | { readonly type: 'cursor'; readonly cursor: string }
  /** Push streams only: the cursor asked for cannot be resumed; repair instead. At most 256 bytes of text. */
  | { readonly type: 'reset'; readonly reason: string };

const GOSSIP = { commits: 1, head: 2, cursor: 3, reset: 4 } as const;
const GOSSIP_LENGTHS = { 1: 2, 2: 2, 3: 2, 4: 2 };

/** The key hashes that begin with the first `bits` bits of `prefix`; ceil(bits / 8) bytes, unused low bits zero, bits a multiple of 4. */
export interface HashPrefix {
  readonly prefix: Bytes;
  readonly bits: number;
}

/** A subtree by its children: bit i (1 << i) of `bitmap` is set when child i is not empty; 16 digest bytes each, i ascending. bits ≤ 252. */
export interface SubtreeDigests extends HashPrefix {
  readonly bitmap: number;
  readonly digests: Bytes;
}

export interface LeafDigest {
  /** 32 bytes. */
  readonly keyHash: Bytes;
  /** 16 bytes. */
  readonly digest: Bytes;
}

/** A subtree (4…256 bits) that differs from what was asked about: all its leaves, key hashes increasing, or its children. */
export type Difference =
  | (HashPrefix & { readonly kind: 'leaves'; readonly leaves: readonly LeafDigest[] })
  | (SubtreeDigests & { readonly kind: 'children' });

/** What became of one pushed operation: `held` when it was applied or already here. */
export type PushVerdict = 'held' | 'superseded' | Refusal;

const VERDICTS: readonly PushVerdict[] = ['held', 'superseded', ...REFUSALS];

/** One request or answer of anti-entropy, on either lung. Byte fields are views of the input when decoded. */
export type SyncMessage =
  /** Both ways. `software`: at most 64 bytes of text. `yourHlc`: the greatest HLC of the other side's author that the sender has seen, zero if none. */
  | { readonly type: 'hello'; readonly software: string; readonly head: SignedHead; readonly yourHlc: Hlc }
  /** "My subtrees look like this: what differs?" 1…MAX_QUERIES. */
  | { readonly type: 'digests'; readonly queries: readonly SubtreeDigests[] }
  /** Answer to `digests`, 0…MAX_DIFFERENCES. */
  | { readonly type: 'differences'; readonly differences: readonly Difference[] }
  /** Asks for entries by key hash, increasing, 1…MAX_WANTS. */
  | { readonly type: 'want'; readonly keyHashes: readonly Bytes[] }
  /** Answer to `want`: the fragments of the first `answered` hashes. */
  | { readonly type: 'entries'; readonly answered: number; readonly fragments: readonly Bytes[] }
  /** Fragments for the other side, 1…MAX_WANTS. `live`: just applied, not found by repair. */
  | { readonly type: 'push'; readonly live: boolean; readonly fragments: readonly Bytes[] }
  /** Answer to `push`: one verdict for each operation, in the order sent. */
  | { readonly type: 'pushed'; readonly verdicts: readonly PushVerdict[] }
  /** At most 64 and 256 bytes of text. */
  | { readonly type: 'error'; readonly code: string; readonly message: string };

const SYNC = { hello: 1, digests: 2, differences: 3, want: 4, entries: 5, push: 6, pushed: 7, error: 8 } as const;
const SYNC_LENGTHS = { 1: 5, 2: 2, 3: 2, 4: 2, 5: 3, 6: 3, 7: 2, 8: 3 };

/** A reset's reason is cut to its bound. RangeError when the message breaks another bound of `decodeGossip`. */
export function encodeGossip(message: GossipMessage): Bytes {
  return encodeChecked([GOSSIP[message.type], gossipBody(message)], (bytes) => decodeGossip(bytes, { stream: true }));
}

function gossipBody(message: GossipMessage): unknown {
  switch (message.type) {
    case 'commits':
      return message.fragments;
    case 'head':
      return message.head.bytes;
    case 'cursor':
      return wellFormed(message.cursor);
    case 'reset':
      return clip(message.reason, MAX_REASON_BYTES);
  }
}

/**
 * Structure and bounds; fragments are left for `decodeFragment`, the head's signature for the caller. Cursor and
 * reset are `malformed` unless `stream`. LatticeError `malformed` or `unknown-version`.
 */
export function decodeGossip(bytes: Bytes, options: { readonly stream: boolean }): GossipMessage {
  const reader = createWireReader('gossip message', bytes, MAX_GOSSIP_BYTES);
  const type = reader.open(GOSSIP_LENGTHS);
  if (!options.stream && type >= GOSSIP.cursor) throw malformed(`gossip message of type ${type} belongs on push streams only`);
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
    case GOSSIP.cursor:
      return { type: 'cursor', cursor: reader.text('cursor', 0, MAX_CURSOR_BYTES) };
    default:
      return { type: 'reset', reason: reader.text('reason', 0, MAX_REASON_BYTES) };
  }
}

/** An error's message is cut to its bound: it must not fail for its length. RangeError when the message breaks another bound of `decodeSync`. */
export function encodeSync(message: SyncMessage): Bytes {
  return encodeChecked([SYNC[message.type], ...syncBody(message)], decodeSync);
}

function syncBody(message: SyncMessage): unknown[] {
  switch (message.type) {
    case 'hello':
      return [PROTOCOL_VERSION, wellFormed(message.software), message.head.bytes, hlcToBytes(message.yourHlc)];
    case 'digests':
      return [message.queries.map((q) => [q.prefix, q.bits, q.bitmap, q.digests])];
    case 'differences':
      return [message.differences.map(differenceFields)];
    case 'want':
      return [concatBytes(...message.keyHashes)];
    case 'entries':
      return [message.answered, message.fragments];
    case 'push':
      return [message.live, message.fragments];
    case 'pushed':
      return [Uint8Array.from(message.verdicts, (verdict) => VERDICTS.indexOf(verdict))];
    case 'error':
      return [wellFormed(message.code), clip(message.message, MAX_ERROR_BYTES)];
  }
}

function differenceFields(difference: Difference): unknown[] {
  const { prefix, bits } = difference;
  if (difference.kind === 'children') return [prefix, bits, 1, difference.bitmap, difference.digests];
  return [prefix, bits, 0, concatBytes(...difference.leaves.flatMap((leaf) => [leaf.keyHash, leaf.digest]))];
}

/** Structure and bounds; fragments are left for `decodeFragment`, the head's signature for the caller. LatticeError `malformed` or `unknown-version`. */
export function decodeSync(bytes: Bytes): SyncMessage {
  const reader = createWireReader('sync message', bytes, MAX_SYNC_BYTES);
  const message = readSync(reader, reader.open(SYNC_LENGTHS));
  reader.end();
  return message;
}

function readSync(reader: WireReader, type: number): SyncMessage {
  switch (type) {
    case SYNC.hello: {
      const protocol = reader.uint('protocol');
      if (protocol !== PROTOCOL_VERSION) throw new LatticeError('unknown-version', `hello of protocol ${protocol}`);
      const software = reader.text('software', 0, MAX_SOFTWARE_BYTES);
      const head = decodeSignedHead(reader.bytes('head', 1, MAX_HEAD_BYTES));
      return { type: 'hello', software, head, yourHlc: reader.hlc('your hlc') };
    }
    case SYNC.digests:
      return { type: 'digests', queries: repeat(reader.array('queries', 1, MAX_QUERIES), () => readQuery(reader)) };
    case SYNC.differences: {
      const count = reader.array('differences', 0, MAX_DIFFERENCES);
      return { type: 'differences', differences: repeat(count, () => readDifference(reader)) };
    }
    case SYNC.want: {
      const keyHashes = splitBytes(reader.bytes('key hashes', HASH_BYTES, MAX_WANTS * HASH_BYTES), HASH_BYTES);
      checkIncreasing(keyHashes);
      return { type: 'want', keyHashes };
    }
    case SYNC.entries: {
      const answered = reader.uint('answered', 0, MAX_WANTS);
      return { type: 'entries', answered, fragments: readFragments(reader, 0, MAX_ENTRY_FRAGMENTS) };
    }
    case SYNC.push: {
      const live = reader.boolean('live');
      return { type: 'push', live, fragments: readFragments(reader, 1, MAX_WANTS) };
    }
    case SYNC.pushed:
      return { type: 'pushed', verdicts: Array.from(reader.bytes('verdicts', 0, MAX_WANTS * MAX_OPERATIONS), byteToVerdict) };
    default: {
      const code = reader.text('code', 0, MAX_CODE_BYTES);
      return { type: 'error', code, message: reader.text('message', 0, MAX_ERROR_BYTES) };
    }
  }
}

function repeat<T>(count: number, read: () => T): T[] {
  const out: T[] = [];
  for (let i = 0; i < count; i++) out.push(read());
  return out;
}

function readFragments(reader: WireReader, min: number, max: number): Bytes[] {
  return repeat(reader.array('fragments', min, max), () => reader.bytes('fragment', 1, MAX_FRAGMENT_BYTES));
}

function readQuery(reader: WireReader): SubtreeDigests {
  reader.array('query', 4, 4);
  return { ...readPrefix(reader, 0, HASH_BITS - 4), ...readChildren(reader) };
}

function readDifference(reader: WireReader): Difference {
  const length = reader.array('difference', 4, 5);
  const prefix = readPrefix(reader, 4, HASH_BITS);
  const form = reader.uint('form', 0, 1);
  if (length !== form + 4) throw malformed(`difference of form ${form} has ${length} elements`);
  if (form === 1) {
    if (prefix.bits === HASH_BITS) throw malformed('a single key has no children');
    return { kind: 'children', ...prefix, ...readChildren(reader) };
  }
  const leaves = splitBytes(reader.bytes('leaves', 0, MAX_SYNC_BYTES), LEAF_BYTES).map((leaf) => ({
    keyHash: leaf.subarray(0, HASH_BYTES),
    digest: leaf.subarray(HASH_BYTES),
  }));
  checkIncreasing(leaves.map((leaf) => leaf.keyHash));
  if (!leaves.every((leaf) => isUnder(leaf.keyHash, prefix))) throw malformed('a leaf is not under its prefix');
  return { kind: 'leaves', ...prefix, leaves };
}

function readPrefix(reader: WireReader, minBits: number, maxBits: number): HashPrefix {
  const prefix = reader.bytes('prefix', 0, HASH_BYTES);
  const bits = reader.uint('bits', minBits, maxBits);
  if (bits % 4 !== 0) throw malformed(`prefix of ${bits} bits, not a multiple of 4`);
  if (prefix.length !== Math.ceil(bits / 8)) throw malformed(`prefix of ${bits} bits in ${prefix.length} bytes`);
  if (bits % 8 === 4 && ((prefix.at(-1) as number) & 0x0f) !== 0) throw malformed('prefix has unused bits that are not zero');
  return { prefix, bits };
}

function readChildren(reader: WireReader): { bitmap: number; digests: Bytes } {
  const bitmap = reader.uint('bitmap', 0, 0xffff);
  let children = 0;
  for (let rest = bitmap; rest !== 0; rest &= rest - 1) children++;
  return { bitmap, digests: reader.bytes('digests', children * DIGEST_BYTES) };
}

function checkIncreasing(keyHashes: readonly Bytes[]): void {
  for (let i = 1; i < keyHashes.length; i++) {
    if (compareBytes(keyHashes[i - 1] as Bytes, keyHashes[i] as Bytes) >= 0) throw malformed('key hashes are not strictly increasing');
  }
}

function isUnder(keyHash: Bytes, { prefix, bits }: HashPrefix): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (keyHash[i] !== prefix[i]) return false;
  return bits % 8 === 0 || ((keyHash[whole] as number) & 0xf0) === prefix[whole];
}

function byteToVerdict(byte: number): PushVerdict {
  const verdict = VERDICTS[byte];
  if (verdict === undefined) throw malformed(`verdict ${byte} is unknown`);
  return verdict;
}
