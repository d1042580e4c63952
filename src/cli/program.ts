import { Command, InvalidArgumentError, Option } from 'commander';
import type { ConflictsOptions } from './commands/conflicts.ts';
import type { DoctorOptions } from './commands/doctor.ts';
import type { IdOptions } from './commands/id.ts';
import type { ImportOptions } from './commands/import.ts';
import type { InitOptions } from './commands/init.ts';
import type { ProofGetOptions } from './commands/proof-get.ts';
import type { ProofVerifyOptions } from './commands/proof-verify.ts';
import type { DeleteOptions, ListOptions, PutOptions } from './commands/state.ts';
import type { StatusOptions } from './commands/status.ts';
import type { UpOptions } from './commands/up.ts';
import type { CliContext, GlobalOptions } from './context.ts';

/** Builds the commands. A command's code is imported when it runs: naming them all must cost nothing. */
export function createProgram(context: CliContext, version: string, finish: (exitCode: number) => void): Command {
  const program = new Command('lattice')
    .description('One key-value state, identical and tamper-evident on a small fleet of nodes.')
    .version(version)
    .option('--url <url>', 'the node to talk to (default: DIOTEC360_URL, else the port in --env-file, else http://127.0.0.1:8000)')
    .option('--token <token>', 'API token (default: DIOTEC360_API_TOKEN, else the one in --env-file)')
    .option('--env-file <file>', 'environment file of a node')
    .addOption(new Option('--timeout <seconds>', 'longest wait for one answer').default(10).argParser(numberIn(0.05, 3600)))
    .option('--json', 'machine-readable output, errors too')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: context.output.write, writeErr: () => undefined, outputError: () => undefined })
    .exitOverride()
    .addHelpText(
      'after',
      `\nExit codes: 0 ok, 1 a check failed, 2 usage, 3 unreachable, 74 store.${example('up', 'status --watch', 'state put greeting \'"hello"\'')}`,
    );

  /**
   * Adds a command with its example. `run` gets the arguments in order and all options, global ones included, as the
   * option definitions that follow make them.
   */
  function define(
    parent: Command,
    usage: string,
    summary: string,
    examples: string[],
    run: (options: never, args: string[]) => Promise<number>,
  ): Command {
    return parent
      .command(usage)
      .description(summary)
      .addHelpText('after', example(...examples))
      .action(async function action(this: Command) {
        finish(await run(this.optsWithGlobals(), this.args));
      });
  }

  define(
    program,
    'init',
    'write keys, tokens and env files of a new fleet',
    ['init --dir fleet --nodes 3', 'init --dir fleet --nodes 5 --base-port 8100 --p2p-base-port 9100'],
    async (options: InitOptions) => (await import('./commands/init.ts')).init(context, options),
  )
    .option('--dir <dir>', 'directory to write to', 'fleet')
    .addOption(new Option('--nodes <n>', 'number of nodes, 1 to 50').default(3).argParser(integerIn(1, 50)))
    .addOption(new Option('--base-port <port>', 'API port of the first node').default(8000).argParser(integerIn(1, 65_535)))
    .addOption(new Option('--p2p-base-port <port>', 'P2P port of the first node').default(9000).argParser(integerIn(1, 65_535)))
    .option('--names <a,b,c>', 'names of the nodes')
    .option('--seed-file <file>', 'file of 64 hex digits that the keys are derived from (default: random keys)');

  define(
    program,
    'up',
    'start three local nodes, load the sample, and watch them agree',
    ['up', 'up --dir /tmp/triangle --once'],
    async (options: UpOptions) => (await import('./commands/up.ts')).up(context, options),
  )
    .option('--dir <dir>', 'directory of the fleet, created by the first run', '.lattice')
    .option('--once', 'exit 0 after the nodes agreed (for CI)');

  define(program, 'start', 'run one node', ['start --env-file fleet/node1-huggingface.env'], async (options: GlobalOptions) =>
    (await import('./commands/start.ts')).start(context, options),
  );

  define(
    program,
    'status',
    'health, root, lungs and what to act on',
    ['status', 'status --watch --url http://127.0.0.1:8001'],
    async (options: StatusOptions) => (await import('./commands/status.ts')).status(context, options),
  )
    .option('--watch', 'repeat until interrupted')
    .addOption(new Option('--interval <seconds>', 'pause between two looks').default(1).argParser(numberIn(0.1, 3600)));

  define(
    program,
    'doctor [urls...]',
    'check nodes and their agreement, and say what to do',
    ['doctor http://127.0.0.1:8000 http://127.0.0.1:8001', 'doctor --fleet fleet/fleet.json'],
    async (options: DoctorOptions, urls) => (await import('./commands/doctor.ts')).doctor(context, urls, options),
  )
    .option('--fleet <file>', 'fleet.json: all of its nodes')
    .addOption(new Option('--settle <seconds>', 'how long roots may take to become equal').default(5).argParser(numberIn(0, 600)));

  define(
    program,
    'id',
    'peer id and public key, without starting a node',
    ['id --env-file fleet/node1-huggingface.env', 'id --key-file fleet/node1-huggingface.key'],
    async (options: IdOptions) => (await import('./commands/id.ts')).id(context, options),
  ).option('--key-file <file>', 'file of 64 hex digits');

  define(
    program,
    'peers',
    'every peer, the lung that carries it, and whether it agrees',
    ['peers', 'peers --json'],
    async (options: GlobalOptions) => (await import('./commands/peers.ts')).peers(context, options),
  );

  define(
    program,
    'conflicts',
    'keys with concurrent values, every value with its author',
    ['conflicts', 'conflicts --limit 20 --json'],
    async (options: ConflictsOptions) => (await import('./commands/conflicts.ts')).conflicts(context, options),
  ).addOption(new Option('--limit <n>', 'most keys to list').default(100).argParser(integerIn(1, 100_000)));

  define(
    program,
    'import <snapshot.json>',
    'load a snapshot of the original node, verified against its own root; keys that exist are left alone',
    ['import snapshot.json --dry-run', 'import snapshot.json --env-file fleet/node1-huggingface.env'],
    async (options: ImportOptions, [file = '']) => (await import('./commands/import.ts')).importSnapshot(context, file, options),
  )
    .option('--overwrite', 'replace keys that exist, too')
    .option('--dry-run', 'write nothing, say what would be written');

  defineState(program.command('state').description('read and write keys').addHelpText('after', example('state get greeting')));
  defineProof(
    program
      .command('proof')
      .description('proofs that a key is present or absent')
      .addHelpText('after', example('proof get greeting --out greeting.proof')),
  );
  const sync = program.command('sync').description('synchronisation').addHelpText('after', example('sync now'));
  define(
    sync,
    'mode <p2p|http|auto>',
    'choose the lung',
    ['sync mode http', 'sync mode auto'],
    async (options: GlobalOptions, [mode = '']) => (await import('./commands/sync.ts')).syncMode(context, mode, options),
  );
  define(sync, 'now', 'compare and repair with every reachable peer', ['sync now'], async (options: GlobalOptions) =>
    (await import('./commands/sync.ts')).syncNow(context, options),
  );
  return program;

  function defineState(state: Command): void {
    const commands = () => import('./commands/state.ts');
    define(
      state,
      'get <key>',
      'value of a key',
      ['state get greeting', 'state get greeting --json'],
      async (options: GlobalOptions, [key = '']) => (await commands()).stateGet(context, key, options),
    );
    define(
      state,
      'put <key> <value>',
      'write a JSON value ("-": read it from stdin)',
      ['state put greeting \'{"text":"hello"}\'', 'state put greeting hello --string --if-absent'],
      async (options: PutOptions, [key = '', value = '']) => (await commands()).statePut(context, key, value, options),
    )
      .option('--string', 'take the value as text, not as JSON')
      .option('--if-absent', 'only when the key does not exist')
      .option('--if-match <version>', 'only when the key has this version');
    define(state, 'del <key>', 'delete a key', ['state del greeting'], async (options: DeleteOptions, [key = '']) =>
      (await commands()).stateDelete(context, key, options),
    ).option('--if-match <version>', 'only when the key has this version');
    define(
      state,
      'ls [prefix]',
      'keys and values in key order',
      ['state ls', 'state ls account: --limit 10'],
      async (options: ListOptions, [prefix]) => (await commands()).stateList(context, prefix, options),
    )
      .addOption(new Option('--limit <n>', 'most keys to list').default(100).argParser(integerIn(1, 10_000_000)))
      .option('--cursor <cursor>', 'go on where an earlier list ended');
    define(state, 'root', 'Merkle root of the state', ['state root'], async (options: GlobalOptions) =>
      (await commands()).stateRoot(context, options),
    );
  }

  function defineProof(proof: Command): void {
    define(
      proof,
      'get <key>',
      "fetch the proof of a key's presence or absence",
      ['proof get greeting --out greeting.proof'],
      async (options: ProofGetOptions, [key = '']) => (await import('./commands/proof-get.ts')).proofGet(context, key, options),
    ).option('--out <file>', 'write it to a file (default: stdout)');
    define(
      proof,
      'verify <file>',
      'check a proof offline ("-": from stdin)',
      ['proof verify greeting.proof', 'proof verify greeting.proof --root <64 hex> --trust <64 hex>,<64 hex>'],
      async (options: ProofVerifyOptions, [file = '']) => (await import('./commands/proof-verify.ts')).proofVerify(context, file, options),
    )
      .option('--root <hex>', 'the root that it must lead to')
      .option('--trust <keys>', 'public keys (64 hex, separated by commas) that the head and the commits must come from');
  }
}

function example(...commands: readonly string[]): string {
  return `\n${commands.length > 1 ? 'Examples' : 'Example'}:\n${commands.map((c) => `  $ lattice ${c}`).join('\n')}`;
}

function numberIn(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= min && value <= max)) throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
    return value;
  };
}

function integerIn(min: number, max: number): (text: string) => number {
  return (text) => {
    if (!/^[0-9]{1,9}$/.test(text) || Number(text) < min || Number(text) > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return Number(text);
  };
}
