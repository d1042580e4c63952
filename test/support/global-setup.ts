import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../scripts/build-if-changed.mjs', import.meta.url));

/** Tests of whole nodes run what is built, the dashboard included. */
export default function setup(): void {
  execFileSync(process.execPath, [SCRIPT], { stdio: 'inherit' });
}
