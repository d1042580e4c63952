import type { WriteOperation } from '../../src/runtime/index.ts';
import { calm, type Sabotage, type World } from './face.ts';
import { differences, sameEntries } from './oracle.ts';
import { type Report, reportOf } from './report.ts';
import { createRng, type Rng } from './rng.ts';
import { splitWeather, stormyWeather } from './weather.ts';
import { createWorld } from './world.ts';

const NODES = 5;
/** After faults and writes have ended, the fleet must be equal and writable within this time, ms. */
const QUIET_MS = 180_000;
/** The same after one more write on each node in calm weather. */
const PROBE_MS = 30_000;
const SETTLE_MS = 1_000;
/** Until all agree on a cut: two periods, and before them the time by which the fleet's clock may be ahead. */
const CUT_MS = 120_000;

/** One whole run: a storm of writes and faults drawn from the seed, then calm; and what was wrong on the way. */
export async function runSeed(
  seed: number,
  options: { readonly sabotage?: Sabotage; readonly verbose?: (line: string) => void } = {},
): Promise<Report> {
  const world = createWorld({ seed: `lattice ${seed}`, nodes: NODES, ...options });
  const rng = createRng(`scenario ${seed}`);
  try {
    const stormMs = rng.between(45_000, 120_000);
    prepare(world, rng.fork('clocks'), stormMs);
    planWrites(world, rng.fork('writes'), stormMs);
    planWeather(world, rng.fork('weather'), stormMs);
    planCrashes(world, rng.fork('crashes'), stormMs);
    planOperators(world, rng.fork('operators'), stormMs);
    watch(world);
    const broken = (): boolean => world.failures.length > 0;
    await world.scheduler.run(stormMs, broken);
    const convergedMs = broken() ? 0 : await heal(world, rng.fork('heal'), broken);
    if (!broken()) await check(world);
    return reportOf(world, seed, convergedMs);
  } finally {
    world.dispose();
  }
}

function at(world: World, ms: number, run: () => void): void {
  world.scheduler.after(ms - world.scheduler.now(), 'plan', 'due', run);
}

function prepare(world: World, rng: Rng, stormMs: number): void {
  for (let i = 0; i < world.size; i++) {
    world.setSkew(i, rng.between(-5_000, 5_000));
    at(world, rng.between(0, 2_000), () => world.start(i));
  }
  const steps = rng.int(4);
  for (let n = 0; n < steps; n++)
    at(world, rng.between(0, stormMs), () => world.setSkew(rng.int(world.size), rng.between(-5_000, 5_000)));
  // Now and then a clock is far off: writes are refused and commits deferred, but nothing may be lost.
  if (rng.chance(0.25))
    at(world, rng.between(0, stormMs), () => world.setSkew(rng.int(world.size), rng.between(-40_000, 40_000)));
  if (rng.chance(0.15)) {
    at(world, rng.between(0, stormMs / 2), () => world.setSkew(0, rng.between(30_000, 40_000)));
    at(world, rng.between(0, stormMs / 2), () => world.setSkew(1, rng.between(-40_000, -30_000)));
  }
}

function planWrites(world: World, rng: Rng, stormMs: number): void {
  // A third of the worlds hold a few hundred keys early on: smaller states are never reconciled by coded symbols.
  if (rng.chance(0.35)) {
    for (let batch = 0; batch < 4; batch++) {
      const bulk = Array.from(
        { length: 100 },
        (_, k): WriteOperation => ({ op: 'put', key: `bulk/${batch}/${k}`, value: k }),
      );
      at(world, rng.between(3_000, stormMs / 2), () => world.write(rng.int(world.size), bulk));
    }
  }
  const count = 200 + rng.int(200);
  const hot = (): string => `hot/${rng.int(8)}`;
  for (let n = 0; n < count; n++) {
    const node = rng.int(world.size);
    const value = `${n}`;
    const kind = rng.next();
    const when = rng.between(1_000, stormMs);
    if (kind < 0.35) at(world, when, () => world.write(node, [{ op: 'put', key: hot(), value }]));
    else if (kind < 0.55) at(world, when, () => world.write(node, [{ op: 'put', key: `unique/${n}`, value }]));
    else if (kind < 0.7)
      at(world, when, () => world.write(node, [{ op: 'delete', key: hot(), mustExist: rng.chance(0.5) }]));
    else if (kind < 0.82) at(world, when, () => world.write(node, commitOf(rng, n)));
    else if (kind < 0.95) at(world, when, () => world.replace(node, hot(), value));
    else {
      const key = hot();
      at(world, when, () => {
        for (let k = 0; k < 5; k++) world.write(node, [{ op: k === 3 ? 'delete' : 'put', key, value: `${n}.${k}` }]);
      });
    }
  }
}

