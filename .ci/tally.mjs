/**
 * Adds up what vitest wrote of one run as JSON: prints `<passed> <failed>`, and appends one line for each failure to
 * the list. Usage: node .ci/tally.mjs <results.json> <exit status of the run> <list.txt> <name of the suite>
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** Of a message its first words say what failed; the whole stands where the run printed it. */
const MAX_MESSAGE = 240;

const [results, exitStatus, list, suite] = process.argv.slice(2);

const firstLine = (message) =>
  (stripVTControlCharacters(message ?? '').split('\n', 1)[0] ?? '').slice(0, MAX_MESSAGE) || 'no message';

function failuresOf(run) {
  const found = run.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(process.cwd(), name);
    const failed = assertionResults.filter((one) => one.status === 'failed');
    if (failed.length > 0)
      return failed.map(({ fullName, failureMessages }) => `${file}: ${fullName}: ${firstLine(failureMessages[0])}`);
    // A file that cannot be loaded, or whose hook failed, has no test that did.
    return status === 'failed' ? [`${file}: ${firstLine(message)}`] : [];
  });
  // An error that no test awaited is not among the results, and fails the run as well.
  return found.length === 0 && exitStatus !== '0' ? [`${suite}: it ended with exit status ${exitStatus}`] : found;
}

let passed = 0;
let failures;
try {
  const run = JSON.parse(readFileSync(results, 'utf8'));
  passed = run.numPassedTests;
  failures = failuresOf(run);
} catch (error) {
  failures = [`${suite}: it left no results (${firstLine(error.message)})`];
}
if (failures.length > 0) appendFileSync(list, `${failures.join('\n')}\n`);
console.log(`${passed} ${failures.length}`);
