import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import buildProgram from '../support/global-setup.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

function newest(directory: string): number {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(0, ...files.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
}

/** Source directories of the dashboard. */
const MADE_OF = ['dashboard', 'src/core', 'src/audit', 'src/client'];

/** The program as for integration tests, and the dashboard when it is missing or older than what it is made of. */
export default function setup(): void {
  buildProgram();
  const page = join(root, 'dist/dashboard/index.html');
  if (
    existsSync(page) &&
    statSync(page).mtimeMs >= Math.max(...MADE_OF.map((directory) => newest(join(root, directory))))
  )
    return;
  execFileSync(process.execPath, [join(root, 'scripts/build-dashboard.mjs')], { cwd: root, stdio: 'inherit' });
}
