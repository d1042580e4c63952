import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rootOf, snapshotText } from './original/database.ts';
import type { Behaviour, OriginalOrder, OriginalReply, OriginalSettings } from './original/program.ts';

/** Loading the program and a state of 100,000 entries, on a machine that runs other tests too. */
const START_MS = 60_000;

/** The names that the original gives its directories, below the one that it is started in. */
export const STATE_DIR = '.diotec360_state';
export const VAULT_DIR = '.diotec360_vault';

/** A rendition of the original node in a process of its own. It ends with the test that started it. */
export interface OriginalNode {
  readonly url: string;
  readonly pid: number;
  /** The directory that it was started in. */
  readonly directory: string;
  /** Its root, 64 hex digits; null until its first write. */
  readonly root: string | null;
  /** Puts the value whose JSON text, with numbers as Python writes them, is given. */
  put(key: string, json: string): Promise<void>;
  delete(key: string): Promise<void>;
  /** Has it write snapshot.json. What is put is in its wal.log at once. */
  save(): Promise<void>;
  /** Says how it behaves from now on: slow, changing, lying, or none of it. */
  behave(as: Behaviour): Promise<void>;
  stop(): Promise<void>;
}

export type OriginalOptions = Partial<Omit<OriginalSettings, 'stateDir' | 'vaultDir'>>;

/**
 * Starts the original's rendition on the files below `directory`, at a free port unless told one. Rejects when it does
 * not start, as with a snapshot.json that does not have its root.
 */
export async function startOriginalNode(directory: string, options: OriginalOptions = {}): Promise<OriginalNode> {
  const settings: OriginalSettings = {
    port: 0,
    ...options,
    stateDir: join(directory, STATE_DIR),
    vaultDir: join(directory, VAULT_DIR),
  };
  // Benches run compiled; tests run the sources.
  const isCompiled = import.meta.url.endsWith('.js');
  const program = fileURLToPath(new URL(`./original/program.${isCompiled ? 'js' : 'ts'}`, import.meta.url));
  const loader = new URL('ts-loader.mjs', import.meta.url).href;
  const child = fork(program, [JSON.stringify(settings)], {
    execArgv: isCompiled ? [] : ['--import', loader],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const orders = createOrders(child);
  let latest = await orders.next(START_MS);
  const { port } = latest;
  const order = async (what: OriginalOrder): Promise<void> => {
    child.send(what);
    latest = await orders.next(START_MS);
  };
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? -1,
    directory,
    get root() {
      return latest.root;
    },
    put: (key, json) => order({ do: 'put', key, json }),
    delete: (key) => order({ do: 'delete', key }),
    save: () => order({ do: 'save' }),
    behave: (as) => order({ do: 'behave', as }),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = new Promise((resolve) => child.once('exit', resolve));
      // The original does not stop on SIGTERM once its P2P was on: operators kill it.
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** The replies of a child, each taken once and in order. */
function createOrders(child: ChildProcess): { next(deadlineMs: number): Promise<OriginalReply> } {
  const replies: OriginalReply[] = [];
  const waiting: { resolve(reply: OriginalReply): void; reject(error: Error): void }[] = [];
  let errors = '';
  let ended: Error | undefined;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
  child.on('message', (message) => {
    const waiter = waiting.shift();
    if (waiter === undefined) replies.push(message as OriginalReply);
    else waiter.resolve(message as OriginalReply);
  });
  child.once('close', (code) => {
    ended = new Error(`the original's rendition ended with ${code}: ${errors}`);
    for (const { reject } of waiting.splice(0)) reject(ended);
  });
  return {
    next(deadlineMs) {
      const reply = replies.shift();
      if (reply !== undefined) return Promise.resolve(reply);
      if (ended !== undefined) return Promise.reject(ended);
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error("the original's rendition does not answer")), deadlineMs);
        const done = (): void => clearTimeout(late);
        waiting.push({
          resolve: (message) => (done(), resolve(message)),
          reject: (error) => (done(), reject(error)),
        });
      });
    },
  };
}

/**
 * Entries as the original's own scripts write them, of every form that matters for its root: keys of objects out of
 * order, 1.0 beside 1, exponents, text outside ASCII. Each value is JSON text in Python's form.
 */
export function originalEntries(count: number): Map<string, string> {
  const entries = new Map<string, string>();
  for (let i = 0; entries.size < count; i++) {
    const id = String(i).padStart(6, '0');
    const forms: readonly (readonly [key: string, json: string])[] = [
      [`account:${id}`, `{"balance": ${1000 + i}, "nonce": ${i % 7}}`],
      [`balance:node${id}`, `${i}.0`],
      [`proof:${id}`, `{"status": "PROVED", "elapsed_ms": ${i + 0.25}, "intent": "transfer"}`],
      [`tx:${1_771_530_000_000 + i}`, `{"sender": "a_${id}", "receiver": "tesouraria é ✓", "amount": ${i * 500}}`],
      [`transition_${1_770_728_348 + i}`, `{"root_before": null, "changes": [{"key": "a"}], "at": ${i}}`],
      [`rate:${id}`, '1e-07'],
    ];
    for (const [key, json] of forms) if (entries.size < count) entries.set(key, json);
  }
  return entries;
}

/** Writes the snapshot.json of an original node that is started in `directory`. Resolves with its root. */
export function writeOriginalState(directory: string, state: ReadonlyMap<string, string>): string {
  const root = rootOf(state);
  mkdirSync(join(directory, STATE_DIR), { recursive: true });
  writeFileSync(join(directory, STATE_DIR, 'snapshot.json'), snapshotText(state, root, Date.now()));
  return root;
}
