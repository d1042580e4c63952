import { inHours } from '../../core/types/index.ts';
import { type Asked, type ChangeOptions, carryOut, conclude } from '../carry-out.ts';
import { contextOf } from '../connect.ts';
import { type CliContext, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readFleetFile } from '../fleet-file.ts';
import {
  findGone,
  findMember,
  keyOf,
  memberName,
  type Operated,
  operatedNodes,
  type RosterMember,
} from '../operators.ts';
import { printable } from '../output.ts';
import { tidyWith } from '../standing.ts';
import { untilRetired } from '../until-retired.ts';

export interface AddOptions extends ChangeOptions {
  readonly name?: string;
  readonly role: 'writer' | 'mirror';
}

export interface SettingsOptions extends ChangeOptions {
  readonly certify?: 'majority' | 'two-thirds';
  /** ms. */
  readonly retention?: number;
}

/** A node may be away for so long without anybody's doing: an upgrade, a night, a broken machine. */
const SHORT_RETENTION_MS = 12 * 3_600_000;

async function finish(
  context: CliContext,
  options: ChangeOptions,
  actionFrom: (operated: Operated) => Asked,
): Promise<number> {
  const done = await carryOut(context, options, actionFrom);
  const code = conclude(context, options, done);
  const { action, stage } = done.change;
  const leaves = action.kind === 'remove' || action.kind === 'drop';
  if (leaves && stage === 'decided' && action.author !== undefined)
    await tellFleetFile(context, options, action.author);
  return code;
}

/** Says of a key that has left that the fleet.json still names it, and how to take it out. */
async function tellFleetFile(context: CliContext, options: ChangeOptions, author: string): Promise<void> {
  const file = options.fleet ?? (await contextOf(context, options))?.fleet;
  if (file === undefined || options.json === true) return;
  const { nodes } = await readFleetFile(context, file);
  const name = nodes.find(({ publicKey }) => publicKey === author)?.name;
  if (name === undefined) return;
  context.output.remark(
    `${printable(file)} still names ${printable(name)}. Have it taken out: ${tidyWith(options.fleet)}`,
  );
}

/** Adds a key to the roster, as a mirror unless it is said otherwise. */
export async function membersAdd(context: CliContext, given: string, options: AddOptions): Promise<number> {
  const author = keyOf(given);
  const { name = '', role } = options;
  return await finish(context, options, () => ({
    action: { kind: 'add', author, name, role },
    text: `${name || given} joins as a ${role}.${role === 'writer' ? ' It votes from then on, so it should hold the state already.' : ''}`,
  }));
}

export async function membersPromote(context: CliContext, given: string, options: ChangeOptions): Promise<number> {
  return await finish(context, options, ({ roster }) => {
    const member = findMember(roster, given);
    return {
      action: { kind: 'promote', author: member.author },
      text: `${memberName(member)} becomes a writer: it writes, votes and attests.`,
    };
  });
}

export async function membersRename(
  context: CliContext,
  given: string,
  name: string,
  options: ChangeOptions,
): Promise<number> {
  return await finish(context, options, ({ roster }) => {
    const member = findMember(roster, given);
    return { action: { kind: 'name', author: member.author, name }, text: `${memberName(member)} is called ${name}.` };
  });
}

export async function membersRemove(context: CliContext, given: string, options: ChangeOptions): Promise<number> {
  return await finish(context, options, ({ roster }) => {
    const member = findMember(roster, given);
    const what =
      member.role === 'mirror'
        ? 'leaves the fleet.'
        : 'is removed: nothing that its key signs later than the newest cut counts. That is for a stolen key; one who goes in peace is retired.';
    return { action: { kind: 'remove', author: member.author }, text: `${memberName(member)} ${what}` };
  });
}

export async function membersDrop(context: CliContext, given: string, options: ChangeOptions): Promise<number> {
  return await finish(context, options, ({ roster }) => {
    const member = findMember(roster, given);
    const text = `${memberName(member)} leaves the roster for good and cannot sync any more. What it wrote up to its end stays.`;
    return { action: { kind: 'drop', author: member.author }, text };
  });
}

/** What a retention costs that is shorter than a node may be away, where it is shorter than before. */
const costOf = (retentionMs: number, before: number): string | undefined =>
  retentionMs >= SHORT_RETENTION_MS || retentionMs >= before
    ? undefined
    : 'That is less than an upgrade, a repair or a backup takes: a node that comes back later than that, or from an older backup, may have what the others have let go of. They refuse it, and it is set aside there for its operator (lattice recover).';

export async function membersSettings(context: CliContext, options: SettingsOptions): Promise<number> {
  if (options.certify === undefined && options.retention === undefined)
    throw usageError('nothing to change', 'Give --certify, --retention or both.');
  return await finish(context, options, ({ roster }) => {
    const certify = options.certify ?? roster.certify;
    const retentionMs = options.retention ?? roster.retentionMs;
    return {
      action: { kind: 'settings', certify, retentionMs },
      text: `Cuts are certified by ${certify === 'majority' ? 'a majority' : 'two thirds'} of the writers, and tombstones stay for ${inHours(retentionMs)}.`,
      cost: costOf(retentionMs, roster.retentionMs),
    };
  });
}

/**
 * Ends the writing of a member: what it commits within a minute after the decision counts, and nothing later. Waits
 * until that minute is over and every writer has what the member wrote, and says so.
 */
export async function membersRetire(context: CliContext, given: string, options: ChangeOptions): Promise<number> {
  const asked = await operatedNodes(context, options);
  const gone = findGone(asked.roster, given);
  if (gone !== undefined) {
    const { author, name, until } = gone;
    if (options.json) context.output.data({ author, name, until: until ?? null });
    else context.output.remark(`${printable(memberName(gone))} has left the fleet already.`);
    await tellFleetFile(context, options, author);
    return EXIT.ok;
  }
  const member = findMember(asked.roster, given);
  const [node] = asked.nodes;
  // A command that was interrupted after the decision goes on waiting.
  if (member.role === 'retired' && node !== undefined) {
    if (options.json) context.output.data({ author: member.author, name: member.name, until: member.until ?? null });
    else context.output.remark(`${printable(memberName(member))} is retired already.`);
    const code = await untilRetired(context, options, { node }, member);
    if (code === EXIT.ok) await tellFleetFile(context, options, member.author);
    return code;
  }
  let retiring: RosterMember | undefined;
  const done = await carryOut(context, options, ({ roster }) => {
    retiring = findMember(roster, given);
    const writes = 'stops writing a minute after the decision. What it wrote until then stays.';
    return {
      action: { kind: 'retire', author: retiring.author },
      text: `${memberName(retiring)} ${retiring.role === 'mirror' ? 'leaves the fleet at once.' : writes}`,
    };
  });
  const code = conclude(context, options, done);
  if (code !== EXIT.ok || retiring === undefined || done.change.stage !== 'decided') return code;
  if (retiring.role === 'writer' && options.wait === 0) {
    if (!options.json)
      context.output.remark(
        'Leave its node running until this says, once you run it once more, that it can be stopped.',
      );
    return code;
  }
  const waited = retiring.role === 'writer' ? await untilRetired(context, options, done, retiring) : code;
  if (waited === EXIT.ok) await tellFleetFile(context, options, retiring.author);
  return waited;
}
