import { type Command, Option } from 'commander';
import type { ConflictsOptions, ResolveOptions } from '../commands/conflicts.ts';
import type { HistoryOptions } from '../commands/history.ts';
import type { ProofGetOptions } from '../commands/proof-get.ts';
import type { ProofVerifyOptions } from '../commands/proof-verify.ts';
import type { DeleteOptions, ListOptions, PutOptions } from '../commands/state.ts';
import type { GlobalOptions } from '../context.ts';
import {
  type Definition,
  fleetWide,
  integerIn,
  limited,
  SINCE_ROSTER_HELP,
  TRUST_HELP,
  VERDICTS,
  writesFile,
} from '../define.ts';
import type { FleetOptions } from '../fleet-table.ts';

/** Commands for keys and values: state, history, conflicts, proof. */
export function dataCommands(definition: Definition): void {
  const { context, program, define, defineDefault, group } = definition;
  defineState(definition, group('state', 'read and write keys', 'state get greeting'));
  limited(
    define(
      program,
      'history <key>',
      'who wrote a key and when, newest first',
      ['history greeting', 'history greeting --limit 5 --json'],
      async (options: HistoryOptions, [key = '']) =>
        (await import('../commands/history.ts')).history(context, key, options),
    ),
    'versions',
    20,
    10_000,
  );

  const conflicts = group('conflicts', 'keys with concurrent values', 'conflicts', 'conflicts show greeting');
  const commands = () => import('../commands/conflicts.ts');
  const listed = limited(
    defineDefault(
      conflicts,
      'ls',
      'every value of the keys in conflict, with its author',
      ['conflicts ls', 'conflicts ls --limit 20 --json', 'conflicts ls --fleet'],
      async (options: ConflictsOptions & FleetOptions) => (await commands()).conflictsList(context, options),
    ),
    'keys',
    100,
    100_000,
  );
  fleetWide(listed);
  define(
    conflicts,
    'show <key>',
    'the values of one key, numbered',
    ['conflicts show greeting'],
    async (options: GlobalOptions, [key = '']) => (await commands()).conflictsShow(context, key, options),
  );
  define(
    conflicts,
    'resolve <key>',
    'write one value in place of all (needs the token)',
    [
      'conflicts resolve greeting --take 2',
      'conflicts resolve greeting --value \'"both"\'',
      'conflicts resolve greeting --delete',
    ],
    async (options: ResolveOptions, [key = '']) => (await commands()).conflictsResolve(context, key, options),
  )
    .option('--take <n>', 'the value of this number or version')
    .option('--value <json>', 'another value')
    .option('--delete', 'no value');

  defineProof(definition, group('proof', 'proofs that a key is present or absent', 'proof get greeting'));
}

function defineState({ context, define }: Definition, state: Command): void {
  const commands = () => import('../commands/state.ts');
  define(
    state,
    'get <key>',
    'value of a key',
    ['state get greeting', 'state get greeting --json'],
    async (options: GlobalOptions, [key = '']) => (await commands()).stateGet(context, key, options),
  );
  const waits = (command: Command): Command =>
    command
      .addOption(
        new Option('--replicas <n>', 'wait until so many other writers have signed that it is durable there').argParser(
          integerIn(1, 255),
        ),
      )
      .option('--certified', 'wait for a certified cut that holds it')
      .option('--complete', 'wait for a complete cut that holds it: then it is final');
  const put = define(
    state,
    'put <key> <value>',
    'write a JSON value ("-": read it from stdin; needs the token)',
    [
      'state put greeting \'{"text":"hello"}\'',
      'state put greeting hello --string --if-absent',
      'state put greeting hello --string --replicas 1 --timeout 5',
    ],
    async (options: PutOptions, [key = '', value = '']) => (await commands()).statePut(context, key, value, options),
  )
    .option('--string', 'take the value as text, not as JSON')
    .option('--if-absent', 'only when the key does not exist')
    .option('--if-match <version>', 'only when the key has this version');
  waits(put);
  const remove = define(
    state,
    'delete <key>',
    'delete a key (needs the token)',
    ['state delete greeting'],
    async (options: DeleteOptions, [key = '']) => (await commands()).stateDelete(context, key, options),
  )
    .alias('del')
    .option('--if-match <version>', 'only when the key has this version');
  waits(remove);
  limited(
    define(
      state,
      'ls [prefix]',
      'keys and values in key order',
      ['state ls', 'state ls account: --limit 10'],
      async (options: ListOptions, [prefix]) => (await commands()).stateList(context, prefix, options),
    ),
    'keys',
    100,
    10_000_000,
  ).option('--cursor <cursor>', 'go on where an earlier list ended');
  define(state, 'root', 'Merkle root of the state', ['state root'], async (options: GlobalOptions) =>
    (await commands()).stateRoot(context, options),
  );
}

function defineProof({ context, define }: Definition, proof: Command): void {
  writesFile(
    define(
      proof,
      'get <key>',
      "fetch the proof of a key's presence or absence",
      ['proof get greeting --out greeting.proof', 'proof get greeting --at cut'],
      async (options: ProofGetOptions, [key = '']) =>
        (await import('../commands/proof-get.ts')).proofGet(context, key, options),
    ),
  )
    .addOption(new Option('--at <cut>', 'against the newest root that a quorum certified').choices(['cut']))
    .option('--since-roster <hash>', SINCE_ROSTER_HELP);
  define(
    proof,
    'verify <file>',
    'check a proof offline ("-": from stdin)',
    [
      'proof verify greeting.proof --trust fleet.json --key greeting',
      'proof verify greeting.proof --trust node1.env --key greeting --value \'"hello"\'',
      'proof verify greeting.proof --trust <64 hex>,<64 hex> --network aethel/lattice/v1 --root <64 hex>',
    ],
    async (options: ProofVerifyOptions, [file = '']) =>
      (await import('../commands/proof-verify.ts')).proofVerify(context, file, options),
  )
    .option('--trust <list>', `${TRUST_HELP}; or roster:<64 hex>, the hash of a roster`)
    .option('--key <key>', 'the key that it must be about')
    .option('--network <name>', 'the network that it must be of (default: that of the fleet.json of --trust)')
    .option('--root <hex>', 'the root that it must lead to')
    .option('--value <json>', 'the value that the key must have')
    .option('--absent', 'the key must have no value: it was deleted, or never written')
    .option('--insecure-any-key', 'check without a trust list, so that anyone may have signed the document')
    .addHelpText('after', VERDICTS);
}
