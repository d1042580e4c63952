import { ASIDE_ROWS, deadUntil, entryRowToEntry, keyToEntryKey } from '../../src/core/rows/index.ts';
import { type Author, bytesToHex, type Hlc, type Operation, type Sibling } from '../../src/core/types/index.ts';
import type { WriteOperation } from '../../src/runtime/index.ts';
import { trueTime } from './clock.ts';
import { createClosings, floorsOf } from './closings.ts';
import { hasher } from './crypto.ts';
import { calm, type World } from './face.ts';
import { type At, isIn, type Lapse, restoreDisk } from './lapse.ts';
import { createOperators, type Operators } from './operators.ts';
import { differences, sameEntries } from './oracle.ts';
import { type Report, reportOf } from './report.ts';
import { createRng, type Rng } from './rng.ts';
import { stormyWeather } from './weather.ts';
import { createWorld } from './world.ts';

/** Three writers and a mirror. */
const LIVING = [0, 1, 2, 3];
const WRITERS = [0, 1, 2];
/** The mirror, which is away for longer than tombstones stay. */
const AWAY = 3;
/** A founder whose machine burns; commits in its name turn up later. */
const BURNT = 4;
const RETENTION_MS = 20_000;
const OTHER_RETENTIONS_MS = [10_000, 35_000] as const;
const GRID_MS = 10_000;
/** The members are as they are to be by then. */
const STORM_FROM_MS = 20_000;
const STORM_MS = 110_000;
/** How far the floor may be behind, beside retention and grid, once all is calm. */
const BEHIND_MS = 45_000;
const HEAL_MS = 150_000;

/** A commit in the name of the founder that burnt. */
interface Ghost {
  readonly operation: Operation;
  readonly wallMs: number;
  /** Every disk was closed for its time when it came. */
  readonly isClosed: boolean;
}

/** A fleet that forgets what is dead, in a storm, with disks of a while ago and commits that come much too late. */
export async function runCollectionSeed(seed: number, verbose?: (line: string) => void): Promise<Report> {
  const world = createWorld({
    seed: `collections ${seed}`,
    nodes: LIVING.length + 1,
    founders: [...WRITERS, BURNT],
    collectionGridMs: GRID_MS,
    onDurable: (node, rows) => closings.durable(node, rows),
    ...(verbose === undefined ? {} : { verbose }),
  });
  const closings = createClosings(world, LIVING);
  const rng = createRng(`collection scenario ${seed}`);
  const ghosts = new Map<string, Ghost>();
  const other = rng.chance(0.5) ? rng.pick(OTHER_RETENTIONS_MS) : undefined;
  const of = (i: number): Author => world.authorOf(i);
  const settings = (retentionMs: number) => ({ kind: 'settings', certify: 'majority', retentionMs }) as const;
  const operators = createOperators(
    world,
    [
      { kind: 'add', author: of(3), name: 'three', role: 'mirror' },
      settings(RETENTION_MS),
      { kind: 'retire', author: of(BURNT) },
    ],
    () => true,
  );
  const later = createOperators(world, other === undefined ? [] : [settings(other)], () => true);
  const broken = (): boolean => world.failures.length > 0;
  const at: At = (ms, run) => void world.scheduler.after(ms - world.scheduler.now(), 'plan', 'due', run);
  try {
    for (const i of [...LIVING, BURNT]) {
      world.setSkew(i, rng.between(-2_000, 2_000));
      at(rng.between(0, 1_000), () => world.start(i));
    }
    const away = planAway(world, rng.fork('away'), at);
    const lapse = planRestore(world, rng.fork('restore'), at);
    planWrites(world, rng.fork('writes'), at, lapse);
    planWeather(world, rng.fork('weather'), at, away);
    planGhosts(world, rng.fork('ghosts'), at, ghosts, away);
    at(rng.between(60_000, 90_000), () => later.start());
    operators.start(() => {
      if (operators.areDecided()) world.crash(BURNT);
    });
    closings.watch(broken);
    await world.scheduler.run(STORM_MS, broken);
    const healedAt = world.scheduler.now();
    world.note('everything heals');
    calm(world);
    for (const i of LIVING) world.spare(i);
    const retentionMs = other ?? RETENTION_MS;
    const areDecided = (): boolean => operators.areDecided() && later.areDecided();
    await world.scheduler.run(away.to + 1, broken);
    const since = world.scheduler.now();
    await settle(world, operators, { since, areDecided, retentionMs, broken });
    const convergedMs = world.scheduler.now() - healedAt;
    if (!broken()) check(world, operators, ghosts);
    if (!broken()) {
      for (const i of WRITERS) world.write(i, [{ op: 'put', key: `final/${i}`, value: i }]);
      for (const i of WRITERS) world.write(i, [{ op: 'delete', key: `hot/${i}` }]);
      const before = world.oracle.acknowledgements;
      await world.scheduler.run(world.scheduler.now() + 1_000, broken);
      if (world.oracle.acknowledgements < before + 2 * WRITERS.length) world.fail('a writer does not write');
      await settle(world, operators, { since: world.scheduler.now(), areDecided, retentionMs, broken });
      if (!broken()) check(world, operators, ghosts);
    }
    return reportOf(world, seed, convergedMs);
  } finally {
    world.dispose();
  }
}

