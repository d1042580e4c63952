import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openLevelStore } from '../../../src/adapters/store/index.ts';
import type { VerdictKind } from '../../../src/runtime/facade/index.ts';
import type { Fleet, Node } from '../../support/fleet.ts';
import { eventually } from '../../support/wait.ts';
import type { Rig } from './rig.ts';
import { aside, members } from './stages-members.ts';
import type { StageName } from './table.ts';

const NAMES = ['cairo', 'lima', 'oslo'];
const [CAIRO, LIMA, OSLO] = [0, 1, 2];
/** Writes stop when less than 256 MiB are free. */
const DISK_MEBIBYTES = 320;
const FILLER_MEBIBYTES = 80;
/** A node takes over a snapshot of 16,384 keys or more [W7]: the first commits are fewer, all together are more. */
const FEW_COMMITS = 40;
const MORE_COMMITS = 26;
/** Heads pass at once, and what differs takes minutes. */
const SLOW_BYTES_PER_SECOND = 20_000;
/** More than three quarters of the 16,384 operations that may wait, beside the two batches of 2,048 under way. */
const QUEUED_COMMITS = 70;
const RETRY_MS = 300;

/** Longer than a floor may be held without an alert: the clock of a node is moved, which stays alone meanwhile. */
const LATER_MS = 2 * 3_600_000;
/** Longer than the bound of the alert. */
const STOPPED_MS = 200;
const RUNNING_MS = 100;

interface Defect {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}
const NOT_TOLD: Defect = {
  file: '/runtime/streams/fan-out.js',
  from: 'metrics.count("lattice_applied_batches_total");',
  to: "throw new Error('a defect');",
};
const FORGOTTEN_BY_CUTS: Defect = {
  file: '/runtime/streams/fan-out.js',
  from: '["cuts", ({ applied }) => deps.cuts.applied(applied)],',
  to: '["cuts", ({ applied }) => applied.step.sequence % 2 === 0 && deps.cuts.applied(applied)],',
};
const HANGING_DISK: Defect = {
  file: '/adapters/store/leveldb.js',
  from: 'await batch.write({ sync: true });',
  // Only full batches hang, so that the node starts and stops as ever; and the first of them for so long that a busy
  // machine fills the queue meanwhile.
  to:
    'if (operations.length > 1000) await new Promise((go) => setTimeout(go, globalThis.hasHung ? 3000 : 25000)); ' +
    'globalThis.hasHung ||= operations.length > 1000; await batch.write({ sync: true });',
};

const preload = (name: string): URL => new URL(`../../support/preload/${name}.mjs`, import.meta.url);

/** Waits until a node says that all is well: the end of a situation is looked at as well as its beginning. */
const well = (fleet: Fleet, node: number, kind: VerdictKind = 'CONVERGED') =>
  fleet.status(node, `it is ${kind}`, ({ verdict }) => verdict.kind === kind, 150_000);

/** What is lost on the way between nodes that are well. */
async function network(rig: Rig): Promise<void> {
  const fleet = await rig.fleet('network', { names: NAMES });
  const cairo = rig.view('network', fleet, CAIRO);
  await fleet.nodes[CAIRO]?.api.put('greeting', 'hello');
  await rig.holds('Every node is alive', cairo);

  fleet.block('cut', { lung: 'p2p', between: [CAIRO, OSLO] });
  const [first, , third] = fleet.nodes as [Node, Node, Node];
  await eventually('P2P between the two is gone', async () => !(await first.api.peer(third.author)).p2p.connected);
  await rig.holds('One pair has lost P2P', cairo);

  fleet.block('cut', { lung: 'p2p' });
  await rig.holds('The whole fleet has lost P2P', cairo);

  for (const other of [CAIRO, OSLO]) fleet.restore({ lung: 'p2p', between: [LIMA, other] });
  const made = Date.now();
  fleet.block('cut', { between: [CAIRO, OSLO] });
  // From here on the middle one passes on by gossip what the two ends say.
  await fleet.status(LIMA, 'P2P reaches both ends', ({ p2p }) => p2p.peers === 2);
  await rig.holds('One pair has lost both lungs, and a third node passes on what they say', cairo, made);
  fleet.restore();
  await well(fleet, CAIRO);
}

