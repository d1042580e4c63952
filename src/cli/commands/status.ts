import type { Status } from '../../client/index.ts';
import { counted, duration } from '../../core/types/index.ts';
import { connect } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { type FleetOptions, fleetTable } from '../fleet-table.ts';
import { stateOfMember } from '../members.ts';
import { byName } from '../names.ts';
import { alignColumns, printable, SHORT_ROOT } from '../output.ts';
import { type Times, timesOf } from '../times.ts';
import { rootsDiffer, verdictLines, verdictSentence, verdictWord } from '../verdict-lines.ts';
import { type WatchOptions, watch } from '../watch.ts';

export type StatusOptions = WatchOptions & FleetOptions;

export async function status(context: CliContext, options: StatusOptions): Promise<number> {
  if (options.fleet !== undefined) return await statusOfFleet(context, options);
  const client = await connect(context, options);
  const times = timesOf(options);
  return await watch(
    context,
    options,
    () => client.getStatus(),
    (now) => {
      if (options.json) context.output.data(now);
      else for (const line of describe(now, context, times)) context.output.say(line);
    },
  );
}

async function statusOfFleet(context: CliContext, options: StatusOptions): Promise<number> {
  const { output } = context;
  return await fleetTable(context, options, (client) => client.getStatus(), {
    columns: ['VERDICT', 'ROOT', 'KEYS', 'CONFLICTS', 'P2P', 'HTTP', 'WRITES', 'VERSION', 'UP'],
    rows: (now) => [
      [
        verdictWord(output, now),
        now.root.slice(0, SHORT_ROOT),
        String(now.live),
        String(now.conflicts),
        now.p2p.enabled ? String(now.p2p.peers) : 'off',
        now.http.enabled ? String(now.http.peers) : 'off',
        now.writable ? 'accepted' : output.paint('red', 'refused'),
        printable(now.version),
        duration(now.now - now.startedAt),
      ],
    ],
    data: (now) => ({ status: now }),
    below: (answers) => {
      const told = answers.flatMap((answer) =>
        'value' in answer && answer.value.verdict !== undefined
          ? [[`${printable(answer.name)}:`, verdictSentence(answer.value)]]
          : [],
      );
      // Equal roots say nothing of these.
      const besides = answers.flatMap((answer) =>
        'value' in answer
          ? besidesVerdict(answer.value).map((text) => output.paint('yellow', `${printable(answer.name)}: ${text}`))
          : [],
      );
      const seen = answers.flatMap((answer) => ('value' in answer ? [answer.value] : []));
      if (rootsDiffer(seen))
        besides.unshift(
          output.paint(
            'yellow',
            'The roots differ at this look: the newest writes are on their way. If they still do at the next, see lattice doctor.',
          ),
        );
      return told.length === 0 ? [] : ['', ...alignColumns(told), ...besides];
    },
  });
}

function describe(now: Status, context: CliContext, times: Times): string[] {
  const { output } = context;
  const rows = [
    [
      'node',
      `${printable(now.name || '(no name)')}${now.role ? ` (${printable(now.role)})` : ''}, version ${printable(now.version)}, up ${duration(now.now - now.startedAt)}`,
    ],
    ['peer id', now.peerId],
    ['network', printable(now.network)],
    ['root', now.root],
    ['state', `${counted(now.live, 'key')}, ${now.entries - now.live} deleted, ${now.conflicts} in conflict`],
    ...othersOf(now, times),
    ...cutsOf(now, times),
    ...progressOf(now, times),
    // Without any other node there is nothing that a lung could be good for.
    ['lungs', now.verdict?.kind === 'ALONE' ? 'none is needed' : now.health],
    ['P2P', lung(now.p2p, counted(now.p2p.peers, 'peer'))],
    ['HTTP', lung(now.http, `${counted(now.http.peers, 'peer')}, ${now.http.streaming} streaming`)],
    ['mode', now.mode],
    ['writes', now.writable ? 'accepted' : output.paint('red', 'refused')],
    ...(now.endsNotReadBy === undefined
      ? []
      : [['with an end', `refused until known to be read by ${printable(now.endsNotReadBy.join(', '))}`]]),
  ];
  const lines = [...verdictLines(context, now), ...alignColumns(rows)];
  // A node of an earlier version tells no verdict, which has these reasons.
  if ((now.verdict as Status['verdict'] | undefined) === undefined)
    for (const { text } of now.readOnlyReasons) lines.push(output.paint('red', `read-only: ${printable(text)}`));
  for (const { author, at } of now.cuts?.disagreeing ?? []) {
    const who = now.verdict?.members.find((member) => member.author === author)?.label ?? author;
    lines.push(output.paint('red', `warning: ${printable(who)} attested another root for ${times.at(at)}`));
  }
  for (const text of besidesVerdict(now)) lines.push(output.paint('yellow', text));
  return lines;
}

