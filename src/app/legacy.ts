import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import { withLegacyVault } from '../config/legacy.ts';
import { counted, type Hasher, joined, LatticeError } from '../core/types/index.ts';
import { carryOut } from '../moving/carry-out.ts';
import { planPaths } from '../moving/make-plan.ts';
import type { Plan, Report } from '../moving/plan.ts';
import { READERS } from '../moving/readers.ts';
import type { Clock, Log, Verifier } from '../ports/index.ts';
import type { Lattice, Warning } from '../runtime/index.ts';
import { sleep } from '../timing/index.ts';
import { importTarget } from './import-target.ts';

export interface LegacyDeps {
  readonly config: Pick<Config, 'legacy' | 'importLegacy' | 'stateDir' | 'vaultDir' | 'peerlessTimeoutMs'>;
  /** The names in the vault's directory; rejects where it cannot be read. */
  readonly vaultNames: () => Promise<readonly string[]>;
  readonly lattice: Lattice;
  readonly hasher: Hasher;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly log: Log;
}

/** The files of the original's that lie where the node was told to work. */
export interface Legacy {
  /** A warning while they have not been taken in, or not all of them. */
  notices(): readonly Warning[];
  /** Logs what lies there, and begins to take it in where the configuration says so. */
  start(): void;
  /** Ends an import that is under way. The next start goes on with it. Resolves when nothing is written any more. */
  stop(): Promise<void>;
}

/** How far the import by itself has come, in the node's own directory. It is done once in the life of a store. */
const MARK = 'import.json';
/**
 * How long peers that are not heard are waited for at least: the nodes of a fleet are started one after another, and one
 * of them may have the state already.
 */
const PEERS_MS = 15_000;
/** Milliseconds between two looks whether the node can take writes. */
const LOOK_MS = 200;

/** What the directories hold, as a message names it: `snapshot.json, wal.log in DIR`. */
export function legacyText(legacy: Config['legacy']): string {
  return joined(legacy.map(({ directory, names }) => `${names.join(', ')} in ${directory}`));
}

/** The one command that takes everything in. */
export function legacyCommand(legacy: Config['legacy']): string {
  return `lattice import ${legacy.map(({ directory }) => shellWord(directory)).join(' ')}`;
}

/** A word that a shell takes as it stands. */
const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

