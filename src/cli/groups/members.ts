import { type Command, Option } from 'commander';
import type { ChangeOptions } from '../carry-out.ts';
import type { InviteOptions } from '../commands/invite.ts';
import type { JoinOptions } from '../commands/join.ts';
import type { AddOptions, SettingsOptions } from '../commands/members-change.ts';
import type { CleanOptions } from '../commands/members-clean.ts';
import type { DisplacedOptions } from '../commands/members-displaced.ts';
import type { ForceOptions } from '../commands/members-force.ts';
import type { RotateOptions } from '../commands/members-rotate.ts';
import type { TidyOptions } from '../commands/members-tidy.ts';
import type { GlobalOptions } from '../context.ts';
import { type Definition, fleetWide, integerIn, limited, numberIn, watchable } from '../define.ts';
import { durationIn } from '../durations.ts';
import type { FleetOptions } from '../fleet-table.ts';
import type { OperatorOptions } from '../operators.ts';
import { readTime } from '../times.ts';
import type { WatchOptions } from '../watch.ts';

/** The longest wait for operators elsewhere, s. */
const MAX_WAIT_SECONDS = 7 * 86_400;
const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 86_400_000;
const YEAR_MS = 366 * 86_400_000;

const waits = (command: Command, standard: number): Command =>
  command.addOption(
    new Option('--wait <seconds>', 'how long to wait until it is decided; 0: not at all')
      .default(standard)
      .argParser(numberIn(0, MAX_WAIT_SECONDS)),
  );

const ofFleet = (command: Command): Command =>
  command.option(
    '--fleet <file>',
    'fleet.json: each node is asked for its approval with the token of its own env file beside it (default: that of the context)',
  );

/** Adds what every command takes that changes the roster. */
const changing = (command: Command): Command => waits(ofFleet(command), 60).option('-y, --yes', 'do it without asking');

