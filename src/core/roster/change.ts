import type { CborItem } from '../cbor/cbor.ts';
import { malformed } from '../cbor/reader.ts';
import { type Author, type Bytes, type Hasher, LatticeError } from '../types/index.ts';
import { authorBytes, createWireReader, encodeChecked, type WireReader, wellFormed } from '../wire/fields.ts';
import {
  type CertifyRule,
  decodeRoster,
  encodeRoster,
  MAX_MEMBERS,
  MAX_NAME_BYTES,
  MAX_RETENTION_MS,
  type Member,
  memberOf,
  type Roster,
  rosterHash,
  writersOf,
} from './roster.ts';

/** What operators can decide about a roster (docs/adr/0021). */
export type ChangeAction =
  /** A new key joins. It joins as a mirror, unless it has the state already. */
  | { readonly kind: 'add'; readonly author: Author; readonly name: string; readonly role: 'writer' | 'mirror' }
  /** A mirror becomes a writer. */
  | { readonly kind: 'promote'; readonly author: Author }
  /** A writer stops in a minute; what it wrote until then counts. A mirror goes at once. */
  | { readonly kind: 'retire'; readonly author: Author }
  /** A writer goes on under a new key. */
  | { readonly kind: 'rotate'; readonly author: Author; readonly to: Author }
  /** Nothing that this author writes later than the newest cut counts: for a key in the wrong hands. */
  | { readonly kind: 'remove'; readonly author: Author }
  /** A retired author leaves the roster, once the floor has passed its end. Its entries stay. */
  | { readonly kind: 'drop'; readonly author: Author }
  | { readonly kind: 'name'; readonly author: Author; readonly name: string }
  | { readonly kind: 'settings'; readonly certify: CertifyRule; readonly retentionMs: number };

/** One change that operators approve. `nonce` tells two alike apart, so that an approval counts for one of them. */
export interface Change {
  readonly network: string;
  /** 16 bytes of randomness. */
  readonly nonce: Bytes;
  readonly action: ChangeAction;
}

/** From the decision to the last commit of a retired author that counts: commits under way arrive meanwhile. */
export const RETIRE_AFTER_MS = 60_000;
/** How far the end that a proposer names may be from that of the acceptor's own clock. */
export const RETIRE_SLACK_MS = 30_000;
/**
 * Ends stand at times of cuts, so that of what an author writes between two cuts all counts or nothing. Ten seconds,
 * which is a whole number of periods of any fleet.
 */
export const END_GRID_MS = 10_000;
/** Most bytes of a change: a network of 128 bytes, two authors and a name fit. */
export const MAX_CHANGE_BYTES = 512;

const VERSION = 1;
const NONCE_BYTES = 16;
const KINDS = ['add', 'promote', 'retire', 'rotate', 'remove', 'drop', 'name', 'settings'] as const;
const MAX_NETWORK = 128;

export const encodeChange = ({ network, nonce, action }: Change): Bytes =>
  encodeChecked([VERSION, wellFormed(network), nonce, ...actionFields(action)], decodeChange);

function actionFields(action: ChangeAction): readonly CborItem[] {
  const kind = KINDS.indexOf(action.kind);
  switch (action.kind) {
    case 'add':
      return [kind, authorBytes(action.author), wellFormed(action.name), action.role === 'writer' ? 1 : 0];
    case 'rotate':
      return [kind, authorBytes(action.author), authorBytes(action.to), 0];
    case 'name':
      return [kind, authorBytes(action.author), wellFormed(action.name), 0];
    case 'settings':
      return [kind, action.certify === 'majority' ? 0 : 1, action.retentionMs, 0];
    case 'promote':
    case 'retire':
    case 'remove':
    case 'drop':
      return [kind, authorBytes(action.author), 0, 0];
  }
}

