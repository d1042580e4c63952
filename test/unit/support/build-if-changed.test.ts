import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../../scripts/build-if-changed.mjs', import.meta.url));
const FILES = [
  'src/core/deep/file.ts',
  'dashboard/src/page.ts',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/build-cli.mjs',
  'scripts/build-dashboard.mjs',
];
/** Notes each build. */
const BUILD = `const { appendFileSync, mkdirSync, writeFileSync } = require('node:fs');
appendFileSync('builds', 'x');
for (const path of ['dist/cli/main.js', 'dist/dashboard/index.html']) {
  mkdirSync(require('node:path').dirname(path), { recursive: true });
  writeFileSync(path, '');
}
if (process.env.FAILS === '1') process.exitCode = 3;
`;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lattice-built-'));
  for (const file of FILES) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), '');
  }
  writeFileSync(join(root, 'build.cjs'), BUILD);
  writeFileSync(join(root, 'package.json'), JSON.stringify({ scripts: { build: 'node build.cjs' } }));
  cpSync(SCRIPT, join(root, 'scripts/build-if-changed.mjs'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** The exit code, and how many builds there have been. */
function run(env: Record<string, string> = {}): readonly [number | null, number] {
  const { status } = spawnSync(process.execPath, ['scripts/build-if-changed.mjs'], {
    cwd: root,
    env: { ...process.env, ...env },
  });
  const noted = join(root, 'builds');
  return [status, existsSync(noted) ? readFileSync(noted, 'utf8').length : 0];
}

const touch = (path: string): void => {
  const later = new Date(Date.now() + 60_000);
  utimesSync(join(root, path), later, later);
};

it('builds what is missing, once, and tells a build that fails', () => {
  expect(run({ FAILS: '1' })).toEqual([3, 1]);
  rmSync(join(root, 'dist/dashboard/index.html'));
  expect(run()).toEqual([0, 2]);
  expect(run()).toEqual([0, 2]);
});

it.each(['src/core/deep/file.ts', 'package-lock.json', 'dashboard/src'])('builds again once %s has changed', (path) => {
  spawnSync(process.execPath, ['build.cjs'], { cwd: root });
  touch(path);
  expect(run()).toEqual([0, 2]);
});
