import type { Floor } from '../../client/index.ts';
import { counted, duration } from '../../core/types/index.ts';
import { connect } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { type FleetOptions, fleetTable } from '../fleet-table.ts';
import { alignColumns, printable } from '../output.ts';
import { type Times, timesOf } from '../times.ts';
import { type WatchOptions, watch } from '../watch.ts';

/** Tells where the floor stands, who holds it back, since when and why, and what to do about it. */
export async function floor(context: CliContext, options: WatchOptions & FleetOptions): Promise<number> {
  const times = timesOf(options);
  if (options.fleet !== undefined)
    return await fleetTable(context, options, (client) => client.getFloor(), {
      columns: ['FLOOR', 'AGE', 'EPOCH', 'HELD BY', 'COLLECTED', 'SET ASIDE'],
      rows: (seen) => [
        [
          seen.at === undefined ? '-' : times.at(seen.at),
          seen.at === undefined ? '-' : duration(seen.now - seen.at),
          seen.epoch === undefined ? '-' : String(seen.epoch),
          printable(seen.holders.map(({ label, code }) => `${label} (${code})`).join(', ')) || '-',
          seen.collection.collected === undefined ? '-' : times.at(seen.collection.collected),
          String(seen.collection.setAside),
        ],
      ],
      data: (seen) => ({ floor: seen }),
    });
  const client = await connect(context, options);
  return await watch(
    context,
    options,
    () => client.getFloor(),
    (seen) => {
      if (options.json) context.output.data(seen);
      else show(context, seen, times);
    },
  );
}

function show(context: CliContext, seen: Floor, times: Times): void {
  showFloor(context, seen, times);
  showCollection(context, seen, times);
}

function showFloor({ output }: CliContext, seen: Floor, times: Times): void {
  const { at, now, held, holders } = seen;
  if (at === undefined) output.line('There is no floor yet: no cut has been attested alike by all writers.');
  else
    for (const line of alignColumns([
      ['floor', `${times.at(at)}, ${duration(now - at)} ago`],
      ['root', seen.root ?? '-'],
      ['entries', String(seen.entries ?? '-')],
      ['epoch', String(seen.epoch ?? '-')],
    ]))
      output.line(line);
  if (!held) {
    output.line('Nobody holds it: it follows within half a minute.');
    return;
  }
  if (holders.length === 0) {
    output.line('It is not known yet who holds it: this node has just started. Ask again in half a minute.');
    return;
  }
  output.line(`A cut of ${times.at(seen.due)} would be the floor, but for:`);
  const rows = holders.map(({ label, self, code, since, text }) => [
    printable(self ? `${label} (this node)` : label),
    code,
    since === undefined ? '-' : times.at(since),
    printable(text),
  ]);
  for (const line of alignColumns([['WRITER', 'WHY', 'SINCE', ''], ...rows])) output.say(line);
  for (const { next } of holders) output.remark(`Next: ${printable(next)}`);
}

function showCollection({ output }: CliContext, { collection }: Floor, times: Times): void {
  const { closed, collected, collecting, keys, retentionMs, setAside, setAsideLost = 0, waitsFor } = collection;
  output.line(
    collected === undefined
      ? `No deletion has left the state yet: each stays for ${duration(retentionMs)}, and until all writers have it.`
      : `Deletions of up to ${times.at(collected)} have left the state${keys === 0 ? '' : `, ${counted(keys, 'key')} since this node started`}.`,
  );
  if (closed !== undefined)
    output.line(`What is not in the state and older than ${times.at(closed)} is not taken any more.`);
  if (collecting) output.line('More of them are leaving it now, and this node attests nothing meanwhile.');
  if (waitsFor.length > 0) {
    output.line('Nothing leaves the state until these members are known to collect too:');
    const rows = waitsFor.map(({ label, text }) => [printable(label), printable(text)]);
    for (const line of alignColumns([['MEMBER', 'WHY'], ...rows])) output.say(line);
    for (const { next } of waitsFor) output.remark(`Next: ${printable(next)}`);
  }
  if (setAside > 0) {
    output.line(`${counted(setAside, 'operation')} ${setAside === 1 ? 'is' : 'are'} set aside.`);
    output.remark('Next: see them with lattice recover');
  }
  if (setAsideLost > 0) output.line(`${counted(setAsideLost, 'more operation')} could not be kept for want of room.`);
}
