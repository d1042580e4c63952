import { type Static, Type } from 'typebox';
import { READ_ONLY_CODES, VERDICT_CODES, WARNING_CODES } from '../../runtime/facade/codes.ts';
import { HEALTH } from '../../runtime/facade/status.ts';
import { MEMBER_AGREEMENTS, VERDICT_KINDS } from '../../runtime/facade/verdict.ts';
import { coded, entity, errorCode, mapOf, word } from './describe.ts';
import { hex64, time } from './entities.ts';
import { RepairReport, Transition } from './event-entities.ts';
import { collected, floorTimes, holder } from './floor-entities.ts';
import { VaultState } from './vault-entities.ts';

const { Array: List, Boolean: Bool, Integer, Number: Float, Object: Shape, Optional: Maybe, String: Text } = Type;

export const mode = word(['auto', 'p2p', 'http']);
const health = word(HEALTH, 'Which lungs reach other nodes. The verdict tells how the node is.');
const readOnlyReasons = List(coded(READ_ONLY_CODES), { description: 'Why it is not writable.' });
const refusedByReason = mapOf(Integer(), 'By reason.');

const lung = {
  enabled: Bool(),
  state: word(['off', 'starting', 'running', 'failed']),
  error: Maybe(Text()),
  retryAt: Maybe(time('Of the next start.')),
};

export const Peer = entity(
  'Peer',
  'What this node knows of another.',
  Shape({
    peerId: Maybe(Text({ description: 'Absent for a URL that has not proven who it is.' })),
    author: Maybe(hex64('Its public key.')),
    name: Maybe(Text({ description: 'As it told, or as the configuration says. Two nodes may have one name.' })),
    label: Text({ description: 'What people read in place of an id: the name, or what is known in its place.' }),
    url: Maybe(Text({ description: 'The base URL over which it is carried.' })),
    alternatives: Maybe(
      Type.Array(Text(), {
        description: 'Other URLs at which it answers too; one of them takes over when `url` fails.',
      }),
    ),
    configured: Bool({ description: 'Named by the configuration, as opposed to met on the network.' }),
    added: Maybe(Type.Literal(true, { description: 'Added by an operator while the node ran.' })),
    addedAs: Maybe(List(Text(), { description: 'URLs and multiaddrs under which it was added: each can be removed.' })),
    announces: Maybe(List(Text(), { description: 'URLs and multiaddrs at which it says that it can be reached.' })),
    trusted: Bool(),
    lung: word(['p2p', 'http', 'none'], 'Which lung carries it now.'),
    p2p: Shape({ connected: Bool(), lastHeardAt: Maybe(time('Of its newest head.')), rttMs: Maybe(Float()) }),
    http: Shape({
      reachable: Bool(),
      streaming: Bool(),
      lastHeardAt: Maybe(time('Of the newest answer.')),
      error: Maybe(Text()),
      errorCode: Maybe(errorCode),
    }),
    root: Maybe(hex64('Its root.')),
    agreement: word(['unknown', 'equal', 'equal-except-refused', 'different']),
    agreementSince: Maybe(time('Since when.')),
    refused: Shape({ count: Integer(), reasons: refusedByReason }),
    trustMatches: Maybe(Bool({ description: 'It has the same trust list.' })),
    lastRepair: Maybe(RepairReport.ref),
    repair: Maybe(
      Shape({
        running: Type.Literal(true),
        lung: word(['p2p', 'http']),
        found: Integer(),
        fetched: Integer(),
        pushed: Integer(),
        remaining: Integer(),
        perSecond: Float(),
        since: time('Its begin.'),
      }),
    ),
    differing: Maybe(
      Shape({
        keys: Integer({ description: 'Keys that differ; an estimate unless exact.' }),
        at: time('Of the comparison.'),
        exact: Bool(),
      }),
    ),
    software: Maybe(Text()),
    readOnly: Maybe(
      Shape(
        { codes: List(Text()), since: time('Since when it has told so.') },
        { description: 'Why it refuses writes, as it told.' },
      ),
    ),
    clockOffsetMs: Maybe(Float({ description: 'Its wall clock less ours.' })),
  }),
);
export type Peer = Static<typeof Peer.ref>;

const converged = Shape(
  { peers: Integer(), equal: Integer() },
  {
    description:
      'Other nodes that are expected, and those of them that were heard within the grace and have this very root.',
  },
);

