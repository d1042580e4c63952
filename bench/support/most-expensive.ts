import { createHash } from 'node:crypto';
import type { AuditRecord } from '../../src/core/original/audit.ts';

/** A request to a route, whose answer costs as much as any that the route has. */
export interface ExpensiveRequest {
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** The status that shows that the route has done its work. Default: 200. */
  readonly status?: number;
}

/** Keys of the largest values: with as many as a page may have, and more than fit into one. */
export const LARGE_KEYS = 1000;
export const largeKey = (i: number): string => `large/${String(i).padStart(4, '0')}`;
/** Nearly the largest value. Its JSON is as long as its bytes. */
export const LARGE_VALUE = { text: 'x'.repeat(16_000) };
/** A key that was written so often that its history fills a page. */
export const BUSY_KEY = 'busy';
export const BUSY_WRITES = 1200;

/** So many of the largest executions fit into the body of a request, and so many are kept. */
const SENT_RECORDS = 3;
export const KEPT_RECORDS = 100;
/** The largest executions, with the numbers from `first` on. */
export const auditRecords = (first: number, count: number): AuditRecord[] =>
  Array.from({ length: count }, (_, i) => ({
    kind: 'execution',
    id: `tx-${first + i}`,
    row: {
      tx_id: `tx-${first + i}`,
      intent_name: 'transfer',
      status: 'PROVED',
      timestamp: first + i,
      result: 'x'.repeat(65_000),
    },
  }));

/** A height from which on large values were written: that of the first after BUSY_KEY. */
const LARGE_FROM = BUSY_WRITES + 2;
/** A content of the vault, of which each MiB costs the same. */
const VAULT_CONTENT = 'x'.repeat(4 * 1024 * 1024);
const vaultHash = createHash('sha256').update(JSON.stringify(VAULT_CONTENT)).digest('hex');

const json = { 'content-type': 'application/json' };
const operations = Array.from({ length: 256 }, (_, i) => ({ op: 'put', key: `commit/${i}`, value: 'x'.repeat(180) }));
const url = 'http://127.0.0.1:9';
const none = '00'.repeat(32);

/**
 * The most expensive request of each route by the id of its contract. It is asked of a node that holds LARGE_KEYS large
 * values, BUSY_KEY and KEPT_RECORDS executions, all of them written by this author, and whose newest certified cut, if it
 * has one, has this root. What stays open or needs a signed envelope is not in it (see OPEN_ENDED).
 */
