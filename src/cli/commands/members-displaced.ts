import type { Displaced } from '../../client/index.ts';
import { connect } from '../connect.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { alignColumns, printable } from '../output.ts';
import { timesOf } from '../times.ts';

export interface DisplacedOptions extends GlobalOptions {
  readonly limit: number;
}

/** Operations of one request. */
const PAGE = 100;
/** Characters of a value in the table, of which --json has the whole. */
const MAX_VALUE = 60;

/** Lists what ended members had written after their ends, and the node has taken out of its state. */
export async function membersDisplaced(context: CliContext, options: DisplacedOptions): Promise<number> {
  const { output } = context;
  const client = await connect(context, options);
  const found: Displaced[] = [];
  let cursor: string | undefined;
  // The loop ends, because every round goes on behind the one before.
  do {
    const page = await client.members.displaced({ limit: Math.min(PAGE, options.limit - found.length), cursor });
    found.push(...page.items);
    ({ cursor } = page);
  } while (cursor !== undefined && found.length < options.limit);
  if (options.json) {
    output.data({ items: found, ...(cursor === undefined ? {} : { cursor }) });
    return EXIT.ok;
  }
  if (found.length === 0) {
    output.line('This node has taken out nothing: it had nothing that an ended member wrote after its end.');
    return EXIT.ok;
  }
  const times = timesOf(options);
  const rows = found.map(({ key, name, at, until, value }) => [
    printable(JSON.stringify(key)),
    printable(name),
    times.at(at),
    times.at(until),
    value === undefined ? 'deleted' : cut(printable(JSON.stringify(value))),
  ]);
  for (const line of alignColumns([['KEY', 'AUTHOR', 'WRITTEN', 'ITS END', 'WHAT'], ...rows])) output.line(line);
  output.remark(
    'None of it counts. What is still wanted is written again, on a node whose key counts: lattice state put',
  );
  if (cursor !== undefined) output.remark('There are more: raise --limit.');
  return EXIT.ok;
}

const cut = (text: string): string => (text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE - 1)}…` : text);
