import type { Change, Roster } from '../../client/index.ts';
import { type Author, counted, joined, LatticeError } from '../../core/types/index.ts';
import { authorToPeerId } from '../../core/wire/peer-id.ts';
import { type ChangeOptions, conclude, tellStage, untilSettled } from '../carry-out.ts';
import type { ApiClient } from '../client.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type FleetOptions, fleetTable } from '../fleet-table.ts';
import { memberName, operatedNodes, type RosterMember } from '../operators.ts';
import { alignColumns, printable, SHORT_ROOT } from '../output.ts';
import { type Times, timesOf } from '../times.ts';
import { type WatchOptions, watch } from '../watch.ts';

/** What a change does and where it stands, as one sentence. */
const said = (text: string, why: string): string => `${text.replace(/\.$/, '')}: ${why}`;

interface Seen {
  readonly roster: Roster;
  readonly changes: readonly Change[];
}

async function look(client: ApiClient): Promise<Seen> {
  const [roster, changes] = await Promise.all([client.members.roster(), client.members.changes()]);
  return { roster, changes };
}

const isOpen = ({ stage }: Change): boolean => stage === 'waiting' || stage === 'deciding';

/** Shows the roster; with --fleet which roster each node goes by, so that one that is behind is seen. */
export async function membersList(context: CliContext, options: WatchOptions & FleetOptions): Promise<number> {
  const times = timesOf(options);
  if (options.fleet !== undefined) {
    return await fleetTable(context, options, look, {
      columns: ['EPOCH', 'ROSTER', 'WRITERS', 'MIRRORS', 'REMARKS'],
      rows: ({ roster, changes }) => [
        [
          String(roster.epoch),
          roster.hash.slice(0, SHORT_ROOT),
          String(countOf(roster, 'writer')),
          String(countOf(roster, 'mirror')),
          printable(remarksOf(roster, changes).join('; ')),
        ],
      ],
      data: (seen) => ({ ...seen }),
      below(answers) {
        const newest = Math.max(...answers.map((answer) => ('value' in answer ? answer.value.roster.epoch : 0)));
        const behind = answers.filter((answer) => 'value' in answer && answer.value.roster.epoch < newest);
        if (behind.length === 0) return [];
        return [
          `${printable(joined(behind.map(({ name }) => name)))} ${behind.length === 1 ? 'is' : 'are'} behind epoch ${newest}.`,
        ];
      },
    });
  }
  const client = await connect(context, options);
  return await watch(
    context,
    options,
    () => look(client),
    ({ roster, changes }) => {
      if (options.json) context.output.data({ ...roster, changes });
      else show(context, roster, changes, times);
    },
  );
}

const countOf = ({ members }: Roster, role: RosterMember['role']): number =>
  members.filter((member) => member.role === role).length;

function remarksOf({ abstains, warnings }: Roster, changes: readonly Change[]): string[] {
  const open = changes.filter(isOpen).length;
  return [
    ...(open === 0 ? [] : [`${counted(open, 'change')} ${open === 1 ? 'waits' : 'wait'}`]),
    ...(abstains === undefined ? [] : [abstains]),
    ...warnings.map(({ text }) => text),
  ];
}

/** A key that was removed was in the wrong hands, and one that was left out by force may run on: neither went in peace. */
const roleOf = ({ role, how }: RosterMember): string =>
  how === 'removed' ? 'removed' : how === 'forced' ? 'left out' : role;

function show({ output }: CliContext, roster: Roster, changes: readonly Change[], times: Times): void {
  const rows = roster.members.map((member) => [
    printable(memberName(member)),
    roleOf(member),
    member.peerId,
    printable([...member.urls, ...member.multiaddrs].join(' ') || '-'),
    [
      ...(member.self ? ['this node'] : []),
      ...(member.until === undefined
        ? []
        : [member.until === 0 ? 'nothing of it counts' : `counts up to ${times.at(member.until)}`]),
      ...(member.to === undefined ? [] : [`goes on as ${authorToPeerId(member.to as Author)}`]),
    ].join('; '),
  ]);
  for (const line of alignColumns([['MEMBER', 'ROLE', 'PEER ID', 'ADDRESSES', 'REMARKS'], ...rows])) output.line(line);
  output.line(
    `epoch ${roster.epoch}  roster ${roster.hash.slice(0, SHORT_ROOT)}  cuts are certified by ${
      roster.certify === 'majority' ? 'a majority' : 'two thirds'
    } of ${counted(countOf(roster, 'writer'), 'writer')}`,
  );
  if (roster.abstains !== undefined)
    output.say(`${output.paint('yellow', '!')} This node takes no part in decisions: ${printable(roster.abstains)}`);
  for (const { text } of roster.warnings) output.say(`${output.paint('yellow', '!')} ${printable(text)}`);
  const open = changes.filter(isOpen);
  for (const { id, text, why } of open) output.say(`${id.slice(0, 8)}  ${printable(said(text, why))}`);
  if (open.length > 0) output.remark('See lattice members changes, and lattice members approve ID.');
}

