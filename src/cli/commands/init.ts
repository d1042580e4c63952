import { join, relative, resolve } from 'node:path';
import { type Fleet, type FleetPlan, planFleet, writeFleet } from '../../config/fleet.ts';
import type { FleetFrom } from '../../config/fleet-from.ts';
import { planHosts } from '../../config/fleet-hosts.ts';
import { type Bytes, hexToBytes, LatticeError } from '../../core/types/index.ts';
import { isSpaceHost } from '../../core/wire/hugging-face.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readTextFile } from '../input.ts';
import { alignColumns, printable, shellWord } from '../output.ts';
import { isOfThisMachine } from '../reach.ts';

const DEFAULT_NODES = 3;

export interface InitOptions extends GlobalOptions {
  readonly dir: string;
  readonly nodes?: number;
  readonly hosts?: string;
  readonly basePort: number;
  readonly p2pBasePort: number;
  readonly names?: string;
  readonly seedFile?: string;
  /** Env files of nodes that there are already. */
  readonly from?: readonly string[];
  /** Shows what would be written, and writes nothing. */
  readonly dryRun?: boolean;
}

export async function init(context: CliContext, options: InitOptions): Promise<number> {
  const dir = resolve(context.cwd, options.dir);
  const names = options.names?.split(',').map((name) => name.trim());
  const seed = options.seedFile === undefined ? undefined : await readSeed(context, options.seedFile);
  const { basePort, p2pBasePort, dryRun = false } = options;
  if (options.from !== undefined) {
    if (options.nodes !== undefined) throw usageError('--from excludes --nodes', 'Each env file is one node.');
    const hosts = options.hosts?.split(',') ?? [];
    const files = options.from.map((shown) => ({ shown, path: resolve(context.cwd, shown) }));
    const { planFrom } = await import('../../config/fleet-from.ts');
    const made = planFrom({ dir, files, hosts, names, basePort, p2pBasePort, seed });
    return finishFrom(context, options, made);
  }
  if (options.hosts !== undefined && (options.nodes !== undefined || names !== undefined)) {
    throw usageError(
      '--hosts excludes --nodes and --names',
      'Name the nodes in it: --hosts oslo=a.example,rome=b.example',
    );
  }
  if (dryRun)
    throw usageError('--dry-run is for --from', 'A new fleet replaces nothing: choose a directory with --dir.');
  const plan =
    options.hosts === undefined
      ? planFleet({ dir, nodes: options.nodes ?? names?.length ?? DEFAULT_NODES, basePort, p2pBasePort, names, seed })
      : planHosts({ dir, hosts: options.hosts.split(','), port: basePort, p2pPort: p2pBasePort, seed });
  write(plan);

  const { line, data } = context.output;
  if (options.json) {
    data({ dir, ...plan.fleet });
    return EXIT.ok;
  }
  tellNodes(context, plan);
  if (options.hosts === undefined) tellStarts(context, plan.dir, plan.fleet.nodes);
  else {
    line(context.output.paint('bold', `Bring to each host its own two files; ${FLEET_JSON}`));
    tellHosts(context, plan.fleet.nodes);
  }
  return EXIT.ok;
}

const FLEET_JSON = 'fleet.json stays with whoever looks after the fleet:';

function write(plan: FleetPlan): void {
  try {
    writeFleet(plan);
  } catch (cause) {
    if (cause instanceof LatticeError) throw cause;
    throw new LatticeError(
      'file-unwritable',
      `the fleet cannot be written to ${plan.dir}: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        next: 'Choose a directory that you may write to with --dir.',
        cause,
      },
    );
  }
}

function tellNodes({ output }: CliContext, { dir, fleet }: FleetPlan): void {
  for (const row of alignColumns(fleet.nodes.map((node) => [node.name, node.api, node.peerId]))) output.line(row);
  output.line(`written to ${dir}: an env file with its token and a key for each node, and fleet.json`);
}

function tellStarts({ output, cwd, programName }: CliContext, dir: string, nodes: Fleet['nodes']): void {
  output.line(output.paint('bold', 'Start each node:'));
  for (const node of nodes)
    output.line(`  ${programName} start --env-file ${shellWord(relative(cwd, join(dir, node.envFile)))}`);
}

function tellHosts({ output }: CliContext, nodes: Fleet['nodes']): void {
  for (const { name, envFile, api } of nodes) {
    const host = new URL(api).hostname;
    const space = isSpaceHost(host) ? '  (a Space takes its variables and secrets in its settings)' : '';
    output.line(`  ${host}: ${envFile} ${name}.key${space}`);
  }
}

/** Writes a fleet of existing env files, and shows what is another in each. The old files are only read. */
function finishFrom(context: CliContext, options: InitOptions, { plan, diffs, notes, left }: FleetFrom): number {
  const { dryRun = false } = options;
  if (!dryRun) write(plan);
  const { line, say, data, paint } = context.output;
  if (options.json) {
    data({ dir: plan.dir, written: !dryRun, ...plan.fleet, diffs, notes, left });
    return EXIT.ok;
  }
  const colours = { ' ': undefined, '-': 'red', '+': 'green' } as const;
  for (const { from, to, lines } of diffs) {
    line(`--- ${printable(from)}`);
    line(`+++ ${shellWord(relative(context.cwd, join(plan.dir, to)))}`);
    for (const { sign, text: setting } of lines) {
      const colour = colours[sign];
      line(colour === undefined ? `${sign} ${printable(setting)}` : paint(colour, `${sign} ${printable(setting)}`));
    }
    line('');
  }
  for (const note of notes) say(`${paint('yellow', '!')} ${printable(note)}`);
  if (left.length > 0) line(paint('bold', 'Left to decide:'));
  for (const sentence of left) say(`  ${printable(sentence)}`);
  if (dryRun) {
    line('Nothing was written. Without --dry-run the files are written, with keys and tokens that are drawn anew.');
    return EXIT.ok;
  }
  tellNodes(context, plan);
  line('the old files are as they were');
  const isHere = ({ api }: { readonly api: string }): boolean => isOfThisMachine(api);
  const away = plan.fleet.nodes.filter((node) => !isHere(node));
  if (away.length > 0) {
    line(paint('bold', `Bring to each host its own two files, into ${options.dir}/ beside the old one; ${FLEET_JSON}`));
    tellHosts(context, away);
  }
  if (away.length < plan.fleet.nodes.length) tellStarts(context, plan.dir, plan.fleet.nodes.filter(isHere));
  return EXIT.ok;
}

async function readSeed(context: CliContext, file: string): Promise<Bytes> {
  const digits = (await readTextFile(context, file, 1024)).trim();
  const seed = digits.length === 64 ? hexToBytes(digits) : undefined;
  if (seed === undefined)
    throw usageError(`${file} does not hold 64 hex digits`, 'Make one: openssl rand -hex 32 > FILE.');
  return seed;
}
