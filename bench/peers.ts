import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOurs } from './peers/ours.ts';
import { shapeFigures } from './peers/shapes.ts';
import { createPeerSystem, type System } from './peers/system.ts';
import { type Figure, median } from './support/figures.ts';

const RUNS = 3;
/** Entries that both nodes have before one of them is stopped. */
const BASE = 200;
const MISSED = [1000, 5000] as const;
/** A catch-up that takes longer counts as this. */
const DEADLINE_MS = 60_000;
/** A system that takes this long is measured once only, so that the bench ends. */
const SLOW_MS = 20_000;
/** No further run begins after this time, so that the bench ends on slow machines too. */
const ENOUGH_MS = 330_000;
const IN_FLIGHT = 8;
/** Delay each way, which makes a round trip of 50 ms, as between distant regions. */
const DELAY_MS = 25;
const DELAYED = MISSED[0];
/** A directory in memory, where the system has one. Preparations in it need not wait for the disk. */
const MEMORY = '/dev/shm';
/** First numbers of further entries, beyond all that the stopped node has missed. */
const LIVE_FROM = 1_000_000;
const ALONE_FROM = 2_000_000;

/** All values measured of one system, by name. Each run adds one value to a list. */
type Values = Map<string, number[]>;

function note(values: Values, what: string, value: number): void {
  const list = values.get(what);
  if (list === undefined) values.set(what, [value]);
  else list.push(value);
}

