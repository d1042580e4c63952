import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CONTRACT } from '../../../src/api/contract/index.ts';
import { type EmbeddedLattice, type StartedNode, startNode } from '../../../src/index.ts';
import type { Lattice } from '../../../src/runtime/index.ts';

/** What answers a route in a program that embeds a node, or why nothing has to. */
const CALLS: Readonly<Record<string, string>> = {
  getEntry: 'lattice.get',
  putEntry: 'lattice.write',
  deleteEntry: 'lattice.write',
  commit: 'lattice.write',
  listEntries: 'lattice.list',
  exportState: 'lattice.wholeState',
  getHistory: 'lattice.history',
  listConflicts: 'lattice.conflicts',
  getProof: 'lattice.prove',
  listCuts: 'lattice.cuts',
  getFloor: 'lattice.floor',
  listAside: 'lattice.setAside.list',
  recoverAside: 'lattice.setAside.recover',
  getCertificate: 'lattice.certificate',
  getStatus: 'lattice.status',
  getHealth: 'lattice.status',
  isReady: 'lattice.status',
  isAlive: 'node.ended',
  verifyStore: 'lattice.verifyStore',
  getSeries: 'lattice.series',
  getResources: 'node.resources',
  getMetrics: 'node.metrics',
  addAuditRecords: 'lattice.audit.add',
  listAuditRecords: 'lattice.audit.list',
  events: 'lattice.subscribe',
  eventsOverWebSocket: 'lattice.subscribe',
  listTokens: 'lattice.tokens.list',
  createToken: 'lattice.tokens.create',
  removeToken: 'lattice.tokens.remove',
  reloadConfig: 'node.reload',
  listEvidence: 'lattice.evidence',
  membersRoster: 'lattice.members.roster',
  membersValues: 'lattice.writtenBy',
  membersClean: 'lattice.clean',
  membersChanges: 'lattice.members.changes',
  membersDisplaced: 'lattice.displaced',
  membersChange: 'lattice.members.changes',
  membersPropose: 'lattice.members.propose',
  membersApprove: 'lattice.members.approve',
  membersWithdraw: 'lattice.members.withdraw',
  membersChain: 'lattice.members.chain',
  membersInvitations: 'lattice.invitations.list',
  membersInvite: 'lattice.invitations.add',
  membersUninvite: 'lattice.invitations.remove',
  membersJoin: 'lattice.invitations.join',
  listPeers: 'lattice.peers',
  addPeer: 'lattice.addPeer',
  removePeer: 'lattice.removePeer',
  pingPeer: 'lattice.pingPeer',
  getDifferences: 'lattice.differences',
  syncNow: 'lattice.syncNow',
  setMode: 'lattice.setMode',
  vaultPut: 'lattice.vault.put',
  vaultList: 'lattice.vault.list',
  vaultStatus: 'lattice.vault.status',
  vaultGet: 'lattice.vault.open',
  vaultStat: 'lattice.vault.stat',
  vaultHolders: 'lattice.vault.holders',
  vaultLeaves: 'lattice.vault.leaves',
  vaultPin: 'lattice.vault.pin',
  vaultUnpin: 'lattice.vault.pin',
  vaultFetch: 'lattice.vault.fetch',
  vaultVerify: 'lattice.vault.verify',
  vaultGc: 'lattice.vault.collect',
  vaultRemove: 'lattice.vault.remove',
};
const WITHOUT: Readonly<Record<string, string>> = {
  logs: 'the program has every line by its logger',
  getLogLevel: 'the program chose it',
  setLogLevel: 'the program chose it, and a reload takes another one',
  getConfig: 'the program has the settings that it gave',
  getOpenApi: 'it describes the routes',
  getDocs: 'it describes the routes',
  getDocsStyle: 'it describes the routes',
  getDashboard: 'it talks to the API',
  getDashboardFile: 'it talks to the API',
  vaultOriginal: 'the files of the original lie in a directory that the program can read',
  vaultBundle: 'the files of the original lie in a directory that the program can read',
};

/** What nodes say to each other and what serves the original's routes: the rest is for programs too. */
type ForRoutes = 'sync' | 'receipts' | 'snapshots' | 'cutCells' | 'changedIn' | 'signText';
type Missing = Exclude<keyof Lattice, ForRoutes | keyof EmbeddedLattice>;

let directory: string;
let node: StartedNode;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-face-'));
  node = await startNode({ dataDir: join(directory, 'a'), vault: {} });
});
afterAll(async () => {
  await node.stop();
  rmSync(directory, { recursive: true, force: true });
});

it('an embedding program can do what the API can', () => {
  const ids = CONTRACT.filter(
    ({ tag, id }) => !['original', 'sync protocol'].includes(tag) && !/By(?:Query|Hash)$/.test(id),
  ).map(({ id }) => id);
  expect([...new Set(ids)].sort()).toEqual([...Object.keys(CALLS), ...Object.keys(WITHOUT)].sort());
  for (const path of Object.values(CALLS)) {
    const found = path.split('.').reduce<unknown>((part, name) => (part as Readonly<Record<string, unknown>>)[name], {
      node,
      lattice: node.lattice,
    });
    expect(found, path).toBeDefined();
  }
});

it('nothing of the facade is kept from programs but what nodes say to each other', () => {
  // The compiler refuses this line when the facade gets something that the face of programs lacks.
  const isWhole: [Missing] extends [never] ? true : Missing = true;
  expect(isWhole).toBe(true);
});
