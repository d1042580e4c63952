import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { eventually } from './wait.ts';

/** The built command line. The global setup sees to it that it is there. */
const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Output kept of one process; the newest counts. */
const MAX_OUTPUT = 4 * 1024 * 1024;
/** Loading the program and opening the store, on a machine that runs other tests too. */
const READY_MS = 45_000;
/** A stopping node has 2 s to drain; more than this is a hang. */
const EXIT_MS = 30_000;

export interface Exit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly component?: string;
  readonly [field: string]: unknown;
}

/** A program of ours in a process of its own. It ends with the test that started it: its channel to us closes. */
export interface RunningProcess {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly exit: Exit | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Its log: the lines of its output that are JSON. */
  log(): readonly LogLine[];
  signal(name: NodeJS.Signals): void;
}

/** Runs the command line with a clean environment plus `env`, and with at most `descriptors` file descriptors. */
export function runCli(
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Record<string, string>; readonly descriptors?: number },
): RunningProcess {
  const { PATH = '', HOME = '' } = process.env;
  const bound = options.descriptors === undefined ? '' : `ulimit -n ${options.descriptors}; `;
  const command = [process.execPath, '--', CLI, ...args];
  const child: ChildProcess = spawn('/bin/sh', ['-c', `${bound}exec "$0" "$@"`, ...command], {
    cwd: options.cwd,
    env: { PATH, HOME, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let stdout = '';
  let stderr = '';
  let exit: Exit | undefined;
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout = (stdout + text).slice(-MAX_OUTPUT)));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-MAX_OUTPUT)));
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      exit = { code, signal };
      resolve(exit);
    });
  });
  return {
    pid: child.pid ?? -1,
    exited,
    get exit() {
      return exit;
    },
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    log: () =>
      stdout
        .split('\n')
        .flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as LogLine] : [])),
    signal: (name) => void child.kill(name),
  };
}

/** Resolves when the API of the node answers; rejects when the process ends before that. */
export async function untilReady(node: RunningProcess, url: string): Promise<void> {
  await eventually(
    `${url} answers`,
    async () => {
      if (node.exit !== undefined) return true;
      return (await fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) })).status === 200;
    },
    READY_MS,
  );
  if (node.exit !== undefined) {
    throw new Error(
      `the node ended while starting (${JSON.stringify(node.exit)}): ${node.stderr}\n${node.stdout.slice(-2000)}`,
    );
  }
}

/** The exit of a process that is about to end; rejects when it doesn't. */
export async function untilExit(node: RunningProcess): Promise<Exit> {
  await eventually(`process ${node.pid} ends`, () => node.exit !== undefined, EXIT_MS);
  return node.exited;
}
