import { defineConfig } from 'vitest/config';

const shared = { environment: 'node', setupFiles: ['test/setup.ts'], pool: 'forks' as const };

/** CI keeps the results beside what is printed. */
const results = process.env['VITEST_JSON'];

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
        test: {
          ...shared,
          name: 'integration',
          globalSetup: ['test/support/global-setup.ts'],
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
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
