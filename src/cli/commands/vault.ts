import type { VaultObject } from '../../client/index.ts';
import { counted, LatticeError } from '../../core/types/index.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, givenTimeout } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readNames } from '../names.ts';
import { alignColumns, byteCount, printable } from '../output.ts';
import { createProgress } from '../progress.ts';
import { timesOf } from '../times.ts';
import { findHash } from '../vault-hashes.ts';

/** Objects of one request. */
const PAGE = 500;

export interface VaultListOptions extends GlobalOptions {
  readonly limit: number;
  readonly cursor?: string;
}

const hereOf = ({ here, size, bytesHere }: VaultObject): string =>
  here === 'partly' ? `${byteCount(bytesHere)} of ${byteCount(size)}` : here === 'whole' ? 'yes' : 'missing';

/** Lists the objects of the vault in the order of their hashes. */
export async function vaultList(context: CliContext, options: VaultListOptions): Promise<number> {
  const client = await connect(context, options);
  const objects: VaultObject[] = [];
  let { cursor } = options;
  // The loop ends, because every round lists at least one object or is the last.
  do {
    const page = await client.vault.list({ limit: Math.min(PAGE, options.limit - objects.length), cursor });
    objects.push(...page.objects);
    cursor = page.objects.length === 0 ? undefined : page.cursor;
  } while (cursor !== undefined && objects.length < options.limit);
  if (options.json) {
    context.output.data({ objects, ...(cursor === undefined ? {} : { cursor }) });
    return EXIT.ok;
  }
  const { line, remark } = context.output;
  if (objects.length === 0) line('The vault is empty.');
  else
    for (const row of alignColumns([
      ['HASH', 'SIZE', 'HERE', 'PINNED', 'TYPE', 'NAME'],
      ...objects.map((object) => [
        object.hash,
        byteCount(object.size),
        hereOf(object),
        object.pinned ? 'yes' : 'no',
        printable(object.type) || '-',
        printable(object.name) || '-',
      ]),
    ]))
      line(row);
  if (cursor !== undefined) remark(`There are more objects: go on with --cursor ${cursor}`);
  return EXIT.ok;
}

/** Shows what is known of an object and who has it, or, without a hash, the vault as a whole. */
export async function vaultStat(
  context: CliContext,
  text: string | undefined,
  options: GlobalOptions,
): Promise<number> {
  const client = await connect(context, options);
  return text === undefined ? showVault(context, await client.vault.status(), options) : showObject();

  async function showObject(): Promise<number> {
    const hash = await findHash(client, text ?? '');
    const object = await client.vault.stat(hash);
    if (object === undefined)
      throw new LatticeError('object-not-found', `the vault has no object ${hash}`, { next: 'See lattice vault ls.' });
    const holders = await client.vault.holders(hash);
    if (options.json) {
      context.output.data({ ...object, holders });
      return EXIT.ok;
    }
    const [names, times] = [await readNames(client), timesOf(options)];
    const { author: self } = await client.getStatus();
    const have = holders.filter(({ has, author }) => has && author !== self).map(({ label }) => printable(label));
    for (const row of alignColumns([
      ['hash', object.hash],
      ['size', `${byteCount(object.size)} (${object.size} bytes)`],
      ['name', printable(object.name) || '-'],
      ['type', printable(object.type) || '-'],
      ['pinned', object.pinned ? 'yes' : 'no'],
      ['put', `${times.at(object.at)} by ${printable(names.ofAuthor(object.author))}`],
      ['root', object.root],
      ['here', hereOf(object)],
      ['others', have.length === 0 ? 'no other node that answers has it' : have.join(', ')],
    ]))
      context.output.line(row);
    if (object.here !== 'whole') context.output.remark(`Have this node fetch it: lattice vault fetch ${hash}`);
    return EXIT.ok;
  }
}

type VaultState = Awaited<ReturnType<Awaited<ReturnType<typeof connect>>['vault']['status']>>;

function showVault(context: CliContext, state: VaultState, options: GlobalOptions): number {
  if (options.json) {
    context.output.data(state);
    return EXIT.ok;
  }
  const { line, say, remark } = context.output;
  const amount = ({ objects, bytes }: { objects: number; bytes: number }): string =>
    `${counted(objects, 'object')}, ${byteCount(bytes)}`;
  for (const row of alignColumns([
    ['vault', amount(state)],
    ['here', amount(state.here)],
    ['missing', amount(state.missing)],
    ['policy', state.policy],
    ['kept in', state.store],
    ['largest', byteCount(state.maxObjectBytes)],
    ['capacity', state.capacityBytes === undefined ? 'no bound' : byteCount(state.capacityBytes)],
  ]))
    line(row);
  for (const { hash, bytesHere, size, from, waiting } of state.fetching)
    line(
      `fetching ${hash}: ${byteCount(bytesHere)} of ${byteCount(size)}${from.length === 0 ? '' : ` from ${from.map(printable).join(', ')}`}${waiting === undefined ? '' : `; ${printable(waiting.reason)}`}`,
    );
  for (const { hash, text } of state.damaged) say(`damaged ${hash}: ${printable(text)}`);
  for (const { hash, peer, text } of state.leftOut) say(`left out ${printable(peer)} for ${hash}: ${printable(text)}`);
  if (state.odd > 0)
    remark(`${counted(state.odd, 'entry', 'entries')} under vault/ ${state.odd === 1 ? 'names' : 'name'} no object.`);
  if (state.starting) remark('The node still looks at what is here.');
  if (state.paused !== undefined) remark(printable(state.paused));
  return EXIT.ok;
}