export function mostExpensive(author: string, cutRoot: string = none): Readonly<Record<string, ExpensiveRequest>> {
  const hasCut = cutRoot !== none;
  const large = encodeURIComponent(largeKey(0));
  const certified = hasCut ? {} : { status: 404 };
  return {
    getEntry: { path: `/api/v1/state/${large}` },
    putEntry: { path: '/api/v1/state/put', headers: json, body: LARGE_VALUE, status: 201 },
    deleteEntry: { path: '/api/v1/state/put', status: 204 },
    listEntries: { path: '/api/v1/state?limit=1000&prefix=large' },
    exportState: { path: '/api/v1/export' },
    putEntryByQuery: { path: '/api/v1/state?key=put', headers: json, body: LARGE_VALUE, status: 201 },
    deleteEntryByQuery: { path: '/api/v1/state?key=put', status: 204 },
    commit: { path: '/api/v1/commits', headers: json, body: { operations }, status: 201 },
    getHistory: { path: `/api/v1/history/${BUSY_KEY}?limit=1000` },
    getHistoryByQuery: { path: `/api/v1/history?limit=1000&key=${BUSY_KEY}` },
    listConflicts: { path: '/api/v1/conflicts?limit=1000' },
    getProof: { path: hasCut ? `/api/v1/proof/${large}?at=cut` : `/api/v1/proof/${large}` },
    getProofByQuery: { path: `/api/v1/proof?key=${large}` },
    listCuts: { path: '/api/v1/cuts' },
    getFloor: { path: '/api/v1/floor' },
    listAside: { path: '/api/v1/floor/aside?limit=1000' },
    recoverAside: { path: '/api/v1/floor/recover', headers: json, body: { all: true } },
    getCertificate: { path: '/api/v1/cuts/certificate', ...certified },
    vaultPut: { path: '/api/v1/vault', headers: json, body: VAULT_CONTENT, status: 201 },
    vaultPutByHash: { path: `/api/v1/vault/${vaultHash}`, headers: json, body: VAULT_CONTENT },
    vaultList: { path: '/api/v1/vault?limit=1000' },
    vaultStatus: { path: '/api/v1/vault/status' },
    vaultOriginal: { path: '/api/v1/vault/original' },
    vaultBundle: { path: '/api/v1/vault/bundles', headers: json, body: { code: 'intent greet(a)\n' }, status: 201 },
    vaultGet: { path: `/api/v1/vault/${vaultHash}` },
    vaultStat: { path: `/api/v1/vault/${vaultHash}/about` },
    vaultHolders: { path: `/api/v1/vault/${vaultHash}/holders` },
    vaultLeaves: { path: `/api/v1/vault/${vaultHash}/leaves` },
    vaultPin: { path: `/api/v1/vault/${vaultHash}/pin` },
    vaultUnpin: { path: `/api/v1/vault/${vaultHash}/unpin` },
    vaultFetch: { path: `/api/v1/vault/${vaultHash}/fetch` },
    vaultVerify: { path: '/api/v1/vault/verify' },
    vaultGc: { path: '/api/v1/vault/gc?dryRun=true' },
    vaultRemove: { path: `/api/v1/vault/${vaultHash}`, status: 204 },
    isAlive: { path: '/livez' },
    isReady: { path: '/readyz' },
    getStatus: { path: '/api/v1/status' },
    getHealth: { path: '/api/v1/health' },
    getResources: { path: '/api/v1/resources' },
    getSeries: { path: '/api/v1/series' },
    getMetrics: { path: '/metrics' },
    logs: { path: '/api/v1/logs?format=json&limit=1000&level=debug' },
    listEvidence: { path: '/api/v1/evidence' },
    listTokens: { path: '/api/v1/tokens' },
    createToken: { path: '/api/v1/tokens', headers: json, body: { name: 'bench', right: 'read' }, status: 201 },
    removeToken: { path: '/api/v1/tokens/0123456789abcdef', status: 404 },
    getConfig: { path: '/api/v1/config' },
    reloadConfig: { path: '/api/v1/config/reload', status: 409 },
    getLogLevel: { path: '/api/v1/logs/level' },
    setLogLevel: { path: '/api/v1/logs/level', headers: json, body: { level: 'info' } },
    addAuditRecords: {
      path: '/api/v1/audit/records',
      headers: json,
      body: { records: auditRecords(1_000_000, SENT_RECORDS) },
    },
    listAuditRecords: { path: '/api/v1/audit/records?kind=execution&limit=1000' },
    getOpenApi: { path: '/openapi.json' },
    getDocs: { path: '/docs' },
    getDocsStyle: { path: '/docs/style.css' },
    getDashboard: { path: '/dashboard', status: 302 },
    getDashboardFile: { path: '/dashboard/' },
    membersRoster: { path: '/api/v1/members' },
    membersValues: { path: `/api/v1/members/values?author=${author}&since=0&limit=1000` },
    // What is found is left where it is: the other requests ask for it.
    membersClean: { path: '/api/v1/members/clean', headers: json, body: { author, limit: 1000, dryRun: true } },
    membersChain: { path: '/api/v1/members/chain?from=0' },
    membersDisplaced: { path: '/api/v1/members/displaced?limit=1000' },
    membersChanges: { path: '/api/v1/members/changes' },
    membersPropose: {
      path: '/api/v1/members/changes',
      headers: json,
      body: { kind: 'remove', author: none },
      status: 409,
    },
    membersInvitations: { path: '/api/v1/members/invitations' },
    membersInvite: {
      path: '/api/v1/members/invitations',
      headers: json,
      body: { secretHash: none, name: 'n', ttlMs: 1000 },
      status: 201,
    },
    membersUninvite: { path: `/api/v1/members/invitations/${none}`, status: 204 },
    membersJoin: { path: '/api/v1/members/join', headers: json, body: { secret: none, author: none }, status: 403 },
    membersChange: { path: `/api/v1/members/changes/${none}`, status: 404 },
    membersApprove: { path: `/api/v1/members/changes/${none}/approve`, status: 404 },
    membersWithdraw: { path: `/api/v1/members/changes/${none}/withdraw`, status: 404 },
    listPeers: { path: '/api/v1/peers' },
    addPeer: { path: '/api/v1/peers', headers: json, body: { url }, status: 201 },
    pingPeer: { path: '/api/v1/peers/ping', headers: json, body: { peer: url } },
    removePeer: { path: `/api/v1/peers?url=${encodeURIComponent(url)}`, status: 204 },
    getDifferences: { path: `/api/v1/peers/${none}/differences?limit=1000`, status: 404 },
    syncNow: { path: '/api/v1/sync/now' },
    setMode: { path: '/api/v1/sync/mode', headers: json, body: { mode: 'auto' } },
    syncIdentity: { path: `/api/v1/sync/identity?nonce=${'00'.repeat(16)}&url=http://127.0.0.1` },
    syncCells: { path: `/api/v1/sync/cells/${cutRoot}`, ...certified },
    syncManifest: { path: `/api/v1/sync/cuts/${cutRoot}/manifest`, ...certified },
    syncChunk: { path: `/api/v1/sync/cuts/${cutRoot}/chunks/0`, ...certified },
    getRoot: { path: '/' },
    isHealthy: { path: '/health' },
    getProductionStatus: { path: '/api/status' },
    listNodes: { path: '/api/lattice/nodes' },
    getWholeState: { path: '/api/lattice/state' },
    getFullState: { path: '/api/lattice/state/full' },
    getSyncRoot: { path: '/sync/merkle-root' },
    listSyncPeers: { path: '/sync/peers' },
    getSyncSnapshot: { path: '/sync/snapshot/latest' },
    getSyncProofs: { path: `/sync/proofs/${LARGE_FROM}-1000000` },
    getP2pStatus: { path: '/api/lattice/p2p/status' },
    getP2pIdentity: { path: '/api/lattice/p2p/identity' },
    switchMode: { path: '/api/lattice/sync/switch?mode=auto' },
    getLatticeHealth: { path: '/api/lattice/health' },
    getMerkleRoot: { path: '/api/persistence/merkle-root' },
    verifyStore: { path: '/api/v1/store/verify' },
    checkIntegrity: { path: '/api/persistence/integrity' },
    getPersistenceStats: { path: '/api/persistence/stats' },
    listExecutions: { path: '/api/persistence/executions?limit=-1' },
    listAttacks: { path: '/api/persistence/attacks?limit=-1' },
    listBundles: { path: '/api/persistence/bundles' },
    getBundle: { path: `/api/persistence/bundle/${none}`, status: 404 },
    listVault: { path: '/api/vault/list' },
    getVaultEntry: { path: `/api/vault/${none}`, status: 404 },
  };
}

/** Routes whose answers have no end, or that answer members only. Their slots and bounds have tests of their own. */
export const OPEN_ENDED: ReadonlySet<string> = new Set(['events', 'eventsOverWebSocket', 'syncStream', 'syncRequest']);
