import { hlcMs } from '../../src/core/clock/index.ts';
import type { Author, Sibling } from '../../src/core/types/index.ts';
import { LatticeError } from '../../src/core/types/index.ts';
import type { ChangeAction, ChangeView, Lattice } from '../../src/runtime/index.ts';
import { createSimSigner } from './crypto.ts';
import { calm, type World } from './face.ts';
import { differences, sameEntries } from './oracle.ts';
import { createRng, type Rng } from './rng.ts';
import type { Report } from './scenario.ts';
import { stormyWeather } from './weather.ts';
import { createWorld } from './world.ts';

const NODES = 5;
/** The others join. */
const FOUNDERS = [0, 1, 2];
const STORM_MS = 90_000;
/** All changes are decided, the last minute of who retires is over, and everybody is equal within this time. */
const HEAL_MS = 300_000;
const CUT_MS = 90_000;
/** A write is acknowledged or refused within this time. */
const WRITTEN_MS = 5_000;
/** How often operators look after what they want. */
const OPERATORS_MS = 2_000;

/** A fleet whose members come, go and change their keys while it storms. */
export async function runRosterSeed(seed: number, verbose?: (line: string) => void): Promise<Report> {
  const world = createWorld({
    seed: `rosters ${seed}`,
    nodes: NODES,
    founders: FOUNDERS,
    ...(verbose === undefined ? {} : { verbose }),
  });
  const rng = createRng(`roster scenario ${seed}`);
  const fleet = createOperators(world, rng.fork('operators'));
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
    return {
      seed,
      failures: world.failures,
      operations: world.operations,
      lines: world.trace.last(60),
      events: world.trace.events,
      traceHash: world.trace.hash(),
      simulatedMs: Math.round(world.scheduler.now()),
      convergedMs: Math.round(world.scheduler.now() - healedAt),
      acknowledged: world.oracle.acknowledgements,
    };
  } finally {
    world.dispose();
  }
}

/** A time in which a node writes nothing, because its disk forgets it. */
interface Lapse {
  readonly node: number;
  readonly from: number;
  readonly to: number;
}

/** One founder gets a copy of its disk from some seconds ago: votes and attestations are missing there, and no writes. */
function planRestore(world: World, rng: Rng, at: (ms: number, run: () => void) => void): Lapse {
  const node = rng.pick(FOUNDERS);
  const from = rng.between(15_000, 50_000);
  const to = from + rng.between(3_000, 25_000);
  let backup: ReturnType<typeof disk.rows> = [];
  const disk = world.disk(node);
  at(from, () => (backup = disk.rows({ gte: new Uint8Array(0), lt: new Uint8Array(64).fill(255) })));
  at(to, () => {
    world.crash(node);
    world.restore(node, backup);
  });
  at(to + 1_000, () => world.start(node));
  return { node, from: from - WRITTEN_MS, to };
}

