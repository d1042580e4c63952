import { type Static, Type } from 'typebox';
import { LEFT_CODES, REPLACED_CODES } from '../../runtime/facade/cleaning.ts';
import { entity, word } from './describe.ts';
import { anyJson, hex64, time } from './entities.ts';

const { Array: List, Boolean: Bool, Integer, Object: Shape, Optional: Maybe, String: Text } = Type;

/** A year, as the roster has it. */
const MAX_RETENTION_MS = 366 * 24 * 3_600_000;
/** Characters of a name. The roster bounds its bytes. */
const MAX_NAME = 64;

export const CHANGE_KINDS = ['add', 'promote', 'retire', 'rotate', 'remove', 'drop', 'name', 'settings'] as const;
export const CHANGE_STAGES = ['waiting', 'deciding', 'decided', 'void', 'withdrawn'] as const;

const HOW = word(
  ['retired', 'rotated', 'removed', 'forced'],
  'How its key ended: in peace, because it turned, because it was in the wrong hands, or because a forced roster left it out.',
);

const RosterMember = Shape({
  author: hex64('Its public key.'),
  peerId: Text(),
  name: Text({ description: 'As the roster says, else as the member itself does; empty when neither does.' }),
  role: word(
    ['writer', 'mirror', 'retired'],
    'A writer writes, votes and attests; a mirror holds and serves the state; of a retired key what it wrote counts.',
  ),
  until: Maybe(time('Of a retired member: its commits up to here count.')),
  how: Maybe(HOW),
  to: Maybe(hex64('Of a retired member whose key has turned: the key under which its node goes on.')),
  self: Bool({ description: 'It is the node that answers.' }),
  urls: List(Text(), { description: 'Where it says that its API is reached.' }),
  multiaddrs: List(Text(), { description: 'Where it says that its P2P lung is reached.' }),
});

export const Displaced = entity(
  'Displaced',
  'An operation that the node has taken out of its state, because it came after the end of its author.',
  Shape({
    key: Text(),
    version: Text(),
    author: hex64('Who had written it.'),
    name: Text({ description: 'What people read in place of the author.' }),
    hlc: Text({ description: '16 hex digits.' }),
    commit: hex64('The commit that it belongs to.'),
    at: time('When it was written, by the clock of its author.'),
    deleted: Bool(),
    value: Maybe(anyJson),
    until: time('The end of the author: nothing later counts.'),
    displacedAt: time('When it was taken out here.'),
  }),
);
export type Displaced = Static<typeof Displaced.ref>;

export const CleanRequest = entity(
  'CleanRequest',
  'What is to be cleaned of what an author wrote.',
  Shape(
    {
      author: hex64('The key that wrote it; it need not be a member any more.'),
      since: Maybe(time('The earliest time of its writes that is of interest, by their HLC. Default: 0.')),
      limit: Maybe(Integer({ minimum: 1, maximum: 1000, description: 'Most keys of the page. Default: 256.' })),
      cursor: Maybe(Text({ description: 'From the page before. Its first digits tell how far of all keys one is.' })),
      keys: Maybe(
        List(
          Shape(
            {
              key: Text({ minLength: 1 }),
              value: Maybe(anyJson),
              expires: Maybe(time('When the value ends; one that has ended counts as none.')),
            },
            { additionalProperties: false },
          ),
          {
            minItems: 1,
            maxItems: 256,
            description:
              'These keys alone, each with the value that it gets where nobody else wrote it; without a cursor.',
          },
        ),
      ),
      dryRun: Maybe(Bool({ description: 'Only say what would become of the keys.' })),
    },
    { additionalProperties: false },
  ),
);
export type CleanRequest = Static<typeof CleanRequest.ref>;

export const Cleaned = entity(
  'Cleaned',
  'What has become of keys of an author, or would become of them.',
  Shape({
    items: List(
      Shape({
        key: Text(),
        does: word(
          [...REPLACED_CODES, ...LEFT_CODES],
          'The first three: what was written in its place. The others: why it is left as it is.',
        ),
      }),
    ),
    cursor: Maybe(Text({ description: 'For the next page, which there is: also after a page without items.' })),
  }),
);
export type Cleaned = Static<typeof Cleaned.ref>;

export const Roster = entity(
  'Roster',
  'Who belongs to the fleet, as the node goes by it.',
  Shape({
    epoch: Integer({ description: 'Grows by one with each decided change; 0 is the configured trust list.' }),
    hash: hex64('Names this roster.'),
    certify: word(['majority', 'two-thirds'], 'How many writers certify a cut.'),
    retentionMs: Integer({ description: 'How long tombstones stay, ms.' }),
    members: List(RosterMember, { description: 'By name; those without one last.' }),
    gone: Maybe(
      List(
        Shape({
          author: hex64('Its public key.'),
          peerId: Text(),
          name: Text(),
          how: Maybe(HOW),
          until: Maybe(time('Its commits up to here count; absent for a mirror.')),
          to: Maybe(hex64('The key under which its node goes on.')),
          epoch: Integer({ description: 'Of the roster in which it stopped.' }),
        }),
        { description: 'Who stood in an earlier roster and never returns, the last first, 256 at most.' },
      ),
    ),
    start: time('This roster certifies later cuts only; 0 in epoch 0.'),
    abstains: Maybe(Text({ description: 'Why the node takes no part in the present decision.' })),
    warnings: List(Shape({ code: Text(), text: Text() }), { description: 'What an operator should know.' }),
  }),
);
export type Roster = Static<typeof Roster.ref>;

