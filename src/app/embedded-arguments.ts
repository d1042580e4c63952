import { checkKey, checkValue } from '../core/cbor/index.ts';
import { MAX_RETENTION_MS } from '../core/roster/index.ts';
import { type Author, type ErrorCode, LatticeError, MAX_OPERATIONS } from '../core/types/index.ts';
import type { AuditRecord, ChangeAction, CleanKey, JoinQuestion, PeerAddress } from '../runtime/index.ts';
import { causeOf, contentOf, idempotencyKeyOf, ownOperations } from './embedded-input.ts';
import type { EmbeddedLattice } from './embedded-lattice.ts';
import * as given from './given.ts';
import { type Calls, rejects, throws } from './guarded-face.ts';

const { called, choices, digits64, fields, flag, list, maybe, number, oneOf, options, text, wholeNumber } = given;

/** Fields that leave their bounds to whoever works with them. */
const limit = number('invalid-limit');
const cursor = text('invalid-cursor');
const prefix = text('invalid-query');
const page = { limit, cursor };
const key = called('the key', checkKey);
const hash = called('the hash', text('invalid-hash'));
const plain = options({});

const address: given.Take<PeerAddress> = called('the peer', (what, name) => {
  const peer = fields<object, { url?: string; multiaddr?: string }>(
    'invalid-peer',
    {},
    { url: text('invalid-peer'), multiaddr: text('invalid-peer') },
  )(what, name);
  const { url, multiaddr } = peer;
  if (url !== undefined && multiaddr === undefined) return { url };
  if (multiaddr !== undefined && url === undefined) return { multiaddr };
  throw new LatticeError('invalid-peer', 'the peer is either a url or a multiaddr', {
    next: "give one of them, as in { url: 'http://192.0.2.7:8000' }",
  });
});

const peer = called('the peer', text('invalid-peer'));
const author = digits64('invalid-change') as given.Take<Author>;
const role = oneOf('invalid-change', 'writer', 'mirror');
const name = text('invalid-change');
const id = (code: ErrorCode): given.Take<string> => called('the id', text(code));

type ActionOf<K extends ChangeAction['kind']> = Extract<ChangeAction, { readonly kind: K }>;
const about = { author };
const ACTIONS: {
  readonly [K in ChangeAction['kind']]: Parameters<typeof fields<Omit<ActionOf<K>, 'kind'>, object>>[1];
} = {
  add: { author, name, role },
  promote: about,
  retire: about,
  rotate: { author, to: author },
  remove: about,
  drop: about,
  name: { author, name },
  settings: {
    certify: oneOf('invalid-change', 'majority', 'two-thirds'),
    retentionMs: wholeNumber('invalid-change', 0, MAX_RETENTION_MS),
  },
};
const kindOf = oneOf('invalid-change', ...(Object.keys(ACTIONS) as ChangeAction['kind'][]));

const action: given.Take<ChangeAction> = called('the change', (what, named) => {
  const own =
    typeof what === 'object' && what !== null ? { ...(what as { readonly kind?: unknown }) } : { kind: undefined };
  const kind = kindOf(own.kind, `kind of ${named}`);
  return fields<object, object>('invalid-change', { kind: kindOf, ...ACTIONS[kind] }, {})(own, named) as ChangeAction;
});

/** What the columns of a row hold is checked where they are known. */
const row: given.Take<AuditRecord['row']> = (what, named) => {
  if (typeof what === 'object' && what !== null && !Array.isArray(what)) return { ...what };
  throw new LatticeError('invalid-record', `${named} is no object`, { next: 'give an object with a field a column' });
};
const auditKind = oneOf('invalid-record', 'execution', 'attack');

const asideChoice = {
  keys: list('invalid-body', checkKey, MAX_OPERATIONS),
  all: oneOf('invalid-body', true),
};

const cleanKey = fields<Pick<CleanKey, 'key'>, Omit<CleanKey, 'key'>>(
  'invalid-body',
  { key },
  { value: checkValue, expires: number('invalid-expiry') },
);

const receipt = fields(
  'invalid-receipt',
  {},
  {
    replicas: number('invalid-receipt'),
    certified: flag('invalid-receipt'),
    complete: flag('invalid-receipt'),
    timeoutMs: number('invalid-receipt'),
  },
);