const MemberView = Shape({
  author: Maybe(hex64('Its public key; absent for a URL that nobody has answered.')),
  peerId: Maybe(Text()),
  name: Maybe(Text()),
  label: Text({ description: 'What people read in place of an id.' }),
  url: Maybe(Text()),
  lung: word(['p2p', 'http', 'none'], 'By which it is heard.'),
  agreement: word(
    MEMBER_AGREEMENTS,
    'How its state compares. Only a member that was heard within the grace is equal or differs.',
  ),
  asOf: Maybe(time('The newest for which both are known to have had the same state.')),
  lastHeardAt: Maybe(time('Of its newest head, in this run of the node or an earlier one.')),
  since: Maybe(time('Since when `agreement` has held.')),
  differing: Maybe(Integer({ description: 'Keys that differ.' })),
  readOnly: Maybe(List(Text(), { description: 'Why it refuses writes, as it told: codes as in `readOnlyReasons`.' })),
  readOnlySince: Maybe(time('Since when it has told so.')),
  serves: Maybe(Bool({ description: 'False while it takes a snapshot over, as it told.' })),
  error: Maybe(Text({ description: 'Why it is not heard.' })),
});

export const Verdict = entity(
  'Verdict',
  'What a node says of itself and its fleet in one word, one sentence and the reasons for them.',
  Shape({
    kind: word(VERDICT_KINDS, 'The worst that holds; ALONE is no fault.'),
    since: time('Since when it has held.'),
    sentence: Text({ description: 'For people. It names the other nodes.' }),
    reasons: List(
      Shape({
        code: word(VERDICT_CODES, 'For programs.'),
        text: Text({ description: 'For people.' }),
        next: Maybe(Text({ description: 'What an operator can do.' })),
        since: Maybe(time('Since when.')),
        author: Maybe(hex64('The member of which it tells; absent where the node itself is meant.')),
        name: Maybe(Text({ description: 'The label of that member.' })),
        heals: word(['by-itself', 'operator'], 'Whether it ends without help.'),
      }),
      { description: 'What keeps the node from CONVERGED, worst first.' },
    ),
    members: List(MemberView, {
      description: 'Every other node that is expected: trusted authors and configured peers, heard or not.',
    }),
  }),
);
export type Verdict = Static<typeof Verdict.ref>;

const CutsStatus = Shape({
  newest: Maybe(Shape({ at: time('Of the cut.'), root: hex64('Its root.'), entries: Integer() })),
  lagging: Maybe(Text()),
  certified: Maybe(
    Shape({
      at: time('Of the cut.'),
      root: hex64('Its root.'),
      entries: Integer(),
      attesters: List(Text()),
      quorum: Integer(),
    }),
  ),
  convergedAsOf: Maybe(time('The newest cut that all who attested it agree on, a majority among them.')),
  disagreeing: List(Shape({ author: Text(), at: time('Of the cut.'), root: Text() })),
});

const Bootstrap = Shape({
  phase: word(['manifest', 'chunks', 'catching-up', 'verifying', 'done', 'failed']),
  root: Maybe(Text()),
  at: Maybe(time('Of the cut.')),
  chunks: Shape({ done: Integer(), total: Integer() }),
  entries: Integer(),
  bytes: Integer(),
  ratePerSecond: Float(),
  peers: List(Text(), { description: 'Peer ids of those that served it.' }),
  verified: Maybe(
    Shape({ done: Integer(), total: Integer() }, { description: 'Keys whose signatures have been checked.' }),
  ),
  error: Maybe(Text()),
});

