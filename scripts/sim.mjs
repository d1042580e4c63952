// Runs seeds of the simulation: npm run sim -- --seed 7 [--seeds 20] [--clocks | --rosters | --collections] [--verbose]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const USAGE = `usage: npm run sim -- [--seed N] [--seeds M] [--clocks | --rosters | --collections] [--verbose]

  --seed N       the first seed (default 1)
  --seeds M      how many seeds, counted up from the first (default 1 with --seed, else 50)
  --clocks       fleets with wrong clocks, in place of storms of faults
  --rosters      fleets whose members come, go and change their keys in a storm
  --collections  fleets that forget what is dead, with old disks and commits that come much too late
  --verbose      print every event and every log line of the nodes

A failing seed prints its last operations and how to replay it. The same seed is the same run.
`;

function wholeNumber(name, text) {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new TypeError(`--${name} is a whole number, not ${text}`);
  return text;
}

let options;
try {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      clocks: { type: 'boolean' },
      rosters: { type: 'boolean' },
      collections: { type: 'boolean' },
      verbose: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const seed = wholeNumber('seed', values.seed);
  options = {
    ...values,
    seed: seed ?? '1',
    seeds: wholeNumber('seeds', values.seeds) ?? (seed === undefined ? '50' : '1'),
  };
} catch (error) {
  process.stderr.write(`error: ${error.message}\n\n${USAGE}`);
  process.exit(2);
}
if (options.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const scenario = ['clocks', 'rosters', 'collections'].find((name) => options[name] === true) ?? 'sim';
const file = `test/sim/${scenario}.test.ts`;
const { status } = spawnSync(process.execPath, [vitest, 'run', '--project', 'sim', file], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  stdio: 'inherit',
  env: {
    ...process.env,
    SIM_SEED: options.seed,
    SIM_SEEDS: options.seeds,
    SIM_SUMMARY: '1',
    ...(options.verbose === true ? { SIM_VERBOSE: '1' } : {}),
  },
});
process.exit(status === 0 ? 0 : 1);
