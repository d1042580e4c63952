import { describe, expect, it } from 'vitest';
import type { Author } from '../../../../src/core/types/index.ts';
import { createMembers } from '../../../../src/runtime/fleet/members.ts';
import { createRoster } from '../../../../src/runtime/fleet/roster.ts';
import { createStanding } from '../../../../src/runtime/fleet/standing.ts';
import { createPeerTable } from '../../../../src/runtime/peers/peers.ts';
import { createAuthor, createHandClock, hasher } from '../support.ts';

const [self, trusted, other] = [1, 2, 3].map((id) => createAuthor(id).author) as [Author, Author, Author];

function fleet(options: { trusted?: readonly Author[]; open?: boolean; namesNobody?: boolean }) {
  const roster = createRoster(options.trusted ?? [], self, hasher);
  const members = createMembers({ self: self, roster, peers: createPeerTable(createHandClock()) });
  const standingOf = createStanding({
    members,
    open: options.open ?? false,
    namesNobody: () => options.namesNobody ?? false,
  });
  return { members, standingOf };
}

describe('the standing of a peer', () => {
  it('is that of a member where it is trusted or configured, and else barred [S9]', () => {
    const { members, standingOf } = fleet({ trusted: [self, trusted] });
    expect([trusted, other, undefined].map((peer) => standingOf(peer))).toEqual(['member', 'barred', 'barred']);
    members.configure(other);
    expect(standingOf(other)).toBe('member');
    members.release(other, { url: undefined, configured: false });
    expect(standingOf(other)).toBe('barred');
  });

  it('is that of a guest where P2P is open [S9]', () => {
    const { standingOf } = fleet({ trusted: [self, trusted], open: true });
    expect([trusted, other, undefined].map((peer) => standingOf(peer))).toEqual(['member', 'guest', 'guest']);
  });

  it('is that of a guest with a node that names nobody, until it has a member [S9]', () => {
    const { members, standingOf } = fleet({ namesNobody: true });
    expect(standingOf(other)).toBe('guest');
    members.configure(trusted);
    expect([trusted, other].map((peer) => standingOf(peer))).toEqual(['member', 'barred']);
  });
});
