import { defineConfig } from 'vitest/config';

const shared = { environment: 'node', setupFiles: ['test/setup.ts'], pool: 'forks' as const };

/** CI keeps the results beside what is printed. */
const results = process.env['VITEST_JSON'];

/**
 * Tests that measure what the machine does: nothing else runs beside them. All
 * other tests of processes wait for most of their time, so two files of them run at once.
 */
const ALONE = [
  'test/integration/{triangle,flood,p2p-flood,half-blocked}.test.ts',
  'test/integration/situations/*.test.ts',
];
const processes = {
  ...shared,
  globalSetup: ['test/support/global-setup.ts'],
  testTimeout: 120_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    ...(results === undefined ? {} : { reporters: ['default', 'json'], outputFile: { json: results } }),
    // Two cores: more workers than that only make deadlines of real-process tests unreliable.
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['test/{unit,contract,vectors,regressions,model}/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      { test: { ...shared, name: 'sim', include: ['test/sim/**/*.test.ts'], testTimeout: 600_000 } },
      {
        test: { ...processes, name: 'integration', include: ['test/integration/**/*.test.ts'], exclude: ALONE },
      },
      { test: { ...processes, name: 'alone', include: ALONE, fileParallelism: false } },
      {
        test: {
          ...shared,
          name: 'e2e',
          globalSetup: ['test/e2e/global-setup.ts'],
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 90_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
