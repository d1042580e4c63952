/**
 * Adds up what vitest wrote of one run as JSON: prints `<passed> <failed>`, and appends one line for each failure to
 * the list. Of a few files that failed each runs once more, by itself: a test that runs and passes then is counted as
 * passed and named in the second list, because it depends on the machine and has to be mended, and a fault of the
 * product is there both times. A test that is not among those of the second run has failed.
 * Usage: node .ci/tally.mjs <results.json> <exit status of the run> <failures.txt> <unsteady.txt> <name of the suite>
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** Of a message its first words say what failed; the whole stands where the run printed it. */
const MAX_MESSAGE = 240;
/** More files than these fail together because of what was changed, and the time of the whole verification is bounded. */
const MAX_AGAIN = 3;
/** The slowest file takes some four and a half minutes. */
const AGAIN_MS = 400_000;

const [results, exitStatus, failuresList, unsteadyList, suite] = process.argv.slice(2);

const firstLine = (message) =>
  (stripVTControlCharacters(message ?? '').split('\n', 1)[0] ?? '').slice(0, MAX_MESSAGE) || 'no message';

function failuresOf(run) {
  return run.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(process.cwd(), name);
    const failed = assertionResults.filter((one) => one.status === 'failed');
    if (failed.length > 0)
      return failed.map(({ fullName, failureMessages }) => ({
        file,
        test: fullName,
        text: `${file}: ${fullName}: ${firstLine(failureMessages[0])}`,
      }));
    // A file that cannot be loaded, or whose hook failed, has no test that did.
    return status === 'failed' ? [{ file, text: `${file}: ${firstLine(message)}` }] : [];
  });
}

/** True when `run` has the test of this failure, or its file where no test failed, and it passed. */
const passes = (run, { file, test }) =>
  run.testResults.some(
    ({ name, status, assertionResults }) =>
      relative(process.cwd(), name) === file &&
      (test === undefined
        ? status === 'passed'
        : assertionResults.some((one) => one.fullName === test && one.status === 'passed')),
  );

/** Runs the files once more; gives the results and the exit status, or undefined where there are no results. */
function again(files) {
  const VITEST_JSON = `${results}.again`;
  console.error(`== once more, by themselves: ${files.join(' ')}`);
  const { status } = spawnSync('npx', ['vitest', 'run', '--maxWorkers=1', ...files], {
    stdio: ['ignore', 2, 2],
    timeout: AGAIN_MS,
    env: { ...process.env, VITEST_JSON },
  });
  try {
    return { ...JSON.parse(readFileSync(VITEST_JSON, 'utf8')), status };
  } catch {
    return undefined;
  }
}

let passed = 0;
let failures = [];
let unsteady = [];
try {
  const run = JSON.parse(readFileSync(results, 'utf8'));
  passed = run.numPassedTests;
  const failed = failuresOf(run);
  failures = failed.map(({ text }) => text);
  const files = [...new Set(failed.map(({ file }) => file))];
  // An error that no test awaited is not among the results, and fails the run as well.
  if (files.length === 0 && exitStatus !== '0') failures = [`${suite}: it ended with exit status ${exitStatus}`];
  if (files.length > 0 && files.length <= MAX_AGAIN) {
    const second = again(files);
    if (second !== undefined) {
      const still = failuresOf(second);
      const steady = failed.filter((one) => !passes(second, one));
      unsteady = failed.filter((one) => passes(second, one)).map(({ text }) => text);
      // What the second run told of a failure is the later word; what fails there for the first time counts as well.
      const untold = steady.filter(({ file, test }) => !still.some((one) => one.file === file && one.test === test));
      failures = [...still, ...untold].map(({ text }) => text);
      if (second.status !== 0 && still.length === 0)
        failures.push(`${suite}: the second run ended with exit status ${second.status}`);
      passed += unsteady.length;
    }
  }
} catch (error) {
  failures = [`${suite}: it left no results (${firstLine(error.message)})`];
}
const list = (file, lines) => lines.length > 0 && appendFileSync(file, `${lines.join('\n')}\n`);
list(failuresList, failures);
list(unsteadyList, unsteady);
console.log(`${passed} ${failures.length}`);
