// Runs one node from the sources, and restarts it after every build without errors: npm run dev [-- NODE OPTIONS]
//
// Builds go to dist, with source maps inside the files, so that `npm run -s lattice` and an inspector see what runs.
// Key, token and state are in .lattice/dev. A build with errors leaves the running node alone. Variables of the
// environment win over the node's env file, as they do for every node.
import { spawn } from 'node:child_process';
import { existsSync, rmSync, watch } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** The env file that `lattice init` writes for the only node of a fleet. */
const ENV_FILE = '.lattice/dev/node1.env';
/** Ports that the three nodes of `npm start` do not use. */
const PORTS = ['--base-port', '8010', '--p2p-base-port', '9010'];
/** A node drains in 2 s. One that has not ended after this time is killed. */
const DRAIN_MS = 5000;
/** What the compiler knows of the build before, in one run of this script: another build may have replaced dist since. */
const BUILD_INFO = 'tmp/dev.tsbuildinfo';
/** What an editor writes within this time is one change. */
const ONE_CHANGE_MS = 100;
/** Signals within this time count as one, because npm passes on a Ctrl-C that the terminal sends here as well. */
const SAME_SIGNAL_MS = 500;

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const say = (text) => process.stderr.write(`dev: ${text}\n`);
const ended = (child) =>
  new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`)));

/** Runs the built command line. By its IPC channel it learns when this process has ended, for whatever reason. */
function runCli(args, { nodeOptions = [], output = 'inherit' } = {}) {
  return spawn(process.execPath, [...nodeOptions, '--', at('dist/cli/main.js'), ...args], {
    cwd: at('.'),
    env: { DIOTEC360_LOG_FORMAT: 'pretty', ...process.env },
    // It is in a process group of its own, so that Ctrl-C reaches it once, through this process.
    detached: true,
    stdio: ['ignore', output, 'inherit', 'ipc'],
  });
}

async function startNode() {
  if (!existsSync(at(ENV_FILE))) {
    await ended(runCli(['init', '--dir', at('.lattice/dev'), '--nodes', '1', ...PORTS], { output: 'ignore' }));
    say(`a key and a token were made; the command line takes them with --env-file ${ENV_FILE}`);
  }
  const nodeOptions = ['--enable-source-maps', ...process.argv.slice(2)];
  const child = runCli(['start', '--env-file', at(ENV_FILE)], { nodeOptions });
  let asked = false;
  const gone = ended(child).then((reason) => {
    if (!asked) say(`the node ended (${reason}); the next whole build starts it again`);
  });
  return {
    kill: () => child.kill('SIGKILL'),
    async stop() {
      asked = true;
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), DRAIN_MS);
      await gone;
      clearTimeout(late);
    },
  };
}

let node;
let turning;
let again = false;
let over = false;

/**
 * Restarts the node. One node runs at a time, because two processes cannot open one store. All builds that end
 * meanwhile cause one more restart together.
 */
async function turn() {
  while (again) {
    again = false;
    await node?.stop();
    if (!over) node = await startNode();
  }
  turning = undefined;
}

function restart() {
  if (over) return;
  again = true;
  turning ??= turn();
}

/** Builds the dashboard into dist/dashboard, at once and after every change. Resolves when the first build is over. */
async function watchDashboard() {
  const watcher = await build({ configFile: at('dashboard/vite.config.mjs'), logLevel: 'warn', build: { watch: {} } });
  await new Promise((resolve) => {
    watcher.on('event', (event) => {
      if (event.code === 'ERROR') say(`the dashboard has an error: ${event.error.message}`);
      // A node reads the files at the first visit and keeps them, so it must be restarted.
      else if (event.code === 'END' && node !== undefined) restart();
      if (event.code === 'ERROR' || event.code === 'END') resolve();
    });
  });
  return watcher;
}

/** Compiles src into dist, at once and after every change, by compilers that end by themselves. */
function watchSources() {
  let compiler;
  let changed = false;
  let timer;
  async function compile() {
    if (compiler !== undefined || over) return;
    changed = false;
    const args = ['-p', 'tsconfig.build.json', '--inlineSourceMap', '--incremental', '--tsBuildInfoFile', BUILD_INFO];
    if (process.stderr.isTTY) args.push('--pretty');
    compiler = spawn(process.execPath, [at('node_modules/typescript-7/bin/tsc'), ...args], {
      cwd: at('.'),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let errors = 0;
    compiler.stdout.setEncoding('utf8').on('data', (text) => {
      errors += text.match(/\berror\b.*?\bTS\d+:/g)?.length ?? 0;
      process.stderr.write(text);
    });
    const how = await ended(compiler);
    compiler = undefined;
    if (how === 'exit code 0') restart();
    else if (errors === 0) say(`the compiler ended (${how})`);
    else say(`the build has ${errors === 1 ? 'an error' : `${errors} errors`}: the node starts again when it has none`);
    if (changed) await compile();
  }
  const watcher = watch(at('src'), { recursive: true }, () => {
    changed = true;
    clearTimeout(timer);
    timer = setTimeout(() => void compile(), ONE_CHANGE_MS);
  });
  rmSync(at(BUILD_INFO), { force: true });
  void compile();
  return {
    close() {
      watcher.close();
      clearTimeout(timer);
      compiler?.kill();
    },
  };
}

say('building');
const dashboard = await watchDashboard();
const sources = watchSources();

let firstSignal;
async function end() {
  if (firstSignal !== undefined) {
    if (performance.now() - firstSignal > SAME_SIGNAL_MS) node?.kill();
    return;
  }
  firstSignal = performance.now();
  over = true;
  sources.close();
  await turning;
  await node?.stop();
  await dashboard.close();
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void end());
