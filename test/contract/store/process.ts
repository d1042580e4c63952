import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ChildEvent {
  readonly event: 'opened' | 'durable' | 'failed';
  readonly batch?: number;
  readonly code?: string;
  readonly message?: string;
  readonly next?: string;
  readonly cause?: string;
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export interface Child {
  readonly process: ChildProcess;
  /** Every event up to the end of the process; `seen` hears each as it comes. */
  readonly events: Promise<ChildEvent[]>;
}

/** Starts child.ts. `fileBlocks`: the largest file it may write, in KiB. */
export function startChild(
  task: 'open' | 'write',
  directory: string,
  options: { first?: number; fileBlocks?: number; seen?: (event: ChildEvent) => void } = {},
): Child {
  const script = [
    '--import',
    new URL('../../support/ts-loader.mjs', import.meta.url).href,
    here('child.ts'),
    task,
    directory,
    String(options.first ?? 0),
  ];
  const [command, args] =
    options.fileBlocks === undefined
      ? [process.execPath, script]
      : ['bash', ['-c', `ulimit -f ${options.fileBlocks} && exec "$0" "$@"`, process.execPath, ...script]];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  return { process: child, events: collect(child, options.seen) };
}

async function collect(child: ChildProcess, seen?: (event: ChildEvent) => void): Promise<ChildEvent[]> {
  const ended = once(child, 'close');
  const events: ChildEvent[] = [];
  if (child.stdout !== null) {
    for await (const line of createInterface({ input: child.stdout })) {
      const event = JSON.parse(line) as ChildEvent;
      events.push(event);
      seen?.(event);
    }
  }
  await ended;
  return events;
}
