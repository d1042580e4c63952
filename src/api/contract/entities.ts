import { type Static, Type } from 'typebox';
import type { JsonValue } from '../../core/types/index.ts';
import { READ_ONLY_CODES } from '../../runtime/facade/codes.ts';
import { coded, entity, word } from './describe.ts';
import { wantedEnd } from './wanted-end.ts';

const { Array: List, Boolean: Bool, Integer, Object: Shape, Optional: Maybe, String: Text } = Type;

/** When a value ends, as answers tell it. */
const ends = Maybe(Integer({ description: 'When the value ends, Unix ms; absent where it has no end.' }));
export const anyJson = Type.Unsafe<JsonValue>({ description: 'Any JSON value.' });
export const time = (description: string) => Integer({ description: `${description} Unix ms.` });
export const hex64 = (description: string) => Text({ pattern: '^[0-9a-f]{64}$', description });
export const cursor = Text({ minLength: 1, maxLength: 2048, description: 'From the page before.' });
const MAX_PAGE = 1000;
export const limit = Maybe(Integer({ minimum: 1, maximum: MAX_PAGE, default: 100, description: 'Items on a page.' }));
export const version = Text({
  pattern: '^[0-9a-f]{64}\\.[0-9]{1,3}$',
  description: '`<commit id>.<operation index>`; in quotes it is the ETag.',
});
const hlc = Text({
  pattern: '^[0-9a-f]{16}$',
  description: 'Hybrid logical clock, 16 hex digits: 48 bits of Unix ms, 16 bits of counter.',
});
const author = hex64('The public key of the node that wrote it.');

export const Problem = entity(
  'Problem',
  'An error after RFC 9457.',
  Shape({
    type: Text({ description: 'A URN that names the code.' }),
    title: Text(),
    status: Integer(),
    detail: Text({ description: 'What is wrong, for people.' }),
    code: Text({ description: 'What is wrong, for programs.' }),
    next: Maybe(Text({ description: 'What to do about it.' })),
    reasons: Maybe(List(coded(READ_ONLY_CODES), { description: 'Why the node is read-only.' })),
    errors: Maybe(
      List(
        Shape({
          in: word(['body', 'query', 'path', 'header']),
          pointer: Text({ description: 'JSON Pointer of the place, as a URI fragment.' }),
          detail: Text(),
        }),
        { description: 'The places that are wrong.' },
      ),
    ),
  }),
);
export type Problem = Static<typeof Problem.ref>;

const entryFields = {
  key: Text(),
  value: anyJson,
  version,
  author,
  hlc,
  commit: hex64('Commit id.'),
  index: Integer({ description: 'Of the operation within its commit.' }),
  expires: ends,
  conflicts: Maybe(Integer({ description: 'Number of other siblings; absent when there are none.' })),
};
export const Entry = entity('Entry', 'A key with its value: the winner among its siblings.', Shape(entryFields));
export type Entry = Static<typeof Entry.ref>;

const writers = (description: string) =>
  List(Shape({ author, label: Text({ description: 'What people read in its place.' }) }), { description });
const heldBy = Maybe(Shape({ at: Maybe(time('Of the cut; absent while there is none.')) }));
export const Receipt = entity(
  'Receipt',
  'What has come of what a write was to wait for. Only what was asked for is in it.',
  Shape({
    met: Bool({ description: 'All of it has.' }),
    waitedMs: Integer(),
    replicas: Maybe(
      Shape({
        wanted: Integer(),
        signed: writers('Other writers that signed that they hold it durably, or what supersedes it.'),
        missing: writers('Those that have not yet.'),
      }),
    ),
    certified: heldBy,
    complete: heldBy,
  }),
);
export type Receipt = Static<typeof Receipt.ref>;

export const WrittenEntry = entity(
  'WrittenEntry',
  'The entry that a write made, and its receipt where one was asked for.',
  Shape({ ...entryFields, receipt: Maybe(Receipt.ref) }),
);
export type WrittenEntry = Static<typeof WrittenEntry.ref>;

export const EntryPage = entity(
  'EntryPage',
  'Entries in key order.',
  Shape({ entries: List(Entry.ref), cursor: Maybe(cursor) }),
);
export type EntryPage = Static<typeof EntryPage.ref>;

export const ExportBegin = entity(
  'ExportBegin',
  'The first line of an export: the moment that it is of.',
  Shape({
    export: Integer({ description: 'The version of this form, 1.' }),
    network: Text(),
    root: hex64('The root of the state at that moment.'),
    live: Integer({ description: 'Keys with a value at that moment, whatever they begin with.' }),
    at: time('That moment.'),
    prefix: Text({ description: 'What the keys of the lines begin with.' }),
  }),
);
export type ExportBegin = Static<typeof ExportBegin.ref>;

export const ExportEnd = entity(
  'ExportEnd',
  'The last line of an export.',
  Shape({
    end: Bool({ description: 'true' }),
    entries: Integer({ description: 'The lines between this one and the first.' }),
  }),
);
export type ExportEnd = Static<typeof ExportEnd.ref>;

