import type { CborItem } from '../cbor/cbor.ts';
import { malformed } from '../cbor/reader.ts';
import { quorumOf } from '../cut/quorum.ts';
import { type Author, type Bytes, type Hasher, MAX_TRUSTED } from '../types/index.ts';
import { authorBytes, createWireReader, encodeChecked, wellFormed } from '../wire/fields.ts';
import { trustHash } from '../wire/index.ts';

/**
 * What a member may do. A `writer` writes, votes and attests. A `mirror` syncs and serves. A `retired` author does
 * neither any more: its commits up to `until` count.
 */
export type Role = 'writer' | 'mirror' | 'retired';

export interface Member {
  readonly author: Author;
  /** What the fleet calls it: at most MAX_NAME_BYTES, empty where nobody gave it a name. */
  readonly name: string;
  readonly role: Role;
  /** Unix ms, for retired members only: commits with an HLC of a later millisecond don't count. 0 for the others. */
  readonly until: number;
}

/** How many attestations certify a cut: more than half of the writers, or more than two thirds. */
export type CertifyRule = 'majority' | 'two-thirds';

/** Who the fleet is, as one epoch has it (docs/adr/0021). */
export interface Roster {
  /** 0 for the configured trust list, and then one more with each decision. */
  readonly epoch: number;
  /** `rosterHash` of the roster before it, 32 bytes. Zeros in epoch 0. */
  readonly previous: Bytes;
  readonly certify: CertifyRule;
  /** How long tombstones stay, ms. */
  readonly retentionMs: number;
  /** In increasing order of their authors, each once. */
  readonly members: readonly Member[];
}

/** Most members of a roster, retired ones included: as many authors as a trust list has. */
export const MAX_MEMBERS = MAX_TRUSTED;
/** Most bytes of UTF-8 in a member's name: what fits a column of a table. */
export const MAX_NAME_BYTES = 64;
/** How long tombstones stay where nobody decided otherwise: a node may be away for a day and come back. */
const DEFAULT_RETENTION_MS = 24 * 3_600_000;
/** A year, beyond which a tombstone may as well stay for ever. */
export const MAX_RETENTION_MS = 366 * 24 * 3_600_000;
/** Each member has its author, its name and some bytes of form. */
export const MAX_ROSTER_BYTES = MAX_MEMBERS * (32 + MAX_NAME_BYTES + 24) + 128;

const VERSION = 1;
const HASH_BYTES = 32;
const MAX_TIME = 2 ** 48 - 1;
const ROLES: readonly Role[] = ['writer', 'mirror', 'retired'];
const RULES: readonly CertifyRule[] = ['majority', 'two-thirds'];

/** The roster of a fleet whose members never changed: its configured trust list. */
export function initialRoster(trusted: readonly Author[]): Roster {
  const members = [...new Set(trusted)]
    .sort()
    .map((author): Member => ({ author, name: '', role: 'writer', until: 0 }));
  return {
    epoch: 0,
    previous: new Uint8Array(HASH_BYTES),
    certify: 'majority',
    retentionMs: DEFAULT_RETENTION_MS,
    members,
  };
}

/** The canonical bytes of a roster. RangeError when a field is out of bounds or the members are not in order. */
export function encodeRoster({ epoch, previous, certify, retentionMs, members }: Roster): Bytes {
  const items: CborItem = members.map(({ author, name, role, until }) => [
    authorBytes(author),
    wellFormed(name),
    ROLES.indexOf(role),
    until,
  ]);
  return encodeChecked([VERSION, epoch, previous, RULES.indexOf(certify), retentionMs, items], decodeRoster);
}

/** Checks the form and every bound. LatticeError `malformed` or `unknown-version`. */
export function decodeRoster(bytes: Bytes): Roster {
  const reader = createWireReader('roster', new Uint8Array(bytes), MAX_ROSTER_BYTES);
  reader.open({ [VERSION]: 6 });
  const epoch = reader.uint('epoch');
  const previous = reader.bytes('previous', HASH_BYTES);
  const certify = RULES[reader.uint('rule', 0, RULES.length - 1)] as CertifyRule;
  const retentionMs = reader.uint('retention', 0, MAX_RETENTION_MS);
  const count = reader.array('members', 1, MAX_MEMBERS);
  const members: Member[] = [];
  for (let i = 0; i < count; i++) {
    reader.array('member', 4, 4);
    const author = reader.author('author');
    const name = reader.text('name', 0, MAX_NAME_BYTES);
    const role = ROLES[reader.uint('role', 0, ROLES.length - 1)] as Role;
    const until = reader.uint('until', 0, MAX_TIME);
    if (role !== 'retired' && until !== 0) throw malformed(`a ${role} has an end`);
    const before = members.at(-1);
    if (before !== undefined && author <= before.author) throw malformed("a roster's members are not in order");
    members.push({ author, name, role, until });
  }
  reader.end();
  if (!members.some(({ role }) => role === 'writer')) throw malformed('a roster has no writer');
  return { epoch, previous, certify, retentionMs, members };
}

/**
 * The hash that names a roster. That of epoch 0 is the hash of its trust list, which heads, attestations and
 * certificates of fleets that never changed carry already.
 */
export function rosterHash(roster: Roster, hasher: Hasher): Bytes {
  if (roster.epoch > 0) return hasher.hash(encodeRoster(roster));
  return trustHash(
    roster.members.map(({ author }) => author),
    hasher,
  );
}

export const memberOf = (roster: Roster, author: Author): Member | undefined =>
  roster.members.find((member) => member.author === author);

export const isWriter = (roster: Roster, author: Author): boolean => memberOf(roster, author)?.role === 'writer';

/** Those who vote and attest, in order. */
export function writersOf(roster: Roster): readonly Author[] {
  return roster.members.filter(({ role }) => role === 'writer').map(({ author }) => author);
}

/** How many writers decide the next roster. It is a majority whatever the rule for cuts is. */
export const decidersOf = (roster: Roster): number => quorumOf(writersOf(roster).length);

/** How many attestations certify a cut. */
export function certifiersOf(roster: Roster): number {
  const writers = writersOf(roster).length;
  return roster.certify === 'majority' ? quorumOf(writers) : Math.floor((2 * writers) / 3) + 1;
}

/** Whether a commit of `author` with an HLC of the millisecond `ms` counts above the floor. */
export function counts(roster: Roster, author: Author, ms: number): boolean {
  const member = memberOf(roster, author);
  return member !== undefined && memberCounts(member, ms);
}

/** Whether a commit of this member with an HLC of the millisecond `ms` counts above the floor. */
export function memberCounts({ role, until }: Member, ms: number): boolean {
  return role === 'writer' || (role === 'retired' && ms <= until);
}
