import type { Author } from '../../src/core/types/index.ts';
import { createSimSigner } from './crypto.ts';
import { calm, type World } from './face.ts';
import { type At, isIn, type Lapse, restoreDisk } from './lapse.ts';
import { createOperators } from './operators.ts';
import { differences, sameEntries } from './oracle.ts';
import { type Report, reportOf } from './report.ts';
import { createRng, type Rng } from './rng.ts';
import { stormyWeather } from './weather.ts';
import { createWorld } from './world.ts';

const NODES = 5;
/** The others join. */
const FOUNDERS = [0, 1, 2];
const STORM_MS = 90_000;
/** All changes are decided, the last minute of who retires is over, and everybody is equal within this time. */
const HEAL_MS = 300_000;
const CUT_MS = 90_000;

/** A fleet whose members come, go and change their keys while it storms. */
export async function runRosterSeed(seed: number, verbose?: (line: string) => void): Promise<Report> {
  const world = createWorld({
    seed: `rosters ${seed}`,
    nodes: NODES,
    founders: FOUNDERS,
    ...(verbose === undefined ? {} : { verbose }),
  });
  const rng = createRng(`roster scenario ${seed}`);
  const fleet = planChanges(world, rng.fork('operators'));
  const broken = (): boolean => world.failures.length > 0;
  const at = (ms: number, run: () => void): void =>
    void world.scheduler.after(ms - world.scheduler.now(), 'plan', 'due', run);
  try {
    for (let i = 0; i < NODES; i++) {
      world.setSkew(i, rng.between(-3_000, 3_000));
      at(rng.between(0, 2_000), () => world.start(i));
    }
    const lapse = planRestore(world, rng.fork('restore'), at);
    planStorm(world, rng.fork('storm'), at, lapse);
    fleet.start();
    await world.scheduler.run(STORM_MS, broken);
    const healedAt = world.scheduler.now();
    calm(world);
    for (let i = 0; i < NODES; i++) world.spare(i);
    const isDone = (): boolean => {
      for (let i = 0; i < NODES; i++) if (!world.isUp(i)) world.start(i);
      return fleet.isDone() && isQuiet(world);
    };
    while (!broken() && !isDone()) {
      if (world.scheduler.now() > healedAt + HEAL_MS) world.fail(`not done in time: ${fleet.describe()}`);
      await world.scheduler.run(world.scheduler.now() + 500, broken);
    }
    if (!broken()) await check(world, fleet, broken);
    return reportOf(world, seed, world.scheduler.now() - healedAt);
  } finally {
    world.dispose();
  }
}

/** One founder gets a copy of its disk from some seconds ago: votes and attestations are missing there, and no writes. */
function planRestore(world: World, rng: Rng, at: At): Lapse {
  const node = rng.pick(FOUNDERS);
  const from = rng.between(15_000, 50_000);
  const to = from + rng.between(3_000, 25_000);
  return restoreDisk(world, at, { node, from, to });
}

function planStorm(world: World, rng: Rng, at: At, lapse: Lapse): void {
  const ends = rng.fork('ends');
  for (let n = 0; n < 150; n++) {
    const [node, key] = [rng.int(NODES), rng.chance(0.6) ? `hot/${rng.int(6)}` : `unique/${n}`];
    const when = rng.between(1_000, STORM_MS);
    const end = ends.chance(0.2) ? { ttl: 1 + ends.int(60) } : {};
    if (isIn(lapse, node, when)) continue;
    at(when, () => world.write(node, [{ op: 'put', key, value: `${n}`, ...end }]));
  }
  for (let when = rng.between(5_000, 15_000); when < STORM_MS; when += rng.between(5_000, 20_000)) {
    const weather = stormyWeather(rng, NODES);
    at(when, () => {
      world.setWeather('p2p', weather);
      world.setWeather('http', weather);
    });
    if (rng.chance(0.3)) at(when + 1, () => calm(world));
  }
  for (let n = 0; n < 5; n++) {
    const [node, when] = [rng.int(NODES), rng.between(5_000, STORM_MS - 5_000)];
    const inBatch = rng.chance(0.5);
    at(when, () => (inBatch ? world.crashInBatch(node) : world.crash(node)));
    at(when + rng.between(500, 10_000), () => world.start(node));
  }
}