/** What every call of the face takes, in order. The compiler finds a call, or a place, that is missing here. */
export const CALLS: Calls<EmbeddedLattice> = {
  status: throws(),
  peers: throws(),
  root: throws(),
  cuts: throws(),
  floor: throws(),
  evidence: throws(),
  verifyStore: throws(),
  certificate: throws(
    called('the time', maybe(wholeNumber('invalid-request', 0))),
    choices({ from: text('invalid-request') }),
  ),
  series: throws(called('the time', maybe(number('invalid-request')))),
  setMode: throws(called('the mode', oneOf('invalid-request', 'auto', 'p2p', 'http')), causeOf),

  get: rejects(key, plain),
  list: rejects(options({ prefix, ...page })),
  entries: throws(options({ prefix })),
  history: rejects(key, options(page)),
  conflicts: rejects(options(page)),
  displaced: rejects(options(page)),
  writtenBy: rejects(
    called('the author', digits64('invalid-query')),
    options({ since: number('invalid-query'), ...page }),
  ),
  clean: rejects(
    called('the author', digits64('invalid-query')),
    options({
      since: number('invalid-query'),
      ...page,
      keys: list('invalid-body', cleanKey, MAX_OPERATIONS),
      dryRun: flag('invalid-request'),
    }),
  ),
  prove: rejects(key, options({ at: oneOf('invalid-request', 'cut'), from: text('invalid-request') })),
  verifyIntegrity: rejects(plain),
  write: rejects(ownOperations, options({ idempotencyKey: idempotencyKeyOf, receipt })),
  wholeState: rejects(plain),
  subscribe: rejects(
    called('send', given.callback()),
    options({ after: cursor, dropped: given.callback<() => void>() }),
  ),
  changes: throws(options({ prefix, after: cursor })),

  addPeer: rejects(address, plain),
  removePeer: rejects(address, plain),
  pingPeer: rejects(peer, plain),
  differences: rejects(peer, options({ limit })),
  syncNow: rejects(plain),

  audit: {
    add: rejects(
      called(
        'records',
        list('invalid-record', fields('invalid-record', { kind: auditKind, id: text('invalid-record'), row }, {})),
      ),
      plain,
    ),
    list: rejects(given.wanted('invalid-record', { kind: auditKind }, page)),
    stats: rejects(plain),
  },
  tokens: {
    list: throws(),
    create: rejects(
      called(
        'the token',
        fields(
          'invalid-token',
          { name: text('invalid-token'), right: oneOf('invalid-token', 'read', 'write', 'operate') },
          { prefix: text('invalid-token'), ttlMs: number('invalid-token') },
        ),
      ),
      plain,
    ),
    remove: rejects(id('invalid-token'), plain),
  },
  setAside: {
    list: rejects(options(page)),
    recover: rejects(
      called(
        'what is to be recovered',
        fields('invalid-body', {}, { ...asideChoice, overwrite: flag('invalid-body'), cursor }),
      ),
      plain,
    ),
    forget: rejects(called('what is to be forgotten', fields('invalid-body', {}, asideChoice)), plain),
  },
  members: {
    roster: throws(),
    changes: throws(),
    founders: throws(),
    chain: throws(
      called('the epoch', wholeNumber('invalid-request', 0)),
      called('the limit', wholeNumber('invalid-limit', 0)),
    ),
    propose: rejects(action, plain),
    approve: rejects(id('invalid-change'), plain),
    withdraw: rejects(id('invalid-change'), plain),
    settled: rejects(id('invalid-change'), plain),
  },
  invitations: {
    list: throws(),
    add: rejects(
      called(
        'the invitation',
        fields(
          'invalid-change',
          { secretHash: text('invalid-change'), name, role, ttlMs: number('invalid-change') },
          {},
        ),
      ),
      plain,
    ),
    remove: rejects(id('invalid-change'), plain),
    join: rejects(
      called('the question', fields<JoinQuestion, object>('invalid-change', { secret: author, author }, {})),
      plain,
    ),
  },
  vault: {
    status: throws(),
    put: rejects(
      contentOf,
      options({
        name: text('invalid-value'),
        type: text('invalid-value'),
        pin: flag('invalid-value'),
        expect: text('invalid-hash'),
      }),
    ),
    open: rejects(
      hash,
      options({ range: fields('invalid-range', { start: number('invalid-range'), end: number('invalid-range') }, {}) }),
    ),
    stat: rejects(hash, plain),
    list: rejects(options(page)),
    holders: rejects(hash, plain),
    leaves: rejects(hash, plain),
    pin: rejects(hash, called('whether it is pinned', flag('invalid-request')), plain),
    fetch: rejects(hash, plain),
    remove: rejects(hash, plain),
    verify: throws(options({ hash: text('invalid-hash') })),
    collect: rejects(options({ dryRun: flag('invalid-request') })),
  },
};