/** Checks the form and every bound. LatticeError `malformed` or `unknown-version`. */
export function decodeChange(bytes: Bytes): Change {
  const reader = createWireReader('change', new Uint8Array(bytes), MAX_CHANGE_BYTES);
  reader.open({ [VERSION]: 7 });
  const network = reader.text('network', 1, MAX_NETWORK);
  const nonce = reader.bytes('nonce', NONCE_BYTES);
  const action = readAction(reader, KINDS[reader.uint('kind', 0, KINDS.length - 1)] as ChangeAction['kind']);
  reader.end();
  return { network, nonce, action };
}

function readAction(reader: WireReader, kind: ChangeAction['kind']): ChangeAction {
  const unused = (n: number): void => {
    for (let i = 0; i < n; i++) reader.uint('unused field', 0, 0);
  };
  switch (kind) {
    case 'add': {
      const author = reader.author('author');
      const name = reader.text('name', 0, MAX_NAME_BYTES);
      return { kind, author, name, role: reader.uint('role', 0, 1) === 1 ? 'writer' : 'mirror' };
    }
    case 'rotate': {
      const author = reader.author('author');
      const to = reader.author('new author');
      unused(1);
      if (author === to) throw malformed('a key is rotated to itself');
      return { kind, author, to };
    }
    case 'name': {
      const author = reader.author('author');
      const name = reader.text('name', 0, MAX_NAME_BYTES);
      unused(1);
      return { kind, author, name };
    }
    case 'settings': {
      const certify = reader.uint('rule', 0, 1) === 0 ? 'majority' : 'two-thirds';
      const retentionMs = reader.uint('retention', 0, MAX_RETENTION_MS);
      unused(1);
      return { kind, certify, retentionMs };
    }
    case 'promote':
    case 'retire':
    case 'remove':
    case 'drop': {
      const author = reader.author('author');
      unused(2);
      return { kind, author };
    }
  }
}

/** The hash that approvals name. */
export const changeHash = (change: Change, hasher: Hasher): Bytes => hasher.hash(encodeChange(change));

/** A roster, and the authors that have stood in an earlier one and in this one no more: their keys never return. */
export interface RosterState {
  readonly roster: Roster;
  readonly hash: Bytes;
  readonly departed: ReadonlySet<Author>;
  /** Those who were left out of a forced roster (SPEC RO15): nobody syncs with them any more. */
  readonly leftOut: ReadonlySet<Author>;
}

export function stateOf(
  roster: Roster,
  departed: ReadonlySet<Author>,
  hasher: Hasher,
  leftOut: ReadonlySet<Author> = new Set(),
): RosterState {
  return { roster, hash: rosterHash(roster, hasher), departed, leftOut };
}

/** The state after a decided roster. The caller has checked its certificate. */
export function advance(state: RosterState, next: Roster, hasher: Hasher): RosterState {
  const departed = new Set(state.departed);
  for (const { author } of state.roster.members) if (memberOf(next, author) === undefined) departed.add(author);
  return stateOf(next, departed, hasher, state.leftOut);
}

const refuse = (message: string, next: string): LatticeError => new LatticeError('invalid-change', message, { next });

/**
 * The end of whoever stops writing by a change that is proposed at `nowMs`, Unix ms: a minute ahead for one who retires
 * or is rotated, and the newest cut that may have been attested for one who is removed. A removal by the mere decision
 * would not do: a complete cut of the roster before it may have an operation that the first cut of the next leaves out.
 */
export function endOf({ kind }: ChangeAction, nowMs: number): number {
  return kind === 'remove'
    ? Math.floor(nowMs / END_GRID_MS) * END_GRID_MS
    : Math.ceil((nowMs + RETIRE_AFTER_MS) / END_GRID_MS) * END_GRID_MS;
}

/**
 * The roster that a change makes of the present one. `untilMs` is the end of whoever stops writing. LatticeError
 * `invalid-change`, which says why and what to do, where the change does not fit the present roster.
 */