function planAway(world: World, rng: Rng, at: At): Lapse {
  const from = rng.between(38_000, 52_000);
  // What was deleted meanwhile has been forgotten once it is back.
  const to = from + rng.between(65_000, 95_000);
  at(from, () => world.crash(AWAY));
  at(to, () => world.start(AWAY));
  return { node: AWAY, from, to };
}

/** One writer gets a copy of its disk of a while ago: values are there whose tombstones have left everywhere. */
function planRestore(world: World, rng: Rng, at: At): Lapse {
  const node = rng.pick(WRITERS);
  const from = rng.between(30_000, 60_000);
  const to = from + rng.between(10_000, 45_000);
  return restoreDisk(world, at, { node, from, to });
}

function planWrites(world: World, rng: Rng, at: At, lapse: Lapse): void {
  for (let n = 0; n < 6; n++)
    at(3_000 + 10 * n, () => world.write(WRITERS[n % 3] as number, [{ op: 'put', key: `haunted/${n}`, value: n }]));
  // Values and deletions that don't know of each other: some deletions hide a value for ever.
  for (let n = 0; n < 16; n++) {
    const [when, key] = [rng.between(3_000, STORM_MS - 30_000), `pair/${n}`];
    const nodes = [n % 3, (n + 1) % 3].filter((node) => !isIn(lapse, node, when));
    at(when, () => nodes.forEach((node, i) => world.write(node, [pairOf(key, i)])));
  }
  for (let n = 0; n < 240; n++) {
    const node = rng.pick(WRITERS);
    const when = rng.between(3_000, STORM_MS);
    const operation = writeOf(rng, n);
    if (!isIn(lapse, node, when)) at(when, () => world.write(node, [operation]));
  }
}

const pairOf = (key: string, i: number): WriteOperation =>
  i === 0 ? { op: 'put', key, value: key } : { op: 'delete', key };

/** Keys are few, so that what was deleted is written anew, and some are forgotten for good. */
function writeOf(rng: Rng, n: number): WriteOperation {
  const key = rng.chance(0.5) ? `hot/${rng.int(8)}` : `few/${rng.int(60)}`;
  if (rng.chance(0.4)) return { op: 'delete', key, mustExist: rng.chance(0.5) };
  return { op: 'put', key, value: `${n}`, ...(rng.chance(0.25) ? { ttl: 1 + rng.int(30) } : {}) };
}

function planWeather(world: World, rng: Rng, at: At, away: Lapse): void {
  // Floors move only while all writers hear each other, so the storm has breaks.
  for (let when = STORM_FROM_MS; when < STORM_MS; when += rng.between(5_000, 15_000)) {
    const weather = stormyWeather(rng, world.size);
    if (rng.chance(0.5)) at(when, () => calm(world));
    else
      at(when, () => {
        world.setWeather('p2p', weather);
        world.setWeather('http', weather);
      });
  }
  for (let n = 0; n < 5; n++) {
    const [node, when] = [rng.pick(LIVING), rng.between(STORM_FROM_MS, STORM_MS - 5_000)];
    const [inBatch, back] = [rng.chance(0.5), when + rng.between(500, 8_000)];
    if (isIn(away, node, when) || isIn(away, node, back)) continue;
    at(when, () => (inBatch ? world.crashInBatch(node) : world.crash(node)));
    at(back, () => world.start(node));
  }
}

function planGhosts(world: World, rng: Rng, at: At, ghosts: Map<string, Ghost>, away: Lapse): void {
  const haunt = (nodes: readonly number[], operation: Operation, ms: number): void => {
    const wallMs = trueTime(Math.max(1_000, ms));
    const isClosed = LIVING.every((i) => floorsOf(world, i).closed >= wallMs);
    for (const node of nodes) ghosts.set(world.haunt(node, BURNT, operation, wallMs), { operation, wallMs, isClosed });
  };
  for (let n = 0; n < 24; n++) {
    if (n === 5) continue;
    const isAnywhen = rng.chance(0.4);
    // Around the time at which a cut is fixed and taken as the floor, or at any other.
    const cut = 10_000 * (3 + rng.int(8));
    const when = isAnywhen ? rng.between(25_000, STORM_MS) : cut + rng.between(4_500, 8_000);
    const nodes = isAnywhen && rng.chance(0.5) ? [rng.pick(WRITERS), rng.pick(LIVING)] : [rng.pick(LIVING)];
    // Of what the next floor closes, or the last one has closed.
    const ms = isAnywhen
      ? when - RETENTION_MS - rng.between(-8_000, 14_000)
      : cut - RETENTION_MS - rng.between(0, 9_000);
    const operation = ghostOf(rng, n, world.authorOf(n % 3), ms);
    at(when, () => haunt(nodes, operation, ms));
  }
  // The mirror takes these with it, and may be the only one: one replaces what is older than what the mirror has closed.
  const ms = away.from - 5_000;
  at(away.from - 20, () => haunt([AWAY], { kind: 'put', key: 'ghost/away', value: 1, context: [] }, ms));
  at(away.from - 20, () => haunt([AWAY], ghostOf(rng, 5, world.authorOf(5 % 3), ms), ms + 1));
}

