import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RepairReport } from '../../src/runtime/facade/index.ts';
import { cpuSeconds } from '../support/figures.ts';
import { memoryOf } from '../support/fleet.ts';
import { createProxy, type Proxy } from '../support/proxy.ts';

/** Which entries are written: `from` … `from + count − 1`, `inFlight` at a time. */
export interface Writes {
  readonly from: number;
  readonly count: number;
  readonly inFlight: number;
}

export interface Dump {
  readonly entries: number;
  /** SHA-256 over all keys and values. */
  readonly hash: string;
}

/** One node of a system that is compared, in a process of its own. */
export interface PeerNode {
  /**
   * Starts the process with the node's directory. Resolves when the node takes writes, or for the joining node when
   * `join` can be called.
   */
  open(): Promise<void>;
  /** Writes the entries, and resolves with the time that it took, ms. */
  write(writes: Writes): Promise<number>;
  /** A text that is equal on nodes with equal states: a root, heads, or a count, which the dump must confirm. */
  fingerprint(): Promise<string>;
  /** Waits until the fingerprint is `wanted`. Resolves with the ms; undefined when the deadline comes first. */
  reach(wanted: string, deadlineMs: number): Promise<number | undefined>;
  dump(): Promise<Dump>;
  stop(): Promise<void>;
}

/** Two nodes of one system. The second one joins the first, through a proxy that counts bytes. */
export interface System {
  readonly name: string;
  readonly label: string;
  /** Writes of one measurement, as many as the system makes in some seconds. */
  readonly writes: number;
  readonly directories: readonly [string, string];
  readonly source: PeerNode;
  readonly joiner: PeerNode;
  /** Lets the joining node reach the source. Resolves when its process is ready to. */
  join(): Promise<void>;
  /** Reports of the repairs that have ended since the joining node's start. Absent where the system has none. */
  repairs?(): Promise<readonly RepairReport[]>;
  /** Bytes between the two nodes so far, both ways. */
  bytes(): number;
  /** Delays everything between the two nodes by `ms` each way. */
  delay(ms: number): void;
  /**
   * Usage of the joining node since its start: processor seconds of its main thread, and its greatest resident memory
   * in MiB.
   */
  usage(): { readonly cpuSeconds: number; readonly peakMiB: number };
  close(): Promise<void>;
}

/** Folder of the other systems' programs and packages. This file runs compiled, in tmp/bench/bench/peers. */
const PROGRAMS = fileURLToPath(new URL('../../../../bench/peers/', import.meta.url));
const STOP_MS = 5_000;

interface Process {
  readonly pid: number;
  call<T>(operation: string, argument?: object): Promise<T>;
  stop(): Promise<void>;
}

function startProcess(program: string): Process {
  const child: ChildProcess = fork(join(process.env.LATTICE_BENCH_PEERS ?? PROGRAMS, program), {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const waiting = new Map<
    number,
    { readonly resolve: (value: never) => void; readonly reject: (error: Error) => void }
  >();
  let complaints = '';
  let last = 0;
  child.stderr?.on('data', (chunk: Buffer) => {
    complaints = `${complaints}${chunk.toString()}`.slice(-2000);
  });
  child.on('message', ({ id, result, error }: { id: number; result: never; error?: string }) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(`${program}: ${error}`));
  });
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      process.off('exit', kill);
      for (const call of waiting.values()) call.reject(new Error(`${program} ended: ${complaints}`));
      waiting.clear();
      resolve();
    });
  });
  const call = <T>(operation: string, argument: object = {}): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { resolve, reject });
      child.send({ id, operation, argument }, (error) => {
        if (error !== null) reject(error);
      });
    });
  return {
    pid: child.pid ?? 0,
    call,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      // The process closes its store and ends when the channel closes. One that hangs is killed.
      const timer = setTimeout(kill, STOP_MS);
      await Promise.race([call('close').catch(() => undefined), gone]);
      if (child.connected) child.disconnect();
      await gone;
      clearTimeout(timer);
    },
  };
}

/** A system whose nodes run a program of this folder. `options` are passed to the program's `open`. */
export function createPeerSystem(name: string, label: string, writes: number, options: object = {}): System {
  const root = mkdtempSync(join(tmpdir(), `lattice-peer-${name}-`));
  const program = `${name.replace(/-.*/, '')}.mjs`;
  const processes: (Process | undefined)[] = [undefined, undefined];
  let proxy: Proxy | undefined;
  let before = 0;
  let delayMs = 0;

  const running = (i: number): Process => {
    const found = processes[i];
    if (found === undefined) throw new Error(`${name} does not run`);
    return found;
  };
  const node = (i: number): PeerNode => ({
    async open() {
      const directory = join(root, String(i));
      mkdirSync(directory, { recursive: true });
      processes[i] = startProcess(program);
      await running(i).call('open', { directory, ...options });
    },
    write: (argument) => running(i).call('write', argument),
    fingerprint: () => running(i).call('fingerprint'),
    reach: (wanted, deadlineMs) => running(i).call('reach', { wanted, deadlineMs }),
    dump: () => running(i).call('dump'),
    async stop() {
      await processes[i]?.stop();
      processes[i] = undefined;
    },
  });
  const [source, joiner] = [node(0), node(1)];
  return {
    name,
    label,
    writes,
    directories: [join(root, '0'), join(root, '1')],
    source,
    joiner,
    async join() {
      const { port } = await running(0).call<{ port: number }>('listen', {
        directory: join(root, '0'),
        port: 30_000 + Math.floor(Math.random() * 2_000),
      });
      before += proxy?.bytes ?? 0;
      proxy?.close();
      proxy = await createProxy(port);
      proxy.delay(delayMs);
      await running(1).call('join', { port: proxy.port });
    },
    bytes: () => before + (proxy?.bytes ?? 0),
    delay(ms) {
      delayMs = ms;
      proxy?.delay(ms);
    },
    usage: () => ({ cpuSeconds: cpuSeconds(running(1).pid), peakMiB: memoryOf(running(1).pid).peak }),
    async close() {
      await joiner.stop();
      await source.stop();
      proxy?.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
