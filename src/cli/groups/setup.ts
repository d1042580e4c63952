import { Option } from 'commander';
import type { ContextAddOptions } from '../commands/context.ts';
import type { InitOptions } from '../commands/init.ts';
import type { KeyOptions } from '../commands/key.ts';
import type { UpOptions } from '../commands/up.ts';
import type { GlobalOptions } from '../context.ts';
import { type Definition, integerIn } from '../define.ts';

/**
 * Commands that make, start and name nodes: init, up, start, id, key, config check, context, completion.
 */
export function setupCommands({ context, program, define, defineDefault, group }: Definition): void {
  define(
    program,
    'init',
    'write keys, tokens and env files of a fleet: a new one, or one of existing env files',
    [
      'init --dir fleet --nodes 3',
      'init --dir fleet --nodes 5 --base-port 8100 --p2p-base-port 9100',
      'init --dir fleet --hosts oslo=a.example,rome=b.example,kyiv=c.example',
      'init --dir fleet --from .env.node1 .env.node2 .env.node3',
    ],
    async (options: InitOptions) => (await import('../commands/init.ts')).init(context, options),
  )
    .option('--dir <dir>', 'directory to write to', 'fleet')
    .addOption(
      new Option('--nodes <n>', 'number of nodes, 1 to 50 (default: as many as --names has, or 3)').argParser(
        integerIn(1, 50),
      ),
    )
    .option('--hosts <list>', 'hosts of nodes that are reached by https, or URLs, each with a name= before it or none')
    .addOption(
      new Option('--base-port <port>', 'API port of the first node, and of each with --hosts')
        .default(8000)
        .argParser(integerIn(1, 65_535)),
    )
    .addOption(
      new Option('--p2p-base-port <port>', 'P2P port of the first node, and of each with --hosts')
        .default(9000)
        .argParser(integerIn(1, 65_535)),
    )
    .option('--names <a,b,c>', 'names of the nodes, in the order of their ports')
    .option('--from <files...>', 'env files of existing nodes, one each: keys and settings go on, the files stay')
    .option('--dry-run', 'with --from: show what would be another, and write nothing')
    .option('--seed-file <file>', 'file of 64 hex digits that the keys are derived from (default: random keys)');

  define(
    program,
    'up',
    'start three local nodes, load the sample, and watch them agree',
    ['up', 'up --dir /tmp/triangle --once'],
    async (options: UpOptions) => (await import('../commands/up.ts')).up(context, options),
  )
    .option('--dir <dir>', 'directory of the fleet, created by the first run', '.lattice')
    .option('--once', 'exit 0 after the nodes agreed (for CI)');

  define(
    program,
    'start',
    'run one node',
    ['start --env-file fleet/node1-huggingface.env'],
    async (options: GlobalOptions) => (await import('../commands/start.ts')).start(context, options),
  );

  define(
    program,
    'id',
    'peer id and public key of a key file, without starting a node',
    ['id --env-file fleet/node1-huggingface.env', 'id --key-file fleet/node1-huggingface.key'],
    async (options: KeyOptions) => (await import('../commands/key.ts')).id(context, options),
  ).option('--key-file <file>', 'file of 64 hex digits');

  define(
    group('key', 'the identity of a node', 'key show'),
    'show',
    'peer id and public key of a key file, or of the node that runs',
    ['key show', 'key show --env-file fleet/node1-huggingface.env'],
    async (options: KeyOptions) => (await import('../commands/key.ts')).keyShow(context, options),
  ).option('--key-file <file>', 'file of 64 hex digits');

  const contexts = group('context', 'named fleets, so that commands need no --url', 'context ls');
  const commands = () => import('../commands/context.ts');
  define(
    contexts,
    'add <name>',
    'name a fleet; the first one is in use at once',
    [
      'context add home --fleet fleet/fleet.json',
      'context add office --url https://lattice.example --token-file ~/.lattice-token',
    ],
    async (options: ContextAddOptions, [name = '']) => (await commands()).contextAdd(context, name, options),
  )
    .option('--token-file <file>', 'file with the token, or an env file; only its path is kept')
    .option('--fleet <file>', 'fleet.json: its first node answers, doctor looks at all')
    .option('--node <name>', 'another node of the fleet');
  define(
    contexts,
    'use <name>',
    'send commands to this fleet from now on',
    ['context use home'],
    async (options: GlobalOptions, [name = '']) => (await commands()).contextUse(context, name, options),
  );
  defineDefault(
    contexts,
    'ls',
    'the contexts, and which one is in use',
    ['context ls'],
    async (options: GlobalOptions) => (await commands()).contextList(context, options),
  );
  define(
    contexts,
    'rm <name>',
    'forget a context',
    ['context rm office'],
    async (options: GlobalOptions, [name = '']) => (await commands()).contextRemove(context, name, options),
  );

  define(
    program,
    'completion <shell>',
    'completion script for bash, zsh or fish',
    ['completion bash', 'completion fish'],
    async (options: GlobalOptions, [shell = '']) =>
      (await import('../commands/completion.ts')).completion(context, program, shell, options),
  );
}
