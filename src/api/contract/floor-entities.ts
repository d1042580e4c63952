import { type Static, Type } from 'typebox';
import { HOLD_CODES } from '../../runtime/facade/floor.ts';
import { ASIDE_CODES, ASIDE_STANDINGS } from '../../runtime/facade/set-aside.ts';
import { entity, word } from './describe.ts';
import { anyJson, hex64, time, version } from './entities.ts';

const { Array: List, Boolean: Bool, Integer, Object: Shape, Optional: Maybe, String: Text } = Type;

/** How far what is dead has left the state, as the status has it too. */
export const collected = {
  closed: Maybe(time('Up to when the state is closed: nothing older comes in. Absent where it is not.')),
  collected: Maybe(time('What was dead by then has left the state. Absent where nothing has.')),
  collecting: Bool({ description: 'It is being taken out at present.' }),
  keys: Integer({ description: 'That have left the state since the node started.' }),
  setAside: Integer({ description: 'Operations that were taken out of the state and are kept beside it.' }),
  setAsideLost: Maybe(
    Integer({ description: 'More of them that could not be kept for want of room. Absent where there were none.' }),
  ),
};

/** A writer that holds the floor, as the status has it too. */
export const holder = {
  author: hex64('The writer.'),
  label: Text({ description: 'What people read in its place.' }),
  code: word(HOLD_CODES, 'Why, for programs.'),
  since: Maybe(time('Since when; absent where this node cannot know.')),
};

/** Where the floor stands, as the status has it too. */
export const floorTimes = {
  at: Maybe(time('Of the newest cut that all writers attested alike; absent where there is none.')),
  due: time('Of the newest cut that is complete by now in a healthy fleet.'),
  held: Bool({ description: 'The floor is earlier than that.' }),
};

export const Floor = entity(
  'Floor',
  'The newest cut that all writers attested alike, and who keeps a later one from becoming that.',
  Shape({
    ...floorTimes,
    root: Maybe(hex64('Its root.')),
    entries: Maybe(Integer({ description: 'Keys, tombstones included.' })),
    epoch: Maybe(Integer({ description: 'Of the roster whose writers attested it.' })),
    certificate: Maybe(Text({ description: 'With the signatures of all of them, base64url.' })),
    now: time('Of this answer.'),
    holders: List(
      Shape({
        ...holder,
        peerId: Text(),
        self: Bool({ description: 'It is this node.' }),
        text: Text({ description: 'Why, for people.' }),
        next: Text({ description: 'What an operator can do.' }),
      }),
      { description: 'Empty while the floor is not held, and shortly after a start.' },
    ),
    collection: Shape(
      {
        ...collected,
        retentionMs: Integer({ description: 'How long deletions stay, ms.' }),
        waitsFor: List(
          Shape({
            label: Text({ description: 'What people read in place of the member.' }),
            text: Text({ description: 'Why, for people.' }),
            next: Text({ description: 'What an operator can do.' }),
          }),
          { description: 'Members that are not known to collect. While there is one, nobody does.' },
        ),
      },
      { description: 'How far what is dead has left the state.' },
    ),
  }),
);
export type Floor = Static<typeof Floor.ref>;

const standing = word(ASIDE_STANDINGS, 'What it is to the present value of its key.');

export const Aside = entity(
  'Aside',
  'An operation that was taken out of the state and is kept beside it.',
  Shape({
    key: Text(),
    version,
    deleted: Bool({ description: 'It is a delete.' }),
    value: Maybe(anyJson),
    expires: Maybe(time('When it ends or has ended.')),
    author: hex64('Who wrote it.'),
    label: Text({ description: 'What people read in place of the author.' }),
    hlc: Text({ description: '16 hex digits.' }),
    at: time('When it was written, by the clock of its author.'),
    code: word(ASIDE_CODES, 'Why it was set aside, for programs.'),
    text: Text({ description: 'Why, for people.' }),
    standing,
  }),
);
export type Aside = Static<typeof Aside.ref>;

export const Recovered = entity(
  'Recovered',
  'What became of what was set aside.',
  Shape({
    written: List(Shape({ key: Text(), version, deleted: Bool() }), { description: 'Written anew, and durable.' }),
    passedOver: List(Shape({ key: Text(), standing }), {
      description: 'Not written. What is `newer` in the state stays set aside; the rest is forgotten.',
    }),
    forgotten: Integer({ description: 'Operations that are set aside no more.' }),
    cursor: Maybe(Text({ description: 'With `all`: there is more, from here on.' })),
  }),
);
export type Recovered = Static<typeof Recovered.ref>;
