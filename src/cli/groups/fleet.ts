import { Option } from 'commander';
import type { CertificateOptions, CutsOptions } from '../commands/cuts.ts';
import type { CertificateVerifyOptions } from '../commands/cuts-verify.ts';
import type { DoctorOptions } from '../commands/doctor.ts';
import type { EvidenceVerifyOptions } from '../commands/evidence.ts';
import type { DifferencesOptions } from '../commands/peers.ts';
import type { RecoverOptions } from '../commands/recover.ts';
import type { SyncModeOptions } from '../commands/sync.ts';
import type { GlobalOptions } from '../context.ts';
import {
  type Definition,
  fleetWide,
  limited,
  numberIn,
  SINCE_ROSTER_HELP,
  TRUST_HELP,
  VERDICTS,
  watchable,
  writesFile,
} from '../define.ts';
import type { FleetOptions } from '../fleet-table.ts';
import { readTime } from '../times.ts';
import type { WatchOptions } from '../watch.ts';
import type { OutOptions } from '../write-file.ts';

/** Commands for nodes together: doctor, peers, sync, cuts, evidence. */
export function fleetCommands(definition: Definition): void {
  const { context, program, define, defineDefault, group } = definition;
  define(
    program,
    'doctor [urls...]',
    'check nodes from outside and inside and their agreement, and say what to do',
    ['doctor http://127.0.0.1:8000 http://127.0.0.1:8001', 'doctor --fleet fleet/fleet.json', 'doctor --check'],
    async (options: DoctorOptions, urls) => (await import('../commands/doctor.ts')).doctor(context, urls, options),
  )
    .option('--fleet <file>', 'fleet.json: all of its nodes, with the tokens of the env files beside it')
    .addOption(
      new Option('--settle <seconds>', 'how long roots may take to become equal')
        .default(5)
        .argParser(numberIn(0, 600)),
    )
    .option('--check', 'one line and exit code for monitoring: 0 ok, 1 warning, 2 critical, 3 unknown');

  const peers = group('peers', 'the peers of a node', 'peers', 'peers ping oslo');
  const peerCommands = () => import('../commands/peers.ts');
  fleetWide(
    watchable(
      defineDefault(
        peers,
        'ls',
        'every peer, the lung that carries it, and whether it agrees',
        ['peers ls', 'peers ls --watch', 'peers ls --fleet'],
        async (options: WatchOptions & FleetOptions) => (await peerCommands()).peersList(context, options),
      ),
    ),
  );
  define(
    peers,
    'add <address>',
    'add a peer by URL or multiaddr, kept across restarts (needs the token)',
    ['peers add http://127.0.0.1:8001', 'peers add /ip4/127.0.0.1/tcp/9001/p2p/12D3KooW…'],
    async (options: GlobalOptions, [address = '']) => (await peerCommands()).peersAdd(context, address, options),
  );
  define(
    peers,
    'rm <peer>',
    'remove a peer that was added so, by its name, URL or multiaddr (needs the token)',
    ['peers rm oslo', 'peers rm http://127.0.0.1:8001'],
    async (options: GlobalOptions, [address = '']) => (await peerCommands()).peersRemove(context, address, options),
  );
  define(
    peers,
    'ping <peer>',
    'have the node reach a peer over both lungs: by its name, peer id, key or URL (needs the token)',
    ['peers ping oslo', 'peers ping http://127.0.0.1:8001'],
    async (options: GlobalOptions, [peer = '']) => (await peerCommands()).peersPing(context, peer, options),
  );
  limited(
    define(
      peers,
      'diff <peer>',
      'which keys differ between the node and a peer (needs the token)',
      ['peers diff oslo', 'peers diff 12D3KooW… --limit 1000'],
      async (options: DifferencesOptions, [peer = '']) => (await peerCommands()).peersDiff(context, peer, options),
    ),
    'keys',
    100,
    10_000,
  );

  const sync = group('sync', 'how the nodes compare and repair their states, and over which lung', 'sync', 'sync now');
  const syncCommands = () => import('../commands/sync.ts');
  fleetWide(
    watchable(
      defineDefault(
        sync,
        'status',
        'verdict, mode, lungs, repairs and the last transitions',
        ['sync status', 'sync status --watch', 'sync status --fleet'],
        async (options: WatchOptions & FleetOptions) => (await syncCommands()).syncStatus(context, options),
      ),
    ),
  );
  define(
    sync,
    'now',
    'compare and repair with every reachable peer (needs the token)',
    ['sync now'],
    async (options: GlobalOptions) => (await syncCommands()).syncNow(context, options),
  );
  define(
    sync,
    'mode [p2p|http|auto]',
    'tell the mode, or choose the lung (needs the token)',
    ['sync mode', 'sync mode http --reason "the firewall is being changed"', 'sync mode auto'],
    async (options: SyncModeOptions, [mode]) => (await syncCommands()).syncMode(context, mode, options),
  ).option('--reason <text>', 'kept with the transition');

  fleetWide(
    watchable(
      define(
        program,
        'floor',
        'the newest cut that all writers attested alike, who holds it back, since when, why, and what to do',
        ['floor', 'floor --watch', 'floor --fleet fleet/fleet.json'],
        async (options: WatchOptions & FleetOptions) => (await import('../commands/floor.ts')).floor(context, options),
      ),
    ),
  );

  limited(
    define(
      program,
      'recover',
      'what came too late for the floor and was set aside; --key or --all writes it anew (needs the token)',
      ['recover', 'recover --key orders/17 --key orders/18', 'recover --all', 'recover --all --forget'],
      async (options: RecoverOptions) => (await import('../commands/recover.ts')).recover(context, options),
    )
      .addOption(
        new Option(
          '--key <key>',
          'write the newest of what is set aside under this key anew; repeat it for more keys',
        ).argParser((key: string, before: readonly string[] | undefined) => [...(before ?? []), key]),
      )
      .option('--all', 'write all that is of use anew')
      .option('--overwrite', 'also where the key was written later')
      .option('--forget', 'write nothing, and forget it for good'),
    'operations',
    100,
    20_000,
  );

  const cuts = group('cuts', 'states of whole fleets at one time', 'cuts');
  const cutCommands = () => import('../commands/cuts.ts');
  limited(
    fleetWide(
      watchable(
        defineDefault(
          cuts,
          'ls',
          'the last cuts, who attested them, and which are certified',
          ['cuts ls', 'cuts ls --limit 5', 'cuts ls --fleet'],
          async (options: CutsOptions & FleetOptions) => (await cutCommands()).cuts(context, options),
        ),
      ),
    ),
    'cuts',
    20,
    64,
  );
  writesFile(
    define(
      cuts,
      'certificate',
      "a quorum's certificate, in base64url: what an auditor trusts instead of one node",
      ['cuts certificate', 'cuts certificate --at 2026-11-28T12:00:10Z --out cut.certificate'],
      async (options: CertificateOptions) => (await cutCommands()).certificate(context, options),
    ),
  )
    .addOption(
      new Option('--at <time>', 'the time of the cut, as cuts ls shows it, or Unix ms (default: the newest)').argParser(
        readTime,
      ),
    )
    .option('--since-roster <hash>', SINCE_ROSTER_HELP);
  define(
    cuts,
    'verify <file>',
    'check a certificate offline ("-": from stdin)',
    [
      'cuts verify cut.certificate --trust fleet.json',
      'cuts verify cut.certificate --trust node1.env --root <64 hex> --at 2026-11-28T12:00:10Z',
    ],
    async (options: CertificateVerifyOptions, [file = '']) =>
      (await import('../commands/cuts-verify.ts')).cutsVerify(context, file, options),
  )
    .option('--trust <list>', `${TRUST_HELP}; or roster:<64 hex>, the hash of a roster`)
    .option('--network <name>', 'the network that it must be of (default: that of the fleet.json of --trust)')
    .option('--root <hex>', 'the root that it must certify')
    .addOption(new Option('--at <time>', 'the time of the cut that it must be of, or Unix ms').argParser(readTime))
    .addHelpText('after', VERDICTS);
  defineEvidence(definition);
}