/** Several operations in one commit, some on keys that others write too. */
function commitOf(rng: Rng, n: number): WriteOperation[] {
  const keys = new Set(
    Array.from({ length: 2 + rng.int(5) }, (_, k) => (rng.chance(0.6) ? `hot/${rng.int(8)}` : `unique/${n}/${k}`)),
  );
  return Array.from(keys, (key) =>
    rng.chance(0.2) ? { op: 'delete', key } : { op: 'put', key, value: `${n} ${key}` },
  );
}

function planWeather(world: World, rng: Rng, stormMs: number): void {
  let when = rng.between(0, 5_000);
  while (when < stormMs) {
    const lungs = rng.pick([['p2p'], ['http'], ['p2p', 'http'], ['p2p', 'http']] as const);
    const same = rng.chance(0.6) ? stormyWeather(rng, world.size) : undefined;
    for (const lung of lungs) {
      const weather = same ?? stormyWeather(rng, world.size);
      at(world, when, () => world.setWeather(lung, weather));
    }
    if (rng.chance(0.15)) at(world, when + 1, () => calm(world));
    when += rng.between(1_000, 20_000);
  }
  // The storm ends with a fleet that has drifted apart on both lungs: healing has work to do.
  if (rng.chance(0.6)) {
    const last = splitWeather(rng, world.size);
    at(world, stormMs - rng.between(3_000, 20_000), () => {
      world.setWeather('p2p', last);
      world.setWeather('http', last);
    });
  }
}

function planCrashes(world: World, rng: Rng, stormMs: number): void {
  const count = 2 + rng.int(6);
  for (let n = 0; n < count; n++) {
    const node = rng.int(world.size);
    const when = rng.between(1_000, stormMs);
    const back = when + rng.between(500, 20_000);
    const how = rng.next();
    at(world, when, () => {
      if (how < 0.3) world.crash(node);
      else if (how < 0.6) world.crashInBatch(node);
      else if (how < 0.85) world.stop(node);
      else world.breakDisk(node);
    });
    at(world, back, () => world.start(node));
  }
}

function planOperators(world: World, rng: Rng, stormMs: number): void {
  const modes = rng.int(4);
  for (let n = 0; n < modes; n++) {
    const node = rng.int(world.size);
    const when = rng.between(0, stormMs);
    const mode = rng.pick(['p2p', 'http'] as const);
    at(world, when, () => world.setMode(node, mode));
    at(world, when + rng.between(2_000, 30_000), () => world.setMode(node, 'auto'));
  }
  for (let n = 0; n < 3; n++) at(world, rng.between(3_000, stormMs), () => world.syncNow(rng.int(world.size)));
  if (rng.chance(0.25))
    at(world, rng.between(3_000, stormMs), () =>
      world.fromTheFuture(rng.int(world.size), rng.between(70_000, 100_000)),
    );
  for (let n = 0; n < 3; n++)
    at(world, rng.between(3_000, stormMs), () => world.forge(rng.int(world.size), rng.int(world.size)));
}

/** What must hold at every moment, looked at now and then. */
function watch(world: World): void {
  for (let i = 0; i < world.size; i++) {
    const status = world.node(i)?.lattice.status();
    if (status === undefined) continue;
    if (status.deferred > 1024) world.fail(`n${i} keeps ${status.deferred} deferred fragments`);
    if (status.transitions.length > 200) world.fail(`n${i} keeps ${status.transitions.length} transitions`);
    const clone = status.readOnlyReasons.find(({ code }) => code === 'clone');
    if (clone !== undefined) world.fail(`n${i} believes in a clone of itself: ${clone.text}`);
  }
  world.scheduler.after(2_000, 'plan', 'watch', () => watch(world));
}

const all = (world: World): number[] => Array.from({ length: world.size }, (_, i) => i);

function isQuiet(world: World): boolean {
  if (world.pendingWrites() > 0) return false;
  const roots = all(world).map((i) => world.node(i)?.lattice.root().root);
  return roots.every((root) => root !== undefined && root === roots[0]);
}

const isWritable = (world: World): boolean =>
  all(world).every((i) => world.node(i)?.lattice.status().writable === true);

/** Runs until `done`, looked at every quarter of a second; false when the time is over first. */
async function runUntil(world: World, limitMs: number, done: () => boolean, broken: () => boolean): Promise<boolean> {
  const end = world.scheduler.now() + limitMs;
  while (world.scheduler.now() < end) {
    await world.scheduler.run(world.scheduler.now() + 250, broken);
    if (broken()) return true;
    if (done()) return true;
  }
  return false;
}

