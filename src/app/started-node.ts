/// <reference lib="esnext.disposable" preserve="true" />
import type { ReloadReport, ResourceView } from '../api/index.ts';
import type { Config, NodeSettings } from '../config/index.ts';
import type { Log } from '../ports/index.ts';
import type { EmbeddedLattice } from './embedded-lattice.ts';
import type { LoggerOption } from './logger.ts';

/** What a node is started with beside its configuration. */
export interface StartExtras {
  /** Where the node logs. Default: nowhere. */
  readonly logger?: LoggerOption | undefined;
}

/** A configuration that was loaded from an environment, as a node that runs alone has it. */
export interface ConfigOption extends StartExtras {
  readonly config: Config;
  /**
   * Reads the configuration again when the node is to reload it (SPEC N18), and throws a LatticeError when that cannot
   * be done. Default: a reload is refused.
   */
  readonly readConfig?: (() => Config) | undefined;
  /**
   * Returns a sentence with the commands that it names (`lattice status`) as the user would type them, for lines of text
   * on standard output. Default: as they are.
   */
  readonly hint?: ((text: string) => string) | undefined;
}

/** The configuration as one object, and where the node logs. */
export interface StartSettings extends NodeSettings, StartExtras {}

/** What a node is started with: its settings, or a configuration that `loadConfig` made. */
export type StartOptions = StartSettings | ConfigOption;

/** A node that runs inside a program. `await using` stops it at the end of the block. */
export interface StartedNode extends AsyncDisposable {
  /** The state of the node, and everything that can be asked of the node. */
  readonly lattice: EmbeddedLattice;
  /** The base URL of the API; undefined when the node serves none. */
  readonly url: string | undefined;
  /**
   * Aborted when the node has ended: its reason is a LatticeError, `stopping` after `stop`, and else what ended the node,
   * such as `store-write-failed`. A node whose store fails stops by itself; it never ends the process.
   */
  readonly ended: AbortSignal;
  /** The log of the node, for lines of the program that belong beside it. */
  readonly log: Log;
  /**
   * Tells what the process uses of its machine: disk, memory, descriptors, event loop and CPU. Sizes are in bytes, times
   * in ms.
   *
   * @throws `stopping` after `stop`; else what the system answers when it does not tell of the disk
   * @example
   * const { disk, memory } = await node.resources();
   * console.log(disk.freeBytes, memory.rss);
   */
  resources(): Promise<ResourceView>;
  /**
   * Writes all metrics of the node in the text format of Prometheus, for a program that serves them itself.
   *
   * @throws `stopping` after `stop`
   * @example
   * console.log(await node.metrics());
   */
  metrics(): Promise<string>;
  /**
   * Reads the configuration again, takes over trust list, peers, token and log level (SPEC N18), and goes on under the
   * key that takes the place of its own by the roster. When it rejects, nothing has changed.
   *
   * @throws `reload-impossible` when the node was given no way to read it again; `invalid-config` with every problem;
   * `other-author` when the key is that of another node; `stopping` after `stop`
   * @example
   * console.log((await node.reload()).changed);
   */
  reload(): Promise<ReloadReport>;
  /**
   * Stops the node: it takes no new calls and requests, makes the last batch durable, and closes the lungs and the
   * store. Calls that are under way still get their answer. Further calls wait for the first one.
   *
   * @throws nothing of its own
   * @example
   * await node.stop();
   */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A node that serves its API. */
export interface ServingNode extends StartedNode {
  readonly url: string;
}
