// What the vault of a node tells of its objects and of itself.
import { type Static, Type } from 'typebox';
import { entity, word } from './describe.ts';
import { cursor, hex64, time } from './entities.ts';

const { Array: List, Boolean: Bool, Integer, Object: Shape, Optional: Maybe, String: Text } = Type;

const bytes = (description: string) => Integer({ minimum: 0, description: `${description} Bytes.` });
const hash = hex64('SHA-256 of the content.');

export const VaultObject = entity(
  'VaultObject',
  'An object of the vault: what its replicated entry says, and what of it this node has.',
  Shape({
    hash,
    size: bytes('Of the content.'),
    root: hex64('Of the block tree: RFC 6962 over blocks of 64 KiB.'),
    type: Text({ description: 'The media type that was given; empty where none was.' }),
    name: Text({ description: 'The file name that was given; empty where none was.' }),
    pinned: Bool(),
    at: time('Of the commit that names it.'),
    author: hex64('The public key of the node that names it.'),
    here: word(['whole', 'partly', 'missing'], 'Whether this node has the bytes; `partly` while it fetches them.'),
    bytesHere: bytes('That this node has of it.'),
  }),
);
export type VaultObject = Static<typeof VaultObject.ref>;

export const VaultPage = entity(
  'VaultPage',
  'Objects in the order of their hashes.',
  Shape({ objects: List(VaultObject.ref), cursor: Maybe(cursor) }),
);
export type VaultPage = Static<typeof VaultPage.ref>;

const amount = (description: string) => Shape({ objects: Integer(), bytes: Integer() }, { description });

export const VaultState = entity(
  'VaultState',
  'What is in the vault, what of it this node has, and what it fetches.',
  Shape({
    policy: word(['all', 'pinned', 'none'], 'Which bytes the node fetches by itself.'),
    store: word(['files', 's3', 'memory'], 'Where the bytes lie; in memory they end with the process.'),
    maxObjectBytes: bytes('Most of one object.'),
    capacityBytes: Maybe(bytes('Most that is fetched; absent where there is no bound.')),
    objects: Integer({ description: 'Objects that the state names.' }),
    bytes: bytes('Of these.'),
    here: amount('What of it this node has whole.'),
    missing: amount('What the policy asks for and the node does not have yet.'),
    fetching: List(
      Shape({
        hash,
        size: bytes('Of the content.'),
        bytesHere: bytes('So far.'),
        from: List(Text(), { description: 'Names of the nodes that blocks come from.' }),
        waiting: Maybe(
          Shape(
            { reason: Text(), retryAt: time('Of the next try.') },
            { description: 'Why it does not go on, with the next step.' },
          ),
        ),
      }),
      { description: 'At most 64.' },
    ),
    damaged: List(Shape({ hash, at: time('When it was found.'), text: Text() }), {
      description: 'Objects whose bytes failed a check since the node started, newest first, at most 64.',
    }),
    leftOut: List(Shape({ hash, peer: Text(), at: time('When.'), text: Text() }), {
      description: 'Peers that sent wrong bytes since the node started, newest first, at most 64.',
    }),
    odd: Integer({ description: 'Entries under `vault/` of another form, which name nothing.' }),
    starting: Bool({ description: 'The node still looks at what is here.' }),
    paused: Maybe(Text({ description: 'Why nothing is fetched at present, with the next step.' })),
  }),
);
export type VaultState = Static<typeof VaultState.ref>;

export const VaultHolder = entity(
  'VaultHolder',
  'Whether a member has the bytes of an object, as it answered just now.',
  Shape({ author: hex64('Its public key.'), label: Text({ description: 'Its name.' }), has: Bool() }),
);
export type VaultHolder = Static<typeof VaultHolder.ref>;

export const VaultCollection = entity(
  'VaultCollection',
  'What a garbage collection took, or would take.',
  Shape({
    dryRun: Bool(),
    removed: List(Shape({ hash, size: Integer() })),
    bytes: bytes('Of what was removed.'),
    kept: List(Shape({ hash, size: Integer(), because: Text({ description: 'Why it stays.' }) }), {
      description: 'Objects that no entry names and that stay all the same.',
    }),
  }),
);
export type VaultCollection = Static<typeof VaultCollection.ref>;

export const VaultCheck = entity(
  'VaultCheck',
  'A line of a check of the bytes: one for each object, of a large one before it some that tell how far its reading is, and a last one with `done`, without which it was cut short.',
  Type.Union([
    Shape({
      reading: hash,
      size: Integer(),
      read: Integer({ description: 'Bytes that have been read.' }),
    }),
    Shape({
      hash,
      size: Integer(),
      fault: Maybe(Text({ description: 'What is wrong; absent when every byte is as named.' })),
    }),
    Shape({
      done: Type.Literal(true),
      objects: Integer(),
      bytes: Integer(),
      faults: Integer(),
      error: Maybe(Text({ description: 'What ended the check before all was looked at.' })),
    }),
  ]),
);
export type VaultCheck = Static<typeof VaultCheck.ref>;
