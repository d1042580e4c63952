import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export const read = (path: string): string => readFileSync(`${ROOT}${path}`, 'utf8');

/** Every file below deploy/, relative to the repository. */
export function deployFiles(): readonly string[] {
  return readdirSync(`${ROOT}deploy`, { recursive: true, encoding: 'utf8' })
    .map((path) => `deploy/${path}`)
    .filter((path) => statSync(ROOT + path).isFile())
    .sort();
}

/** Runs a program of this machine to its end. */
export function run(
  program: string,
  args: readonly string[],
  cwd = ROOT,
): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: 150_000 });
  return { status, output: stdout + stderr };
}

/** Whether a program of this name can be run here. */
export function has(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}