export const Status = entity(
  'Status',
  'What a node says about itself.',
  Shape({
    name: Text(),
    role: Text(),
    version: Text(),
    network: Text(),
    peerId: Text(),
    author: hex64("The node's public key."),
    incarnation: Text({ description: 'Of this start, 16 hex digits.' }),
    startedAt: time('The start.'),
    now: time('Its clock.'),
    verdict: Verdict.ref,
    root: hex64('The root of its state.'),
    entries: Integer({ description: 'Keys in the tree, tombstones included.' }),
    live: Integer({ description: 'Keys with a value.' }),
    conflicts: Integer(),
    sequence: Integer({ description: 'Durable batches.' }),
    mode,
    health,
    syncMode: word(['P2P', 'HTTP', 'NONE'], 'The lung that carries the node as a whole.'),
    p2p: Shape({ ...lung, topic: Text(), listen: List(Text()), bootstrap: List(Text()), peers: Integer() }),
    http: Shape({ ...lung, peers: Integer(), streaming: Integer() }),
    writable: Bool(),
    readOnlyReasons,
    warnings: List(coded(WARNING_CODES), { description: 'What an operator should know or act on.' }),
    trust: Shape({
      hash: Text(),
      authors: List(Text()),
      epoch: Maybe(Integer({ description: 'Of the roster.' })),
      changes: Maybe(Integer({ description: 'Changes of the roster that wait for approvals or votes.' })),
    }),
    converged,
    transitions: List(Transition.ref, { description: 'The newest 200.' }),
    refused: refusedByReason,
    deferred: Integer({ description: 'Commits from the future that wait.' }),
    cuts: Maybe(CutsStatus),
    floor: Maybe(Shape({ ...floorTimes, holders: List(Shape(holder)), collection: Shape(collected) })),
    bootstrap: Maybe(Bootstrap),
    vault: Maybe(VaultState.ref),
    queues: Maybe(
      Shape(
        { writer: Integer(), door: Integer(), gossip: Integer(), httpOutboxBytes: Integer() },
        { description: 'What waits inside the node.' },
      ),
    ),
    scrub: Maybe(
      Shape(
        {
          phase: word(['waiting', 'files', 'entries', 'rows']),
          round: Integer({ description: 'Under way or next, counted from the start.' }),
          completed: Integer({ description: 'The last round that found everything good.' }),
          completedAt: Maybe(Integer({ description: 'When a whole round last ended, Unix ms.' })),
          checked: Integer(),
          total: Integer(),
        },
        { description: 'How far the check of the store is that goes round for as long as the node runs.' },
      ),
    ),
    integrity: Maybe(
      Shape({ checked: Integer(), total: Integer() }, { description: 'While the store is checked in the background.' }),
    ),
    endsNotReadBy: Maybe(
      List(Text(), {
        description:
          'The members that are not known to read values with an end. Until there are none, no such value is written ' +
          'here. Absent where there are none.',
      }),
    ),
    writesWait: Maybe(Bool({ description: 'True while writes wait after a start; absent otherwise.' })),
  }),
);
export type Status = Static<typeof Status.ref>;

export const HealthAnswer = entity(
  'Health',
  'The verdict on a node in one small answer.',
  Shape({
    status: word(['ready', 'read-only']),
    verdict: Shape(
      { kind: word(VERDICT_KINDS), since: time('Since when.'), sentence: Text() },
      { description: 'The verdict of the status without its reasons.' },
    ),
    health,
    mode,
    writable: Bool(),
    readOnlyReasons,
    root: Text(),
    entries: Integer(),
    sequence: Integer(),
    converged,
  }),
);
export type HealthAnswer = Static<typeof HealthAnswer.ref>;

export const NotReady = entity(
  'NotReady',
  'Why a node is not to be sent requests just now.',
  Shape({
    status: word(['not-ready']),
    reasons: List(coded([...READ_ONLY_CODES, 'opening', 'bootstrap', 'stopping'])),
  }),
);
export type NotReady = Static<typeof NotReady.ref>;

export const Ready = entity(
  'Ready',
  'That a node may be sent requests.',
  Shape({
    status: word(['ready']),
    notes: Maybe(
      List(coded(['mirror', 'p2p']), {
        description: 'What does not keep the node from working: that it is a mirror; why its P2P lung does not run.',
      }),
    ),
  }),
);
export type Ready = Static<typeof Ready.ref>;

export const PingResult = entity(
  'PingResult',
  'Whether a peer answers over each lung, just tried.',
  Shape({
    peer: Text(),
    results: List(Shape({ lung: word(['p2p', 'http']), ok: Bool(), rttMs: Maybe(Float()), error: Maybe(Text()) })),
  }),
);
export type PingResult = Static<typeof PingResult.ref>;

export const Differences = entity(
  'Differences',
  'Keys on which a peer and this node differ, found without sending values.',
  Shape({
    peer: Text(),
    ourRoot: Text(),
    theirRoot: Text(),
    complete: Bool(),
    method: word(['cells', 'descent']),
    keys: List(
      Shape({
        keyHash: hex64('SHA-256 of the key.'),
        key: Maybe(Text({ description: 'Where this node holds it.' })),
        side: word(['ours', 'theirs', 'both']),
      }),
    ),
  }),
);
export type Differences = Static<typeof Differences.ref>;
