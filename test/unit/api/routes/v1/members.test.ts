import { createHash, randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../../../support/wait.ts';
import { createHandClock } from '../../../runtime/support.ts';
import { friend, startLattice, startWithFriend } from '../../live-lattice.ts';
import { auth, startApi, type TestApi } from '../../support.ts';

const NEW_KEY = '5b'.repeat(32);
const BASE = '/api/v1/members';
const post = (body?: unknown) => ({
  method: 'POST',
  headers: { ...auth, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
});
/** The API of a node that decides nothing without `friend`. */
const startPair = async (): Promise<TestApi> => startApi({ lattice: (await startWithFriend()).lattice });
const add = { kind: 'add', author: NEW_KEY, name: 'node4' };

describe('the members over HTTP', () => {
  it('are the trust list in epoch 0, from which an empty chain leads to the present [A35]', async () => {
    const { ask, lattice } = await startPair();
    const both = [lattice.self.author, friend.author];
    const { hash } = lattice.status().trust;
    const { members, ...roster } = (await ask(BASE)).json() as { members: { author: string; role: string }[] };
    expect(roster).toMatchObject({ epoch: 0, hash, certify: 'majority', start: 0 });
    expect(members.map(({ author, role }) => [author, role])).toEqual(both.map((author) => [author, 'writer']));
    expect((await ask(`${BASE}/chain`)).json()).toEqual({ epoch: 0, founders: both.toSorted(), from: 0, items: [] });
    expect((await ask(`${BASE}/chain?from=7`)).json()).toMatchObject({ items: [] });
    expect((await ask(`${BASE}/changes`)).json()).toEqual({ items: [] });
  });

  it('change by what operators ask for, approve and withdraw, each with the token [A35, A36]', async () => {
    const { ask } = await startPair();
    const asked = await ask(`${BASE}/changes`, post(add));
    expect([asked.status, asked.json()]).toMatchObject([
      201,
      { stage: 'waiting', needed: 2, missing: [{ author: friend.author }], action: { ...add, role: 'mirror' } },
    ]);
    const { id } = asked.json() as { id: string };
    expect((await ask(`${BASE}/changes`)).json()).toMatchObject({ items: [{ id }] });
    expect((await ask(`${BASE}/changes/${id.slice(0, 8)}?wait=0`)).json()).toMatchObject({ id, stage: 'waiting' });
    expect((await ask(`${BASE}/changes/${id}/approve`, post())).json()).toMatchObject({ id, stage: 'waiting' });
    const waits = ask(`${BASE}/changes/${id}?wait=25`);
    expect((await ask(`${BASE}/changes/${id}/withdraw`, post())).json()).toMatchObject({ stage: 'withdrawn' });
    expect((await waits).json()).toMatchObject({ id, stage: 'withdrawn' });
    for (const path of ['', `/${id}/approve`, `/${id}/withdraw`])
      expect((await ask(`${BASE}/changes${path}`, { method: 'POST' })).status, path).toBe(401);
  });

  it.each([
    ['a kind that there is not', { kind: 'expel', author: NEW_KEY }, 400, 'invalid-body'],
    ['a field that is missing', { kind: 'rotate', author: NEW_KEY }, 400, 'invalid-body'],
    ['a field of another kind', { kind: 'promote', author: NEW_KEY, name: 'a' }, 400, 'invalid-body'],
    ['a key that is none', { kind: 'promote', author: 'abc' }, 400, 'invalid-body'],
    ['a stranger who is to retire', { kind: 'retire', author: NEW_KEY }, 409, 'invalid-change'],
    ['a member that is added again', { ...add, author: friend.author }, 409, 'invalid-change'],
    [
      'a retention of more than a year',
      { kind: 'settings', certify: 'majority', retentionMs: 1e12 },
      400,
      'invalid-body',
    ],
  ])('refuse %s [A36]', async (_what, body, status, code) => {
    const { ask } = await startPair();
    const answer = await ask(`${BASE}/changes`, post(body));
    expect([answer.status, answer.json()['code']]).toEqual([status, code]);
  });

  it('refuse ids that name no change, and waits that are too long [A35]', async () => {
    const { ask } = await startPair();
    expect((await ask(`${BASE}/changes/abcd`)).status).toBe(404);
    expect((await ask(`${BASE}/changes/abcd/approve`, post())).status).toBe(404);
    expect((await ask(`${BASE}/changes/abc`)).status).toBe(400);
    expect((await ask(`${BASE}/changes/abcd?wait=26`)).status).toBe(400);
  });

  it('keep the last writer [A36]', async () => {
    const { ask, lattice } = await startApi();
    const answer = await ask(`${BASE}/changes`, post({ kind: 'retire', author: lattice.self.author }));
    expect(answer.json()).toMatchObject({
      status: 409,
      code: 'invalid-change',
      next: expect.stringContaining('writer'),
    });
  });

  it('let a newcomer ask with the secret of an invitation, without a token [A37]', async () => {
    const clock = createHandClock();
    const { ask } = await startApi({ lattice: await startLattice({ clock }) });
    const bytes = randomBytes(32);
    const [secret, secretHash] = [bytes.toString('hex'), createHash('sha256').update(bytes).digest('hex')];
    const made = await ask(`${BASE}/invitations`, post({ secretHash, name: 'node4', role: 'mirror', ttlMs: 60_000 }));
    expect([made.status, made.json()]).toMatchObject([201, { id: secretHash, stage: 'open', role: 'mirror' }]);
    const join = async (author: string) => {
      const body = JSON.stringify({ secret, author });
      return ask(`${BASE}/join`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    };
    expect((await join(NEW_KEY)).json()).toMatchObject({ change: { action: { kind: 'add', author: NEW_KEY } } });
    await eventually('the newcomer is a mirror', async () => {
      await clock.advance(500);
      return isDeepStrictEqual((await join(NEW_KEY)).json(), { role: 'mirror' });
    });
    expect((await join('6c'.repeat(32))).json()).toMatchObject({ status: 409, code: 'invitation-used' });
    expect((await ask(`${BASE}/invitations`, { headers: auth })).json()).toMatchObject({
      items: [{ author: NEW_KEY }],
    });
    expect((await ask(`${BASE}/invitations/${secretHash}`, { method: 'DELETE', headers: auth })).status).toBe(204);
    expect((await join(NEW_KEY)).json()).toMatchObject({ status: 403, code: 'invitation-unknown' });
    for (const method of ['GET', 'POST']) expect((await ask(`${BASE}/invitations`, { method })).status).toBe(401);
  });
});