/** Lists the changes that wait, and the newest that are done with. */
export async function membersChanges(context: CliContext, options: FleetOptions): Promise<number> {
  const client = await connect(context, options);
  const changes = await client.members.changes();
  if (options.json) context.output.data({ changes });
  else if (changes.length === 0) context.output.line('Nobody has asked for a change.');
  else {
    const rows = changes.map(({ id, stage, text, why, approvals, needed }) => [
      id.slice(0, 8),
      stage,
      isOpen({ stage } as Change) ? `${approvals.length} of ${needed}` : '-',
      printable(said(text, why)),
    ]);
    for (const line of alignColumns([['CHANGE', 'STAGE', 'APPROVALS', 'WHAT'], ...rows])) context.output.line(line);
  }
  return EXIT.ok;
}

/** The id of a change, or the first digits of one, as the user gives it. Throws LatticeError `usage`. */
function changeId(text: string): string {
  if (/^[0-9a-f]{4,64}$/i.test(text)) return text.toLowerCase();
  throw usageError(
    `${JSON.stringify(text)} is not the id of a change`,
    'Give 4 or more of its hex digits: lattice members changes.',
  );
}

/** Approves a change with every node of the operator, or takes their approvals back. */
export async function membersVote(
  context: CliContext,
  vote: 'approve' | 'withdraw',
  given: string,
  options: ChangeOptions,
): Promise<number> {
  const id = changeId(given);
  const { nodes, silent } = await operatedNodes(context, options);
  const asked = await Promise.all(
    nodes.map(async ({ name, client, author, roster }) => {
      const { url } = client;
      if (!roster.members.some((member) => member.author === author && member.role === 'writer') && nodes.length > 1)
        return undefined;
      try {
        return { name, url, approved: true, change: await client.members[vote](id), client };
      } catch (error) {
        if (!(error instanceof LatticeError)) throw error;
        return { name, url, approved: false, error };
      }
    }),
  );
  const answers = asked.filter((answer) => answer !== undefined);
  const done = answers.find((answer) => answer.change !== undefined);
  if (done?.change === undefined) throw answers[0]?.error ?? new LatticeError('unreachable', 'no node answers');
  const deadline = performance.now() + (vote === 'approve' ? options.wait * 1000 : 0);
  const change = await untilSettled(context, nodes, done, done.change, deadline);
  if (vote === 'withdraw') {
    if (options.json) context.output.data({ change });
    else tellStage(context, change);
    return EXIT.ok;
  }
  const votes = [
    ...answers.map(({ name, url, approved, error }) => ({
      name,
      url,
      approved,
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
    })),
    ...silent.map(({ name, url, error: { code, message } }) => ({
      name,
      url,
      approved: false,
      error: { code, message },
    })),
  ];
  const [node] = nodes;
  if (node === undefined) throw new LatticeError('unreachable', 'no node answers');
  // An approval is done even where those of others are missing.
  const concluded = conclude(context, options, { change, votes, node });
  return change.stage === 'waiting' && answers.every(({ approved }) => approved) ? EXIT.ok : concluded;
}

/** Waits until a change is decided. The exit code is 1 when it is not, or no more can be. */
export async function membersWait(
  context: CliContext,
  given: string,
  options: GlobalOptions & { readonly wait: number },
): Promise<number> {
  const id = changeId(given);
  const client = await connect(context, options);
  const known = await client.members.change(id);
  const change = await untilSettled(context, [], { client }, known, performance.now() + options.wait * 1000);
  if (options.json) context.output.data({ change });
  else tellStage(context, change);
  return change.stage === 'decided' ? EXIT.ok : EXIT.failed;
}
