import { encodeCbor } from '../cbor/cbor.ts';
import {
  ARRAY,
  expectArray,
  readBoolean,
  readBytes,
  readBytesOf,
  readHead,
  readText,
  readUint,
} from '../cbor/reader.ts';
import { decodeStored } from '../cbor/stored.ts';
import { type Author, type Bytes, bytesToHex } from '../types/index.ts';
import { authorBytes } from '../wire/fields.ts';
import { metaKey } from './keys.ts';

const HASH_BYTES = 32;

/** The key of the row of the invitations. */
export const INVITATIONS = metaKey('invitations');

const APPROVALS = ['add', 'promote'] as const;
export type GivenApproval = (typeof APPROVALS)[number];

/** One invitation (SPEC JN1). The secret itself is nowhere in it. */
export interface InvitationRow {
  /** SHA-256 of the secret. */
  readonly secretHash: Bytes;
  /** What the newcomer is to be called. */
  readonly name: string;
  /** What it becomes. */
  readonly role: 'writer' | 'mirror';
  /** Unix ms, until when somebody may ask with it. */
  readonly expires: number;
  /** The key that has asked with it: no other may from then on. */
  readonly usedBy: Author | undefined;
  /** Whether this node asked for the addition, and so asks for the promotion too. */
  readonly host: boolean;
  /** What this node has approved by it, each once: what an operator takes back is not approved again. */
  readonly given: readonly GivenApproval[];
}

/** The bytes of the row: [[secret hash, name, writer?, expires, author or nothing, host?, bits of what was approved]…]. */
export function encodeInvitations(rows: readonly InvitationRow[]): Bytes {
  return encodeCbor(
    rows.map(({ secretHash, name, role, expires, usedBy, host, given }) => [
      secretHash,
      name,
      role === 'writer',
      expires,
      usedBy === undefined ? new Uint8Array(0) : authorBytes(usedBy),
      host,
      given.reduce((bits, kind) => bits | (1 << APPROVALS.indexOf(kind)), 0),
    ]),
  );
}

/** Reads the bytes of the row. LatticeError `damaged-row`. */
export function decodeInvitations(bytes: Bytes): InvitationRow[] {
  return decodeStored('the row of invitations', bytes, (reader) => {
    const count = readHead(reader, ARRAY);
    const rows: InvitationRow[] = [];
    // The loop ends with the bytes, whatever `count` claims.
    for (let i = 0; i < count; i++) {
      expectArray(reader, 7);
      const secretHash = readBytesOf(reader, HASH_BYTES);
      const name = readText(reader);
      const role = readBoolean(reader) ? 'writer' : 'mirror';
      const expires = readUint(reader);
      const author = readBytes(reader);
      const usedBy = author.length === HASH_BYTES ? (bytesToHex(author) as Author) : undefined;
      const host = readBoolean(reader);
      const bits = readUint(reader);
      const given = APPROVALS.filter((_, bit) => (bits & (1 << bit)) !== 0);
      rows.push({ secretHash, name, role, expires, usedBy, host, given });
    }
    return rows;
  });
}
