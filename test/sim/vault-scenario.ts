import { type Bytes, bytesToHex, LatticeError } from '../../src/core/types/index.ts';
import type { VaultObject, VaultService } from '../../src/runtime/facade/index.ts';
import { hasher } from './crypto.ts';
import { calm, type World } from './face.ts';
import { describeError } from './log.ts';
import { createRng, type Rng } from './rng.ts';
import { createSimVaults, type SimVaults } from './vaults.ts';
import { splitWeather, stormyWeather } from './weather.ts';
import { createWorld } from './world.ts';

const POLICIES = ['all', 'pinned', 'all', 'none', 'all'] as const;
const BLOCK = 65_536;
const STORM_MS = 60_000;
/** After the storm every node has the same objects, and the bytes that its policy asks for, within this time, ms. */
const QUIET_MS = 240_000;
/** What a vault may answer with in a storm; everything else is a failure of the run. */
const EXPECTED = new Set([
  'read-only',
  'overloaded',
  'stopping',
  'store-write-failed',
  'clock-ahead',
  'object-not-found',
  'precondition-failed',
]);

export interface VaultReport {
  readonly failures: readonly string[];
  readonly lines: readonly string[];
  /** Objects that were acknowledged and that nobody removed. */
  readonly kept: number;
  /** What the nodes have in the end, by the hash over all of their rows. */
  readonly roots: readonly string[];
}

/** A storm over a fleet whose nodes put, pin and remove objects under unlike policies; then calm, and what is left. */
export async function runVaultSeed(seed: number): Promise<VaultReport> {
  const vaults = createSimVaults();
  const world = createWorld({
    seed: `vault ${seed}`,
    nodes: POLICIES.length,
    vault: {
      open: vaults.open,
      settings: (index) => ({ policy: POLICIES[index] ?? 'all', maxObjectBytes: 2 ** 24, capacityBytes: undefined }),
    },
  });
  const rng = createRng(`vault scenario ${seed}`);
  const broken = (): boolean => world.failures.length > 0;
  const kept = new Set<string>();
  try {
    for (let i = 0; i < world.size; i++) at(world, rng.between(0, 2_000), () => world.start(i));
    planObjects(world, rng.fork('objects'), kept);
    planWeather(world, rng.fork('weather'));
    planCrashes(world, rng.fork('crashes'));
    await world.scheduler.run(STORM_MS, broken);
    calm(world);
    await untilQuiet(world);
    if (!broken()) loseBytes(world, vaults);
    await untilQuiet(world);
    // Whoever reads damaged content finds it, and the node fetches it anew.
    for (let i = 0; i < world.size && !broken(); i++) await settled(world, [readAll(world, i, ['object-damaged'])]);
    const roots = await untilQuiet(world);
    for (let i = 0; i < world.size && !broken(); i++) await settled(world, [check(world, i, kept)]);
    return { failures: world.failures, lines: world.trace.last(40), kept: kept.size, roots };
  } finally {
    world.dispose();
  }
}

/** Runs the calm world until all nodes list the same objects and have the bytes of their policy. What they list. */
async function untilQuiet(world: World): Promise<readonly string[]> {
  const broken = (): boolean => world.failures.length > 0;
  const end = world.scheduler.now() + QUIET_MS;
  for (let roots: readonly string[] = []; !broken(); ) {
    for (let i = 0; i < world.size; i++) if (!world.isUp(i)) world.start(i);
    await world.scheduler.run(world.scheduler.now() + 1_000, broken);
    roots = await settled(
      world,
      Array.from({ length: world.size }, (_, i) => rootOf(world, i)),
    );
    if (new Set(roots).size === 1 && !roots.includes('down') && hasAll(world)) return roots;
    if (world.scheduler.now() >= end)
      world.fail(`vaults differ ${QUIET_MS / 1000} s after the storm: ${describe(world, roots)}`);
  }
  return [];
}

function at(world: World, ms: number, run: () => void): void {
  world.scheduler.after(ms - world.scheduler.now(), 'plan', 'due', run);
}