function planStorm(world: World, rng: Rng, at: (ms: number, run: () => void) => void, lapse: Lapse): void {
  const ends = rng.fork('ends');
  for (let n = 0; n < 150; n++) {
    const [node, key] = [rng.int(NODES), rng.chance(0.6) ? `hot/${rng.int(6)}` : `unique/${n}`];
    const when = rng.between(1_000, STORM_MS);
    const end = ends.chance(0.2) ? { ttl: 1 + ends.int(60) } : {};
    if (node === lapse.node && when > lapse.from && when < lapse.to) continue;
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

interface Operators {
  start(): void;
  isDone(): boolean;
  describe(): string;
  /** Whether an operation counts by the ends of who retired. */
  counts(sibling: Sibling): boolean;
  /** The nodes that write in the end. */
  writers(): readonly number[];
}

/** Operators of all nodes, who want the same changes one after the other, and what must hold of rosters at any time. */
function createOperators(world: World, rng: Rng): Operators {
  const nodes = Array.from({ length: NODES }, (_, i) => i);
  const first = nodes.map((i) => world.authorOf(i));
  const of = (i: number): Author => first[i] as Author;
  const fresh = createSimSigner(`fresh key ${rng.int(1e9)}`);
  const gone = rng.pick(FOUNDERS);
  const rotated = rng.pick(FOUNDERS.filter((i) => i !== gone));
  const wanted: ChangeAction[] = [
    { kind: 'add', author: of(3), name: 'three', role: 'mirror' },
    { kind: 'promote', author: of(3) },
    { kind: 'retire', author: of(gone) },
    { kind: 'add', author: of(4), name: 'four', role: 'mirror' },
    { kind: 'rotate', author: of(rotated), to: fresh.author },
  ];
  let next = 0;
  let hasNewKey = false;
  const hashes = new Map<number, string>();
  const certified = new Map<number, string>();

  const lattices = (): readonly Lattice[] => nodes.flatMap((i) => world.node(i)?.lattice ?? []);
  const isSame = (change: ChangeView, action: ChangeAction): boolean =>
    change.action.kind === action.kind &&
    'author' in change.action &&
    'author' in action &&
    change.action.author === action.author;

  /** Has every operator whose node is up and writes approve what is wanted next. */
  async function operate(): Promise<void> {
    const action = wanted[next];
    if (action === undefined) return;
    for (const lattice of lattices()) {
      const { members } = lattice;
      const self = members.roster().members.find((member) => member.self);
      const same = members.changes().filter((change) => isSame(change, action));
      if (same.some(({ stage }) => stage === 'decided')) {
        world.note(`decided: ${action.kind}`);
        if (wanted[next] === action) next++;
        return;
      }
      if (self?.role !== 'writer') continue;
      // Where several asked at the same time, all operators settle on one of these.
      const [open] = same
        .filter(({ stage }) => stage === 'waiting' || stage === 'deciding')
        .sort((x, y) => (x.id < y.id ? -1 : 1));
      if (open?.approvals.some(({ author }) => author === self.author) === true) continue;
      await (open === undefined ? members.propose(action) : members.approve(open.id));
    }
  }

  /** One roster for each epoch, and one certified root for each T. */
  function look(): void {
    for (const lattice of lattices()) {
      const { epoch, hash } = lattice.members.roster();
      const known = hashes.get(epoch) ?? hash;
      hashes.set(epoch, known);
      if (known !== hash) world.fail(`two rosters of epoch ${epoch}`);
      for (const { kind, about } of lattice.evidence())
        if (kind === 'two-roots' || kind === 'two-votes') world.fail(`evidence of ${kind}: ${about}`);
      for (const { at, root, certified: isCertified } of lattice.cuts()) {
        if (!isCertified) continue;
        const other = certified.get(at) ?? root;
        certified.set(at, other);
        if (other !== root) world.fail(`two certified roots of ${at}`);
      }
    }
  }

  /** The node of the rotated key gets the new one once that was decided, at a restart. */
  function takeNewKey(): void {
    if (hasNewKey || next < wanted.length) return;
    hasNewKey = true;
    world.crash(rotated);
    world.rekey(rotated, fresh);
    world.start(rotated);
  }

  const ends = (): ReadonlyMap<string, number> =>
    new Map(
      (lattices()[0]?.members.roster().members ?? []).flatMap(({ author, until }) =>
        until === undefined ? [] : [[author, until] as const],
      ),
    );

  return {
    start() {
      const turn = (): void => {
        look();
        // A node that crashes answers nobody, so that no turn waits for the one before.
        operate().catch((error: unknown) => {
          if (!(error instanceof LatticeError)) world.fail(`an operator got ${String(error)}`);
        });
        world.scheduler.after(OPERATORS_MS, 'plan', 'operators', turn);
        takeNewKey();
      };
      world.scheduler.after(OPERATORS_MS, 'plan', 'operators', turn);
    },
    isDone() {
      const rosters = lattices().map(({ members }) => members.roster());
      if (next < wanted.length || rosters.length < NODES) return false;
      if (new Set(rosters.map(({ hash }) => hash)).size > 1) return false;
      const last = Math.max(...ends().values());
      return lattices().every((lattice) => lattice.status().now > last + 5_000);
    },
    describe: () =>
      `${next} of ${wanted.length} changes; ${nodes
        .map((i) => {
          const lattice = world.node(i)?.lattice;
          if (lattice === undefined) return `n${i} is down`;
          const { epoch, abstains } = lattice.members.roster();
          const open = lattice.members.changes().filter(({ stage }) => stage !== 'decided');
          const why = open.map((change) => `${change.action.kind} ${change.stage} ${change.why}`).join(', ');
          return `n${i} epoch ${epoch} root ${lattice.root().root.slice(0, 8)} ${abstains ?? ''} [${why}]`;
        })
        .join('; ')}`,
    counts: ({ author, hlc }) => hlcMs(hlc) <= (ends().get(author) ?? Infinity),
    writers: () => nodes.filter((i) => i !== gone && i !== 4),
  };
}

function isQuiet(world: World): boolean {
  if (world.pendingWrites() > 0) return false;
  const roots = Array.from({ length: NODES }, (_, i) => world.node(i)?.lattice.root().root);
  return roots.every((root) => root !== undefined && root === roots[0]);
}

/** Everybody who stays writes and agrees; who has gone does not; nothing acknowledged is lost. */
async function check(world: World, fleet: Operators, broken: () => boolean): Promise<void> {
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
