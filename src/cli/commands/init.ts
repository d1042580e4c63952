import { join, relative, resolve } from 'node:path';
import { planFleet, writeFleet } from '../../config/fleet.ts';
import { planHosts } from '../../config/fleet-hosts.ts';
import { type Bytes, hexToBytes, LatticeError } from '../../core/types/index.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readTextFile } from '../input.ts';
import { alignColumns, shellWord } from '../output.ts';

const DEFAULT_NODES = 3;

export interface InitOptions extends GlobalOptions {
  readonly dir: string;
  readonly nodes?: number;
  readonly hosts?: string;
  readonly basePort: number;
  readonly p2pBasePort: number;
  readonly names?: string;
  readonly seedFile?: string;
}

export async function init(context: CliContext, options: InitOptions): Promise<number> {
  const dir = resolve(context.cwd, options.dir);
  const names = options.names?.split(',').map((name) => name.trim());
  const seed = options.seedFile === undefined ? undefined : await readSeed(context, options.seedFile);
  if (options.hosts !== undefined && (options.nodes !== undefined || names !== undefined)) {
    throw usageError(
      '--hosts excludes --nodes and --names',
      'Name the nodes in it: --hosts oslo=a.example,rome=b.example',
    );
  }
  const { basePort, p2pBasePort } = options;
  const plan =
    options.hosts === undefined
      ? planFleet({ dir, nodes: options.nodes ?? DEFAULT_NODES, basePort, p2pBasePort, names, seed })
      : planHosts({ dir, hosts: options.hosts.split(','), port: basePort, p2pPort: p2pBasePort, seed });
  try {
    writeFleet(plan);
  } catch (cause) {
    if (cause instanceof LatticeError) throw cause;
    throw new LatticeError(
      'file-unwritable',
      `the fleet cannot be written to ${dir}: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        next: 'Choose a directory that you may write to with --dir.',
        cause,
      },
    );
  }

  const { line, data, paint } = context.output;
  if (options.json) {
    data({ dir, ...plan.fleet });
    return EXIT.ok;
  }
  for (const row of alignColumns(plan.fleet.nodes.map((node) => [node.name, node.api, node.peerId]))) line(row);
  line(`written to ${dir}: an env file with its token and a key for each node, and fleet.json`);
  if (options.hosts !== undefined) {
    line(paint('bold', 'Bring to each host its own two files; fleet.json stays with whoever looks after the fleet:'));
    for (const { name, envFile, api } of plan.fleet.nodes) line(`  ${new URL(api).hostname}: ${envFile} ${name}.key`);
    return EXIT.ok;
  }
  line(paint('bold', 'Start each node:'));
  for (const node of plan.fleet.nodes) {
    line(`  ${context.programName} start --env-file ${shellWord(relative(context.cwd, join(dir, node.envFile)))}`);
  }
  return EXIT.ok;
}

async function readSeed(context: CliContext, file: string): Promise<Bytes> {
  const digits = (await readTextFile(context, file, 1024)).trim();
  const seed = digits.length === 64 ? hexToBytes(digits) : undefined;
  if (seed === undefined)
    throw usageError(`${file} does not hold 64 hex digits`, 'Make one: openssl rand -hex 32 > FILE.');
  return seed;
}
