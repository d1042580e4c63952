import { MAX_AHEAD_MS, MAX_CLOCK_ERROR_MS } from '../../src/core/types/index.ts';
import type { Sabotage, World } from './face.ts';
import { differences, sameEntries } from './oracle.ts';
import { type Report, reportOf } from './report.ts';
import { createRng, type Rng } from './rng.ts';
import { createWorld } from './world.ts';

/** Right clocks are this far from the true time, ms. */
const RIGHT_MS = 1_500;
/** Wrong clocks are this far from it: two hours is a wrong time zone or two. */
const MAX_WRONG_MS = 7_200_000;
/** A clock that drifts ends this far off: a minute's worth at most, so that it passes every bound on its way. */
const MAX_DRIFT_MS = 60_000;
/** What is more than this off is to be noticed; what is less than the bound without both errors is not. */
const CERTAINLY_OFF_MS = MAX_CLOCK_ERROR_MS + 2 * RIGHT_MS;
const CERTAINLY_GOOD_MS = MAX_CLOCK_ERROR_MS - 2 * RIGHT_MS;
/** A node that starts hears the others within this time, and so does one whose peers are told that it is wrong. */
const NOTICE_MS = 5_000;
/** A clock that was set back is forgotten as what it was after eight heads, of which some are lost. */
const NAMED_MS = 15_000;
/** By what an acknowledged write may be ahead: by a right clock's error after a commit at the bound, or a bit off. */
const MAX_ACK_AHEAD_MS = MAX_AHEAD_MS + MAX_CLOCK_ERROR_MS + RIGHT_MS;
/** All must be equal and writable within a minute of the clocks being set right. */
const RECOVERY_MS = 60_000;
/** And certify a cut that holds everything: two periods, settling, and what the clock of the state is ahead. */
const CUT_MS = 45_000;
const LOOK_MS = 500;

type Kind = 'from the start' | 'a step' | 'a drift' | 'with a restart' | 'everybody back' | 'back after a cut';

