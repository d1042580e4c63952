import type { ServiceManager } from '../../adapters/system/index.ts';
import type { ServingNode } from '../../app/index.ts';
import { endExitCode, storeExitCode } from '../../app/store-exit.ts';
import { openConfigSource } from '../../config/index.ts';
import { settleWithin } from '../../timing/index.ts';
import { clock } from '../clock.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { statusLine, superviseBy } from '../supervised.ts';

/** Time after a signal in which what is under way can finish. Peers repair the rest. */
const DRAIN_MS = 2000;
/** How long a node whose store failed may take to close what it still can, before the process ends in any case. */
const LINGER_MS = 200;

/** Runs a node until a signal. The first signal drains the node, and a second one ends it at once. */
export async function start(context: CliContext, options: GlobalOptions): Promise<number> {
  const source = openConfigSource({
    env: context.env,
    envFile: options.envFile,
    cwd: context.cwd,
    terminal: context.output.interactive,
  });
  let signals = 0;
  let wake = (): void => undefined;
  const first = new Promise<void>((resolve) => (wake = resolve));
  const release = context.onStop(() => {
    signals++;
    if (signals === 1) wake();
    else context.exitNow(EXIT.failed);
  });
  // A reload that is asked for during the start is done after it. What comes of it stands in the log.
  let started = (_node: ServingNode): void => undefined;
  const running = new Promise<ServingNode>((resolve) => (started = resolve));
  const releaseReload = context.onReload(() => void running.then(reload).catch(() => undefined));
  let manager: ServiceManager | undefined;
  async function reload(node: ServingNode): Promise<void> {
    manager?.reloading();
    let failure = '';
    await node
      .reload()
      .catch(
        (error: unknown) =>
          (failure = `configuration not reloaded: ${error instanceof Error ? error.message : String(error)}; `),
      );
    manager?.ready(failure + statusLine(node));
  }
  const stopping = new AbortController();
  try {
    const { settleVaultDisk, startNode } = await import('../../app/index.ts');
    // A signal during the start is remembered, and stops the node as soon as it has started.
    const node = await startNode({
      config: source.config,
      readConfig: source.again,
      logger: 'stdout',
      hint: context.output.hint,
    });
    // A rejection that a library does not handle must not end a node that still works. It is logged, and supervision
    // restarts what has failed.
    process.on('unhandledRejection', (reason) =>
      node.log.error({ error: String(reason) }, 'an error was handled nowhere: this is a bug, please report it'),
    );
    const { openServiceManager } = await import('../../adapters/system/index.ts');
    manager = openServiceManager({ env: context.env, pid: process.pid, clock, log: node.log });
    if (manager !== undefined) void superviseBy(manager, node, stopping.signal);
    started(node);
    const failed = new Promise<void>((resolve) => {
      if (node.ended.aborted) resolve();
      else node.ended.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([first, failed]);
    if (node.ended.aborted) {
      stopping.abort();
      await settleWithin(clock, LINGER_MS, node.stop(), () => new Error('the failed node did not stop in time')).catch(
        () => undefined,
      );
      const code = storeExitCode(node.ended.reason);
      context.exitNow(code);
      return code;
    }
    stopping.abort();
    manager?.stopping();
    const late = new Error(`the node did not finish everything within ${DRAIN_MS / 1000} s of the signal`);
    try {
      await settleWithin(clock, DRAIN_MS, node.stop(), () => late);
      await settleVaultDisk(node.log);
      await manager?.close();
      // The store may have failed with the last batch.
      return endExitCode(node.ended.reason);
    } catch (error) {
      if (error !== late) throw error;
      context.output.remark(`error: ${late.message}`);
      await settleVaultDisk(node.log);
      context.exitNow(EXIT.failed);
    }
    return EXIT.ok;
  } finally {
    release();
    releaseReload();
  }
}