/** Nodes that are there and say nothing, or are gone. */
async function deaths(rig: Rig): Promise<void> {
  let isLater = false;
  const later = { preload: [preload('wrong-clock')], env: { CLOCK_AHEAD_MS: String(LATER_MS) } };
  const fleet = await rig.fleet('deaths', { names: NAMES, surroundings: () => (isLater ? later : {}) });
  const cairo = rig.view('deaths', fleet, CAIRO);
  const [first, second, third] = fleet.nodes as [Node, Node, Node];
  await first.api.put('greeting', 'hello');
  await fleet.settled();
  await well(fleet, CAIRO);
  await fleet.status(CAIRO, 'a cut is complete', ({ floor }) => floor?.at !== undefined);

  let made = Date.now();
  third.freeze();
  await rig.holds('A frozen node', cairo, made);
  third.thaw();
  await well(fleet, CAIRO);

  made = Date.now();
  await third.kill();
  await rig.holds('A dead node', cairo, made);

  await first.terminate();
  await first.start();
  await rig.holds('A node that died before this one started', cairo);

  made = Date.now();
  await second.kill();
  await rig.holds('No other node is alive', cairo, made);

  await first.terminate();
  isLater = true;
  await first.start();
  await rig.fires('LatticeFloorHeld', cairo);
}

/** A clock that is five minutes ahead. */
async function clocks(rig: Rig): Promise<void> {
  const wrong = { preload: [preload('wrong-clock')], env: { CLOCK_AHEAD_MS: '300000' } };
  const [fleet, lone] = await Promise.all([
    rig.fleet('clocks', {
      nodes: 2,
      names: NAMES.slice(0, 2),
      surroundings: (node) => (node === LIMA ? wrong : {}),
    }),
    rig.fleet('lone-clock', { nodes: 1, names: NAMES.slice(0, 1), surroundings: () => wrong }),
  ]);
  await rig.holds('A node by itself with a wrong clock', rig.view('lone-clock', lone, CAIRO));
  await rig.holds('A wrong clock, seen from another node', rig.view('clocks', fleet, CAIRO));
  await rig.holds('A wrong clock, seen from the node itself', rig.view('clocks', fleet, LIMA));
}

/** A node whose trust list lacks an author that the others trust. */
async function trust(rig: Rig): Promise<void> {
  const fleet = await rig.fleet('trust', { names: NAMES, start: [] });
  const [first, second, third] = fleet.nodes as [Node, Node, Node];
  third.configure({ TRUSTED_STATE_PUBKEYS: [second.author, third.author].join(',') });
  await Promise.all(fleet.nodes.map((node) => node.start()));
  await fleet.status(CAIRO, 'writes are open', ({ writable }) => writable);
  await first.api.put('greeting', 'hello');
  await Promise.all([
    rig.holds('An author whom one node does not trust, seen from another node', rig.view('trust', fleet, CAIRO)),
    rig.holds('An author whom one node does not trust, seen from the node itself', rig.view('trust', fleet, OSLO)),
  ]);
}