/** A value of its own, one on a key that others write, one that replaces what a writer wrote, or a deletion. */
function ghostOf(rng: Rng, n: number, seen: Author, ms: number): Operation {
  const context = [{ author: seen, hlc: (BigInt(trueTime(Math.max(1_000, ms) - 1)) << 16n) as Hlc }];
  if (n <= 5) return { kind: 'delete', key: `haunted/${n}`, context };
  const kind = rng.next();
  if (kind < 0.5) return { kind: 'put', key: `ghost/${n}`, value: n, context: [] };
  if (kind < 0.75) return { kind: 'put', key: `hot/${rng.int(8)}`, value: `ghost ${n}`, context: [] };
  return { kind: 'put', key: `few/${n}`, value: `ghost ${n}`, context };
}

interface Settling {
  /** Simulated time from which on the bounds count. */
  readonly since: number;
  readonly areDecided: () => boolean;
  readonly retentionMs: number;
  readonly broken: () => boolean;
}

/** Waits until all nodes are equal, and their floors are where those of a healthy fleet are. */
async function settle(world: World, operators: Operators, { since, areDecided, retentionMs, broken }: Settling) {
  const why = (): string | undefined => {
    for (const i of LIVING) if (!world.isUp(i)) world.start(i);
    if (!areDecided() || !operators.areAlike(LIVING)) return 'members differ';
    if (world.pendingWrites() > 0) return 'writes are pending';
    const roots = LIVING.map((i) => world.node(i)?.lattice.root().root);
    if (roots.includes(undefined) || new Set(roots).size > 1) return 'roots differ';
    const floors = LIVING.map((i) => floorsOf(world, i));
    const [first] = floors;
    if (floors.some(({ closed, collected }) => closed !== first?.closed || collected !== closed))
      return `floors differ: ${floors.map((one) => `${one.closed}/${one.collected}`).join()}`;
    const least = trueTime(Math.max(since, world.scheduler.now() - BEHIND_MS)) - retentionMs - GRID_MS;
    const closed = first?.closed ?? 0;
    if (LIVING.some((i) => (world.node(i)?.lattice.floor().at ?? 0) < trueTime(since))) return 'the floor stands';
    if (closed < least) return `floors are ${(least - closed) / 1000} s behind`;
    const isSwept = (i: number): boolean => {
      const { lt, gte } = deadUntil(closed);
      return world.disk(i).rows({ lt, gte }).length === 0;
    };
    return LIVING.every(isSwept) ? undefined : 'something dead is left';
  };
  for (let left = why(); left !== undefined && !broken(); left = why()) {
    if (world.scheduler.now() > since + HEAL_MS) {
      const waits = LIVING.map((i) =>
        JSON.stringify(
          world
            .node(i)
            ?.lattice.floor()
            .holders.map(({ text }) => text),
        ),
      );
      world.fail(`not done in time: ${left}; ${operators.describe()}; ${waits.join('; ')}`);
    }
    await world.scheduler.run(world.scheduler.now() + 500, broken);
  }
}

/** All nodes have what the definition says, less what is dead; nothing of the ghosts that came too late to all. */
function check(world: World, operators: Operators, ghosts: ReadonlyMap<string, Ghost>): void {
  const disk = world.disk(0);
  const held = (key: string): readonly Sibling[] => {
    const rowKey = keyToEntryKey(key, hasher);
    const row = disk.get(rowKey);
    return row === undefined ? [] : entryRowToEntry(rowKey, row, hasher).siblings;
  };
  /** A deletion is in the state when what it deletes is not. */
  const isTaken = (id: string, { operation: { kind, key, context } }: Ghost): boolean =>
    kind === 'put'
      ? held(key).some(({ commit }) => bytesToHex(commit) === id)
      : !held(key).some((one) => context.some((dot) => dot.author === one.author && dot.hlc >= one.hlc));
  const out = new Set<string>();
  for (const [id, ghost] of ghosts) {
    if (!isTaken(id, ghost)) out.add(id);
    else if (ghost.isClosed) world.fail(`a ghost of ${ghost.operation.key} is in the state that came too late to all`);
  }
  const counts = (one: Sibling): boolean => !out.has(bytesToHex(one.commit)) && operators.counts(one);
  const expected = world.oracle.expected(counts, floorsOf(world, 0).collected);
  for (const i of LIVING) {
    for (const difference of differences(world.disk(i), expected).slice(0, 3)) world.fail(`n${i} ${difference}`);
    if (!sameEntries(disk, world.disk(i))) world.fail(`n0 and n${i} hold different bytes`);
  }
  const aside = LIVING.map((i) => world.disk(i).rows(ASIDE_ROWS).length);
  const dead = world.oracle.expected(counts).size - expected.size;
  world.note(
    `ghosts: ${ghosts.size - out.size} in, ${out.size} out; ${expected.size} keys, ${dead} forgotten; aside ${aside.join(' ')}`,
  );
}