/** Commands for the roster: members, invite, join. */
export function memberCommands({ context, program, define, defineDefault, group }: Definition): void {
  const members = group('members', 'who belongs to the fleet, and how that changes', 'members', 'members changes');
  const reads = () => import('../commands/members.ts');
  const changes = () => import('../commands/members-change.ts');
  fleetWide(
    watchable(
      defineDefault(
        members,
        'ls',
        'the members with roles and addresses, the epoch, and the changes that wait',
        ['members ls', 'members ls --watch', 'members ls --fleet'],
        async (options: WatchOptions & FleetOptions) => (await reads()).membersList(context, options),
      ),
    ),
  );
  changing(
    define(
      members,
      'add <key>',
      'add a node by its public key or peer id; it joins as a mirror (needs the token)',
      ['members add 12D3KooW… --name node4', 'members add 12D3KooW… --name node4 --fleet fleet/fleet.json'],
      async (options: AddOptions, [key = '']) => (await changes()).membersAdd(context, key, options),
    ),
  )
    .option('--name <name>', 'what the fleet calls it')
    .addOption(new Option('--role <role>', 'what it joins as').choices(['mirror', 'writer']).default('mirror'));
  changing(
    define(
      members,
      'promote <member>',
      'make a mirror a writer (needs the token)',
      ['members promote node4', 'members promote node4 --fleet fleet/fleet.json --yes'],
      async (options: ChangeOptions, [member = '']) => (await changes()).membersPromote(context, member, options),
    ),
  );
  changing(
    define(
      members,
      'retire <member>',
      'let a member go in peace: what it wrote stays; waits until its last minute is over (needs the token)',
      ['members retire node1', 'members retire node1 --fleet fleet/fleet.json'],
      async (options: ChangeOptions, [member = '']) => (await changes()).membersRetire(context, member, options),
    ),
  );
  changing(
    define(
      members,
      'rotate [member]',
      'give a member a new key; with --env-file on its machine also the node itself (needs the token)',
      [
        'members rotate --env-file fleet/node1.env --fleet fleet/fleet.json',
        'members rotate --env-file node1.env --restart "systemctl restart diotec360-lattice@node1"',
        'members rotate node1 --key 12D3KooW…',
      ],
      async (options: RotateOptions, [member]) =>
        (await import('../commands/members-rotate.ts')).membersRotate(context, member, options),
    ),
  )
    .option('--key <key>', 'the new public key or peer id, where you have made the key yourself')
    .option(
      '--restart <command>',
      'a shell command that restarts the node (default: it goes on under the new key without a restart)',
    );
  changing(
    define(
      members,
      'remove <member>',
      'put out a member whose key is in the wrong hands: nothing it signs counts any more (needs the token)',
      ['members remove node2', 'members remove 12D3KooW… --fleet fleet/fleet.json'],
      async (options: ChangeOptions, [member = '']) => (await changes()).membersRemove(context, member, options),
    ),
  );
  changing(
    define(
      members,
      'drop <member>',
      'let a key that has ended leave the roster for good, once the floor has passed its end (needs the token)',
      ['members drop node2', 'members drop 12D3KooW… --fleet fleet/fleet.json'],
      async (options: ChangeOptions, [member = '']) => (await changes()).membersDrop(context, member, options),
    ),
  );
  ofFleet(
    define(
      members,
      'tidy',
      'bring fleet.json up to the roster: take out who has left, and write keys that have turned',
      ['members tidy --fleet fleet/fleet.json', 'members tidy --yes'],
      async (options: TidyOptions) => (await import('../commands/members-tidy.ts')).membersTidy(context, options),
    ),
  ).option('-y, --yes', 'do it without asking');
  limited(
    define(
      members,
      'displaced',
      'what ended members had written after their ends, and this node has taken out again',
      ['members displaced', 'members displaced --limit 100000 --json > displaced.json'],
      async (options: DisplacedOptions) =>
        (await import('../commands/members-displaced.ts')).membersDisplaced(context, options),
    ),
    'operations',
    100,
    100_000,
  );
  define(
    members,
    'clean',
    'show what a removed key wrote and the state still has, and replace it (needs the token)',
    [
      'members clean --author node2 --since 2026-11-29T08:00Z',
      'members clean --author node2 --since 2026-11-29T08:00Z --from backup.ndjson --yes',
      'members clean --author 12D3KooW… --since 0 --delete --yes',
    ],
    async (options: CleanOptions) => (await import('../commands/members-clean.ts')).membersClean(context, options),
  )
    .option('--author <author>', 'whose values: a member, or any public key or peer id')
    .addOption(new Option('--since <time>', 'only what it wrote at this time or later').argParser(readTime))
    .option('--delete', 'delete them')
    .option('--from <file>', 'put the values of an export or a snapshot in their place, and delete what it lacks')
    .option('-y, --yes', 'do it; without it this shows what would be done');
  define(
    members,
    'force',
    'go on without a lost majority, on the store of a stopped node: begins a new lineage that nobody voted for',
    [
      'members force --env-file fleet/oslo.env --without rome,kyiv --out force.json',
      'members force --env-file fleet/lima.env --record force.json --yes',
    ],
    async (options: ForceOptions) =>
      (await import('../commands/members-force.ts')).membersForce(
        context,
        options,
        async () => import('../../app/force.ts'),
      ),
  )
    .option('--without <names>', 'every writer that is lost, by name, peer id or key, with commas')
    .option('--out <file>', 'where the record goes that the other nodes which go on take')
    .option('--record <file>', 'the record that was made on the first of them')
    .option('--although-they-answer', 'also where some of those who are left out still answer')
    .option('-y, --yes', 'do it without asking');
  changing(
    define(
      members,
      'rename <member> <name>',
      'call a member by another name, on every node (needs the token)',
      ['members rename node4 oslo'],
      async (options: ChangeOptions, [member = '', name = '']) =>
        (await changes()).membersRename(context, member, name, options),
    ),
  );
  changing(
    define(
      members,
      'settings',
      'how many writers certify a cut, and how long tombstones stay (needs the token)',
      ['members settings --certify two-thirds', 'members settings --retention 48h'],
      async (options: SettingsOptions) => (await changes()).membersSettings(context, options),
    ),
  )
    .addOption(new Option('--certify <rule>', 'the quorum of cuts').choices(['majority', 'two-thirds']))
    .addOption(
      new Option('--retention <time>', 'how long tombstones stay, for example 24h').argParser(durationIn(0, YEAR_MS)),
    );
  define(
    members,
    'changes',
    'the changes that wait for approvals, and the newest that are done with',
    ['members changes', 'members changes --json'],
    async (options: FleetOptions) => (await reads()).membersChanges(context, options),
  );
  waits(
    ofFleet(
      define(
        members,
        'approve <change>',
        'approve a change, with every node whose token is here',
        ['members approve 0a1b2c3d', 'members approve 0a1b2c3d --fleet fleet/fleet.json'],
        async (options: ChangeOptions, [id = '']) => (await reads()).membersVote(context, 'approve', id, options),
      ),
    ),
    60,
  );
  ofFleet(
    define(
      members,
      'withdraw <change>',
      'take an approval back, with every node whose token is here',
      ['members withdraw 0a1b2c3d'],
      async (options: ChangeOptions, [id = '']) => (await reads()).membersVote(context, 'withdraw', id, options),
    ),
  );
  waits(
    define(
      members,
      'wait <change>',
      'wait until a change is decided; exit code 1 when it is not',
      ['members wait 0a1b2c3d', 'members wait 0a1b2c3d --wait 3600'],
      async (options: GlobalOptions & { readonly wait: number }, [id = '']) =>
        (await reads()).membersWait(context, id, options),
    ),
    60,
  );

  const invitations = group('invite', 'let one newcomer ask to join', 'invite --name node4');
  const inviting = () => import('../commands/invite.ts');
  ofFleet(
    defineDefault(
      invitations,
      'new',
      'print the line with which one new node joins (needs the token)',
      ['invite new --name node4', 'invite new --name node4 --role mirror --ttl 24h --fleet fleet/fleet.json'],
      async (options: InviteOptions) => (await inviting()).invite(context, options),
    ),
  )
    .option('--name <name>', 'what the new node is called')
    .addOption(new Option('--role <role>', 'what it becomes').choices(['writer', 'mirror']).default('writer'))
    .addOption(
      new Option('--ttl <time>', 'how long it can be used, a week at most')
        .default(HOUR_MS, '1h')
        .argParser(durationIn(1000, WEEK_MS)),
    )
    .option('--address <url>', 'the URL at which the new node reaches this one (default: the one that is asked here)');
  ofFleet(
    define(
      invitations,
      'ls',
      'the invitations, and who has used them (needs the token)',
      ['invite ls', 'invite ls --fleet fleet/fleet.json'],
      async (options: OperatorOptions) => (await inviting()).inviteList(context, options),
    ),
  );
  ofFleet(
    define(
      invitations,
      'rm <id>',
      'take an invitation back (needs the token)',
      ['invite rm 0a1b2c3d'],
      async (options: OperatorOptions, [id = '']) => (await inviting()).inviteRemove(context, id, options),
    ),
  );
  waits(
    define(
      program,
      'join <line>',
      'join a fleet by the line of an invitation: makes key and env file, asks, and waits until it is a member',
      ['join lattice-invitation-1:… --dir fleet', 'join lattice-invitation-1:… --dir fleet --port 8003 --start'],
      async (options: JoinOptions, [line = '']) =>
        (await import('../commands/join.ts')).join(
          context,
          line,
          options,
          async (envFile) => (await import('../commands/start.ts')).start(context, { ...options, envFile }),
          async (stateDir, forced) => (await import('../../app/force.ts')).approveForced(stateDir, forced),
        ),
    ),
    300,
  )
    .option('--dir <dir>', 'directory for key, env file and state', 'fleet')
    .option('--name <name>', 'name of its files and of the node on this machine (default: that of the invitation)')
    .option('--host <ip>', 'address that its API and its P2P lung listen on', '127.0.0.1')
    .addOption(new Option('--port <port>', 'port of its API').default(8000).argParser(integerIn(1, 65_535)))
    .addOption(new Option('--p2p-port <port>', 'port of its P2P lung').default(9000).argParser(integerIn(1, 65_535)))
    .option('--start', 'run the node once it is a member');
}