export function applyChange(state: RosterState, action: ChangeAction, untilMs: number): Roster {
  const { roster } = state;
  const members = new Map(roster.members.map((member) => [member.author, member]));
  const set = (member: Member): unknown => members.set(member.author, member);
  /** What people read for a member: its name with the head of its key, because a retired one may have had that name. */
  const called = (author: Author): string => {
    const name = members.get(author)?.name ?? '';
    return name === '' ? author : `${name} (${author.slice(0, 8)}…)`;
  };
  const get = (author: Author): Member => {
    const member = members.get(author);
    if (member === undefined) throw refuse(`${author} is no member`, 'see the members with `lattice members`');
    return member;
  };
  const admit = (author: Author): void => {
    if (members.has(author)) throw refuse(`${called(author)} is a member already`, 'nothing has to be done');
    if (state.departed.has(author))
      throw refuse(`${author} has left the fleet, and a key that left never returns`, 'give the node a new key');
  };
  const named = (name: string, author: Author): void => {
    const other = name === '' ? undefined : roster.members.find((m) => m.name === name && m.author !== author);
    if (other !== undefined && other.role !== 'retired')
      throw refuse(
        `the member ${other.author.slice(0, 8)}… has the name ${JSON.stringify(name)}`,
        'choose another name',
      );
  };
  let { certify, retentionMs } = roster;
  switch (action.kind) {
    case 'add':
      admit(action.author);
      named(action.name, action.author);
      set({ author: action.author, name: action.name, role: action.role, until: 0 });
      break;
    case 'promote': {
      const member = get(action.author);
      if (member.role !== 'mirror')
        throw refuse(
          `${called(action.author)} is a ${member.role} and no mirror`,
          member.role === 'writer' ? 'nothing has to be done' : 'a retired key never returns: give the node a new one',
        );
      set({ ...member, role: 'writer' });
      break;
    }
    case 'retire': {
      const member = get(action.author);
      if (member.role === 'retired')
        throw refuse(`${called(action.author)} is retired already`, 'nothing has to be done');
      if (member.role === 'mirror') members.delete(action.author);
      else set({ ...member, role: 'retired', until: untilMs });
      break;
    }
    case 'rotate': {
      const member = get(action.author);
      if (member.role !== 'writer')
        throw refuse(
          `${called(action.author)} is a ${member.role}, and only a writer's key is rotated`,
          'add the new key',
        );
      admit(action.to);
      set({ ...member, author: action.to });
      set({ ...member, role: 'retired', until: untilMs });
      break;
    }
    case 'remove': {
      const member = get(action.author);
      if (member.role === 'retired' && member.until <= untilMs)
        throw refuse(`${called(action.author)} has stopped already`, 'nothing has to be done');
      if (member.role === 'mirror') members.delete(action.author);
      else set({ ...member, role: 'retired', until: untilMs });
      break;
    }
    case 'drop': {
      const member = get(action.author);
      if (member.role !== 'retired') throw refuse(`${called(action.author)} is a ${member.role}`, 'retire it first');
      members.delete(action.author);
      break;
    }
    case 'name':
      named(action.name, action.author);
      set({ ...get(action.author), name: action.name });
      break;
    case 'settings':
      ({ certify, retentionMs } = action);
  }
  const next: Roster = {
    epoch: roster.epoch + 1,
    previous: state.hash,
    certify,
    retentionMs,
    members: [...members.values()].sort((a, b) => (a.author < b.author ? -1 : 1)),
  };
  if (writersOf(next).length === 0)
    throw refuse('the fleet would have no writer left', 'add another writer first, or stop the fleet for good');
  try {
    return decodeRoster(encodeRoster(next));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const isFull = next.members.length > MAX_MEMBERS;
    throw refuse(
      isFull ? `a roster has at most ${MAX_MEMBERS} members, retired ones included` : cause.message,
      isFull
        ? 'give a member that is there another key (rotate) or name, or begin a new fleet with the present members'
        : `give a name of at most ${MAX_NAME_BYTES} bytes, and a time that is in the bounds`,
    );
  }
}

/** Whether the change ends somebody's writing, so that its roster names an end. */
export function endsWriting(state: RosterState, action: ChangeAction): boolean {
  if (action.kind === 'rotate') return true;
  if (action.kind === 'remove') return memberOf(state.roster, action.author)?.role !== 'mirror';
  return action.kind === 'retire' && memberOf(state.roster, action.author)?.role === 'writer';
}
