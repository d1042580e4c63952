import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Figure, median } from './support/figures.ts';
import { type BenchFleet, createFleet } from './support/fleet.ts';

const RUNS = 5;
/** What `npm run bench` compiles lies three folders below the package, whose command line the build has made. */
const BUILT = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
/** What a node still does once it answers: its lungs start. */
const SETTLE_MS = 1_500;
/** Linux tells the times of processes in hundredths of a second. */
const TICKS_PER_SECOND = 100;

interface Launch {
  readonly ms: number;
  /** Processor seconds of all its threads. */
  readonly cpu: number;
}

/** Starts the node of a fleet, without entries and with both lungs, and stops it. */
async function launch({ nodes: [node] }: BenchFleet): Promise<Launch> {
  if (node === undefined) throw new Error('a fleet has nodes');
  const ms = await node.start();
  await pause(SETTLE_MS);
  const fields = readFileSync(`/proc/${node.pid()}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  await node.stop();
  return { ms, cpu: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND };
}

/** Measures what a start of the built command line costs, beside one of its modules as they are (docs/adr/0023). */
export async function launchBench(): Promise<readonly Figure[]> {
  const [built, files]: [Launch[], Launch[]] = [[], []];
  const fleets = [await createFleet({ nodes: 1, main: BUILT }), await createFleet({ nodes: 1 })] as const;
  try {
    for (let i = 0; i < RUNS; i++) {
      built.push(await launch(fleets[0]));
      files.push(await launch(fleets[1]));
    }
  } finally {
    for (const fleet of fleets) await fleet.close();
  }
  const of = (runs: readonly Launch[], pick: keyof Launch): number => median(runs.map((run) => run[pick]));
  const name = 'in many files';
  return [
    {
      metric: 'launch_cpu_s',
      label: 'a start, processor time of all threads',
      value: of(built, 'cpu'),
      unit: 's',
      limit: { name, value: of(files, 'cpu') },
    },
    {
      metric: 'launch_ms',
      label: '… until it answers',
      value: of(built, 'ms'),
      unit: 'ms',
      limit: { name, value: of(files, 'ms') },
    },
  ];
}