/** Keeps copies of the nodes' directories under names, so that every run begins with the same stores. */
function createShelf(system: System) {
  const shelf = mkdtempSync(join(tmpdir(), 'lattice-shelf-'));
  const workshop = existsSync(MEMORY) ? mkdtempSync(join(MEMORY, 'lattice-shelf-')) : undefined;
  return {
    /** Puts the directories into memory, where they stay until they are restored from a copy. */
    prepare() {
      if (workshop !== undefined)
        for (const [i, directory] of system.directories.entries())
          symlinkSync(mkdtempSync(join(workshop, String(i))), directory);
    },
    keep: (node: 0 | 1, name: string) =>
      cpSync(system.directories[node], join(shelf, name), { recursive: true, dereference: true }),
    restore(node: 0 | 1, name: string) {
      rmSync(system.directories[node], { recursive: true, force: true });
      cpSync(join(shelf, name), system.directories[node], { recursive: true });
    },
    clear() {
      for (const directory of [shelf, workshop])
        if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}
type Shelf = ReturnType<typeof createShelf>;

async function together(system: System): Promise<void> {
  await system.source.open();
  await system.joiner.open();
}

async function apart(system: System): Promise<void> {
  await system.joiner.stop();
  await system.source.stop();
}

/** Gives both nodes BASE entries, then has the source alone write more, one commit for each entry. */
async function prepare(system: System, shelf: Shelf): Promise<void> {
  shelf.prepare();
  await together(system);
  await system.source.write({ from: 0, count: BASE, inFlight: 1 });
  await system.join();
  if ((await system.joiner.reach(await system.source.fingerprint(), DEADLINE_MS)) === undefined)
    throw new Error(`${system.name} did not join`);
  await apart(system);
  shelf.keep(1, 'away');
  shelf.keep(0, 'base');
  let written = BASE;
  for (const missed of MISSED) {
    await system.source.open();
    const count = BASE + missed - written;
    await system.source.write({ from: written, count, inFlight: 1 });
    written += count;
    await system.source.stop();
    shelf.keep(0, `missed-${missed}`);
  }
}

/** Measures a catch-up while the network between the nodes is delayed. */
async function catchUpFar(system: System, shelf: Shelf, values: Values): Promise<void> {
  const what = `far_${DELAYED}_ms`;
  if ((values.get(what)?.[0] ?? values.get(`${DELAYED}_ms`)?.[0] ?? 0) > SLOW_MS) return;
  shelf.restore(0, `missed-${DELAYED}`);
  shelf.restore(1, 'away');
  system.delay(DELAY_MS);
  try {
    await together(system);
    const wanted = await system.source.fingerprint();
    await system.join();
    note(values, what, (await system.joiner.reach(wanted, DEADLINE_MS)) ?? DEADLINE_MS);
    await apart(system);
  } finally {
    system.delay(0);
  }
}

async function catchUp(system: System, shelf: Shelf, missed: number, values: Values): Promise<void> {
  if ((values.get(`${missed}_ms`)?.[0] ?? 0) > SLOW_MS) return;
  shelf.restore(0, `missed-${missed}`);
  shelf.restore(1, 'away');
  await together(system);
  const wanted = await system.source.fingerprint();
  const before = system.bytes();
  await system.join();
  const took = await system.joiner.reach(wanted, DEADLINE_MS);
  note(values, `${missed}_ms`, took ?? DEADLINE_MS);
  if (took !== undefined) {
    note(values, `${missed}_bytes`, system.bytes() - before);
    const { cpuSeconds, peakMiB } = system.usage();
    note(values, `${missed}_cpu_ms`, cpuSeconds * 1000);
    note(values, `${missed}_peak_mib`, peakMiB);
    for (const report of (await system.repairs?.()) ?? []) {
      note(values, `${missed}_session_ms`, report.durationMs);
      if (process.argv.includes('--explain'))
        process.stderr.write(`${system.name} ${Math.round(took)} ms: ${JSON.stringify(report)}\n`);
    }
    const [theirs, ours] = [await system.source.dump(), await system.joiner.dump()];
    if (theirs.entries !== BASE + missed || theirs.hash !== ours.hash) {
      throw new Error(`${system.name}: ${theirs.entries} and ${ours.entries} entries are not the same state`);
    }
    if (missed === MISSED[0]) await live(system, values);
  }
  await apart(system);
}

/** Measures writes on one of two connected nodes, until the other one has them too. */
async function live(system: System, values: Values): Promise<void> {
  await system.source.write({ from: LIVE_FROM - 1, count: 1, inFlight: 1 });
  await system.joiner.reach(await system.source.fingerprint(), DEADLINE_MS);
  const from = performance.now();
  await system.source.write({ from: LIVE_FROM, count: system.writes, inFlight: IN_FLIGHT });
  const seen = await system.joiner.reach(await system.source.fingerprint(), DEADLINE_MS);
  if (seen !== undefined) note(values, 'live_per_s', (system.writes * 1000) / (performance.now() - from));
}

async function alone(system: System, shelf: Shelf, values: Values): Promise<void> {
  shelf.restore(0, 'base');
  await system.source.open();
  let from = ALONE_FROM;
  for (const inFlight of [1, IN_FLIGHT]) {
    await system.source.write({ from, count: 20, inFlight });
    const took = await system.source.write({ from: from + 20, count: system.writes, inFlight });
    note(values, `alone_${inFlight}_per_s`, (system.writes * 1000) / took);
    from += 100_000;
  }
  await system.source.stop();
}

function figuresOf(system: System, values: Values, ours: Values | undefined): Figure[] {
  const short = system.name.replaceAll('-', '_');
  const figure = (what: string, label: string, unit: string): Figure[] => {
    const all = values.get(what);
    if (all === undefined) return [];
    const own = ours === undefined || ours === values ? undefined : median(ours.get(what) ?? []);
    const beside = own === undefined ? {} : { limit: { name: 'ours', value: own } };
    return [
      {
        metric: `${short}_${what}`,
        label: `${system.label}: ${label} (${all.length} runs)`,
        value: median(all),
        unit,
        ...beside,
      },
    ];
  };
  return [
    ...figure('alone_1_per_s', 'writes alone, one at a time', '/s'),
    ...figure(`alone_${IN_FLIGHT}_per_s`, `writes alone, ${IN_FLIGHT} at a time`, '/s'),
    ...MISSED.flatMap((missed) => [
      ...figure(`${missed}_ms`, `catch-up of ${missed}`, 'ms'),
      ...figure(`${missed}_session_ms`, 'the repair session alone', 'ms'),
      ...figure(`${missed}_bytes`, `bytes on the wire of it`, 'B'),
      ...figure(`${missed}_cpu_ms`, 'the joining process, its start included: processor, main thread', 'ms'),
      ...figure(`${missed}_peak_mib`, 'the same: greatest resident memory', 'MiB'),
    ]),
    ...figure(`far_${DELAYED}_ms`, `catch-up of ${DELAYED} at ${2 * DELAY_MS} ms of round trip`, 'ms'),
    ...figure('live_per_s', 'writes until held by both', '/s'),
  ];
}

/**
 * Measures Lattice beside other systems: two processes of each, the same keys and values, in runs that take turns. The
 * packages of the other systems must be installed in bench/peers. `--only a,b` takes some systems only. `--only none`
 * measures only what needs none: the bytes for finding differences of several shapes.
 */
export async function peers(): Promise<readonly Figure[]> {
  const at = process.argv.indexOf('--only');
  const only = at < 0 ? undefined : process.argv[at + 1]?.split(',');
  const candidates: readonly (readonly [string, () => System | Promise<System>])[] = [
    ['lattice-http', () => createOurs('http')],
    ['lattice-p2p', () => createOurs('p2p')],
    ['pouchdb', () => createPeerSystem('pouchdb', 'PouchDB, HTTP', 1000)],
    ['orbitdb', () => createPeerSystem('orbitdb', 'OrbitDB, P2P', 200)],
    ['gossiplog', () => createPeerSystem('gossiplog', 'GossipLog, WebSocket', 60)],
  ];
  const started = performance.now();
  const systems: { readonly system: System; readonly shelf: Shelf; readonly values: Values }[] = [];
  try {
    for (const [name, create] of candidates) {
      if (only !== undefined && !only.includes(name)) continue;
      const system = await create();
      systems.push({ system, shelf: createShelf(system), values: new Map() });
    }
    for (const { system, shelf } of systems) await prepare(system, shelf);
    for (let run = 0; run < RUNS && performance.now() - started < ENOUGH_MS; run++) {
      for (const { system, shelf, values } of systems) {
        await alone(system, shelf, values);
        for (const missed of MISSED) await catchUp(system, shelf, missed, values);
        await catchUpFar(system, shelf, values);
      }
    }
    const ours = systems.find(({ system }) => system.name === 'lattice-p2p')?.values;
    return [...systems.flatMap(({ system, values }) => figuresOf(system, values, ours)), ...shapeFigures()];
  } finally {
    for (const { system, shelf } of systems) {
      await system.close();
      shelf.clear();
    }
  }
}