/** What somebody should know or decide although it does not keep the nodes from being equal. */
function besidesVerdict({ warnings, trust }: Status): string[] {
  const { changes = 0 } = trust;
  return [
    ...warnings.map(({ text }) => `warning: ${printable(text)}`),
    ...(changes === 0
      ? []
      : [
          `${counted(changes, 'change')} of the members ${changes === 1 ? 'waits' : 'wait'}: see lattice members changes`,
        ]),
  ];
}

/** Members that the row of the others names. The table of all is that of --fleet. */
const SHOWN_MEMBERS = 8;

function othersOf(now: Status, times: Times): string[][] {
  const members = (now.verdict as Status['verdict'] | undefined)?.members;
  if (members === undefined)
    return [['agreement', `${now.converged.equal} of ${counted(now.converged.peers, 'peer')} with the same root`]];
  const isEqual = ({ agreement }: (typeof members)[number]): boolean => agreement.startsWith('equal');
  const named = byName(members, ({ label }) => label);
  // Where not all have room, those that are not equal have.
  const shown = [...named.filter((member) => !isEqual(member)), ...named.filter(isEqual)]
    .slice(0, SHOWN_MEMBERS)
    .map((member) => `${member.label} ${stateOfMember(member, times)}`);
  const more = members.length > shown.length ? [`${members.length - shown.length} more`] : [];
  return members.length === 0 ? [] : [['others', printable([...shown, ...more].join('; '))]];
}

function cutsOf({ cuts, floor, now }: Status, times: Times): string[][] {
  if (cuts === undefined) return [];
  const rows: string[][] = [];
  if (cuts.convergedAsOf !== undefined) {
    rows.push(['converged', `as of ${times.at(cuts.convergedAsOf)}, ${duration(now - cuts.convergedAsOf)} ago`]);
  }
  if (cuts.certified !== undefined) {
    const { at, attesters, quorum } = cuts.certified;
    rows.push(['certified', `${times.at(at)} by ${counted(attesters.length, 'node')}, a quorum is ${quorum}`]);
  }
  if (floor?.at !== undefined) {
    const held = floor.holders.map(({ label, code }) => `${label} (${code})`).join(', ');
    const by = held === '' ? '' : `, held by ${printable(held)}`;
    rows.push(['floor', `${times.at(floor.at)}, ${duration(now - floor.at)} ago${by}`]);
  }
  const collected = floor?.collection.collected;
  if (collected !== undefined) rows.push(['deletions', `those of up to ${times.at(collected)} have left the state`]);
  if (cuts.lagging !== undefined) rows.push(['cuts', `none: ${printable(cuts.lagging)}`]);
  return rows;
}

/** Rows for the work that a node still does after its start: a bootstrap, a check of its store. */
function progressOf({ bootstrap, integrity, scrub }: Status, times: Times): string[][] {
  const rows: string[][] = [];
  if (bootstrap !== undefined && bootstrap.phase !== 'done') {
    const { phase, chunks, entries, ratePerSecond, verified, error } = bootstrap;
    const parts = [
      phase,
      `${chunks.done} of ${counted(chunks.total, 'chunk')}`,
      counted(entries, 'entry', 'entries'),
      `${Math.round(ratePerSecond)}/s`,
    ];
    if (verified !== undefined) parts.push(`${verified.done} of ${counted(verified.total, 'signature')} checked`);
    if (error !== undefined) parts.push(error);
    rows.push(['bootstrap', printable(parts.join(', '))]);
  }
  if (integrity !== undefined && integrity.checked < integrity.total) {
    rows.push([
      'integrity',
      `${integrity.checked} of ${counted(integrity.total, 'entry', 'entries')} checked since the start`,
    ]);
  } else if (scrub?.completedAt !== undefined) {
    rows.push(['scrub', `the whole store was found good at ${times.at(scrub.completedAt)}`]);
  }
  return rows;
}

function lung(state: Status['p2p'] | Status['http'], running: string): string {
  if (!state.enabled) return 'off';
  if (state.state === 'running') return running;
  return `${state.state}${state.error === undefined ? '' : `: ${printable(state.error)}`}`;
}
