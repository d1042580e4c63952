import { resolve } from 'node:path';
import { nodeHasher } from '../../adapters/system/hasher.ts';
import { createVerifier } from '../../adapters/system/keys.ts';
import { isInPlaceOfNode, isTemporary, pause } from '../../client/retry.ts';
import { type Author, counted, LatticeError } from '../../core/types/index.ts';
import { carryOut } from '../../moving/carry-out.ts';
import { baseUrlOf, createLiveMemory, isUrl, planLive } from '../../moving/live.ts';
import { planInput, planPaths } from '../../moving/make-plan.ts';
import { readMirror, writeMirror } from '../../moving/mirror-file.ts';
import {
  ALL_PARTS,
  type ImportTarget,
  PARTS,
  type Part,
  type Plan,
  type ReadContext,
  type Refusal,
  type Report,
} from '../../moving/plan.ts';
import { READERS } from '../../moving/readers.ts';
import { reportLines, totalsOf } from '../../moving/report.ts';
import type { Mirror } from '../../moving/write-entries.ts';
import { advised } from '../advice.ts';
import { clock } from '../clock.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { readVariables } from '../env-file.ts';
import { reportError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { importTarget } from '../import-target.ts';
import { readInput } from '../input.ts';
import { printable } from '../output.ts';
import { readTrust } from '../trust.ts';

export interface ImportOptions extends GlobalOptions {
  readonly overwrite?: boolean;
  readonly dryRun?: boolean;
  readonly unverified?: boolean;
  readonly expectRoot?: string;
  readonly base?: readonly string[];
  /** What is taken, names of parts with commas between them. */
  readonly only?: string;
  readonly trust?: string;
  /** A file in which the import keeps what it wrote, so that a later one goes on from there. */
  readonly remember?: string;
  readonly watch?: boolean;
  /** Seconds from one round of --watch to the next. */
  readonly interval: number;
}

/** A snapshot from standard input: as large as one from a file. */
const MAX_STDIN_BYTES = 256 * 1024 * 1024;
/** Shortest time between two lines of progress: a person reads them, and a short import has none. */
const PROGRESS_MS = 2_000;

export async function importOriginal(
  context: CliContext,
  from: readonly string[],
  options: ImportOptions,
): Promise<number> {
  if (options.watch === true && options.dryRun === true) throw usageError('--watch and --dry-run exclude each other');
  if (options.watch === true && from.includes('-'))
    throw usageError('standard input can be read once: --watch needs a path or URL');
  if (options.expectRoot !== undefined && !/^[0-9a-fA-F]{64}$/.test(options.expectRoot))
    throw usageError('--expect-root is not 64 hex digits');
  const parts = partsOf(options);
  if (options.expectRoot !== undefined && !parts.has('state'))
    throw usageError('--expect-root is about the state, which --only leaves out');
  const target = importTarget(await connect(context, options));
  const source = await planner(context, from, options, parts);
  const stopped = new AbortController();
  const release = context.onStop(() => stopped.abort(new LatticeError('aborted', 'the import was stopped')));
  try {
    const memory = await openMemory(context, source.name, options);
    if (options.watch === true) return await watchSource(context, source, target, options, stopped.signal, memory);
    const report = await importOnce(context, source, target, options, stopped.signal, memory);
    const only = soleRefusal(report);
    // For a program what was refused is where it is in every other report.
    if (options.json === true || only === undefined) show(context, report, options);
    if (only !== undefined) throw refusalError(context, only, options);
    if (report.refused.length === 0) return EXIT.ok;
    throw incomplete(report);
  } finally {
    release();
  }
}

function partsOf({ only }: ImportOptions): ReadonlySet<Part> {
  if (only === undefined) return ALL_PARTS;
  const names = only.split(',').map((name) => name.trim());
  const known = (name: string): name is Part => (PARTS as readonly string[]).includes(name);
  if (!names.every(known)) throw usageError(`--only takes ${PARTS.join(', ')}, and several with commas between them`);
  return new Set(names);
}

interface Planner {
  /** The paths or the URL, the same for the same source. */
  readonly name: string;
  /** Reads the source anew each time that it is called. */
  plan(signal: AbortSignal): Promise<Plan>;
  /** What was planned last has been carried out. */
  done?(): void;
}

async function planner(
  context: CliContext,
  given: readonly string[],
  options: ImportOptions,
  parts: ReadonlySet<Part>,
): Promise<Planner> {
  const tell = progressOf(context, options);
  const read = (signal: AbortSignal): ReadContext => ({
    hasher: nodeHasher(),
    verifier: createVerifier(),
    unverified: options.unverified === true,
    signal,
    progress: tell,
  });
  const [from = ''] = given;
  if (given.length > 1 && given.some((one) => one === '-' || isUrl(one)))
    throw usageError('standard input and URLs are imported alone');
  if (from === '-') {
    const text = await readInput(context, from, MAX_STDIN_BYTES);
    const name = 'standard input';
    return { name, plan: async (signal) => await planInput(name, text, read(signal)) };
  }
  if (!isUrl(from)) {
    const paths = given.map((path) => resolve(context.cwd, path));
    const bases = (options.base ?? []).map((path) => resolve(context.cwd, path));
    return {
      name: paths.toSorted().join(' '),
      plan: async (signal) => await planPaths(paths, bases, READERS, read(signal), parts),
    };
  }
  const signers = await signersOf(context, options);
  const mustSign = options.trust !== undefined;
  const memory = createLiveMemory();
  const live = { verifier: createVerifier(), signers, mustSign, clock, parts, memory };
  const plan = async (signal: AbortSignal): Promise<Plan> => await planLive(from, live, read(signal));
  return { name: baseUrlOf(from), plan, done: memory.keep };
}

/**
 * Whose signature counts on a running node's state: the keys of --trust, one of which must have signed it, else the trust
 * list of the settings.
 */
async function signersOf(context: CliContext, options: ImportOptions): Promise<readonly Author[]> {
  if (options.trust !== undefined) return (await readTrust(context, options.trust)).authors;
  const list = readVariables(context, options.envFile)('TRUSTED_STATE_PUBKEYS');
  return list === undefined || list.trim() === '' ? [] : (await readTrust(context, list)).authors;
}

async function importOnce(
  context: CliContext,
  source: Planner,
  target: ImportTarget,
  options: ImportOptions,
  signal: AbortSignal,
  memory: Memory,
): Promise<Report> {
  const plan = await source.plan(signal);
  const expected = options.expectRoot?.toLowerCase();
  if (expected !== undefined) checkRoot(plan, expected);
  const tell = progressOf(context, options);
  try {
    const report = await carryOut(plan, target, {
      overwrite: options.overwrite === true,
      dryRun: options.dryRun === true,
      mirror: memory.mirror,
      signal,
      progress: tell,
    });
    source.done?.();
    return report;
  } finally {
    // What was written before a failure is remembered as well.
    await memory.keep();
  }
}

/** What an import knows of its own earlier writes. */
interface Memory {
  /** Undefined where it need not know them, and writes absent keys only. */
  readonly mirror: Mirror | undefined;
  keep(): Promise<void>;
}

async function openMemory(context: CliContext, source: string, options: ImportOptions): Promise<Memory> {
  const { remember, watch, dryRun } = options;
  if (remember === undefined) return { mirror: watch === true ? new Map() : undefined, keep: async () => undefined };
  const path = resolve(context.cwd, remember);
  const mirror = await readMirror(path, source);
  let kept = JSON.stringify([...mirror]);
  return {
    mirror,
    async keep() {
      const present = JSON.stringify([...mirror]);
      if (dryRun !== true && present !== kept) await writeMirror(path, source, mirror);
      kept = present;
    },
  };
}

/** Refuses a plan with a state that has not the root that was asked for. */
function checkRoot({ items, refused, from }: Plan, expected: string): void {
  const roots = items.flatMap((item) => (item.kind === 'entries' && item.root !== undefined ? item.root : []));
  const states = items.filter(({ kind }) => kind === 'entries');
  if (roots.length > 0 && roots.length === states.length && roots.every((root) => root === expected)) return;
  const [first] = refused;
  const found =
    roots.length > 0
      ? `it has ${roots.join(', ')}`
      : `no state of it is taken${first === undefined ? '' : `: ${first.reason}`}`;
  throw new LatticeError(
    'snapshot-root-mismatch',
    `the state in ${from} does not have the root ${expected}: ${found}`,
    {
      next: 'Nothing was imported. Compare it with what the original answers at /api/persistence/merkle-root.',
      details: { stored: expected, ...(roots[0] === undefined ? {} : { computed: roots[0] }) },
    },
  );
}

/** Whether the source or others are in the way at present: a later round may find them well. */
function passes(error: unknown): boolean {
  if (!(error instanceof LatticeError)) return false;
  const status = Number(error.details['status'] ?? 0);
  if (error.code === 'http-status') return status >= 500 || status === 408 || status === 429;
  return error.code === 'source-changed';
}

/** Imports again and again what has changed, until a signal, even while the source or the node does not answer. */
async function watchSource(
  context: CliContext,
  source: Planner,
  target: ImportTarget,
  options: ImportOptions,
  signal: AbortSignal,
  memory: Memory,
): Promise<number> {
  let last: ReadonlySet<string> = new Set();
  let isFirst = true;
  while (!signal.aborted) {
    try {
      const report = await importOnce(context, source, target, options, signal, memory);
      const { taken, deleted } = totalsOf(report);
      // What stays refused, different or worth knowing is told once, and not in every round.
      const isNew = (one: unknown): boolean => !last.has(JSON.stringify(one));
      const told = [...report.refused, ...report.remarks, ...report.items.map(({ differing }) => differing)];
      const refused = report.refused.filter(isNew);
      const remarks = report.remarks.filter(isNew);
      if (isFirst || taken + deleted > 0 || told.some(isNew))
        show(context, options.json === true ? report : { ...report, refused, remarks }, options);
      last = new Set(told.map((one) => JSON.stringify(one)));
      isFirst = false;
    } catch (error) {
      if (signal.aborted) break;
      if (!isTemporary(error) && !isInPlaceOfNode(error) && !passes(error)) throw error;
      reportError(advised(error, options), context.output, options.json === true);
    }
    await pause(options.interval * 1000, signal);
  }
  return EXIT.ok;
}

/** The one thing that was refused of a source that is nothing else: then it is the error of the command. */
function soleRefusal({ items, refused }: Report): Refusal | undefined {
  return items.length === 0 && refused.length === 1 ? refused[0] : undefined;
}

/** What the command ends with when something was refused: it says whether anything else was taken. */
function incomplete({ items, refused }: Report): LatticeError {
  const [first] = refused;
  const parts = `${counted(refused.length, 'part')} of the import ${refused.length === 1 ? 'was' : 'were'} refused`;
  const isNothing = items.every(({ taken, known, deleted }) => taken + known + deleted === 0);
  return new LatticeError(isNothing && first !== undefined ? first.code : 'import-incomplete', parts, {
    next: 'Do as the report says of each part, and run the import again: what is there already is left alone.',
  });
}

function refusalError(context: CliContext, refusal: Refusal, options: ImportOptions): LatticeError {
  const { source, code, reason, each, next, stored, computed } = refusal;
  if (options.json !== true)
    for (const { what, reason: why } of each ?? []) context.output.remark(`${printable(what)}: ${printable(why)}`);
  return new LatticeError(code, `${source.at}: ${reason}`, {
    ...(next === undefined ? {} : { next: next.startsWith('Nothing') ? next : `Nothing was imported. ${next}` }),
    details: { stored, computed, each },
  });
}

function show(context: CliContext, report: Report, options: ImportOptions): void {
  if (options.json) context.output.data({ ...report, totals: totalsOf(report) });
  else for (const line of reportLines(report)) context.output.line(printable(line));
}

/** Tells of long work on stderr, where no data for programs are asked for. */
function progressOf(context: CliContext, options: ImportOptions): (step: string, done: number, total?: number) => void {
  if (options.json) return () => undefined;
  let told = clock.monotonic();
  return (step, done, total) => {
    if (clock.monotonic() - told < PROGRESS_MS) return;
    told = clock.monotonic();
    context.output.remark(`${step}: ${done}${total === undefined ? '' : ` of ${total}`}`);
  };
}
