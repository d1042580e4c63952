// Builds where what is built is missing or older than what it is made of: node scripts/build-if-changed.mjs
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['src', 'dashboard'];
const FILES = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/build-cli.mjs',
  'scripts/build-dashboard.mjs',
];
/** What a build writes first and last: where one was ended in its midst, the last is missing or older. */
const BUILT = ['dist/cli/main.js', 'dist/dashboard/index.html'];

/** The newest modification time of a file below a folder, ms. A file that was removed has changed its folder. */
function newestIn(folder) {
  let newest = statSync(folder).mtimeMs;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestIn(path) : statSync(path).mtimeMs);
  }
  return newest;
}

function isBuilt() {
  const made = BUILT.map((path) => join(ROOT, path));
  if (!made.every((path) => existsSync(path))) return false;
  const sources = [
    ...FOLDERS.map((folder) => newestIn(join(ROOT, folder))),
    ...FILES.map((file) => statSync(join(ROOT, file)).mtimeMs),
  ];
  return Math.min(...made.map((path) => statSync(path).mtimeMs)) >= Math.max(...sources);
}

if (!isBuilt())
  process.exitCode = spawnSync('npm', ['run', '-s', 'build'], { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