const memberAuthor = Maybe(hex64('The key of the member that it is about; of an addition, that of the newcomer.'));

export const ChangeRequest = entity(
  'ChangeRequest',
  'What is asked for. Which fields there are beside `kind` depends on it.',
  Shape(
    {
      kind: word(CHANGE_KINDS, 'What is done to the roster.'),
      author: memberAuthor,
      to: Maybe(hex64('`rotate`: the new key.')),
      name: Maybe(Text({ maxLength: MAX_NAME, description: '`add` and `name`: what the member is called.' })),
      role: Maybe(word(['writer', 'mirror'], '`add`: what it joins as. Default: mirror.')),
      certify: Maybe(word(['majority', 'two-thirds'], '`settings`')),
      retentionMs: Maybe(Integer({ minimum: 0, maximum: MAX_RETENTION_MS, description: '`settings`' })),
    },
    { additionalProperties: false },
  ),
);
export type ChangeRequest = Static<typeof ChangeRequest.ref>;

const named = { author: hex64('Its public key.'), name: Text() };

export const Change = entity(
  'Change',
  'A change of the roster that somebody asked for.',
  Shape({
    id: hex64('Approvals name it.'),
    action: Type.Object(
      {
        kind: Text({ description: 'As in the request.' }),
        author: Maybe(Text()),
        to: Maybe(Text()),
        name: Maybe(Text()),
        role: Maybe(Text()),
        certify: Maybe(Text()),
        retentionMs: Maybe(Integer()),
      },
      { description: 'What it does.' },
    ),
    stage: word(
      CHANGE_STAGES,
      '`waiting` for approvals; `deciding` once it has enough; then `decided`. A `void` one does not fit any more, or its approvals have expired.',
    ),
    text: Text({ description: 'What it does, in one sentence.' }),
    why: Text({ description: 'What it waits for, why it is void, or in which epoch it was decided.' }),
    approvals: List(Shape({ ...named, expires: time('Until when it counts.') })),
    needed: Integer({ description: 'How many approvals decide.' }),
    missing: List(Shape(named), { description: 'Writers who have not approved it.' }),
    epoch: Maybe(Integer({ description: 'Of the roster that it made.' })),
    since: Maybe(time('When the node first heard of it.')),
  }),
);
export type Change = Static<typeof Change.ref>;

export const RosterChain = entity(
  'RosterChain',
  'The certificates that lead from one roster to later ones.',
  Shape({
    epoch: Integer({ description: 'Of the roster that the node goes by.' }),
    founders: List(Text(), { description: 'The keys of epoch 0, in order: what the chain begins with.' }),
    from: Integer({ description: 'The epoch whose roster the first certificate follows.' }),
    items: List(Text(), {
      description:
        'Certificates in base64url, one for each epoch after `from`. Ask again from the last of them for more.',
    }),
  }),
);
export type RosterChain = Static<typeof RosterChain.ref>;

export const Invitation = entity(
  'Invitation',
  'A way for one newcomer to ask to join.',
  Shape({
    id: hex64('SHA-256 of its secret.'),
    name: Text({ description: 'What the newcomer is to be called.' }),
    role: word(['writer', 'mirror'], 'What it becomes in the end; it joins as a mirror.'),
    expires: time('Until when somebody may ask with it.'),
    stage: word(
      ['open', 'used', 'done', 'expired'],
      '`used` once a key has asked with it, `done` once that is what it was invited to be.',
    ),
    author: Maybe(hex64('The key that asked with it.')),
  }),
);
export type Invitation = Static<typeof Invitation.ref>;

export const InvitationRequest = entity(
  'InvitationRequest',
  'What an invitation is to be. The secret stays with whoever makes it.',
  Shape(
    {
      secretHash: hex64('SHA-256 of a secret of 32 random bytes.'),
      name: Text({ maxLength: MAX_NAME, description: 'What the newcomer is to be called.' }),
      role: Maybe(word(['writer', 'mirror'], 'What it becomes in the end. Default: writer.')),
      ttlMs: Maybe(
        Integer({
          minimum: 1000,
          maximum: 7 * 86_400_000,
          description: 'How long somebody may ask, ms. Default: an hour.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
);
export type InvitationRequest = Static<typeof InvitationRequest.ref>;

export const JoinRequest = entity(
  'JoinRequest',
  'Somebody asks to join the fleet.',
  Shape(
    { secret: hex64('The secret of the invitation.'), author: hex64('The public key of the node that asks.') },
    { additionalProperties: false },
  ),
);
export type JoinRequest = Static<typeof JoinRequest.ref>;

export const JoinAnswer = entity(
  'JoinAnswer',
  'How it stands with somebody who has asked to join.',
  Shape({
    role: Maybe(word(['writer', 'mirror'], 'What it is, once it is a member.')),
    change: Maybe(Change.ref),
  }),
);
export type JoinAnswer = Static<typeof JoinAnswer.ref>;
