// Runs cases of the model checker: npm run model -- [--cases 100000] [--seed S] | [--floors] --replay LINE
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const USAGE = `usage: npm run model -- [--cases N] [--seed S]
       npm run model -- --rosters [--cases N] [--seed S]
       npm run model -- --floors [--cases N] [--seed S]
       npm run model -- [--floors] --replay LINE

  --cases N      how many cases (default 100000)
  --seed S       the text from which all of them follow (default: the present time)
  --rosters      decide rosters by ballots (docs/adr/0021) instead of keeping a state
  --floors       a fleet that changes while it runs, with floors, collection and expiry (docs/adr/0022)
  --replay LINE  one case, as a failure has printed it; of --floors it is what stands before the colon, and all that
                 happens in it is told

A case is a fleet of two to four honest nodes over the real register, trailing tree and sessions; with it one author who
lies, or trust lists that change. A failing case is shrunk and printed. The same seed makes the same cases.
`;

let options;
try {
  const { values } = parseArgs({
    options: {
      cases: { type: 'string' },
      seed: { type: 'string' },
      replay: { type: 'string' },
      rosters: { type: 'boolean' },
      floors: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.cases !== undefined && !/^\d{1,9}$/.test(values.cases))
    throw new TypeError(`--cases is a whole number, not ${values.cases}`);
  if (values.rosters && values.replay !== undefined)
    throw new TypeError('--rosters replays no case: run its seed again, with as many --cases');
  options = { ...values, cases: values.cases ?? '100000', seed: values.seed ?? new Date().toISOString() };
} catch (error) {
  process.stderr.write(`error: ${error.message}\n\n${USAGE}`);
  process.exit(2);
}
if (options.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
if (options.replay === undefined) process.stdout.write(`${options.cases} cases from seed ${options.seed}\n`);

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const subject = options.floors ? 'floor' : options.rosters ? 'roster' : 'model';
const file = `test/model/${subject}.test.ts`;
const { status } = spawnSync(process.execPath, [vitest, 'run', '--project', 'unit', file], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  stdio: 'inherit',
  env: {
    ...process.env,
    MODEL_SEED: options.seed,
    MODEL_CASES: options.cases,
    ...(options.replay === undefined ? {} : { MODEL_REPLAY: options.replay }),
  },
});
process.exit(status === 0 ? 0 : 1);
