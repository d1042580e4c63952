import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, renameSync, statSync, type WriteStream } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';

/** A log file that exceeds this size is replaced by a new one. One old file is kept. */
const MAX_LOG_BYTES = 16 * 1024 * 1024;
/** Lines that are kept, to be shown when the node ends unexpectedly. */
const TAIL_LINES = 10;
const MAX_LINE = 2000;
/** The variables that a node inherits. All others, and DIOTEC360_… above all, come from its env file alone. */
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'TMP', 'TEMP', 'TZ', 'LANG', 'SystemRoot'];

/**
 * MALLOC_ARENA_MAX: glibc's allocator keeps freed memory in several arenas. With two of them a node needs 100 MiB less
 * under load. Other allocators ignore the variable. --max-semi-space-size: what a node decodes lives until the batch
 * after next. With the default of 16 MiB V8 collects twice as often and copies as much each time, so that taking over a
 * million entries costs a fifth more processor time. --v8-pool-size: V8's collector has one helper thread instead of
 * four, which hinder each other on few processors. One helper saves a sixth of the processor time of every write.
 * UV_THREADPOOL_SIZE: with sixteen threads a hung vault and hung look-ups of names leave four for the state.
 */
const MEMORY = {
  MALLOC_ARENA_MAX: '2',
  NODE_OPTIONS: '--max-semi-space-size=32 --v8-pool-size=1',
  UV_THREADPOOL_SIZE: '16',
};

export interface ChildOptions {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
}

export interface Exit {
  readonly name: string;
  /** The exit code, the name of the signal, or why the node could not be started. */
  readonly reason: string;
}

/** A node in a process of its own. Its output is written to a file. */
export interface NodeChild {
  readonly name: string;
  readonly logFile: string;
  /** Resolves when the process has ended and its output is written. Never rejects. */
  readonly exited: Promise<Exit>;
  /** Last lines of its output. */
  tail(): readonly string[];
  signal(signal: 'SIGTERM' | 'SIGKILL'): void;
}

/**
 * Starts a node. It is in a process group of its own, so that Ctrl-C reaches it once, through this process. When this
 * process ends, the node learns of it by the IPC channel.
 */
export function spawnNode(options: ChildOptions): NodeChild {
  const { name, logFile } = options;
  const [program = '', ...args] = options.command;
  const passedOn = Object.fromEntries(
    PASSED_ON.flatMap((key) => (options.env[key] === undefined ? [] : [[key, options.env[key]]])),
  );
  const env = { ...MEMORY, ...passedOn };
  const child = spawn(program, args, {
    cwd: options.cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const log = createLogFile(logFile);
  const lines: string[] = [];
  const collect = (stream: ChildProcess['stdout']): void => {
    const decoder = new StringDecoder('utf8');
    let partial = '';
    stream?.on('data', (chunk: Buffer) => {
      log.write(chunk);
      const parts = (partial + decoder.write(chunk)).split('\n');
      partial = (parts.pop() ?? '').slice(-MAX_LINE);
      lines.push(...parts.slice(-TAIL_LINES).map((line) => line.slice(0, MAX_LINE)));
      lines.splice(0, lines.length - TAIL_LINES);
    });
    stream?.on('end', () => {
      if (partial !== '') lines.push(partial);
    });
  };
  collect(child.stdout);
  collect(child.stderr);

  const exited = new Promise<Exit>((resolve) => {
    const finish = (reason: string): void => void log.end().then(() => resolve({ name, reason }));
    child.once('error', (error) => finish(`could not be started: ${error.message}`));
    child.once('close', (code, signal) =>
      finish(signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`),
    );
  });
  return { name, logFile, exited, tail: () => lines.slice(-TAIL_LINES), signal: (signal) => void child.kill(signal) };
}

function createLogFile(path: string): { write(chunk: Buffer): void; end(): Promise<void> } {
  let size = existsSync(path) ? statSync(path).size : 0;
  let stream = open();
  function open(): WriteStream {
    const next = createWriteStream(path, { flags: 'a', mode: 0o600 });
    // A full disk must not end this process. The nodes themselves report it.
    next.on('error', () => undefined);
    return next;
  }
  return {
    write(chunk) {
      if (size > MAX_LOG_BYTES) {
        stream.end();
        renameSync(path, `${path}.1`);
        stream = open();
        size = 0;
      }
      size += chunk.length;
      stream.write(chunk);
    },
    end: () => new Promise((resolve) => stream.end(() => resolve())),
  };
}
