import { type Static, Type } from 'typebox';
import { CAUSE_CODES } from '../../runtime/facade/codes.ts';
import { ASIDE_CODES } from '../../runtime/facade/set-aside.ts';
import { entity, errorCode, word } from './describe.ts';
import { hex64, time, version } from './entities.ts';

const { Array: List, Boolean: Bool, Integer, Object: Shape, Optional: Maybe, String: Text } = Type;

export const Transition = entity(
  'Transition',
  'A change of lung, mode or lung state, with its cause.',
  Shape({
    at: time('When.'),
    peer: Maybe(Text({ description: 'The author of the peer; absent where the node itself is meant.' })),
    name: Maybe(Text({ description: 'What people read in its place.' })),
    from: Text(),
    to: Text(),
    cause: Text({ description: 'For people.' }),
    code: word(CAUSE_CODES, 'Of the cause, for programs.'),
  }),
);
export type Transition = Static<typeof Transition.ref>;

export const RepairReport = entity(
  'RepairReport',
  'How a comparison with a peer went.',
  Shape({
    at: time('Its end.'),
    lung: word(['p2p', 'http']),
    outcome: word(['equal', 'repaired', 'equal-except-refused', 'partial', 'failed']),
    method: Maybe(word(['cells', 'descent'], 'How the keys that differ were found.')),
    error: Maybe(Text()),
    errorCode: Maybe(errorCode),
    found: Integer(),
    fetched: Integer(),
    pushed: Integer(),
    refused: Integer(),
    requests: Integer(),
    bytesSent: Integer(),
    bytesReceived: Integer(),
    durationMs: Integer(),
  }),
);
export type RepairReport = Static<typeof RepairReport.ref>;

const change = Shape({
  id: Text(),
  type: word(['change']),
  key: Text(),
  version,
  deleted: Bool(),
  author: Text(),
  hlc: Text(),
});

const said = {
  change: hex64('The id of the change.'),
  author: Text(),
  name: Text({ description: 'What people read in its place.' }),
  action: word(['add', 'promote', 'retire', 'rotate', 'remove', 'drop', 'name', 'settings']),
};

export const LatticeEvent = entity(
  'Event',
  'One event of the streams. Those with an id are gapless, and a stream resumes after any of them.',
  Type.Union([
    change,
    Shape({ id: Text(), type: word(['batch']), root: hex64('The root after it.'), changes: Integer() }),
    Shape({ id: Text(), type: word(['reset']), reason: Text() }),
    Shape({ type: word(['transition']), transition: Transition.ref }),
    Type.Unsafe<{
      type: 'progress';
      what: 'repair' | 'bootstrap';
      peer?: string;
      name?: string;
      [figure: string]: unknown;
    }>({
      type: 'object',
      required: ['type', 'what'],
      properties: {
        type: { type: 'string', enum: ['progress'] },
        what: { type: 'string', enum: ['repair', 'bootstrap'] },
        peer: { type: 'string' },
        name: { type: 'string' },
      },
      additionalProperties: true,
      description: 'With the figures of the repair (see Peer) or the bootstrap (see Status).',
    }),
    Shape({
      type: word(['repair']),
      peer: Text({ description: 'Peer id.' }),
      name: Text({ description: 'What people read in its place.' }),
      report: RepairReport.ref,
    }),
    Shape({ type: word(['cut']), at: time('Of the cut.'), root: hex64('Its root.'), certified: Bool() }),
    Shape({
      type: word(['evidence']),
      kind: Text({ description: 'As in Evidence.' }),
      author: hex64('Who signed two statements that contradict each other.'),
      name: Text({ description: 'What people read in its place.' }),
    }),
    Shape({
      type: word(['displaced']),
      author: hex64('Whose operations were taken out of the state.'),
      name: Text({ description: 'What people read in its place.' }),
      until: time('The end of the author: nothing later counts.'),
      operations: Integer(),
      keys: List(Text(), { description: 'Some of their keys.' }),
    }),
    Shape({
      type: word(['set-aside']),
      code: word(ASIDE_CODES, 'Why.'),
      operations: Integer(),
      keys: Type.Array(Text(), { description: 'The first few.' }),
    }),
    Shape({
      type: word(['roster-changed']),
      epoch: Integer(),
      hash: hex64('The hash of the roster.'),
      start: time('From which on it certifies cuts.'),
    }),
    Shape({ type: word(['change-proposed']), ...said }),
    Shape({ type: word(['change-approved']), ...said }),
    Shape({ type: word(['change-withdrawn']), ...said }),
  ]),
);
export type LatticeEvent = Static<typeof LatticeEvent.ref>;
