import { type Bench, type Figure, rounded, tableOf } from './support/figures.ts';

const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  core: async () => (await import('./core.ts')).core,
  write: async () => (await import('./write.ts')).write,
  read: async () => (await import('./read.ts')).read,
  replicate: async () => (await import('./replicate.ts')).replicate,
  reconcile: async () => (await import('./reconcile.ts')).reconcile,
  failover: async () => (await import('./failover.ts')).failover,
  bootstrap: async () => (await import('./bootstrap.ts')).bootstrap,
  start: async () => (await import('./start.ts')).start,
  launch: async () => (await import('./launch.ts')).launchBench,
  live: async () => (await import('./live.ts')).live,
  cuts: async () => (await import('./cuts.ts')).cuts,
  peers: async () => (await import('./peers.ts')).peers,
  costs: async () => (await import('./costs.ts')).costs,
  import: async () => (await import('./import.ts')).importBench,
  removal: async () => (await import('./removal.ts')).removalBench,
  clean: async () => (await import('./clean.ts')).cleanBench,
  collection: async () => (await import('./collection.ts')).collectionBench,
  vault: async () => (await import('./vault.ts')).vault,
  rosters: async () => (await import('./rosters.ts')).rosters,
  flood: async () => (await import('./flood.ts')).floodBench,
};
const [name = '', ...flags] = process.argv.slice(2);
/**
 * A bench that takes longer hangs, and is ended with its children. The benches with the long time run many nodes, run
 * for a time that the user sets, or fill stores of a million entries.
 */
const MAX_MS = ['bootstrap', 'clean', 'collection', 'live', 'cuts', 'peers', 'start', 'flood', 'vault'].includes(name)
  ? 3_600_000
  : 300_000;
const load = BENCHES[name];
if (load === undefined) {
  process.stderr.write(`error: no bench ${JSON.stringify(name)}\n  next: one of ${Object.keys(BENCHES).join(', ')}\n`);
  process.exit(2);
}
setTimeout(() => {
  process.stderr.write(`error: bench ${name} is not done after ${MAX_MS / 1000} s\n`);
  process.exit(1);
}, MAX_MS).unref();

const figures: readonly Figure[] = await (await load())();
if (!flags.includes('--json')) process.stdout.write(`${tableOf(figures)}\n`);
const metrics = Object.fromEntries(figures.map(({ metric, value }) => [metric, rounded(value)]));
process.stdout.write(`${JSON.stringify({ bench: name, metrics })}\n`);
// Undici keeps idle connections, which would keep the process alive for seconds.
process.exit(0);