/** Ends every fault, waits until the fleet is equal and writable, then sees whether it still works. */
async function heal(world: World, rng: Rng, broken: () => boolean): Promise<number> {
  const healedAt = world.scheduler.now();
  world.note('everything heals');
  calm(world);
  for (const i of all(world)) {
    world.setSkew(i, rng.between(-200, 200));
    world.spare(i);
    world.start(i);
    world.setMode(i, 'auto');
  }
  // A node that was stopping or failing when the storm ended is started again too.
  const keepUp = (): boolean => {
    for (const i of all(world)) if (!world.isUp(i)) world.start(i);
    return isQuiet(world);
  };
  if (!(await runUntil(world, QUIET_MS, keepUp, broken))) {
    world.fail(`no equal roots ${QUIET_MS / 1000} s after everything healed: ${describe(world)}`);
    return QUIET_MS;
  }
  const convergedMs = world.scheduler.now() - healedAt;
  for (const i of all(world)) world.setMode(i, 'auto');
  if (world.outsiderUntil > world.scheduler.now()) await world.scheduler.run(world.outsiderUntil, broken);
  if (!(await runUntil(world, QUIET_MS, () => isWritable(world), broken))) {
    const why = all(world).flatMap((i) => world.node(i)?.lattice.status().readOnlyReasons ?? []);
    world.fail(`not writable ${QUIET_MS / 1000} s after everything healed: ${why.map(({ text }) => text).join('; ')}`);
  }
  if (broken()) return convergedMs;
  const before = world.oracle.acknowledgements;
  for (const i of all(world)) world.write(i, [{ op: 'put', key: `final/${i}`, value: i }]);
  await world.scheduler.run(world.scheduler.now() + SETTLE_MS, broken);
  if (!(await runUntil(world, PROBE_MS, () => isQuiet(world), broken)))
    world.fail(`not equal after the last writes: ${describe(world)}`);
  if (!broken() && world.oracle.acknowledgements < before + world.size)
    world.fail('not every node took a write after everything healed');
  const quietAt = Math.max(...all(world).map((i) => world.node(i)?.lattice.status().now ?? 0));
  if (!(await runUntil(world, CUT_MS, () => hasConvergedAsOf(world, quietAt), broken))) {
    const cuts = all(world).map((i) => JSON.stringify(world.node(i)?.lattice.status().cuts));
    world.fail(`no agreement on a cut ${CUT_MS / 1000} s after the last writes: ${cuts.join('; ')}`);
  }
  return convergedMs;
}

/**
 * Every node knows of a cut since `time` that a quorum attested and nobody saw otherwise, and it is the state that it
 * holds.
 */
function hasConvergedAsOf(world: World, time: number): boolean {
  return all(world).every((i) => {
    const status = world.node(i)?.lattice.status();
    return (status?.cuts?.convergedAsOf ?? 0) > time && status?.cuts?.newest?.root === status?.root;
  });
}

function describe(world: World): string {
  return all(world)
    .map((i) => {
      const lattice = world.node(i)?.lattice;
      if (lattice === undefined) return `n${i} is down`;
      const { root, entries } = lattice.root();
      const peers = lattice
        .peers()
        .map((p) => `${p.lung}/${p.agreement}/${p.lastRepair?.outcome ?? 'never'}${p.lastRepair?.error ?? ''}`);
      return `n${i} ${root.slice(0, 8)} ${entries} [${peers.join(' ')}]`;
    })
    .join('; ');
}

/** What must hold at the end. */
async function check(world: World): Promise<void> {
  const expected = world.oracle.expected();
  const conflicting = Array.from(expected.values()).filter((versions) => versions.length > 1).length;
  for (const i of all(world)) {
    for (const difference of differences(world.disk(i), expected).slice(0, 3)) world.fail(`n${i} ${difference}`);
    if (!sameEntries(world.disk(0), world.disk(i))) world.fail(`n0 and n${i} hold different bytes`);
    const lattice = world.node(i)?.lattice;
    if (lattice === undefined) continue;
    let integrity: Awaited<ReturnType<typeof lattice.verifyIntegrity>> | undefined;
    let conflicts: number | undefined;
    lattice.verifyIntegrity().then((result) => (integrity = result), world.fail);
    lattice.conflicts({ limit: 1000 }).then((page) => (conflicts = page.items.length), world.fail);
    await world.scheduler.run(world.scheduler.now() + 2_000, () => integrity !== undefined && conflicts !== undefined);
    if (integrity?.valid !== true) world.fail(`n${i} does not recompute its root from its store`);
    if (conflicts !== conflicting) world.fail(`n${i} lists ${conflicts} conflicts, there are ${conflicting}`);
    if (lattice.status().conflicts !== conflicting)
      world.fail(`n${i} counts ${lattice.status().conflicts} conflicts, there are ${conflicting}`);
    if (lattice.root().entries !== expected.size)
      world.fail(`n${i} counts ${lattice.root().entries} entries, there are ${expected.size}`);
  }
}
