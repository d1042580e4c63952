// Makes clients of /openapi.json of a running node with the generators that people use, and compiles them. Build the
// program first (npm run build), copy this folder elsewhere, run npm ci in the copy, and run the copy of this script from
// the root of the repository, as .ci/run does. Exits with 1 on any error.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const BIN = join(HERE, 'node_modules', '.bin');
const CLI = resolve('dist', 'cli', 'main.js');
// The generated files import from the modules of this folder.
const out = mkdtempSync(join(HERE, 'node_modules', '.out-'));
const state = mkdtempSync(join(tmpdir(), 'lattice-generators-'));
const document = join(out, 'openapi.json');

/** The document of a node that starts for it and is stopped again. */
async function fetchDocument() {
  const env = {
    PATH: process.env.PATH,
    DIOTEC360_API_PORT: '0',
    DIOTEC360_STATE_DIR: state,
    DIOTEC360_PUBLIC_SYNC: 'true',
  };
  const node = spawn(process.execPath, ['--', CLI, 'start'], { cwd: state, env, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    let log = '';
    for await (const chunk of node.stdout) {
      log += chunk;
      const url = /"url":"([^"]+)"[^\n]*LATTICE READY/.exec(log)?.[1];
      if (url !== undefined) return await (await fetch(`${url}/openapi.json`)).text();
    }
    throw new Error(`the node did not start: ${log}`);
  } finally {
    node.kill('SIGTERM');
    if (node.exitCode === null) await once(node, 'exit');
  }
}

/** Runs a generator to its end. Resolves with its output when it fails, and else with undefined. */
async function generate(program, args) {
  const child = spawn(join(BIN, program), args, { cwd: out, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  const [code] = await once(child, 'close');
  return code === 0 ? undefined : `${program} ended with ${code}:\n${said}`;
}

const ORVAL = {
  lattice: { input: { target: document }, output: { target: './orval/client.ts', client: 'fetch', mode: 'single' } },
};
const COMPILER = {
  compilerOptions: {
    target: 'ES2022',
    module: 'ESNext',
    moduleResolution: 'bundler',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    lib: ['ES2023', 'DOM', 'DOM.Iterable'],
    types: [],
  },
  include: ['**/*.ts'],
};

let failed = false;
try {
  writeFileSync(document, await fetchDocument());
  writeFileSync(join(out, 'orval.config.mjs'), `export default ${JSON.stringify(ORVAL)};`);
  writeFileSync(join(out, 'tsconfig.json'), JSON.stringify(COMPILER));
  const problems = await Promise.all([
    generate('openapi-typescript', [document, '-o', 'openapi-typescript.ts']),
    generate('orval', ['--config', 'orval.config.mjs']),
    generate('swagger-typescript-api', ['generate', '-p', document, '-o', 'swagger-typescript-api', '-n', 'client.ts']),
    generate('openapi-ts', ['-i', document, '-o', 'hey-api']),
  ]);
  const compiled = spawnSync(join(BIN, 'tsc'), ['-p', out], { encoding: 'utf8' });
  if (compiled.status !== 0) problems.push(`the clients do not compile:\n${compiled.stdout}`);
  for (const problem of problems) if (problem !== undefined) console.error(problem);
  failed = problems.some((problem) => problem !== undefined);
} finally {
  for (const directory of [out, state]) rmSync(directory, { recursive: true, force: true });
}
console.log(failed ? 'the document does not suit every generator' : 'four clients were generated and compiled');
process.exitCode = failed ? 1 : 0;
