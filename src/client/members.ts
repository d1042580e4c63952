import type { Change, Invitation } from '../api/contract/member-entities.ts';
import type { MembersClient } from './members-client.ts';
import type { CallOptions, RequestOptions, Requests } from './request.ts';

const BASE = '/api/v1/members';

const at = ({ signal, timeoutMs }: CallOptions): CallOptions => ({ signal, timeoutMs });
const pathOf = (id: string, what = ''): string => `${BASE}/changes/${encodeURIComponent(id)}${what}`;

/** The members of the fleet of the node that `requests` go to. */
export function createMembersClient({ request, json }: Requests): MembersClient {
  const post = async (path: string, asked: RequestOptions): Promise<Change> =>
    json(path, { has: 'id', method: 'POST', ...asked });

  return {
    roster: (call = {}) => json(BASE, { has: 'members', ...at(call) }),
    changes: async (call = {}) =>
      (await json<{ items: Change[] }>(`${BASE}/changes`, { has: 'items', ...at(call) })).items,
    change: (id, { wait, ...call } = {}) => json(pathOf(id), { has: 'id', query: { wait }, ...at(call) }),
    propose: (change, call = {}) => post(`${BASE}/changes`, { json: change, ...at(call) }),
    approve: (id, call = {}) => post(pathOf(id, '/approve'), at(call)),
    withdraw: (id, call = {}) => post(pathOf(id, '/withdraw'), at(call)),
    displaced: ({ limit, cursor, ...call } = {}) =>
      json(`${BASE}/displaced`, { has: 'items', query: { limit, cursor }, ...at(call) }),
    invitations: async (call = {}) =>
      (await json<{ items: Invitation[] }>(`${BASE}/invitations`, { has: 'items', ...at(call) })).items,
    invite: (invitation, call = {}) => json(`${BASE}/invitations`, { method: 'POST', json: invitation, ...at(call) }),
    uninvite: async (id, call = {}) =>
      void (await request(`${BASE}/invitations/${encodeURIComponent(id)}`, { method: 'DELETE', ...at(call) })),
    join: (asked, call = {}) => json(`${BASE}/join`, { method: 'POST', json: asked, ...at(call) }),
    values: (author, { since = 0, limit, cursor, ...call } = {}) =>
      json(`${BASE}/values`, { has: 'values', query: { author, since, limit, cursor }, ...at(call) }),
    clean: (author, { since, limit, cursor, keys, dryRun, ...call } = {}) =>
      json(`${BASE}/clean`, {
        has: 'items',
        method: 'POST',
        json: { author, since, limit, cursor, keys, dryRun },
        ...at(call),
      }),
    chain: (from, call = {}) => json(`${BASE}/chain`, { query: { from }, ...at(call) }),
  };
}