/** A disk without room, and then a node that is not on its own trust list. */
async function disk(rig: Rig): Promise<void> {
  let hasSmallDisk = true;
  const fleet = await rig.fleet('disk', {
    nodes: 2,
    names: NAMES.slice(0, 2),
    surroundings: (node, directory) =>
      node === LIMA && hasSmallDisk ? { disk: { directory, mebibytes: DISK_MEBIBYTES } } : {},
  });
  const [first, second] = fleet.nodes as [Node, Node];
  const [cairo, lima] = [rig.view('disk', fleet, CAIRO), rig.view('disk', fleet, LIMA)];
  await well(fleet, CAIRO);
  const filler = join(`/proc/${second.process.pid}/root`, second.stateDir, 'filler');
  const made = Date.now();
  writeFileSync(filler, Buffer.alloc(FILLER_MEBIBYTES * 2 ** 20, 1));
  await Promise.all([
    rig.holds('A full disk, seen from another node', cairo, made),
    rig.holds('A full disk, seen from the node itself', lima, made),
  ]);
  rmSync(filler);
  await well(fleet, CAIRO);

  hasSmallDisk = false;
  await second.terminate();
  second.configure({ TRUSTED_STATE_PUBKEYS: first.author });
  await second.start();
  await Promise.all([
    rig.holds('A node that is not on its own trust list, seen from another node', cairo),
    rig.holds('A node that is not on its own trust list, seen from the node itself', lima),
  ]);
}

/** A node meets two others with another state over a slow network; then one of these starts without its state. */
async function repairs(rig: Rig): Promise<void> {
  const fleet = await rig.fleet('repairs', {
    names: NAMES,
    start: [],
    // Long enough to look at everything while a difference at first contact is not held against anybody.
    env: (node) => (node === CAIRO ? { PEERLESS_TIMEOUT: '60' } : {}),
  });
  const [first, second, third] = fleet.nodes as [Node, Node, Node];
  const [cairo, oslo] = [rig.view('repairs', fleet, CAIRO), rig.view('repairs', fleet, OSLO)];
  for (const other of [LIMA, OSLO]) fleet.block('cut', { between: [CAIRO, other] });
  await Promise.all(fleet.nodes.map((node) => node.start()));
  await fill(second, 'bulk', FEW_COMMITS);
  await Promise.all([fill(second, 'conflicting', 1), fill(first, 'conflicting', 1)]);
  await fleet.settled([LIMA, OSLO]);
  slow(fleet, true);
  fleet.restore({ lung: 'http' });
  await rig.holds('A start, until the first comparison', cairo);

  await first.terminate();
  first.configure({ PEERLESS_TIMEOUT: undefined });
  await first.start();
  await rig.holds('Nodes that differ and are being repaired', cairo);
  slow(fleet, false);
  fleet.restore();
  await fill(second, 'more', MORE_COMMITS);
  await fleet.settled();

  await fleet.status(
    CAIRO,
    'a cut with everything is certified',
    ({ cuts, entries }) => cuts?.certified?.entries === entries,
  );
  await third.terminate();
  rmSync(third.stateDir, { recursive: true });
  slow(fleet, true);
  fleet.block('cut', { lung: 'p2p' });
  await third.start();
  await Promise.all([
    rig.holds('A node that takes over a snapshot, seen from another node', cairo),
    rig.holds('A node that takes over a snapshot, seen from the node itself', oslo),
  ]);
  slow(fleet, false);
  fleet.restore();
  await well(fleet, OSLO);

  await third.terminate();
  await damage(third);
  const { code } = await third.startAndExit();
  if (code === 0) throw new Error('a damaged store was taken');
  await rig.holds('A damaged store', cairo);
}

/** Keys that no other node has, in commits of 256. */
async function fill(node: Node, prefix: string, commits: number): Promise<void> {
  for (let commit = 0; commit < commits; commit++) {
    const operations = Array.from({ length: 256 }, (_, i) => ({
      op: 'put' as const,
      key: `${prefix}/${commit}/${i}`,
      value: `${node.name} ${i}`,
    }));
    await node.api.commit(operations);
  }
}

function slow(fleet: Fleet, isSlow: boolean): void {
  for (const from of fleet.nodes.keys())
    for (const to of fleet.nodes.keys())
      if (from !== to) fleet.proxy(from, to, 'http').throttle(isSlow ? SLOW_BYTES_PER_SECOND : undefined);
}

