import { createHash, randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { decodeInvitations, INVITATIONS, type InvitationRow } from '../../../../src/core/rows/index.ts';
import { type Author, type Bytes, equalBytes } from '../../../../src/core/types/index.ts';
import { createInvitations, MAX_INVITATION_MS } from '../../../../src/runtime/membership/invitations.ts';
import { createMemoryFleet } from '../../../support/memory-members.ts';
import { createAuthor, createHandClock, hasher, log } from '../support.ts';

const HOUR_MS = 3_600_000;
const [self, other] = [createAuthor(1).author, createAuthor(2).author];
const [newcomer, stranger] = [createAuthor(8).author, createAuthor(9).author];

const makeSecret = (): { readonly secret: string; readonly secretHash: string } => {
  const bytes = randomBytes(32);
  return { secret: bytes.toString('hex'), secretHash: createHash('sha256').update(bytes).digest('hex') };
};

function setUp(founders: readonly Author[] = [self]) {
  const clock = createHandClock();
  const fleet = createMemoryFleet(founders);
  let row: Bytes | undefined;
  const caughtUp = new Set<Author>();
  const open = (author: Author, saved: readonly InvitationRow[] = []) =>
    createInvitations({
      clock,
      hasher,
      log,
      saved,
      members: fleet(author),
      keep: async (make) => {
        for (const write of make()) if (write.type === 'put' && equalBytes(write.key, INVITATIONS)) row = write.value;
      },
      hasCaughtUp: (asked) => caughtUp.has(asked),
    });
  const kept = (): readonly InvitationRow[] => (row === undefined ? [] : decodeInvitations(row));
  return { clock, fleet, open, kept, caughtUp };
}

it('an invitation lets one key ask, once, and is the approval of its operator [JN1]', async () => {
  const { fleet, open } = setUp();
  const invitations = open(self);
  const { secret, secretHash } = makeSecret();
  const made = await invitations.add({ secretHash, name: 'node4', role: 'mirror', ttlMs: HOUR_MS });
  expect(made).toMatchObject({ id: secretHash, stage: 'open' });
  expect(await invitations.join({ secret, author: newcomer })).toMatchObject({ change: { stage: 'decided' } });
  expect(fleet(self).roster().members).toContainEqual(
    expect.objectContaining({ author: newcomer, name: 'node4', role: 'mirror' }),
  );
  // The answer may have been lost, so the same key is told again.
  expect(await invitations.join({ secret, author: newcomer })).toEqual({ role: 'mirror' });
  await expect(invitations.join({ secret, author: stranger })).rejects.toMatchObject({ code: 'invitation-used' });
  expect(invitations.list()).toMatchObject([{ stage: 'done', author: newcomer }]);
});

it('one that is unknown, late or taken back is told so [JN1]', async () => {
  const { clock, open } = setUp();
  const invitations = open(self);
  const [late, gone] = [makeSecret(), makeSecret()];
  await expect(invitations.join({ secret: late.secret, author: newcomer })).rejects.toMatchObject({
    code: 'invitation-unknown',
  });
  await invitations.add({ secretHash: late.secretHash, name: 'a', role: 'writer', ttlMs: HOUR_MS });
  await invitations.add({ secretHash: gone.secretHash, name: 'b', role: 'writer', ttlMs: HOUR_MS });
  await invitations.remove(gone.secretHash.slice(0, 8));
  await expect(invitations.remove(gone.secretHash)).rejects.toMatchObject({ code: 'not-found' });
  await clock.advance(HOUR_MS + 1);
  await expect(invitations.join({ secret: late.secret, author: newcomer })).rejects.toMatchObject({
    code: 'invitation-expired',
  });
  await expect(invitations.join({ secret: gone.secret, author: newcomer })).rejects.toMatchObject({
    code: 'invitation-unknown',
  });
});

it('is kept over restarts as the hash of its secret alone, with whoever has used it [JN1]', async () => {
  const { open, kept } = setUp();
  const { secret, secretHash } = makeSecret();
  const before = open(self);
  await before.add({ secretHash, name: 'node4', role: 'writer', ttlMs: HOUR_MS });
  await before.join({ secret, author: newcomer });
  expect(JSON.stringify(kept().map((row) => ({ ...row, secretHash: [...row.secretHash] })))).not.toContain(secret);
  const after = open(self, kept());
  expect(after.list()).toMatchObject([{ id: secretHash, author: newcomer, role: 'writer' }]);
  await expect(after.join({ secret, author: stranger })).rejects.toMatchObject({ code: 'invitation-used' });
});

it('is bounded in number and in time, and takes no name that a member has [JN1]', async () => {
  const { open, fleet } = setUp();
  await fleet(self).propose({ kind: 'name', author: self, name: 'oslo' });
  const invitations = open(self);
  const ask = (name: string, ttlMs: number) =>
    invitations.add({ secretHash: makeSecret().secretHash, name, role: 'mirror', ttlMs });
  await expect(ask('oslo', HOUR_MS)).rejects.toMatchObject({ code: 'invalid-change' });
  await expect(ask('rome', MAX_INVITATION_MS + 1)).rejects.toMatchObject({ code: 'invalid-change' });
  for (let i = 0; i < 64; i++) await ask(`n${i}`, HOUR_MS);
  await expect(ask('more', HOUR_MS)).rejects.toMatchObject({ code: 'too-many-invitations' });
});

it('what an operator takes back is not approved again, whoever asks and after a restart [JN2]', async () => {
  const { clock, open, kept, fleet, caughtUp } = setUp([self, other]);
  const invitations = open(self);
  const { secret, secretHash } = makeSecret();
  await invitations.add({ secretHash, name: 'node4', role: 'writer', ttlMs: HOUR_MS });
  invitations.start();
  const members = fleet(self);
  const asked = await invitations.join({ secret, author: newcomer });
  const idOf = (answer: typeof asked): string => answer.change?.id ?? '';
  await members.withdraw(idOf(asked));
  expect(await invitations.join({ secret, author: newcomer })).toMatchObject({ change: { stage: 'withdrawn' } });
  expect(members.changes()).toHaveLength(1);

  // The operator thinks better of it, and later takes the promotion back, alone or after others approved it too.
  const again = await members.propose({ kind: 'add', author: newcomer, name: 'node4', role: 'mirror' });
  fleet(other).approveAs(other, again.id);
  caughtUp.add(newcomer);
  await clock.advance(3000);
  const promotion = members.changes().at(-1);
  expect(promotion).toMatchObject({ action: { kind: 'promote' }, stage: 'waiting', approvals: [{ author: self }] });
  await members.withdraw(promotion?.id ?? '');
  await clock.advance(3000);
  invitations.stop();
  const restarted = open(self, kept());
  restarted.start();
  await clock.advance(3000);
  restarted.stop();
  expect(members.changes().filter(({ action }) => action.kind === 'promote')).toMatchObject([{ stage: 'withdrawn' }]);
});

it('made on several nodes of one operator, it is the approval of each of them, of both steps [JN1, JN2]', async () => {
  const { clock, open, fleet, caughtUp } = setUp([self, other]);
  const [first, second] = [open(self), open(other)];
  const { secret, secretHash } = makeSecret();
  for (const one of [first, second]) {
    await one.add({ secretHash, name: 'node4', role: 'writer', ttlMs: HOUR_MS });
    one.start();
  }
  expect(await first.join({ secret, author: newcomer })).toMatchObject({ change: { stage: 'waiting' } });
  expect(await second.join({ secret, author: newcomer })).toMatchObject({ change: { stage: 'decided' } });
  await clock.advance(5000);
  expect(fleet(self).changes()).toHaveLength(1);
  caughtUp.add(newcomer);
  await clock.advance(5000);
  expect(fleet(self).changes().at(-1)).toMatchObject({
    action: { kind: 'promote', author: newcomer },
    stage: 'decided',
  });
  expect([first.list(), second.list()]).toMatchObject([[{ stage: 'done' }], [{ stage: 'done' }]]);
  for (const one of [first, second]) one.stop();
});
