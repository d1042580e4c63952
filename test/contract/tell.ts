import { writeSync } from 'node:fs';

/** Between two tries while the parent has not read: no hurry, as the parent's deadline bounds the wait. */
const FULL_MS = 5;

/** Tells the parent process one event, as a line of JSON on the standard output. It returns once the pipe has all of it. */
export function tell(event: object): void {
  const line = Buffer.from(`${JSON.stringify(event)}\n`);
  for (let sent = 0; sent < line.length; ) {
    try {
      sent += writeSync(1, line, sent);
    } catch (error) {
      // The pipe takes no more until the parent reads: writes to it do not wait.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_MS);
    }
  }
}
