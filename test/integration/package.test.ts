import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

interface LockEntry {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}
interface Lock {
  readonly name: string;
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, LockEntry>>;
}
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly overrides?: Readonly<Record<string, unknown>>;
}

/** The compilers that people have: the one that is written in JavaScript, and the native one since version 7. */
const COMPILERS = ['typescript', 'typescript-7'];
/** What the projects need beside the package: the compilers, and the types of Node.js with what these need. */
const TOOLS = [...COMPILERS, '@types/node', 'undici-types'];
/** The native compiler has a package for each platform. */
const isPlatformOfCompiler = (path: string): boolean => path.startsWith('node_modules/@typescript/typescript-');
const STRICT = {
  target: 'ES2022',
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noPropertyAccessFromIndexSignature: true,
  verbatimModuleSyntax: true,
  // The declarations of the package are checked too, and those of the packages that they name.
  skipLibCheck: false,
  outDir: 'out',
};
const PROJECTS = {
  nodenext: { source: 'embedded.ts', options: { module: 'nodenext', lib: ['ES2023'], types: ['node'] } },
  bundler: {
    source: 'remote.ts',
    options: { module: 'esnext', moduleResolution: 'bundler', lib: ['ES2022', 'DOM', 'DOM.Iterable'], types: [] },
  },
} as const;

let home: string;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'lattice-package-'));
  const { stdout } = await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', home], {
    cwd: ROOT,
  });
  const tarball = `file:${stdout.trim()}`;
  const { name, version, dependencies, overrides } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  ) as Manifest;
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;

  // The versions are those of this repository, by their hashes. So npm takes them from its cache, which installing the
  // repository has filled, and asks the registry for what is missing there alone.
  const tools = Object.fromEntries(TOOLS.map((tool) => [tool, '*']));
  const wanted = Object.entries(lock.packages).filter(
    ([path, { dev, devOptional }]) =>
      path !== '' &&
      ((dev !== true && devOptional !== true) ||
        isPlatformOfCompiler(path) ||
        TOOLS.some((tool) => path === `node_modules/${tool}`)),
  );
  const root = {
    name: 'project',
    private: true,
    type: 'module',
    dependencies: { [name]: tarball, ...tools, 'typescript-7': 'npm:typescript@*' },
    overrides,
  };
  const packages = {
    '': root,
    [`node_modules/${name}`]: { version, resolved: tarball, dependencies },
    ...Object.fromEntries(wanted.map(([path, entry]) => [path, { ...entry, dev: undefined, devOptional: undefined }])),
  };
  writeFileSync(join(home, 'package.json'), JSON.stringify(root));
  writeFileSync(join(home, 'package-lock.json'), JSON.stringify({ ...lock, name: 'project', packages }));
  const quiet = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await run('npm', ['ci', ...quiet], { cwd: home });

  // Two projects beside one installation, each with its own settings.
  for (const [project, { source, options }] of Object.entries(PROJECTS)) {
    mkdirSync(join(home, project));
    cpSync(join(ROOT, 'examples', 'typescript', source), join(home, project, source));
    writeFileSync(join(home, project, 'package.json'), JSON.stringify({ type: 'module' }));
    const config = { compilerOptions: { ...STRICT, ...options }, files: [source] };
    writeFileSync(join(home, project, 'tsconfig.json'), JSON.stringify(config));
  }
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/**
 * Compiles a project, and returns what the compiler says. The types of Node.js have a flaw of their own under
 * exactOptionalPropertyTypes, of which users see as much as this test does.
 */
async function compile(project: keyof typeof PROJECTS, compiler: string): Promise<string> {
  const tsc = join(home, 'node_modules', compiler, 'bin', 'tsc');
  const { stdout } = await run(process.execPath, [tsc, '-p', project], { cwd: home }).catch(
    (error: { readonly stdout: string }) => error,
  );
  return stdout.replaceAll(/^node_modules\/@types\/node\/.*\n(?: .*\n)*/gm, '');
}

// The compiler reads the declarations of every package that is named, twice, on two cores that others share.
test('the packed package installs into strict projects, compiles for nodenext and bundlers, and does what it says', async () => {
  for (const compiler of COMPILERS)
    expect(await Promise.all([compile('nodenext', compiler), compile('bundler', compiler)])).toEqual(['', '']);

  const embedded = spawn(process.execPath, [join('nodenext', 'out', 'embedded.js'), join(home, 'state')], {
    cwd: home,
  });
  let said = '';
  let errors = '';
  embedded.stderr.on('data', (chunk: Buffer) => (errors += String(chunk)));
  try {
    const serving = new Promise<RegExpExecArray>((resolve, reject) => {
      embedded.stdout.on('data', (chunk: Buffer) => {
        said += String(chunk);
        const line = /^serving (\S+) (\S+)$/m.exec(said);
        if (line !== null) resolve(line);
      });
      embedded.once('exit', (code) => reject(new Error(`it ended with ${code} after ${said}${errors}`)));
    });
    const [, url = '', publicKey = ''] = await serving;

    const remote = join(home, 'bundler', 'out', 'remote.js');
    const { look } = (await import(remote)) as {
      look(url: string, publicKey: string, log: (line: string) => void): Promise<void>;
    };
    const lines: string[] = [];
    await look(url, publicKey, (line) => lines.push(line));
    expect(lines).toEqual([
      'proven other 2',
      'examined key',
      'changes cursor-lost',
      'entry orders/2',
      'content hello.txt 12',
      'refused 401 token-not-set',
      'verdict ALONE',
    ]);
    const exit = once(embedded, 'exit');
    embedded.stdin.write('\n');
    expect(await exit).toEqual([0, null]);
  } finally {
    embedded.kill('SIGKILL');
  }
  // What a node inside a program logs goes to nobody who did not ask for it.
  expect(errors).toBe('');
  expect(said.replace(/^serving .*$/m, 'serving')).toBe(
    [
      'started one 0',
      'changes +orders/1 -orders/1',
      'refused precondition-failed',
      'entry other 2',
      'proven other 2',
      'content true 12 vault hash-mismatch 1',
      'records 1 1 tx-1',
      'stopped true stopping',
      'settings invalid-config',
      'resumed orders/2',
      'other 127.0.0.1',
      'serving',
      'done',
      '',
    ].join('\n'),
  );
});
