import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-launch-'));
  // As a package manager installs the package's bin.
  symlinkSync(join(ROOT, 'dist/cli/main.js'), join(dir, 'lattice'));
  writeFileSync(join(dir, 'bad.env'), 'DIOTEC360_API_PORT=notaport\n');
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Runs a line of a shell, in which $lattice and $checkout start the command line in the ways that operators do. */
function shell(line: string, cwd = dir): Promise<Ended> {
  return new Promise((resolve) => {
    const env = {
      PATH: process.env['PATH'],
      HOME: dir,
      lattice: join(dir, 'lattice'),
      checkout: `npm run -s lattice --`,
    };
    execFile('bash', ['-c', line], { cwd, env, timeout: 60_000 }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err }),
    );
  });
}

describe('options reach the program as they were written', () => {
  it.each([
    ['a file', '$lattice config check --env-file bad.env'],
    ['a file, joined by =', '$lattice config check --env-file=bad.env'],
    ['a pipe', "$lattice config check --env-file <(printf 'DIOTEC360_API_PORT=notaport\\n')"],
    ['standard input', "printf 'DIOTEC360_API_PORT=notaport\\n' | $lattice config check --env-file -"],
  ])('an env file from %s is read by the program alone', async (_, line) => {
    const { code, out, err } = await shell(line);
    expect([code, out + err]).toEqual([2, expect.stringContaining('DIOTEC360_API_PORT=notaport: it is not a port')]);
  });

  it('the checkout separates them as well', async () => {
    const { code, out, err } = await shell(`$checkout config check --env-file ${join(dir, 'bad.env')}`, ROOT);
    expect([code, out + err]).toEqual([2, expect.stringContaining('DIOTEC360_API_PORT=notaport: it is not a port')]);
  });

  it('a missing env file is our own error', async () => {
    const { code, out, err } = await shell('$lattice config check --env-file none.env');
    expect([code, out + err]).toEqual([2, expect.stringMatching(/none\.env: it cannot be read/)]);
  });

  it('NODE_OPTIONS in an env file is not obeyed, and said to be so', async () => {
    writeFileSync(join(dir, 'options.env'), 'NODE_OPTIONS=--no-such-option\nDIOTEC360_API_PORT=0\n');
    const { code, out, err } = await shell('$lattice config check --env-file options.env');
    expect([code, out + err]).toEqual([0, expect.stringContaining('NODE_OPTIONS has no effect in this file')]);
  });

  it('a pipe that Node.js emptied is an error and no empty configuration', async () => {
    const emptied = await shell(
      `node ${ROOT}dist/cli/main.js config check --env-file <(printf 'DIOTEC360_API_PORT=1\\n')`,
    );
    // A Node.js that leaves options behind the script alone reads nothing, and all is well.
    expect(emptied.code === 0 || emptied.err.concat(emptied.out).includes('the pipe is empty')).toBe(true);
  });
});

describe('standard output', () => {
  it.skipIf(process.platform !== 'linux')('that is full ends the command with one line and its exit code', async () => {
    for (const command of ['--help', 'config check', 'config check --json']) {
      const { code, err } = await shell(`$lattice ${command} > /dev/full`);
      expect([code, err]).toEqual([1, 'error: standard output cannot be written: no space left on the device\n']);
    }
  });

  it('that a reader closed early, or that is not there, is no failure', async () => {
    const { code } = await shell('set -o pipefail; $lattice openapi | head -c 10 > /dev/null; $lattice --help >&-');
    expect(code).toBe(0);
  });
});

it.skipIf(process.platform !== 'linux')('init in a place where no directory can be ends at once', async () => {
  const { code, err } = await shell('timeout 30 $lattice init --dir /proc/none');
  expect([code, err]).toEqual([1, expect.stringContaining('cannot be written to /proc/none')]);
});

describe('the built command line', () => {
  const BUILT = join(ROOT, 'dist/cli');
  const code = readdirSync(BUILT).filter((file) => file.endsWith('.js'));
  const text = code.map((file) => readFileSync(join(BUILT, file), 'utf8')).join('\n');

  it('asks for no library but those that stay outside, so that a start reads few files', () => {
    // What stands at the start of a line is loaded with the file, and anything else when it is needed.
    const asked = [...text.matchAll(/^(?:(?:const|let|var) \S+ = )?require\("([^".][^"]*)"\);/gm)];
    const libraries = new Set(asked.flatMap(([, name]) => name ?? []).filter((name) => !isBuiltin(name)));
    expect([...libraries].sort()).toEqual(['classic-level', 'pino']);
  });

  it('says the licences of the libraries inside, and only of those that a user gets with the package', () => {
    const licences = readFileSync(join(BUILT, 'third-party-licences.txt'), 'utf8');
    const names = [...licences.matchAll(/(?:^|\n-{80}\n\n)(\S+) \d+\.\d+\.\d+\S* \(/g)].map(([, name]) => name);
    expect(names).toContain('fastify');
    expect(names).toContain('@libp2p/gossipsub');
    expect(names).not.toContain('rolldown');
    expect(licences.split(`\n${'-'.repeat(80)}\n`)).toHaveLength(names.length);
    const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: boolean }>;
    };
    const missing = names.filter((name) => {
      const entries = Object.entries(lock.packages).filter(([path]) => path.endsWith(`node_modules/${name}`));
      return entries.every(([, { dev }]) => dev === true);
    });
    expect(missing).toEqual([]);
  });
});