/** Flips one bit of every second KiB of each table of a store that nobody has open. */
async function damage({ stateDir }: Node): Promise<void> {
  // Opening moves the write-ahead log into a table.
  await (await openLevelStore(stateDir)).close();
  for (const name of readdirSync(stateDir).filter((file) => /\.(ldb|sst)$/.test(file))) {
    const bytes = readFileSync(join(stateDir, name));
    for (let at = 512; at < bytes.length - 512; at += 2048) bytes[at] = (bytes[at] as number) ^ 0x04;
    writeFileSync(join(stateDir, name), bytes);
  }
}

/** Puts an object into the vault, changes its file, and reads it, so that the node notices. */
async function changeObject(node: Node, vault: string, body: string, change: (file: string) => void): Promise<void> {
  const headers = { authorization: `Bearer ${node.token}`, 'content-type': 'text/plain' };
  const url = `${node.api.url}/api/v1/vault`;
  const { hash } = (await (await fetch(url, { method: 'PUT', headers, body })).json()) as { hash: string };
  const file = readdirSync(vault, { recursive: true, encoding: 'utf8' }).find((path) => path.endsWith(hash));
  if (file === undefined) throw new Error(`no file of ${hash} lies below ${vault}`);
  change(join(vault, file));
  const { status } = await fetch(`${url}/${hash}`);
  if (status === 200) throw new Error('an object was served that is not what it was');
}

/** One node by itself: well, then with a disk that hangs, with defects, and starved of processor time. */
async function alone(rig: Rig): Promise<void> {
  let defects: readonly Defect[] = [];
  const fleet = await rig.fleet('alone', {
    nodes: 1,
    names: NAMES.slice(0, 1),
    surroundings: () =>
      defects.length === 0 ? {} : { preload: [preload('defects')], env: { DEFECTS: JSON.stringify(defects) } },
  });
  const [node] = fleet.nodes as [Node];
  const cairo = rig.view('alone', fleet, CAIRO);
  await rig.holds('A node by itself', cairo);
  const vault = join(dirname(node.envFile), node.name, 'vault');
  await changeObject(node, vault, 'content', (file) => writeFileSync(file, 'damages'));
  await rig.holds('A damaged object in the vault', cairo);
  await changeObject(node, vault, 'another', rmSync);
  await rig.fires('LatticeVaultMissing', cairo);

  await node.terminate();
  // A vault that cannot be read keeps no node from its work.
  renameSync(vault, `${vault}-away`);
  writeFileSync(vault, '');
  defects = [NOT_TOLD, FORGOTTEN_BY_CUTS, HANGING_DISK];
  await node.start();
  // A client whose commit finds no room tries again.
  const write = (i: number): Promise<void> =>
    fill(node, `queued/${i}`, 1).catch(async () => {
      await pause(RETRY_MS);
      await write(i);
    });
  const writes = Array.from({ length: QUEUED_COMMITS }, (_, i) => write(i));
  await rig.fires('LatticeQueueFull', cairo);
  await Promise.all(writes);
  await rig.fires('LatticeNotToldOn', cairo);
  await rig.fires('LatticeCutMismatch', cairo);
  await rig.fires('LatticeVaultPaused', cairo);

  const starving = starve(node);
  await rig.fires('LatticeEventLoopSlow', cairo);
  await starving.end();
}

/** Stops and continues a process again and again, so that its event loop gets a third of the time. */
function starve(node: Node): { end(): Promise<void> } {
  const over = new AbortController();
  const done = (async () => {
    while (!over.signal.aborted) {
      node.freeze();
      await pause(STOPPED_MS);
      node.thaw();
      await pause(RUNNING_MS);
    }
  })();
  return {
    async end() {
      over.abort();
      await done;
    },
  };
}

/**
 * What makes the situations of the table, each on a fleet of its own. The order is that of the start: what takes long
 * comes early, and the clocks first, because an alert comes true long after them.
 */
export const STAGES: Readonly<Record<StageName, (rig: Rig) => Promise<void>>> = {
  clocks,
  alone,
  repairs,
  deaths,
  trust,
  network,
  disk,
  members,
  aside,
};