export async function vaultPin(
  context: CliContext,
  text: string,
  pinned: boolean,
  options: GlobalOptions,
): Promise<number> {
  const client = await connect(context, options);
  const hash = await findHash(client, text);
  const object = await (pinned ? client.vault.pin(hash) : client.vault.unpin(hash));
  if (options.json) context.output.data(object);
  else context.output.line(`${pinned ? 'Pinned' : 'No longer pinned:'} ${hash}`);
  return EXIT.ok;
}

export async function vaultRemove(context: CliContext, text: string, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const hash = await findHash(client, text);
  await client.vault.remove(hash);
  if (options.json) context.output.data({ hash, removed: true });
  else {
    context.output.line(`Removed ${hash}`);
    context.output.remark('Its bytes go with the next collection after a day: lattice vault gc --dry-run');
  }
  return EXIT.ok;
}

/** Has the node fetch an object, and waits until it is there. */
export async function vaultFetch(context: CliContext, text: string, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const hash = await findHash(client, text);
  let object = await client.vault.fetch(hash, givenTimeout(options));
  const progress = createProgress(context, 'Fetched', object.size, options);
  // Each round waits for up to 20 s, and ends with an error when nobody has the bytes.
  while (object.here !== 'whole') {
    progress.at(object.bytesHere);
    object = await client.vault.fetch(hash, givenTimeout(options)).finally(() => progress.end());
  }
  progress.end();
  if (options.json) context.output.data(object);
  else context.output.line(`Here: ${hash}, ${byteCount(object.size)}`);
  return EXIT.ok;
}

/** A check that is silent for this long has ended: its node tells of every 16 MiB that it reads. */
const SILENCE_MS = 2 * 60_000;

/** Has the node read and check what it has. Exit code 1 when a byte is not as its hash names it. */
export async function vaultVerify(
  context: CliContext,
  text: string | undefined,
  options: GlobalOptions,
): Promise<number> {
  const client = await connect(context, options);
  const hash = text === undefined ? undefined : await findHash(client, text);
  const faults: { hash: string; fault: string }[] = [];
  const sum = { objects: 0, bytes: 0 };
  const progress = createProgress(context, 'Checked', undefined, options);
  const onReading = ({ read }: { readonly read: number }): void => progress.at(sum.bytes + read);
  for await (const checked of client.vault.verify({
    hash,
    timeoutMs: SILENCE_MS,
    ...givenTimeout(options),
    onReading,
  })) {
    sum.objects++;
    sum.bytes += checked.size;
    progress.at(sum.bytes);
    if (checked.fault !== undefined) faults.push({ hash: checked.hash, fault: checked.fault });
  }
  progress.end();
  if (options.json) context.output.data({ valid: faults.length === 0, ...sum, faults });
  else if (faults.length === 0)
    context.output.line(
      sum.objects === 0
        ? 'No bytes of the vault are on this node.'
        : `${counted(sum.objects, 'object')}, ${byteCount(sum.bytes)}: every byte is as its hash names it.`,
    );
  else {
    for (const { hash: bad, fault } of faults) context.output.line(`${bad}: ${printable(fault)}`);
    context.output.remark(`Fetch what is damaged from another node: lattice vault fetch ${faults[0]?.hash ?? ''}`);
  }
  return faults.length === 0 ? EXIT.ok : EXIT.failed;
}

export interface GcOptions extends GlobalOptions {
  readonly dryRun?: boolean;
}

/** Has the node remove the bytes that nothing names, or say which these are. */
export async function vaultGc(context: CliContext, options: GcOptions): Promise<number> {
  const client = await connect(context, options);
  const collected = await client.vault.gc({ dryRun: options.dryRun === true });
  if (options.json) {
    context.output.data(collected);
    return EXIT.ok;
  }
  const { line } = context.output;
  const what = options.dryRun === true ? 'Would remove' : 'Removed';
  line(`${what} ${counted(collected.removed.length, 'object')}, ${byteCount(collected.bytes)}`);
  for (const { hash, size } of collected.removed) line(`  ${hash}  ${byteCount(size)}`);
  for (const { hash, size, because } of collected.kept) line(`kept ${hash}  ${byteCount(size)}: ${printable(because)}`);
  return EXIT.ok;
}
