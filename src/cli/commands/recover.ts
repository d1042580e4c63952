import type { Aside, Recovered } from '../../client/index.ts';
import { counted } from '../../core/types/index.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { alignColumns, printable } from '../output.ts';
import { timesOf } from '../times.ts';

export interface RecoverOptions extends GlobalOptions {
  readonly key?: readonly string[];
  readonly all?: boolean;
  readonly overwrite?: boolean;
  readonly forget?: boolean;
  readonly limit: number;
}

/** Items and keys of one request. */
const PAGE = 256;
/** Values are shown up to so many characters. --json has all of them. */
const SHOWN_VALUE = 60;

/** What an operation is to the present value of its key, for people. */
const STANDINGS: Readonly<Record<Aside['standing'], string>> = {
  missing: 'the key has no value',
  older: 'the key has an older value',
  newer: 'the key was written later',
  same: 'the key shows the same',
  ended: 'its end has come',
  replaced: 'a later one is set aside too',
};

/** Lists what was set aside; with --key or --all writes it anew, or only forgets it. */
export async function recover(context: CliContext, options: RecoverOptions): Promise<number> {
  const { key: keys, all = false, overwrite = false, forget = false } = options;
  if (keys !== undefined && all) throw usageError('give either --key or --all', 'See what there is: lattice recover.');
  if (keys === undefined && !all) {
    if (forget || overwrite)
      throw usageError(
        `--${forget ? 'forget' : 'overwrite'} needs --key or --all`,
        'See what there is: lattice recover.',
      );
    return await list(context, options);
  }
  if (forget && overwrite)
    throw usageError('what is forgotten is not written', 'Choose one of --forget and --overwrite.');
  const done = await act(context, options, keys);
  const { output } = context;
  if (options.json) {
    output.data(done);
    return EXIT.ok;
  }
  if (forget) {
    output.line(`forgotten: ${counted(done.forgotten, 'operation')}`);
    return EXIT.ok;
  }
  for (const { key, version, deleted } of done.written)
    output.line(`${deleted ? 'deleted' : 'written'} anew: ${printable(key)}, version ${version}`);
  for (const { key, standing } of done.passedOver)
    output.line(`passed over: ${printable(key)}, ${STANDINGS[standing]}${standing === 'newer' ? '' : '; forgotten'}`);
  if (done.written.length + done.passedOver.length === 0) output.line('Nothing is set aside.');
  const newer = done.passedOver.filter(({ standing }) => standing === 'newer').length;
  if (newer > 0)
    output.remark(
      `${counted(newer, 'key')} written later ${newer === 1 ? 'stays' : 'stay'} set aside: --overwrite writes what is set aside in place of what the key shows, --forget forgets it.`,
    );
  return EXIT.ok;
}

/** Has the node do it, so many keys at a time as one request takes. */
async function act(
  context: CliContext,
  options: RecoverOptions,
  keys: readonly string[] | undefined,
): Promise<Recovered> {
  const { forget = false, overwrite = false } = options;
  const client = await connect(context, options);
  const how = forget ? { forget } : overwrite ? { overwrite } : {};
  const done: Recovered = { written: [], passedOver: [], forgotten: 0 };
  const add = ({ written, passedOver, forgotten }: Recovered): void => {
    done.written.push(...written);
    done.passedOver.push(...passedOver);
    done.forgotten += forgotten;
  };
  if (keys !== undefined) {
    const wanted = [...new Set(keys)];
    for (let at = 0; at < wanted.length; at += PAGE)
      add(await client.recoverAside({ keys: wanted.slice(at, at + PAGE), ...how }));
    return done;
  }
  let cursor: string | undefined;
  // The loop ends, because every round goes on behind the one before.
  do {
    const page: Recovered = await client.recoverAside({
      all: true,
      ...how,
      ...(cursor === undefined ? {} : { cursor }),
    });
    add(page);
    ({ cursor } = page);
  } while (cursor !== undefined);
  return done;
}

async function list(context: CliContext, options: RecoverOptions): Promise<number> {
  const client = await connect(context, options);
  const items: Aside[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listAside({ limit: Math.min(PAGE, options.limit - items.length), cursor });
    items.push(...page.items);
    ({ cursor } = page);
  } while (cursor !== undefined && items.length < options.limit);
  const { output } = context;
  if (options.json) {
    output.data({ items, ...(cursor === undefined ? {} : { cursor }) });
    return EXIT.ok;
  }
  if (items.length === 0) {
    output.line('Nothing is set aside.');
    return EXIT.ok;
  }
  const times = timesOf(options);
  const rows = items.map((item) => [
    printable(item.key),
    valueOf(item),
    printable(item.label),
    times.at(item.at),
    STANDINGS[item.standing],
  ]);
  for (const line of alignColumns([['KEY', 'VALUE', 'BY', 'AT', 'AT PRESENT'], ...rows])) output.line(line);
  for (const why of reasonsOf(items)) output.remark(why);
  if (cursor !== undefined) output.remark('There is more: raise --limit.');
  output.remark('Next: lattice recover --key KEY or --all writes it anew; with --forget it is only forgotten.');
  return EXIT.ok;
}

function valueOf({ deleted, value }: Aside): string {
  if (deleted) return '(deleted)';
  const text = printable(JSON.stringify(value));
  return text.length > SHOWN_VALUE ? `${text.slice(0, SHOWN_VALUE)}…` : text;
}

/** Why, once for each reason, because a reason seldom is that of one operation alone. */
function reasonsOf(items: readonly Aside[]): string[] {
  const by = new Map<string, number>();
  for (const { text } of items) by.set(text, (by.get(text) ?? 0) + 1);
  return [...by].map(([text, n]) => `${counted(n, 'operation')}: ${printable(text)}.`);
}
