import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { eventually } from './wait.ts';

/** The built command line. The global setup sees to it that it is there. */
const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Output kept of one process; the newest counts. */
const MAX_OUTPUT = 4 * 1024 * 1024;
/** Loading the program and opening the store, on a machine that runs other tests too. */
const READY_MS = 120_000;
/** A stopping node has 2 s to drain; more than this is a hang. */
const EXIT_MS = 90_000;

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

/** Where a process runs: what the machine around it is like. */
export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  /** It may have at most so many file descriptors. */
  readonly descriptors?: number;
  /** Modules that are loaded before the program, as URLs: what they do to a global holds for the program too. */
  readonly preload?: readonly URL[];
  /** A directory that has a file system of its own with so many MiB, which nobody outside the process sees. */
  readonly disk?: { readonly directory: string; readonly mebibytes: number };
}

/** The command that runs another one with a file system of its own; `$1` is the directory and `$2` its options. */
const WITH_DISK = 'mkdir -p "$1"; mount -t tmpfs -o "$2" tmpfs "$1"; shift 2; exec "$@"';

/** Runs the command line with a clean environment plus `env`. */
export function runCli(
  args: readonly string[],
  options: Surroundings & { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): RunningProcess {
  const { PATH = '', HOME = '' } = process.env;
  const { descriptors, preload = [], disk } = options;
  const bound = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `;
  const inDisk =
    disk === undefined
      ? []
      : [
          'unshare',
          '--user',
          '--map-root-user',
          '--mount',
          'sh',
          '-ec',
          WITH_DISK,
          'sh',
          disk.directory,
          `size=${disk.mebibytes}m`,
        ];
  const imports = preload.map((url) => `--import=${url.href}`);
  const command = [...inDisk, process.execPath, ...imports, '--', CLI, ...args];
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
