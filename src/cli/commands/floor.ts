import type { Floor } from '../../client/index.ts';
import { duration } from '../../core/types/index.ts';
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
      columns: ['FLOOR', 'AGE', 'EPOCH', 'HELD BY'],
      rows: (seen) => [
        [
          seen.at === undefined ? '-' : times.at(seen.at),
          seen.at === undefined ? '-' : duration(seen.now - seen.at),
          seen.epoch === undefined ? '-' : String(seen.epoch),
          printable(seen.holders.map(({ label, code }) => `${label} (${code})`).join(', ')),
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

function show({ output }: CliContext, seen: Floor, times: Times): void {
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
