#!/usr/bin/env -S node --
import { basename, relative } from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../app/version.ts';
import { processEnvironment } from '../config/environment.ts';
import { EXIT } from './exit-codes.ts';
import { createOutput } from './output.ts';
import { runCli } from './run.ts';

const self = fileURLToPath(import.meta.url);

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that closes the pipe early (lattice state ls | head) is not a failure.
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  const why = error.code === 'ENOSPC' ? 'no space left on the device' : error.message;
  process.stderr.write(`error: standard output cannot be written: ${why}\n`);
  process.exit(EXIT.failed);
});
// What cannot be said on standard error is lost; the exit code says that the command failed.
process.stderr.on('error', () => process.exit());

function onStop(handler: () => void): () => void {
  // 'disconnect' comes when the parent that opened the IPC channel has ended. So `up` leaves no nodes behind, however
  // it ends.
  const events = ['SIGINT', 'SIGTERM', 'disconnect'] as const;
  for (const event of events) process.on(event, handler);
  return () => {
    for (const event of events) process.off(event, handler);
  };
}

function onReload(handler: () => void): () => void {
  if ([0, 1, 2].some((descriptor) => isatty(descriptor))) return () => undefined;
  process.on('SIGHUP', handler);
  return () => void process.off('SIGHUP', handler);
}

/** Sets what the resolver of glibc reads before its first search; other ones go by their own files alone. */
function limitLookups(seconds: number): void {
  const attempts = seconds < 2 ? 1 : 2;
  process.env['RES_OPTIONS'] = `timeout:${Math.max(1, Math.floor(seconds / attempts))} attempts:${attempts}`;
}

const called = process.argv[1] ?? self;

/** How the user called this program. In a checkout npm runs it, by the script of the name `lattice`. */
function programName(): string {
  if (processEnvironment()['npm_lifecycle_event'] === 'lattice') return 'npm run -s lattice --';
  // Behind `--`, because Node.js would itself obey options of its own name, such as --env-file, behind the script.
  return basename(called) === 'lattice' ? 'lattice' : `node -- ${relative(process.cwd(), self)}`;
}

/** After this time what a finished command left open (a peer's half-closed socket) does not keep the process alive. */
const LINGER_MS = 250;

// Until the command has said how it ended, an end of the process is none in order.
process.exitCode = EXIT.failed;
const ended = runCli(
  process.argv.slice(2),
  {
    env: processEnvironment(),
    cwd: process.cwd(),
    output: createOutput(process.stdout, process.stderr, processEnvironment()),
    // Only when it is asked for: Node.js makes standard input non-blocking then, and an env file on it is read at once.
    get stdin() {
      return process.stdin;
    },
    programName: programName(),
    self: [process.execPath, '--', self],
    onStop,
    onReload,
    limitLookups,
    exitNow: (exitCode) => process.exit(exitCode),
  },
  VERSION,
);

// No await stands here: what the build makes of this is CommonJS, which starts in less time.
void ended.then((code) => {
  process.exitCode = code;
  setTimeout(() => process.exit(), LINGER_MS).unref();
  process.channel?.unref();
});