export const Conflict = entity(
  'Conflict',
  'A key with concurrent writes. A write that has seen them all settles it.',
  Shape({
    key: Text(),
    siblings: List(Shape({ version, author, hlc, deleted: Bool(), value: Maybe(anyJson), expires: ends }), {
      description: 'The winner first, the same order on every node.',
    }),
  }),
);
export type Conflict = Static<typeof Conflict.ref>;

export const Operation = entity(
  'Operation',
  'One operation of a commit.',
  Shape(
    {
      op: word(['put', 'delete']),
      key: Text({ minLength: 1 }),
      value: Maybe(anyJson),
      ifMatch: Maybe(Text({ description: 'A version, or `*` for "exists".' })),
      ifNoneMatch: Maybe(word(['*'], 'Only where the key has no value.')),
      ...wantedEnd,
      mustExist: Maybe(Bool({ description: 'A delete of an absent key fails.' })),
    },
    { additionalProperties: false },
  ),
);
export type Operation = Static<typeof Operation.ref>;

export const Committed = entity(
  'Committed',
  'A durable commit.',
  Shape({
    commit: hex64('Commit id.'),
    hlc,
    results: List(
      Shape({ key: Text(), version, created: Bool({ description: 'The key had no value before.' }), expires: ends }),
    ),
    receipt: Maybe(Receipt.ref),
  }),
);
export type Committed = Static<typeof Committed.ref>;

export const History = entity(
  'History',
  'What readers were shown under a key, newest first: from the journal and the present siblings.',
  Shape({
    key: Text(),
    items: List(
      Shape({
        version,
        author: Maybe(author),
        hlc: Maybe(hlc),
        at: Maybe(time('The time in the clock of the write.')),
        deleted: Bool({ description: 'It was a delete, or it is present and has ended.' }),
        expires: ends,
        sequence: Maybe(
          Integer({ description: 'Local sequence since which it was shown; absent where the journal does not tell.' }),
        ),
        current: Bool({ description: 'What readers see now.' }),
        concurrent: Maybe(
          Type.Literal(true, {
            description: 'The key still has it beside the current one: neither write had seen the other.',
          }),
        ),
        value: Maybe(anyJson),
      }),
    ),
    complete: Bool({
      description: 'There is nothing older: false while there is a cursor, and where older ones have left the journal.',
    }),
    cursor: Maybe(cursor),
  }),
);
export type History = Static<typeof History.ref>;

const rosters = Maybe(
  List(Text(), { description: 'Certificates of the rosters from the pinned one on; absent where none was decided.' }),
);

export const Proof = entity(
  'Proof',
  "An auditor's file: all that is needed to check one key against a root offline. Byte fields are base64url.",
  Shape({
    format: word(['diotec360-lattice-proof/1']),
    key: Text(),
    kind: word(['present', 'deleted', 'expired', 'absent']),
    root: hex64('The root that it leads to.'),
    network: Text(),
    merkle: Text({ description: 'Merkle path.' }),
    fragments: List(Text(), { description: 'The signed operations, winner first.' }),
    head: Maybe(Text({ description: "The serving node's signed head that names the root; absent at a cut." })),
    value: Maybe(anyJson),
    certificate: Maybe(Text({ description: 'Quorum certificate of the cut that the root belongs to.' })),
    rosters,
  }),
);
export type Proof = Static<typeof Proof.ref>;

export const Evidence = entity(
  'Evidence',
  'Two statements that one key signed and that contradict each other, for `lattice evidence verify`.',
  Shape({
    format: word(['diotec360-lattice-evidence/1']),
    id: Text({ description: 'By which the command line names it.' }),
    kind: word(['two-commits', 'forgotten', 'two-roots', 'two-votes']),
    network: Text(),
    author: hex64('Who signed both.'),
    about: Text({ description: 'What was signed twice, for people.' }),
    statements: List(Text(), { minItems: 2, maxItems: 2, description: 'Both, base64url.' }),
  }),
);
export type Evidence = Static<typeof Evidence.ref>;

export const Certificate = entity(
  'Certificate',
  'Who attested the state of a cut, for `lattice cuts verify`.',
  Shape({ at: time('Of the cut.'), certificate: Text({ description: 'base64url.' }), rosters }),
);
export type Certificate = Static<typeof Certificate.ref>;

export const Cut = entity(
  'Cut',
  'The state made of everything written up to a time, and who attested its root.',
  Shape({
    at: time('Of the cut.'),
    root: hex64('Its root.'),
    entries: Integer(),
    ours: Bool({ description: 'This node had this root at that time.' }),
    attesters: List(hex64('An author.')),
    certified: Bool({ description: 'A quorum of the writers of the roster of this cut attested it.' }),
    epoch: Integer({ description: 'Of the roster that certifies this cut; 0 is the configured trust list.' }),
  }),
);
export type Cut = Static<typeof Cut.ref>;
