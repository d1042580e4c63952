import { Type } from 'typebox';
import { json, type RouteContract } from './describe.ts';
import { AuthoredKey, cursor, hex64, limit, time } from './entities.ts';
import {
  Change,
  ChangeRequest,
  Cleaned,
  CleanRequest,
  Displaced,
  Invitation,
  InvitationRequest,
  JoinAnswer,
  JoinRequest,
  Roster,
  RosterChain,
} from './member-entities.ts';

/** To sign and merge what is written in place of 1,000 keys, in ms of the event loop; the rest is to find them. */
const CLEAN_MS = 30;

const { Array: List, Integer, Object: Shape, Optional: Maybe, String: Text } = Type;

/** The longest wait for a change, s: less than the 30 s after which clients and proxies give up. */
const MAX_WAIT_SECONDS = 25;

const operatorErrors = [400, 401, 404, 409, 421, 429, 503, 504, 507] as const;
const inPath = Shape({
  id: Text({ pattern: '^[0-9a-f]{4,64}$', description: 'The id of the change, or as many first digits as name one.' }),
});
const example = { params: { id: '00'.repeat(32) } };

/** The routes of the members: who belongs to the fleet, and how that changes. */
export const MEMBER_ROUTES: readonly RouteContract[] = [
  {
    method: 'GET',
    path: '/api/v1/members',
    id: 'membersRoster',
    tag: 'members',
    summary: 'Who belongs to the fleet',
    description: 'The roster that the node goes by, with the names and addresses of the members.',
    cost: 'read',
    answers: { 200: json('The roster.', Roster.ref) },
    errors: [421, 429],
    example: {},
  },
  {
    method: 'GET',
    path: '/api/v1/members/chain',
    id: 'membersChain',
    tag: 'members',
    summary: 'The certificates that lead to the present roster',
    description: 'Whoever knows the roster of one epoch can check by them who belongs to the fleet now.',
    access: 'open',
    cost: 'read',
    query: Shape({
      from: Maybe(Integer({ minimum: 0, default: 0, description: 'The epoch whose roster is known.' })),
    }),
    answers: { 200: json('The chain, at most 16 certificates of it.', RosterChain.ref) },
    errors: [400, 421, 429],
    example: { query: { from: 0 } },
  },
  {
    method: 'GET',
    path: '/api/v1/members/values',
    id: 'membersValues',
    tag: 'members',
    summary: 'What one author wrote and the state still has',
    description:
      'For a key that was in the wrong hands. The node looks at every key, 8,192 for a page at most: a page before the last may have no items.',
    cost: 'costly',
    query: Shape({
      author: hex64('The key that wrote them; it need not be a member any more.'),
      since: time('The earliest time of its writes that is of interest, by their HLC.'),
      limit: Maybe(Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Most items of the page.' })),
      cursor: Maybe(Text({ description: 'From the page before. Its first digits tell how far of all keys one is.' })),
    }),
    answers: {
      200: json(
        'A page of them, in the order of key hashes.',
        Shape({ values: List(AuthoredKey.ref), cursor: Maybe(Text()) }),
      ),
    },
    errors: [400, 421, 429, 504],
    example: { query: { author: 'aa'.repeat(32), since: 0 } },
  },
  {
    method: 'POST',
    path: '/api/v1/members/clean',
    id: 'membersClean',
    tag: 'members',
    summary: 'Replace what one author wrote',
    description:
      'By commits of this node: by the value of another author beside it, else by the value that is given for the key, ' +
      'else by a deletion. What was replaced is not found again, so that a request whose answer was lost may be repeated.',
    token: true,
    cost: 'costly',
    extraMs: CLEAN_MS,
    body: CleanRequest.ref,
    answers: { 200: json('A page of what has become of them, in the order of key hashes.', Cleaned.ref) },
    errors: [400, 401, 409, 413, 415, 421, 429, 503, 504, 507],
    example: { body: { author: 'aa'.repeat(32), since: 0, dryRun: true } },
  },
  {
    method: 'GET',
    path: '/api/v1/members/changes',
    id: 'membersChanges',
    tag: 'members',
    summary: 'Changes of the roster that wait, and the newest that are done with',
    access: 'open',
    cost: 'read',
    answers: { 200: json('The changes, oldest first.', Shape({ items: List(Change.ref) })) },
    errors: [421, 429],
    example: {},
  },
  {
    method: 'GET',
    path: '/api/v1/members/displaced',
    id: 'membersDisplaced',
    tag: 'members',
    summary: 'What ended authors had written after their ends',
    description:
      'The latest first. The node had taken it before it knew of the end, and has taken it out again; of all bytes, 32 MiB are kept.',
    cost: 'read',
    query: Shape({ limit, cursor: Maybe(cursor) }),
    answers: { 200: json('A page of it.', Shape({ items: List(Displaced.ref), cursor: Maybe(cursor) })) },
    errors: [400, 421, 429, 504],
    example: { query: { limit: 10 } },
  },
  {
    method: 'POST',
    path: '/api/v1/members/changes',
    id: 'membersPropose',
    tag: 'members',
    summary: 'Ask for a change of the roster, with the approval of this node',
    description:
      'A majority of the writers has to approve it, each by its own operator. One like it that waits already is approved in its place.',
    token: true,
    cost: 'write',
    body: ChangeRequest.ref,
    answers: { 201: json('The change.', Change.ref) },
    errors: [...operatorErrors, 415],
    example: { body: { kind: 'add', author: 'aa'.repeat(32), name: 'node4', role: 'mirror' } },
  },
  {
    method: 'GET',
    path: '/api/v1/members/changes/:id',
    id: 'membersChange',
    tag: 'members',
    summary: 'How it stands with a change, at once or when it is settled',
    access: 'open',
    cost: 'read',
    params: inPath,
    query: Shape({
      wait: Maybe(
        Integer({
          minimum: 0,
          maximum: MAX_WAIT_SECONDS,
          default: 0,
          description: 'Answer when it is decided, void or withdrawn, at the latest after so many seconds.',
        }),
      ),
    }),
    answers: { 200: json('The change.', Change.ref) },
    errors: [400, 404, 421, 429],
    example,
  },
  {
    method: 'POST',
    path: '/api/v1/members/changes/:id/approve',
    id: 'membersApprove',
    tag: 'members',
    summary: 'Approve a change that this node has heard of',
    description: 'The approval counts for seven days.',
    token: true,
    cost: 'write',
    params: inPath,
    answers: { 200: json('The change.', Change.ref) },
    errors: operatorErrors,
    example,
  },
  {
    method: 'POST',
    path: '/api/v1/members/changes/:id/withdraw',
    id: 'membersWithdraw',
    tag: 'members',
    summary: "Take this node's approval of a change back",
    token: true,
    cost: 'write',
    params: inPath,
    answers: { 200: json('The change.', Change.ref) },
    errors: operatorErrors,
    example,
  },
  {
    method: 'GET',
    path: '/api/v1/members/invitations',
    id: 'membersInvitations',
    tag: 'members',
    summary: 'The invitations of this node',
    token: true,
    cost: 'read',
    answers: {
      200: json('The invitations, in the order in which they were made.', Shape({ items: List(Invitation.ref) })),
    },
    errors: [401, 421, 429],
    example: {},
  },
  {
    method: 'POST',
    path: '/api/v1/members/invitations',
    id: 'membersInvite',
    tag: 'members',
    summary: 'Invite one newcomer',
    description:
      "It stands for the approval of this node's operator. Whoever shows the secret may ask, once and within the time.",
    token: true,
    cost: 'write',
    body: InvitationRequest.ref,
    answers: { 201: json('The invitation.', Invitation.ref) },
    errors: [...operatorErrors, 415],
    example: { body: { secretHash: 'ab'.repeat(32), name: 'node4', role: 'writer', ttlMs: 3_600_000 } },
  },
  {
    method: 'DELETE',
    path: '/api/v1/members/invitations/:id',
    id: 'membersUninvite',
    tag: 'members',
    summary: 'Take an invitation back',
    token: true,
    cost: 'write',
    params: Shape({ id: Text({ pattern: '^[0-9a-f]{4,64}$', description: 'Its id, or the first digits of it.' }) }),
    answers: { 204: { description: 'It is taken back.' } },
    errors: operatorErrors,
    example: { params: { id: 'ab'.repeat(32) } },
  },
  {
    method: 'POST',
    path: '/api/v1/members/join',
    id: 'membersJoin',
    tag: 'members',
    summary: 'Ask to join, with the secret of an invitation',
    description: 'Needs no token. The first key that asks is the only one that may ask again.',
    access: 'open',
    cost: 'costly',
    body: JoinRequest.ref,
    answers: { 200: json('How it stands.', JoinAnswer.ref) },
    errors: [400, 403, 409, 410, 415, 421, 429, 503, 504, 507],
    example: { body: { secret: 'cd'.repeat(32), author: 'aa'.repeat(32) } },
  },
];