interface Plan {
  readonly kind: Kind;
  readonly nodes: number;
  /** The nodes whose clocks go wrong. */
  readonly wrong: readonly number[];
  /** How far, ms, for each of them. */
  readonly offsets: readonly number[];
  /** When the clocks go wrong, and when they are set right; simulated ms. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Evenly over the orders of magnitude from one second on. */
function offsetUpTo(rng: Rng, maxMs: number): number {
  return (rng.chance(0.5) ? 1 : -1) * Math.round(1_000 * Math.exp(rng.next() * Math.log(maxMs / 1_000)));
}

function drawPlan(rng: Rng): Plan {
  const nodes = 2 + rng.int(4);
  const kind = rng.pick<Kind>([
    'from the start',
    'from the start',
    'a step',
    'a step',
    'a drift',
    'with a restart',
    'everybody back',
    'back after a cut',
  ]);
  const all = Array.from({ length: nodes }, (_, i) => i);
  const first = rng.int(nodes);
  const count = nodes > 3 ? 1 + rng.int(2) : 1;
  const wrong = kind === 'everybody back' ? all : all.map((i) => (first + i) % nodes).slice(0, count);
  // Steps back that the bounds allow: only the durable mark keeps these nodes from a second word on one time.
  const back = -rng.between(5_600, 9_400);
  const offsets = wrong.map(() => {
    if (kind === 'everybody back') return -25_000;
    if (kind === 'back after a cut') return back;
    return offsetUpTo(rng, kind === 'a drift' ? MAX_DRIFT_MS : MAX_WRONG_MS);
  });
  const fromMs = kind === 'from the start' ? 0 : kind === 'back after a cut' ? 35_600 : rng.between(12_000, 30_000);
  return { kind, nodes, wrong, offsets, fromMs, untilMs: fromMs + rng.between(25_000, 50_000) };
}

/** One run: a fleet of which some clocks are wrong for a while, and what must hold meanwhile and afterwards. */
export async function runClockSeed(
  seed: number,
  options: { readonly sabotage?: Sabotage; readonly verbose?: (line: string) => void } = {},
): Promise<Report> {
  const rng = createRng(`clocks ${seed}`);
  const plan = drawPlan(rng.fork('plan'));
  const world = createWorld({
    seed: `clocks ${seed}`,
    nodes: plan.nodes,
    // A fleet whose clocks all go back together has no right clock that could bound anything.
    ...(plan.kind === 'everybody back' ? {} : { maxAckAheadMs: MAX_ACK_AHEAD_MS }),
    ...options,
  });
  const skews = Array.from({ length: plan.nodes }, () => rng.between(-RIGHT_MS, RIGHT_MS));
  const broken = (): boolean => world.failures.length > 0;
  let convergedMs = 0;
  try {
    world.note(`${plan.kind}: ${plan.wrong.map((i, k) => `n${i} ${plan.offsets[k]} ms`).join(', ')}`);
    setWeather(world, rng.fork('weather'));
    skews.forEach((skewMs, i) => world.setSkew(i, skewMs));
    goWrong(world, plan, skews, rng.fork('wrong'));
    for (let i = 0; i < plan.nodes; i++) if (!world.isUp(i)) at(world, rng.between(0, 1_000), () => world.start(i));
    planWrites(world, plan, rng.fork('writes'));
    if (rng.chance(0.4)) planAttacks(world, plan, rng.fork('attacks'));
    watch(world, plan, skews);
    await world.scheduler.run(plan.untilMs, broken);
    world.note('all clocks are set right');
    for (let i = 0; i < plan.nodes; i++) world.setSkew(i, rng.between(-200, 200));
    if (!broken()) convergedMs = await recover(world, broken);
    return reportOf(world, seed, convergedMs);
  } finally {
    world.dispose();
  }
}

function at(world: World, ms: number, run: () => void): void {
  world.scheduler.after(ms - world.scheduler.now(), 'plan', 'due', run);
}

/** Loss and delays as between sites, and now and then one lung alone. Partitions belong to the other scenario. */
function setWeather(world: World, rng: Rng): void {
  const all = Array.from({ length: world.size }, (_, i) => i);
  const cut = new Set(all.flatMap((a) => all.map((b) => `${a}>${b}`)));
  const without = rng.pick(['p2p', 'http', undefined, undefined] as const);
  for (const lung of ['p2p', 'http'] as const)
    world.setWeather(lung, {
      loss: rng.between(0, 0.05),
      duplicate: rng.between(0, 0.2),
      maxDelayMs: rng.pick([20, 200, 1_000]),
      cut: lung === without ? cut : new Set(),
    });
}

function goWrong(world: World, { kind, wrong, offsets, fromMs, untilMs }: Plan, skews: number[], rng: Rng): void {
  const set = (k: number): void => {
    const i = wrong[k] as number;
    skews[i] = offsets[k] as number;
    world.setSkew(i, skews[i]);
  };
  wrong.forEach((i, k) => {
    if (kind === 'from the start') set(k);
    else if (kind === 'a step' || kind === 'back after a cut') at(world, fromMs, () => set(k));
    else if (kind === 'a drift') {
      const each = ((offsets[k] as number) / (untilMs - fromMs)) * LOOK_MS;
      for (let ms = fromMs; ms < untilMs; ms += LOOK_MS)
        at(world, ms, () => {
          skews[i] = (skews[i] as number) + each;
          world.drift(i, each);
        });
    } else {
      at(world, fromMs, () => {
        world.crash(i);
        set(k);
      });
      at(world, fromMs + rng.between(100, 2_000), () => world.start(i));
    }
  });
}

/** Writes on every node; a fleet that is to be caught in its word on a past time is quiet but for one write then. */
function planWrites(world: World, { kind, wrong, fromMs, untilMs }: Plan, rng: Rng): void {
  const key = (n: number): string => (rng.chance(0.5) ? `hot/${rng.int(5)}` : `unique/${n}`);
  if (kind === 'back after a cut' || kind === 'everybody back') {
    for (const [n, i] of wrong.entries())
      for (const after of [50, 3_000, 12_000])
        at(world, fromMs + after + rng.between(0, 300), () =>
          world.write(i, [{ op: 'put', key: key(n), value: after }]),
        );
    at(world, 3_000, () => world.write(0, [{ op: 'put', key: 'first', value: 0 }]));
    return;
  }
  for (let i = 0; i < world.size; i++)
    for (let ms = rng.between(100, 1_500), n = 0; ms < untilMs + RECOVERY_MS / 2; ms += rng.between(500, 2_500), n++) {
      const name = key(n);
      const value = `${i}.${n}`;
      const replaces = rng.chance(0.3);
      at(world, ms, () =>
        replaces ? world.replace(i, name, value) : world.write(i, [{ op: 'put', key: name, value }]),
      );
    }
}

/** Commits of a trusted author who signs any time that it likes. */
function planAttacks(world: World, { untilMs }: Plan, rng: Rng): void {
  for (let n = 0; n < 4; n++)
    at(world, rng.between(3_000, untilMs), () => world.fromTheFuture(rng.int(world.size), rng.between(10_000, 59_000)));
}

/** Looks now and then whether whoever is right may write, and whoever is wrong may not and is named. */
function watch(world: World, plan: Plan, skews: readonly number[]): void {
  const isMajority = 2 * plan.wrong.length < plan.nodes;
  const upSince = new Map<number, number>();
  const offSince = new Map<number, number>();

  function look(): void {
    const now = world.scheduler.now();
    if (now >= plan.untilMs) return;
    for (const [i, skew] of skews.entries()) {
      if (!world.isUp(i)) upSince.delete(i);
      else if (!upSince.has(i)) upSince.set(i, now);
      if (Math.abs(skew) < CERTAINLY_OFF_MS) offSince.delete(i);
      else if (!offSince.has(i)) offSince.set(i, now);
    }
    const settled = (since: number | undefined, ms = NOTICE_MS): boolean => since !== undefined && now - since > ms;
    const off = [...offSince].filter(([i, since]) => settled(since) && settled(upSince.get(i))).map(([i]) => i);
    for (const [i, skew] of skews.entries()) {
      const status = world.node(i)?.lattice.status();
      if (status === undefined || !settled(upSince.get(i)) || !isMajority) continue;
      const why = status.readOnlyReasons.map(({ text }) => text).join('; ');
      if (Math.abs(skew) < CERTAINLY_GOOD_MS && !status.writable)
        world.fail(`n${i} is right by ${Math.round(skew)} ms and takes no writes: ${why}`);
      if (off.includes(i) && status.writable) world.fail(`n${i} is ${Math.round(skew)} ms off and takes writes`);
      const toName = off.filter((k) => settled(offSince.get(k), NAMED_MS) && settled(upSince.get(i), NAMED_MS));
      const named = status.warnings.filter(({ code }) => code === 'peer-clock').length;
      if (Math.abs(skew) < CERTAINLY_GOOD_MS && named < toName.length)
        world.fail(`n${i} names ${named} clocks, ${toName.length} are off`);
      if (status.readOnlyReasons.some(({ code }) => code === 'clone')) world.fail(`n${i} believes in a clone: ${why}`);
    }
    world.scheduler.after(LOOK_MS, 'plan', 'watch', look);
  }
  look();
}

const everybody = (world: World): number[] => Array.from({ length: world.size }, (_, i) => i);

function isWell(world: World): boolean {
  const statuses = everybody(world).map((i) => world.node(i)?.lattice.status());
  const [first] = statuses;
  return statuses.every((s) => s?.writable === true && s.root === first?.root);
}

async function runUntil(world: World, limitMs: number, done: () => boolean, broken: () => boolean): Promise<boolean> {
  const end = world.scheduler.now() + limitMs;
  while (world.scheduler.now() < end) {
    await world.scheduler.run(world.scheduler.now() + 250, broken);
    if (broken() || done()) return true;
  }
  return false;
}

/** What must hold once the clocks are right, without anybody doing anything. */
async function recover(world: World, broken: () => boolean): Promise<number> {
  const from = world.scheduler.now();
  const describe = (): string =>
    everybody(world)
      .map((i) => {
        const status = world.node(i)?.lattice.status();
        return `n${i} ${status?.root.slice(0, 8)} ${status?.readOnlyReasons.map(({ text }) => text).join('; ')}`;
      })
      .join(', ');
  if (!(await runUntil(world, RECOVERY_MS, () => isWell(world), broken)))
    world.fail(`not equal and writable ${RECOVERY_MS / 1000} s after the clocks were set right: ${describe()}`);
  if (broken()) return 0;
  const convergedMs = world.scheduler.now() - from;
  await world.scheduler.run(from + RECOVERY_MS, broken);
  const before = world.oracle.acknowledgements;
  for (const i of everybody(world)) world.write(i, [{ op: 'put', key: `final/${i}`, value: i }]);
  await world.scheduler.run(world.scheduler.now() + 2_000, broken);
  if (world.oracle.acknowledgements < before + world.size) world.fail(`not every node took a write: ${describe()}`);
  const lastWrite = Math.max(...everybody(world).map((i) => world.node(i)?.lattice.status().now ?? 0));
  const hasCut = (): boolean =>
    isWell(world) &&
    everybody(world).every((i) => {
      const status = world.node(i)?.lattice.status();
      return (status?.cuts?.convergedAsOf ?? 0) > lastWrite && status?.cuts?.newest?.root === status?.root;
    });
  if (!(await runUntil(world, CUT_MS, hasCut, broken)))
    world.fail(`no agreement on a cut ${CUT_MS / 1000} s after the last writes: ${describe()}`);
  const expected = world.oracle.expected();
  for (const i of everybody(world)) {
    for (const difference of differences(world.disk(i), expected).slice(0, 3)) world.fail(`n${i} ${difference}`);
    if (!sameEntries(world.disk(0), world.disk(i))) world.fail(`n0 and n${i} hold different bytes`);
  }
  return convergedMs;
}
