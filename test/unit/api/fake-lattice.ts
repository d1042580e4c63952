import { createHash } from 'node:crypto';
import { createSigner, systemRandom } from '../../../src/adapters/system/index.ts';
import { checkKey, checkValue } from '../../../src/core/cbor/index.ts';
import { type Bytes, bytesToHex, LatticeError } from '../../../src/core/types/index.ts';
import type {
  EntryView,
  Lattice,
  LatticeEvent,
  NodeStatus,
  PeerStatus,
  SyncMode,
  SyncService,
  WriteOperation,
} from '../../../src/runtime/facade/facade.ts';

/** A small node in memory with the facade's behaviour: versions, conditions, events and a root, but no peers. */
export interface FakeLattice extends Lattice {
  /** Makes writes fail like a node that may not write. */
  setReadOnly(reasons: readonly string[]): void;
  /** Puts something between a call and its answer, e.g. a promise that never resolves. */
  delay: (() => Promise<void>) | undefined;
  setSync(sync: SyncService): void;
  setIntegrity(check: Lattice['verifyIntegrity']): void;
  subscribers(): number;
  /** Moments of the state that somebody still reads. */
  heldMoments(): number;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const noSync: SyncService = {
  identify: () => new Uint8Array(),
  handle: () => Promise.reject(new LatticeError('sync-unauthorized', 'no sync here')),
  open: () => Promise.reject(new LatticeError('sync-unauthorized', 'no sync here')),
  admit: () => Promise.reject(new LatticeError('sync-unauthorized', 'no sync here')),
};

export function createFakeLattice(seed: Bytes = systemRandom().bytes(32)): FakeLattice {
  const signer = createSigner(seed);
  const entries = new Map<string, EntryView>();
  const events: (LatticeEvent & { id: string })[] = [];
  const moments = new Set<object>();
  const subscribers = new Set<(event: LatticeEvent) => boolean>();
  const added = new Set<string>();
  let sequence = 0;
  let mode: SyncMode = 'auto';
  let reasons: readonly string[] = [];
  let sync = noSync;
  let integrity: Lattice['verifyIntegrity'] | undefined;

  const sorted = (): EntryView[] => [...entries.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  const root = (): string => sha256(JSON.stringify(sorted().map((e) => [e.key, e.version])));

  function check(operation: WriteOperation): void {
    checkKey(operation.key);
    if (operation.op === 'put') checkValue(operation.value);
    const now = entries.get(operation.key);
    const { ifMatch, ifNoneMatch } = operation;
    const matches = (wanted: string | readonly string[]): boolean =>
      now !== undefined && (wanted === '*' || [wanted].flat().includes(now.version));
    if ((ifMatch !== undefined && !matches(ifMatch)) || (ifNoneMatch !== undefined && matches(ifNoneMatch))) {
      throw new LatticeError('precondition-failed', 'the entry is at another version', { next: 'read it again' });
    }
    if (operation.mustExist && now === undefined)
      throw new LatticeError('not-found', 'there is no value under this key');
  }

  const emit = (event: LatticeEvent & { id: string }): void => {
    events.push(event);
    for (const send of subscribers) if (!send(event)) subscribers.delete(send);
  };

  const page = <T>(items: readonly T[], limit = 100, cursor = '0') => {
    const from = Number(cursor);
    if (!Number.isInteger(from)) throw new LatticeError('invalid-cursor', 'the cursor is not one of this node');
    const next = from + limit;
    return { items: items.slice(from, next), ...(next < items.length ? { cursor: String(next) } : {}) };
  };

  const series = [1_700_000_005_000, 1_700_000_010_000].map((at) => ({
    at,
    changes: 3,
    writes: 2,
    gossipBytesIn: 100,
    gossipBytesOut: 200,
    httpBytesIn: 0,
    httpBytesOut: 0,
    repairs: 0,
    transitions: 0,
    peersEqual: 2,
    peers: 2,
    loopP99Ms: 1.5,
    rss: 100_000_000,
  }));
  const status = (): NodeStatus => ({
    name: 'node1',
    role: 'genesis-primary',
    version: '9.9.9',
    network: 'test/network',
    peerId: '12D3KooWTest',
    author: signer.author,
    incarnation: '0011223344556677',
    startedAt: 1_700_000_000_000,
    now: 1_700_000_060_500,
    root: root(),
    entries: entries.size,
    live: entries.size,
    conflicts: 0,
    sequence,
    mode,
    health: 'OPTIMAL',
    syncMode: 'P2P',
    p2p: {
      enabled: true,
      state: 'running',
      topic: 'test/topic',
      listen: ['/ip4/127.0.0.1/tcp/9'],
      bootstrap: ['/dns4/x/tcp/9'],
      peers: 2,
    },
    http: { enabled: true, state: 'running', peers: 2, streaming: 1 },
    writable: reasons.length === 0,
    readOnlyReasons: reasons,
    warnings: [],
    trust: { hash: sha256('trust'), authors: [signer.author] },
    converged: { peers: 2, equal: 2 },
    transitions: [],
    refused: {},
    deferred: 0,
  });
  const peer: PeerStatus = {
    url: 'http://127.0.0.1:1',
    configured: true,
    trusted: true,
    lung: 'p2p',
    p2p: { connected: true },
    http: { reachable: true, streaming: false },
    agreement: 'equal',
    refused: { count: 0, reasons: {} },
  };

  const lattice: FakeLattice = {
    delay: undefined,
    setReadOnly(next) {
      reasons = next;
    },
    setSync(next) {
      sync = next;
    },
    setIntegrity(next) {
      integrity = next;
    },
    subscribers: () => subscribers.size,
    heldMoments: () => moments.size,
    status,
    peers: () => [peer],
    root: () => ({ root: root(), entries: entries.size, live: entries.size, sequence }),
    async get(key) {
      await lattice.delay?.();
      return entries.get(checkKey(key));
    },
    list: async ({ prefix = '', limit, cursor }) =>
      page(
        sorted().filter((e) => e.key.startsWith(prefix)),
        limit,
        cursor,
      ),
    async snapshot() {
      const all = sorted();
      async function* chunks() {
        for (let i = 0; i < all.length; i += 1000) yield all.slice(i, i + 1000);
      }
      const moment = {};
      moments.add(moment);
      return { root: root(), live: all.length, chunks: chunks(), close: () => void moments.delete(moment) };
    },
    cutCells: () => undefined,
    async differences(peerId, { limit = 100 } = {}) {
      if (peerId === 'unreachable') throw new LatticeError('peer-unreachable', 'no lung reaches this peer');
      const keys = Array.from({ length: 3 }, (_, i) => ({
        keyHash: sha256(`differs/${i}`),
        key: `differs/${i}`,
        side: 'ours' as const,
      }));
      return {
        peer: peerId,
        ourRoot: root(),
        theirRoot: sha256('theirs'),
        complete: limit >= 3,
        method: 'cells',
        keys: keys.slice(0, limit),
      };
    },
    async history(key, { limit = 100 } = {}) {
      const entry = entries.get(checkKey(key));
      if (entry === undefined) return { key, items: [], complete: true };
      const { version, author, hlc, value } = entry;
      return {
        key,
        items: [{ version, author, hlc, at: 0, deleted: false, current: true, value }].slice(0, limit),
        complete: true,
      };
    },
    async addPeer(given) {
      const name = JSON.stringify(given);
      if (added.has(name)) return false;
      added.add(name);
      return true;
    },
    async removePeer(given) {
      if (!added.delete(JSON.stringify(given))) throw new LatticeError('not-found', 'no such peer was added');
    },
    async pingPeer(name) {
      if (name === 'nobody') throw new LatticeError('not-found', 'no peer of this name is known');
      return { peer: name, results: [{ lung: 'http', ok: true, rttMs: 1 }] };
    },
    conflicts: async ({ limit, cursor }) => page([{ key: 'k', siblings: [] }], limit, cursor),
    prove: async (key) => ({
      format: 'diotec360-lattice-proof/1',
      key,
      kind: entries.has(key) ? 'present' : 'absent',
      root: root(),
      network: 'test/network',
      merkle: '',
      fragments: [],
      head: '',
    }),
    cuts: () => [],
    certificate: () => undefined,
    async write(operations) {
      await lattice.delay?.();
      if (reasons.length > 0) throw new LatticeError('read-only', 'this node is read-only', { details: { reasons } });
      for (const operation of operations) check(operation);
      sequence++;
      const commit = sha256(JSON.stringify([sequence, operations]));
      const hlc = sequence.toString(16).padStart(16, '0');
      const results = operations.map(({ op, key, value = null }, index) => {
        const version = `${commit}.${index}`;
        const created = !entries.has(key);
        if (op === 'delete') entries.delete(key);
        else entries.set(key, { key, value, version, author: signer.author, hlc, commit, index });
        return { key, version, created };
      });
      for (const [i, { key, version }] of results.entries()) {
        const deleted = operations[i]?.op === 'delete';
        emit({ id: `${sequence}-${i}`, type: 'change', key, version, deleted, author: signer.author, hlc });
      }
      return { commit, hlc, results };
    },
    setMode(next) {
      const changed = mode !== next;
      mode = next;
      return { changed, mode, message: `mode is ${next}` };
    },
    syncNow: async () => undefined,
    async subscribe(after, send) {
      const at = events.findIndex((e) => e.id === after);
      if (after !== undefined && at < 0) send({ id: '0', type: 'reset', reason: 'unknown event id' });
      else if (after !== undefined) for (const event of events.slice(at + 1)) send(event);
      subscribers.add(send);
      return { close: () => void subscribers.delete(send) };
    },
    signText: (text) => bytesToHex(signer.sign(new TextEncoder().encode(text))),
    async verifyIntegrity() {
      await lattice.delay?.();
      return (await integrity?.()) ?? { valid: true, root: root(), recomputed: root(), entries: entries.size };
    },
    get sync() {
      return sync;
    },
    series: (since = 0) => ({ stepMs: 5000, items: series.filter(({ at }) => at > since) }),
  };
  return lattice;
}