/** What operators of all nodes want of this fleet, one change after the other. */
function planChanges(world: World, rng: Rng) {
  const of = (i: number): Author => first[i] as Author;
  const first = Array.from({ length: NODES }, (_, i) => world.authorOf(i));
  const fresh = createSimSigner(`fresh key ${rng.int(1e9)}`);
  const gone = rng.pick(FOUNDERS);
  const rotated = rng.pick(FOUNDERS.filter((i) => i !== gone));
  const operators = createOperators(world, [
    { kind: 'add', author: of(3), name: 'three', role: 'mirror' },
    { kind: 'promote', author: of(3) },
    { kind: 'retire', author: of(gone) },
    { kind: 'add', author: of(4), name: 'four', role: 'mirror' },
    { kind: 'rotate', author: of(rotated), to: fresh.author },
  ]);
  let hasNewKey = false;

  /** The node of the rotated key gets the new one once that was decided, at a restart. */
  function takeNewKey(): void {
    if (hasNewKey || !operators.areDecided()) return;
    hasNewKey = true;
    world.crash(rotated);
    world.rekey(rotated, fresh);
    world.start(rotated);
  }

  return {
    ...operators,
    start: () => operators.start(takeNewKey),
    isDone() {
      if (!operators.areDecided() || !operators.areAlike()) return false;
      const last = Math.max(...operators.ends().values());
      return operators.lattices().every((lattice) => lattice.status().now > last + 5_000);
    },
    /** The nodes that write in the end. */
    writers: () => Array.from({ length: NODES }, (_, i) => i).filter((i) => i !== gone && i !== 4),
  };
}
type Fleet = ReturnType<typeof planChanges>;

function isQuiet(world: World): boolean {
  if (world.pendingWrites() > 0) return false;
  const roots = Array.from({ length: NODES }, (_, i) => world.node(i)?.lattice.root().root);
  return roots.every((root) => root !== undefined && root === roots[0]);
}

/** Everybody who stays writes and agrees; who has gone does not; nothing acknowledged is lost. */
async function check(world: World, fleet: Fleet, broken: () => boolean): Promise<void> {
  const pass = async (limitMs: number, done: () => boolean): Promise<boolean> => {
    const end = world.scheduler.now() + limitMs;
    while (!broken() && !done() && world.scheduler.now() < end)
      await world.scheduler.run(world.scheduler.now() + 500, broken);
    return broken() || done();
  };
  const isWritable = (i: number): boolean => world.node(i)?.lattice.status().writable === true;
  if (!(await pass(HEAL_MS, () => fleet.writers().every(isWritable)))) world.fail('a writer does not write');
  const before = world.oracle.acknowledgements;
  for (let i = 0; i < NODES; i++) world.write(i, [{ op: 'put', key: `final/${i}`, value: i }]);
  await world.scheduler.run(world.scheduler.now() + 1_000, broken);
  if (!(await pass(60_000, () => isQuiet(world)))) world.fail(`not equal in the end: ${fleet.describe()}`);
  if (world.oracle.acknowledgements !== before + fleet.writers().length)
    world.fail(`${world.oracle.acknowledgements - before} nodes took a last write, not ${fleet.writers().length}`);
  const since = Math.max(...fleet.writers().map((i) => world.node(i)?.lattice.status().now ?? 0));
  const isCertified = (i: number): boolean => (world.node(i)?.lattice.status().cuts?.certified?.at ?? 0) > since;
  if (!(await pass(CUT_MS, () => fleet.writers().every(isCertified)))) world.fail('no cut is certified in the end');
  if (broken()) return;
  const expected = world.oracle.expected(fleet.counts);
  for (let i = 0; i < NODES; i++) {
    for (const difference of differences(world.disk(i), expected).slice(0, 3)) world.fail(`n${i} ${difference}`);
    if (!sameEntries(world.disk(0), world.disk(i))) world.fail(`n0 and n${i} hold different bytes`);
  }
}