const vaultOf = (world: World, index: number): VaultService | undefined => world.node(index)?.lattice.vault;

/** Runs the world until the work is done, because it waits for simulated disks and clocks. */
async function settled<T>(world: World, work: readonly Promise<T>[]): Promise<readonly T[]> {
  let found: readonly T[] | undefined;
  Promise.all(work).then(
    (all) => (found = all),
    (error: unknown) => world.fail(describeError(error)),
  );
  await world.scheduler.run(world.scheduler.now() + 10_000, () => found !== undefined || world.failures.length > 0);
  if (found === undefined && world.failures.length === 0) world.fail('a vault did not answer within 10 s');
  return found ?? [];
}

function contentOf(rng: Rng, n: number): Bytes {
  const size = rng.pick([0, 1, 2_048, BLOCK, 3 * BLOCK + 5, 40 * BLOCK]);
  const content = new Uint8Array(size).fill(n & 0xff);
  if (size >= 4) new DataView(content.buffer).setUint32(0, n);
  return content;
}

function planObjects(world: World, rng: Rng, kept: Set<string>): void {
  const removable: string[] = [];
  for (let n = 0; n < 40; n++) {
    const [node, when, pin] = [rng.int(world.size), rng.between(3_000, STORM_MS), rng.chance(0.3)];
    const content = contentOf(rng, n);
    // Some may be removed by anybody, and of those it only counts that all agree.
    const mayGo = rng.chance(0.3) || content.length < 4;
    // Two nodes put the same content at nearly the same time: a conflict under its key, which settles.
    const nodes = rng.chance(0.25) ? [node, (node + 1) % world.size] : [node];
    for (const one of nodes)
      at(world, when + rng.between(0, 500), () =>
        attempt(world, one, `puts ${content.length} bytes`, async (vault) => {
          const { object } = await vault.put(inOne(content), { pin });
          return () => (mayGo ? removable.push(object.hash) : kept.add(object.hash));
        }),
      );
  }
  for (let n = 0; n < 20; n++) {
    const [node, isRemoval] = [rng.int(world.size), rng.chance(0.5)];
    at(world, rng.between(10_000, STORM_MS), () => {
      const hash = removable[rng.int(Math.max(1, removable.length))];
      if (hash === undefined) return;
      attempt(world, node, `${isRemoval ? 'removes' : 'pins'} ${hash.slice(0, 8)}`, async (vault) => {
        if (isRemoval) await vault.remove(hash);
        else await vault.pin(hash, true);
        return () => undefined;
      });
    });
  }
}

async function* inOne(content: Bytes): AsyncGenerator<Bytes, void> {
  yield content;
}

/** Has a node do something with its vault. What `work` gives is called where the node was alive when it was acknowledged. */
function attempt(
  world: World,
  index: number,
  what: string,
  work: (vault: VaultService) => Promise<() => unknown>,
): void {
  const running = world.node(index);
  const vault = running?.lattice.vault;
  if (vault === undefined) return;
  world.note(`n${index} ${what}`);
  work(vault).then(
    (acknowledge) => {
      if (world.node(index) === running) acknowledge();
    },
    (error: unknown) => {
      if (world.node(index) !== running) return;
      if (!(error instanceof LatticeError) || !EXPECTED.has(error.code))
        world.fail(`n${index} ${what}: ${describeError(error)}`);
    },
  );
}

function planWeather(world: World, rng: Rng): void {
  for (let when = rng.between(0, 5_000); when < STORM_MS; when += rng.between(2_000, 15_000)) {
    const weather = rng.chance(0.3) ? splitWeather(rng, world.size) : stormyWeather(rng, world.size);
    for (const lung of rng.pick([['p2p'], ['http'], ['p2p', 'http']] as const))
      at(world, when, () => world.setWeather(lung, weather));
  }
}

