// Compiles src and bench into tmp/bench and runs one bench there: npm run -s bench -- NAME [--json] [--prof]
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (path) => `${root}/${path}`;
const args = process.argv.slice(2);

mkdirSync(at('tmp/bench'), { recursive: true });
copyFileSync(at('package.json'), at('tmp/bench/package.json'));
const built = spawnSync(process.execPath, [at('node_modules/typescript-7/bin/tsc'), '-p', at('bench/tsconfig.json')], {
  stdio: 'inherit',
});
if (built.status === 0) {
  const profile = args.includes('--prof') ? ['--cpu-prof', `--cpu-prof-dir=${at('tmp/bench/profiles')}`] : [];
  // --expose-gc lets a bench collect garbage before it reads the memory.
  const ran = spawnSync(process.execPath, ['--expose-gc', ...profile, at('tmp/bench/bench/main.js'), ...args], {
    stdio: 'inherit',
  });
  process.exitCode = ran.status ?? 1;
} else process.exitCode = built.status ?? 1;