export function createLegacy(deps: LegacyDeps): Legacy {
  const { config, lattice, hasher, verifier, clock, log } = deps;
  const { stateDir } = config;
  let { legacy } = config;
  const mark = join(stateDir, MARK);
  const stopped = new AbortController();
  let refused = 0;
  let starting: Promise<void> | undefined;
  let running: Promise<void> | undefined;

  async function takeIn(): Promise<void> {
    const begun = await readMark(mark);
    if (begun?.state === 'done') {
      refused = begun.refused;
      return;
    }
    if (!(await ready())) return;
    // What an import that was cut has written is no state of the node's own.
    if (begun === undefined && lattice.root().entries > 0) {
      log.info({ command: legacyCommand(legacy) }, 'the state is not empty, so the original is not imported by itself');
      return;
    }
    const { signal } = stopped;
    const context = { hasher, verifier, unverified: false, signal };
    const plan = await planPaths(
      legacy.map(({ directory }) => directory),
      [],
      READERS,
      context,
    );
    const target = importTarget(lattice);
    const how = { overwrite: false, dryRun: false, signal };
    const part = (isState: boolean): Plan => ({
      ...plan,
      items: plan.items.filter(({ kind }) => (kind === 'entries') === isState),
    });
    let keysRefused = begun?.refused ?? 0;
    if (begun?.state !== 'entries') {
      await writeMark(mark, { state: 'begun', refused: 0 });
      const report = await carryOut({ ...part(true), refused: [], remarks: [] }, target, how);
      tell(report);
      // A key that others kept writing may be free at the next start.
      const contended = report.refused.find(({ code }) => code === 'import-contended');
      if (contended !== undefined) throw new LatticeError(contended.code, contended.reason);
      keysRefused = report.refused.length;
      // From here on a key that is absent was deleted, and does not come back.
      await writeMark(mark, { state: 'entries', refused: keysRefused });
    }
    const report = await carryOut(part(false), target, how);
    tell(report);
    refused = keysRefused + report.refused.length;
    await writeMark(mark, { state: 'done', refused });
  }

  /**
   * Waits until writes are open and the node is equal with its peers, or has none. Peers that it does not hear are waited
   * for only so long. False when the node stops first.
   */
  async function ready(): Promise<boolean> {
    const until = clock.monotonic() + Math.max(PEERS_MS, config.peerlessTimeoutMs);
    for (;;) {
      if (stopped.signal.aborted) return false;
      const { writable, verdict } = lattice.status();
      const settled = verdict.kind === 'CONVERGED' || verdict.kind === 'ALONE';
      if (writable && (settled || clock.monotonic() > until)) return true;
      await sleep(clock, LOOK_MS, stopped.signal);
    }
  }

  function tell({ items, refused: parts, remarks }: Report): void {
    for (const { kind, source, taken, known, differing, checked } of items) {
      const fields = { path: source.at, checked, taken, known, differing: differing.length };
      if (kind === 'entries') log.info(fields, `Snapshot loaded: ${source.at}`);
      else log.info(fields, kind === 'object' ? 'object of the original imported' : 'records of the original imported');
    }
    for (const { source, what, code, reason, next } of parts)
      log.warn({ path: source.at, what, code, reason, next }, 'not imported from the original');
    for (const remark of remarks) log.info({ remark }, 'import of the original');
  }

  return {
    notices() {
      if (legacy.length === 0) return [];
      const command = legacyCommand(legacy);
      if (refused > 0) {
        const text = `${counted(refused, 'part')} of the original's files ${refused === 1 ? 'was' : 'were'} not imported: see why with ${command} --dry-run`;
        return [{ code: 'legacy-files', text }];
      }
      if (lattice.root().entries > 0 || running !== undefined) return [];
      return [
        {
          code: 'legacy-files',
          text: `the state is empty, and the original left ${legacyText(legacy)}: take it in with ${command}`,
        },
      ];
    },
    start() {
      starting = look().then((found) => {
        legacy = found;
        if (legacy.length === 0 || stopped.signal.aborted) return;
        log.info(
          { files: legacy, store: stateDir, command: legacyCommand(legacy) },
          'files of the original found, which are left as they are',
        );
        if (config.importLegacy === 'auto') begin();
      });
    },
    async stop() {
      stopped.abort(new LatticeError('aborted', 'the node stops'));
      await starting;
      await running;
    },
  };

  /** All of the original's files. A vault's directory that cannot be read has none. */
  async function look(): Promise<Config['legacy']> {
    try {
      return withLegacyVault(config.legacy, config.vaultDir, await deps.vaultNames());
    } catch {
      return config.legacy;
    }
  }

  function begin(): void {
    running = takeIn()
      .catch((error: unknown) => {
        if (stopped.signal.aborted) return;
        const { message, next } = error instanceof LatticeError ? error : { message: String(error), next: undefined };
        log.error({ error: message, next }, 'the original was not imported, the next start tries again');
      })
      .finally(() => (running = undefined));
  }
}

interface Mark {
  readonly state: 'begun' | 'entries' | 'done';
  /** Parts that were refused. */
  readonly refused: number;
}

/** Undefined where there is none. What cannot be read counts as begun, because importing again changes nothing. */
async function readMark(path: string): Promise<Mark | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { state, refused } = JSON.parse(text) as Partial<Mark>;
    return {
      state: state === 'done' || state === 'entries' ? state : 'begun',
      refused: typeof refused === 'number' ? refused : 0,
    };
  } catch {
    return { state: 'begun', refused: 0 };
  }
}

/** Whole or not there, whenever the process or the machine ends. */
async function writeMark(path: string, mark: Mark): Promise<void> {
  await writeFile(`${path}.new`, `${JSON.stringify(mark)}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}