/** Of the nodes that have all bytes one comes back without its vault, and one with a changed byte. */
function loseBytes(world: World, vaults: SimVaults): void {
  const [emptied, damaged] = [2, 4];
  for (const one of [emptied, damaged]) world.crash(one);
  vaults.wipe(emptied);
  world.note(`n${damaged} has a changed byte in ${vaults.damage(damaged)?.slice(0, 8) ?? 'nothing'}`);
  for (const one of [emptied, damaged]) world.start(one);
}

function planCrashes(world: World, rng: Rng): void {
  for (let n = 0; n < 6; n++) {
    const [node, when] = [rng.int(world.size), rng.between(5_000, STORM_MS)];
    at(world, when, () => (rng.chance(0.5) ? world.crash(node) : world.stop(node)));
    at(world, when + rng.between(1_000, 15_000), () => world.start(node));
  }
}

async function rows(vault: VaultService): Promise<readonly VaultObject[]> {
  return (await vault.list({ limit: 1000 })).items;
}

/** A hash over what the node lists: hash, size, root, pinned, in the order of hashes. */
async function rootOf(world: World, index: number): Promise<string> {
  const vault = vaultOf(world, index);
  if (vault === undefined) return 'down';
  const lines = (await rows(vault)).map(({ hash, size, root, pinned }) => `${hash} ${size} ${root} ${pinned}\n`);
  return bytesToHex(hasher.hash(new TextEncoder().encode(lines.join(''))));
}

/** Whether every node has what its policy asks for. */
function hasAll(world: World): boolean {
  return POLICIES.every((_, i) => {
    const status = vaultOf(world, i)?.status();
    return status !== undefined && status.missing.objects === 0 && status.damaged.length === 0 && status.objects > 0;
  });
}

/** Reads what is here, which has the SHA-256 by which it is named; `mayFail` has the codes that may come instead. */
async function readAll(world: World, index: number, mayFail: readonly string[] = []): Promise<void> {
  const vault = vaultOf(world, index);
  if (vault === undefined) return world.fail(`n${index} is down`);
  for (const { hash, here } of await rows(vault)) {
    if (here !== 'whole') continue;
    const running = hasher.running();
    try {
      for await (const piece of (await vault.open(hash)).bytes) running.update(piece);
    } catch (error) {
      if (!(error instanceof LatticeError) || !mayFail.includes(error.code))
        world.fail(`n${index} does not give ${hash}: ${describeError(error)}`);
      continue;
    }
    if (bytesToHex(running.digest()) !== hash) world.fail(`n${index} gives other bytes for ${hash}`);
  }
}

/** Every kept object is listed, what the policy asks for is here and right, and nothing is in conflict. */
async function check(world: World, index: number, kept: ReadonlySet<string>): Promise<void> {
  const vault = vaultOf(world, index);
  if (vault === undefined) return world.fail(`n${index} is down`);
  const listed = await rows(vault);
  const hashes = new Set(listed.map(({ hash }) => hash));
  for (const hash of kept) if (!hashes.has(hash)) world.fail(`n${index} lost the acknowledged object ${hash}`);
  for (const { hash, here, pinned } of listed) {
    const asksFor = POLICIES[index] === 'all' || (POLICIES[index] === 'pinned' && pinned);
    if (here !== 'whole' && asksFor) world.fail(`n${index} has ${here} of ${hash}`);
  }
  await readAll(world, index);
  const conflicts = await world.node(index)?.lattice.conflicts({ limit: 100 });
  for (const { key } of conflicts?.items ?? []) world.fail(`n${index} has a conflict of ${key} that nobody settled`);
}

function describe(world: World, roots: readonly string[]): string {
  return roots
    .map((root, i) => {
      const status = vaultOf(world, i)?.status();
      const waits = status?.fetching.map(({ hash, waiting }) => `${hash.slice(0, 8)} ${waiting?.reason ?? 'comes'}`);
      return `n${i} ${root.slice(0, 8)} missing ${status?.missing.objects} [${waits?.slice(0, 3).join('; ')}]`;
    })
    .join(', ');
}
