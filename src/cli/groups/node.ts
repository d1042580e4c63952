import { Option } from 'commander';
import type { ConfigShowOptions } from '../commands/config.ts';
import type { EventsOptions } from '../commands/events.ts';
import type { LogOptions } from '../commands/log.ts';
import type { StatusOptions } from '../commands/status.ts';
import type { TokenNewOptions } from '../commands/token.ts';
import type { GlobalOptions } from '../context.ts';
import { type Definition, fleetWide, integerIn, watchable, writesFile } from '../define.ts';
import { durationIn } from '../durations.ts';
import type { FleetOptions } from '../fleet-table.ts';
import type { OutOptions } from '../write-file.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'];

/** Commands that show a node: status, version, events, log, config, token, verify, metrics, openapi. */
export function nodeCommands({ context, program, define, defineDefault, group }: Definition): void {
  fleetWide(
    watchable(
      define(
        program,
        'status',
        'the verdict on the node and its fleet, what to do, root and lungs',
        ['status', 'status --watch --url http://127.0.0.1:8001', 'status --fleet fleet/fleet.json'],
        async (options: StatusOptions) => (await import('../commands/status.ts')).status(context, options),
      ),
    ),
  );

  fleetWide(
    define(
      program,
      'version',
      'the version of this program, and of the node where one is named',
      ['version', 'version --url http://127.0.0.1:8001', 'version --fleet'],
      async (options: FleetOptions) => (await import('../commands/version.ts')).version(context, options),
    ),
  );

  define(
    program,
    'events',
    'changes, transitions and repairs as they happen; a lost connection goes on where it was',
    ['events', 'events --type transition,repair', 'events --after 01890a5d-42 --json'],
    async (options: EventsOptions) => (await import('../commands/events.ts')).events(context, options),
  )
    .option('--after <id>', 'go on after this event')
    .option('--type <a,b>', 'only events of these types')
    .addOption(new Option('--count <n>', 'end after so many').argParser(integerIn(1, 1_000_000_000)));

  const logs = group('log', 'the log of a node', 'log', 'log -f', 'log level debug');
  defineDefault(
    logs,
    'show',
    'the last lines of the log (needs the token)',
    ['log show', 'log show -f --level warn'],
    async (options: LogOptions) => (await import('../commands/log.ts')).log(context, options),
  )
    .option('-f, --follow', 'go on with those that come')
    .addOption(new Option('--level <level>', 'leave out what is less than this').choices(LEVELS).default('info'))
    .option('--after <id>', 'go on after this line')
    .addOption(new Option('--limit <n>', 'most lines to list').default(100).argParser(integerIn(1, 1000)));

  define(
    logs,
    'level [level]',
    'tell or set the least level that the running node writes, until a restart or a reload with another (needs the token)',
    ['log level', 'log level debug'],
    async (options: GlobalOptions, [level]) => (await import('../commands/log.ts')).logLevel(context, level, options),
  );

  const config = group('config', 'the configuration of a node', 'config show');
  define(
    config,
    'show',
    'what the running node is configured by, and from where (needs the token)',
    ['config show', 'config show --all --json'],
    async (options: ConfigShowOptions) => (await import('../commands/config.ts')).configShow(context, options),
  ).option('--all', 'also what is at its default');
  define(
    config,
    'reload',
    'have the running node read its env file again: trust list, peers, token, log level (needs the token)',
    ['config reload --env-file fleet/node1-huggingface.env', 'config reload --json'],
    async (options: GlobalOptions) => (await import('../commands/config.ts')).configReload(context, options),
  );
  define(
    config,
    'check',
    'check an env file and the environment as start would, without starting',
    ['config check --env-file fleet/node1-huggingface.env'],
    async (options: GlobalOptions) => (await import('../commands/config.ts')).configCheck(context, options),
  );

  const tokens = group('token', 'tokens for other people and programs', 'token new grafana --read', 'token ls');
  define(
    tokens,
    'new <name>',
    'make a token of this node for reading, writing or operating, and print it (needs the token)',
    ['token new grafana --read', 'token new sensors --write sensors/ --ttl 30d', 'token new deputy --operate --ttl 8h'],
    async (options: TokenNewOptions, [name = '']) =>
      (await import('../commands/token.ts')).tokenNew(context, name, options),
  )
    .option('--read', 'it may read, where reads need a token (DIOTEC360_READ_TOKEN)')
    .option('--write [prefix]', 'it may write keys that begin so, or all keys and the vault, and read')
    .option('--operate', 'it may do everything that the API token may')
    .addOption(
      new Option('--ttl <time>', 'how long it is valid: 15m, 8h, 30d (default: until it is withdrawn)').argParser(
        durationIn(1000, 3660 * 86_400_000),
      ),
    );
  define(
    tokens,
    'ls',
    'the tokens that this node made, without their secrets (needs the token)',
    ['token ls', 'token ls --json'],
    async (options: GlobalOptions) => (await import('../commands/token.ts')).tokenList(context, options),
  );
  define(
    tokens,
    'rm <id>',
    'withdraw a token, which then counts no more (needs the token)',
    ['token rm 0123456789abcdef'],
    async (options: GlobalOptions, [id = '']) =>
      (await import('../commands/token.ts')).tokenRemove(context, id, options),
  );

  fleetWide(
    define(
      program,
      'verify',
      'check the whole store of a node now: files, values, signatures (needs the token)',
      ['verify', 'verify --url http://127.0.0.1:8001', 'verify --fleet fleet/fleet.json'],
      async (options: FleetOptions) => (await import('../commands/verify.ts')).verify(context, options),
    ),
  );

  fleetWide(
    define(
      program,
      'metrics [filter]',
      'metrics in the text form of Prometheus, or those whose name contains the filter',
      ['metrics', 'metrics peer --json', 'metrics root --fleet'],
      async (options: FleetOptions, [filter]) =>
        (await import('../commands/metrics.ts')).metrics(context, filter, options),
    ),
  );

  writesFile(
    define(
      program,
      'openapi',
      "the OpenAPI document of the node's API",
      ['openapi', 'openapi --out lattice.json'],
      async (options: OutOptions) => (await import('../commands/openapi.ts')).openapi(context, options),
    ),
  );
}
