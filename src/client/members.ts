import type { Change, Invitation } from '../api/contract/member-entities.ts';
import type { MembersClient } from './members-client.ts';
import type { CallOptions, RequestOptions, Requests } from './request.ts';

const BASE = '/api/v1/members';

const at = ({ signal, timeoutMs }: CallOptions): CallOptions => ({ signal, timeoutMs });
const pathOf = (id: string, what = ''): string => `${BASE}/changes/${encodeURIComponent(id)}${what}`;

/** The members of the fleet of the node that `requests` go to. */
export function createMembersClient({ request }: Requests): MembersClient {
  const json = async <T>(path: string, asked: RequestOptions): Promise<T> => (await request(path, asked)).json() as T;
  const post = async (path: string, asked: RequestOptions): Promise<Change> => json(path, { method: 'POST', ...asked });

  return {
    roster: (call = {}) => json(BASE, at(call)),
    changes: async (call = {}) => (await json<{ items: Change[] }>(`${BASE}/changes`, at(call))).items,
    change: (id, { wait, ...call } = {}) => json(pathOf(id), { query: { wait }, ...at(call) }),
    propose: (change, call = {}) => post(`${BASE}/changes`, { json: change, ...at(call) }),
    approve: (id, call = {}) => post(pathOf(id, '/approve'), at(call)),
    withdraw: (id, call = {}) => post(pathOf(id, '/withdraw'), at(call)),
    displaced: ({ limit, cursor, ...call } = {}) =>
      json(`${BASE}/displaced`, { query: { limit, cursor }, ...at(call) }),
    invitations: async (call = {}) => (await json<{ items: Invitation[] }>(`${BASE}/invitations`, at(call))).items,
    invite: (invitation, call = {}) => json(`${BASE}/invitations`, { method: 'POST', json: invitation, ...at(call) }),
    uninvite: async (id, call = {}) =>
      void (await request(`${BASE}/invitations/${encodeURIComponent(id)}`, { method: 'DELETE', ...at(call) })),
    join: (asked, call = {}) => json(`${BASE}/join`, { method: 'POST', json: asked, ...at(call) }),
    chain: (from, call = {}) => json(`${BASE}/chain`, { query: { from }, ...at(call) }),
  };
}
