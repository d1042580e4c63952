import type { History } from '../../client/index.ts';
import { connect } from '../connect.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readNames } from '../names.ts';
import { printable } from '../output.ts';
import { timesOf } from '../times.ts';

export interface HistoryOptions extends GlobalOptions {
  readonly limit: number;
}

/** Versions of one request. */
const PAGE = 100;

/** Shows who wrote a key and when, newest first, and what is concurrent with the current value. */
export async function history(context: CliContext, key: string, options: HistoryOptions): Promise<number> {
  const client = await connect(context, options);
  const items: History['items'] = [];
  let cursor: string | undefined;
  let complete = true;
  // The loop ends, because every round finds at least one version or is the last.
  do {
    const page = await client.getHistory(key, { limit: Math.min(PAGE, options.limit - items.length), cursor });
    items.push(...page.items);
    complete = page.complete;
    cursor = page.items.length === 0 ? undefined : page.cursor;
  } while (cursor !== undefined && items.length < options.limit);

  if (options.json) {
    context.output.data({ key, items, complete, ...(cursor === undefined ? {} : { cursor }) });
    return EXIT.ok;
  }
  const { line, remark, paint } = context.output;
  const [names, times] = [await readNames(client), timesOf(options)];
  if (items.length === 0) line(`No version of ${printable(key)} is known here.`);
  for (const item of items) {
    const what = item.deleted
      ? item.expires === undefined
        ? '(deleted)'
        : `(ended at ${times.at(item.expires)})`
      : item.value === undefined
        ? '(value no longer held)'
        : printable(JSON.stringify(item.value));
    const at = item.at === undefined ? '(time not known)' : times.exact(item.at);
    const place = item.current ? paint('bold', 'current') : item.concurrent ? paint('yellow', 'concurrent') : 'earlier';
    line(`${at}  ${place}  ${what}`);
    const author = item.author === undefined ? '(not known)' : names.ofAuthor(item.author);
    line(paint('dim', `  by ${printable(author)}, version ${item.version}`));
  }
  if (items.some(({ concurrent }) => concurrent))
    remark('Concurrent values are all kept until a write has seen them: lattice conflicts resolve KEY.');
  if (cursor !== undefined) remark('There are more versions: raise --limit.');
  else if (!complete) remark('Older versions have left the journal.');
  return EXIT.ok;
}