function defineEvidence({ context, group, define, defineDefault }: Definition): void {
  const evidence = group('evidence', 'statements of one key that contradict each other', 'evidence');
  const commands = () => import('../commands/evidence.ts');
  defineDefault(
    evidence,
    'ls',
    'statements of one key that contradict each other, as far as the node knows',
    ['evidence ls'],
    async (options: GlobalOptions) => (await commands()).evidenceList(context, options),
  );
  writesFile(
    define(
      evidence,
      'export <id>',
      'one of them as a document that anybody can check',
      ['evidence export 0123456789abcdef --out liar.evidence'],
      async (options: OutOptions, [id = '']) => (await commands()).evidenceExport(context, id, options),
    ),
  );
  define(
    evidence,
    'verify <file>',
    'check such a document offline ("-": from stdin)',
    ['evidence verify liar.evidence', 'evidence verify liar.evidence --trust fleet.json'],
    async (options: EvidenceVerifyOptions, [file = '']) => (await commands()).evidenceVerify(context, file, options),
  )
    .option('--trust <list>', TRUST_HELP)
    .option('--network <name>', 'the network that it must be of (default: that of the fleet.json of --trust)')
    .option(
      '--author <who>',
      'who must have signed both: a public key, a peer id, or a name in the fleet.json of --trust',
    )
    .addHelpText('after', VERDICTS);
}
