import type { ServiceManager } from '../adapters/system/index.ts';
import type { ServingNode } from '../app/index.ts';
import { every, sleep } from '../timing/index.ts';
import { clock } from './clock.ts';

const LOOK_MS = 250;
/**
 * A node that is not ready by then, such as one that is read-only until somebody acts, counts as started all the same:
 * it serves reads and syncs, and a service manager would end it.
 */
const READY_MS = 60_000;
/** How often the status line follows the verdict. */
const STATUS_MS = 5000;

/** The verdict as one line. */
export const statusLine = ({ lattice }: ServingNode): string => {
  const { verdict } = lattice.status();
  return `${verdict.kind}: ${verdict.sentence}`;
};

/**
 * Tells the service manager that the node has started, once `/readyz` says so, and then its verdict whenever that
 * changes. Resolves when `signal` aborts.
 */
export async function superviseBy(manager: ServiceManager, node: ServingNode, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (!(await isReady(node.url, signal)) && performance.now() < deadline) {
    await sleep(clock, LOOK_MS, signal);
    if (signal.aborted) return;
  }
  let told = statusLine(node);
  manager.ready(told);
  const looks = every(
    clock,
    STATUS_MS,
    () => {
      const line = statusLine(node);
      if (line !== told) manager.status(line);
      told = line;
    },
    { onError: () => undefined },
  );
  signal.addEventListener('abort', () => looks.stop(), { once: true });
}

async function isReady(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.any([signal, AbortSignal.timeout(READY_MS)]) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}
