import { type Static, Type } from 'typebox';
import { HOLD_CODES } from '../../runtime/facade/floor.ts';
import { entity, word } from './describe.ts';
import { hex64, time } from './entities.ts';

const { Array: List, Boolean: Bool, Integer, Object: Shape, Optional: Maybe, String: Text } = Type;

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
  }),
);
export type Floor = Static<typeof Floor.ref>;
