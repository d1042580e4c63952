import { type Author, LatticeError } from '../../core/types/index.ts';
import { authorToPeerId } from '../../core/wire/peer-id.ts';
import { confirm } from '../confirm.ts';
import { contextOf } from '../connect.ts';
import { type CliContext, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readFleetFile, withKey, withNodes, writeFleetFile } from '../fleet-file.ts';
import { type OperatorOptions, operatedNodes } from '../operators.ts';
import { printable } from '../output.ts';
import { type Left, leftBy, leftText, standingIn } from '../standing.ts';
import { timesOf } from '../times.ts';

export interface TidyOptions extends OperatorOptions {
  readonly yes?: boolean;
}

/**
 * Brings a fleet.json up to the roster that its nodes go by: takes out who has left, and writes keys that have turned. The
 * keys with which the fleet began stay in it, because proofs are checked from them.
 */
export async function membersTidy(context: CliContext, options: TidyOptions): Promise<number> {
  const file = options.fleet ?? (await contextOf(context, options))?.fleet;
  if (file === undefined)
    throw usageError('which fleet.json?', 'Give it with --fleet FILE, or use a context that names one.');
  const { output } = context;
  const told = await readFleetFile(context, file);
  const operated = await operatedNodes(context, options);
  const now = Date.now();
  const goneNow = new Map<string, Left>();
  const turned = new Map<string, Author>();
  for (const { publicKey } of told.nodes) {
    const left = leftBy(operated.witnesses, publicKey, now);
    const standing = standingIn(operated.roster, publicKey, now);
    // A node that was given another key and joined anew answers where the former one did.
    const there = operated.witnesses.find(({ listed, author }) => listed === publicKey && author !== publicKey)?.author;
    const isMember = there !== undefined && standingIn(operated.roster, there, now).kind === 'member';
    if (left !== undefined && isMember) turned.set(publicKey, there as Author);
    else if (left !== undefined) goneNow.set(publicKey, left);
    else if (standing.kind === 'turned') turned.set(publicKey, standing.to as Author);
  }
  const kept = told.nodes.filter(({ publicKey }) => !goneNow.has(publicKey));
  if (kept.length === 0)
    throw new LatticeError('invalid-change', `all nodes of ${file} have left the fleet`, {
      next: 'Make another fleet.json, with the nodes that belong to the fleet now.',
    });
  const times = timesOf(options);
  const out = told.nodes.flatMap(({ name, publicKey }) => {
    const left = goneNow.get(publicKey);
    return left === undefined ? [] : [{ name, publicKey, left }];
  });
  const changed = told.nodes.flatMap(({ name, publicKey }) => {
    const to = turned.get(publicKey);
    return to === undefined ? [] : [{ name, publicKey, to }];
  });
  const isTidy = out.length + changed.length === 0;
  if (!options.json) {
    for (const { name, left } of out) output.line(`${printable(name)} ${leftText(left, times)}: it is taken out.`);
    for (const { name, to } of changed)
      output.line(`${printable(name)} goes on under another key: ${authorToPeerId(to)} is written.`);
    if (isTidy) output.line('Nothing has to be done: the file names nobody who has left, and no key that has turned.');
  }
  if (!isTidy) {
    await confirm(context, `Write ${printable(file)}?`, options);
    const next = changed.reduce((fleet, { publicKey, to }) => withKey(fleet, publicKey, to), withNodes(told, kept));
    await writeFleetFile(context, file, next);
  }
  if (options.json) output.data({ takenOut: out, turned: changed });
  return EXIT.ok;
}
