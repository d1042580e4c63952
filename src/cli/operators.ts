import type { Roster } from '../client/index.ts';
import { type Author, LatticeError } from '../core/types/index.ts';
import { peerIdToAuthor } from '../core/wire/peer-id.ts';
import { advised } from './advice.ts';
import type { ApiClient } from './client.ts';
import { connect, contextOf } from './connect.ts';
import { type CliContext, type GlobalOptions, usageError } from './context.ts';
import { fleetClients } from './fleet-table.ts';

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
      ? [{ name: '', client: await connect(context, options), known: options }]
      : await fleetClients(context, options, file);
  const nodes: OperatedNode[] = [];
  const silent: Operated['silent'][number][] = [];
  await Promise.all(
    clients.map(async ({ name, client, known }) => {
      try {
        const roster = await client.members.roster();
        const self = roster.members.find((member) => member.self);
        const author = self?.author ?? (await client.getStatus()).author;
        nodes.push({ name: name || (self === undefined ? client.url : memberName(self)), client, roster, author });
      } catch (error) {
        if (!(error instanceof LatticeError)) throw error;
        silent.push({ name: name || client.url, url: client.url, error: advised(error, known) });
      }
    }),
  );
  const order = clients.map(({ client }) => client);
  nodes.sort((a, b) => order.indexOf(a.client) - order.indexOf(b.client));
  const [newest] = [...nodes].sort((a, b) => b.roster.epoch - a.roster.epoch);
  if (newest === undefined) throw silent[0]?.error ?? new LatticeError('unreachable', 'no node was named');
  return { nodes, silent, roster: newest.roster };
}

/**
 * The member that the user names: by its name, peer id or key, or by the first 8 digits of the key or more. Throws
 * LatticeError `not-found`, or `usage` where several have that name.
 */
export function findMember({ members }: Roster, given: string): RosterMember {
  const exact = members.find(({ author, peerId }) => author === given.toLowerCase() || peerId === given);
  if (exact !== undefined) return exact;
  const present = members.filter(({ role }) => role !== 'retired');
  const named = [present, members].map((all) => all.filter(({ name }) => name === given)).find((all) => all.length > 0);
  const cut = /^[0-9a-f]{8,63}$/i.test(given)
    ? members.filter(({ author }) => author.startsWith(given.toLowerCase()))
    : [];
  const [first, second] = named ?? cut;
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
