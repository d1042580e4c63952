import type { Roster } from '../client/index.ts';
import { type Author, LatticeError } from '../core/types/index.ts';
import { peerIdToAuthor } from '../core/wire/peer-id.ts';
import { advised } from './advice.ts';
import type { ApiClient } from './client.ts';
import { connect, contextOf } from './connect.ts';
import { type CliContext, type GlobalOptions, usageError } from './context.ts';
import { fleetClients } from './fleet-table.ts';
import { type Left, leftBy, type Witness } from './standing.ts';

/** Which nodes an operator speaks for. */
export interface OperatorOptions extends GlobalOptions {
  /** A fleet.json. Each of its nodes is asked with the token of its own env file, where this machine has that file. */
  readonly fleet?: string;
}

/** A node that answers, and the roster that it goes by. */
export interface OperatedNode {
  readonly name: string;
  readonly client: ApiClient;
  readonly roster: Roster;
  /** The key of the node itself. */
  readonly author: string;
}

/** The nodes of one operator. */
export interface Operated {
  /** Those that answer, the asked one first. */
  readonly nodes: readonly OperatedNode[];
  /** Those that do not, and why. */
  readonly silent: readonly { readonly name: string; readonly url: string; readonly error: LatticeError }[];
  /** Those of the fleet.json that have left the fleet, whether they answer or not: nobody asks them for anything. */
  readonly gone: readonly { readonly name: string; readonly left: Left }[];
  /** What all say that answer, those that have left included, each with the key that a fleet.json has for it. */
  readonly witnesses: readonly (Witness & { readonly listed: string })[];
  /** The fleet.json that names them all. */
  readonly file?: string;
  /** The newest roster that one of them goes by. */
  readonly roster: Roster;
}

export type RosterMember = Roster['members'][number];

/** What people read for a member. */
export const memberName = ({ name, peerId }: Pick<RosterMember, 'name' | 'peerId'>): string => name || peerId;

/**
 * The nodes of the fleet.json that is named or that the context has; else the one node that is named. Rejects with
 * LatticeError `unreachable`, or the first error, where none of them answers.
 */
export async function operatedNodes(context: CliContext, options: OperatorOptions): Promise<Operated> {
  const file = options.fleet ?? (await contextOf(context, options))?.fleet;
  const clients =
    file === undefined
      ? [{ name: '', client: await connect(context, options), author: '', known: options }]
      : await fleetClients(context, options, file);
  const answering: (OperatedNode & { readonly listed: string })[] = [];
  const unheard: (Operated['silent'][number] & { readonly listed: string })[] = [];
  await Promise.all(
    clients.map(async ({ name, client, author: listed, known }) => {
      try {
        const roster = await client.members.roster();
        const self = roster.members.find((member) => member.self);
        const author = self?.author ?? (await client.getStatus()).author;
        const called = name || (self === undefined ? client.url : memberName(self));
        answering.push({ name: called, client, roster, author, listed });
      } catch (error) {
        if (!(error instanceof LatticeError)) throw error;
        unheard.push({ name: name || client.url, url: client.url, error: advised(error, known), listed });
      }
    }),
  );
  const order = clients.map(({ client }) => client);
  answering.sort((a, b) => order.indexOf(a.client) - order.indexOf(b.client));
  // Under a key that has left another node may answer by now, with a key of its own.
  const leftOf = ({ author, listed }: { readonly author?: string; readonly listed: string }): Left | undefined =>
    file === undefined ? undefined : leftBy(answering, author ?? listed, Date.now());
  const gone = [...answering, ...unheard].flatMap((one) => {
    const left = leftOf(one);
    return left === undefined ? [] : [{ name: one.name, left }];
  });
  const nodes = answering.filter((one) => leftOf(one) === undefined);
  const silent = unheard.filter((one) => leftOf(one) === undefined);
  const [newest] = [...nodes].sort((a, b) => b.roster.epoch - a.roster.epoch);
  if (newest === undefined) throw silent[0]?.error ?? new LatticeError('unreachable', 'no node was named');
  return { nodes, silent, gone, witnesses: answering, roster: newest.roster, ...(file === undefined ? {} : { file }) };
}

/** The key that has left the fleet and that the user names; undefined where a member has that name, or nobody had. */
export function findGone(
  { members, gone = [] }: Roster,
  given: string,
): NonNullable<Roster['gone']>[number] | undefined {
  const isNamed = ({ author, peerId, name }: Pick<RosterMember, 'author' | 'peerId' | 'name'>): boolean =>
    author === given.toLowerCase() || peerId === given || name === given;
  return members.some(isNamed) ? undefined : gone.find(isNamed);
}

/**
 * The member that the user names: by its name, peer id or key, or by the first 8 digits of the key or more. Throws
 * LatticeError `not-found`, or `usage` where several have that name.
 */
export function findMember(roster: Roster, given: string): RosterMember {
  const { members } = roster;
  const exact = members.find(({ author, peerId }) => author === given.toLowerCase() || peerId === given);
  if (exact !== undefined) return exact;
  const present = members.filter(({ role }) => role !== 'retired');
  const named = [present, members].map((all) => all.filter(({ name }) => name === given)).find((all) => all.length > 0);
  const cut = /^[0-9a-f]{8,63}$/i.test(given)
    ? members.filter(({ author }) => author.startsWith(given.toLowerCase()))
    : [];
  const [first, second] = named ?? cut;
  const gone = findGone(roster, given);
  if (first === undefined && gone !== undefined)
    throw new LatticeError('not-found', `${memberName(gone)} has left the fleet, with epoch ${gone.epoch}`, {
      next: 'A key that has left never returns: give the node a new one, and invite it.',
    });
  if (first === undefined)
    throw new LatticeError('not-found', `no member is ${JSON.stringify(given)}`, {
      next: `The members: ${members.slice(0, 20).map(memberName).join(', ')}.`,
    });
  if (second !== undefined)
    throw usageError(
      `several members are ${JSON.stringify(given)}`,
      `Name one by its peer id: ${(named ?? cut).map(({ peerId }) => peerId).join(', ')}.`,
    );
  return first;
}

/** The key that the user gives, as 64 hex digits or as a peer id. Throws LatticeError `usage`. */
export function keyOf(given: string): Author {
  const author = /^[0-9a-f]{64}$/i.test(given) ? (given.toLowerCase() as Author) : peerIdToAuthor(given);
  if (author !== undefined) return author;
  throw usageError(
    `${JSON.stringify(given)} is neither a public key nor a peer id`,
    'Ask the new node: lattice id --env-file FILE shows both.',
  );
}
