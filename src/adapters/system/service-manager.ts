import { execFile } from 'node:child_process';
import type { Clock, Log } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';

/** What tells a service manager how the process is (sd_notify(3)). */
export interface ServiceManager {
  /** The service has started. From here on the watchdog is fed, as long as the event loop runs. */
  ready(status: string): void;
  /** A reload has begun; `ready` ends it. */
  reloading(): void;
  stopping(): void;
  /** One line for `systemctl status`. */
  status(text: string): void;
  /** Resolves when all that was told is handed over, and feeds the watchdog no more. */
  close(): Promise<void>;
}

/** A message is handed over within this time, or given up: the manager has its own bound for silence. */
const SEND_MS = 5000;
/** The watchdog is fed this often in its period, so that one message may be late. */
const FEEDS = 3;

/**
 * Speaks to the service manager that started this process, where NOTIFY_SOCKET names its socket; else undefined. Node.js has no
 * datagrams over Unix sockets, so `systemd-notify`, which systemd itself brings along, sends each message; the unit
 * needs `NotifyAccess=all`. Messages are sent one after the other, in order.
 */
export function openServiceManager(deps: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly clock: Clock;
  readonly log: Log;
}): ServiceManager | undefined {
  const { env, pid, clock, log } = deps;
  const socket = env['NOTIFY_SOCKET'] ?? '';
  if (socket === '') return undefined;
  const forUs = env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === String(pid);
  const watchdogMs = forUs ? Number(env['WATCHDOG_USEC'] ?? 0) / 1000 : 0;
  let sending: Promise<void> = Promise.resolve();
  let failed = false;
  let feeds: Repetition | undefined;
  let feeding = false;

  const run = (fields: readonly string[]): Promise<void> =>
    new Promise((resolve) => {
      const options = { env: { PATH: env['PATH'], NOTIFY_SOCKET: socket }, timeout: SEND_MS };
      execFile('systemd-notify', fields, options, (error) => {
        if (error !== null && !failed) log.warn({ reason: error.message }, 'the service manager was not told');
        failed = error !== null;
        resolve();
      });
    });
  function send(...fields: readonly string[]): Promise<void> {
    sending = sending.then(() => run(fields));
    return sending;
  }
  // No second feed waits behind one that is on its way, so nothing piles up where sending takes long.
  async function feed(): Promise<void> {
    if (feeding) return;
    feeding = true;
    await send('WATCHDOG=1');
    feeding = false;
  }

  return {
    ready(status) {
      void send('READY=1', `STATUS=${oneLine(status)}`);
      if (!(watchdogMs > 0) || feeds !== undefined) return;
      feeds = every(clock, watchdogMs / FEEDS, () => void feed(), { onError: () => undefined });
    },
    reloading() {
      // systemd 253 and later compares the time with that of its request; it is that of CLOCK_MONOTONIC.
      void send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
    },
    stopping: () => void send('STOPPING=1'),
    status: (text) => void send(`STATUS=${oneLine(text)}`),
    async close() {
      feeds?.stop();
      await sending;
    },
  };
}

/** A message has one field a line. */
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ');
