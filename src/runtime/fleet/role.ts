import type { Author } from '../../core/types/index.ts';
import type { ReadOnlyCode } from '../facade/codes.ts';
import type { Roster } from './roster.ts';

/** A reason for being read-only that the roster gives; without a text it does not. */
export interface RoleReason {
  readonly code: Extract<ReadOnlyCode, 'untrusted-self' | 'mirror' | 'retired'>;
  readonly text: string | undefined;
}

/**
 * Why the roster keeps the node with the key `self` from writing (SPEC N3, RO2). A retired key may write until its end
 * has come, which whoever keeps that end tells.
 */
export function roleReasons(self: Author, roster: Pick<Roster, 'present' | 'has'>): readonly RoleReason[] {
  const { roster: present, departed } = roster.present.state;
  const { epoch, members } = present;
  const role = members.find(({ author }) => author === self)?.role;
  const absent =
    epoch === 0
      ? `this node's key ${self} is not on its own trust list: add it to DIOTEC360_TRUSTED_STATE_PUBKEYS on every node`
      : departed.has(self)
        ? `this node's key ${self} has left the fleet and never returns: give the node a new key, and invite it`
        : `this node's key ${self} is no member of the roster of epoch ${epoch}: add it with \`lattice members add ${self}\``;
  return [
    { code: 'untrusted-self', text: role === undefined ? absent : undefined },
    {
      code: 'mirror',
      text: role === 'mirror' ? 'this node is a mirror, which serves the state and never writes' : undefined,
    },
  ];
}
