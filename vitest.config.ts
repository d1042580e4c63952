import { defineConfig } from 'vitest/config';
import { ISOLATED, SEMI_SPACE_MIB, SHARING } from './test/processes.ts';

/**
 * Limits that only end what hangs: each is many times what the slowest test takes, because a busy machine is several
 * times slower. Conditions of tests (`test/support/wait.ts`, `expect.poll`) end before them, and name what was awaited.
 */
const limits = { testTimeout: 300_000, hookTimeout: 240_000 };
const limitsOfProcesses = { testTimeout: 600_000, hookTimeout: 400_000 };

const shared = {
  environment: 'node',
  setupFiles: ['test/setup.ts'],
  pool: 'forks' as const,
  execArgv: [`--max-semi-space-size=${SEMI_SPACE_MIB}`],
  expect: { poll: { timeout: 120_000, interval: 20 } },
};

/** CI keeps the results beside what is printed. */
const results = process.env['VITEST_JSON'];

const filesOf = (folders: readonly string[]): string[] => folders.map((folder) => `test/${folder}/**/*.test.ts`);

/** Tests that measure what the machine does: nothing else runs beside them. */
const ALONE = ['test/integration/{flood,p2p-flood}.test.ts', 'test/integration/situations/*.test.ts'];
const processes = {
  ...shared,
  globalSetup: ['test/support/global-setup.ts'],
  ...limitsOfProcesses,
};

export default defineConfig({
  test: {
    ...(results === undefined ? {} : { reporters: ['default', 'json'], outputFile: { json: results } }),
    // Two cores: a quarter of the time of two workers goes by while both wait for a disk, a timer or a child, and in
    // tests of whole nodes for heartbeats and graces too.
    maxWorkers: 3,
    projects: [
      // One process runs many files, and loads the sources and their libraries once: half of the time otherwise goes to
      // loading them for each file. So a test leaves nothing behind: it stops what it starts, and gives back what it
      // replaces.
      ...Object.entries(SHARING).map(([name, folders]) => ({
        test: { ...shared, name, include: filesOf(folders), ...limits, isolate: false },
      })),
      { test: { ...shared, name: 'unit', include: filesOf(ISOLATED), ...limits } },
      { test: { ...shared, name: 'sim', include: ['test/sim/**/*.test.ts'], ...limits, testTimeout: 600_000 } },
      {
        test: {
          ...processes,
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          exclude: ALONE,
        },
      },
      { test: { ...processes, name: 'alone', include: ALONE, fileParallelism: false } },
      {
        test: {
          ...shared,
          name: 'e2e',
          globalSetup: ['test/support/global-setup.ts'],
          include: ['test/e2e/**/*.test.ts'],
          ...limitsOfProcesses,
        },
      },
    ],
  },
});
