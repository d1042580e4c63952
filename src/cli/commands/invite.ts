import { createHash, randomBytes } from 'node:crypto';
import type { Invitation } from '../../client/index.ts';
import { type InvitedTo, invitedTo, localOnly, writeInvitation } from '../../client/invitation-line.ts';
import { joined, LatticeError } from '../../core/types/index.ts';
import { contextOf } from '../connect.ts';
import { type CliContext, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readFleetFile } from '../fleet-file.ts';
import { type OperatedNode, type OperatorOptions, operatedNodes } from '../operators.ts';
import { alignColumns, printable } from '../output.ts';
import { timesOf } from '../times.ts';

export interface InviteOptions extends OperatorOptions {
  readonly name?: string;
  readonly role: 'writer' | 'mirror';
  /** ms. */
  readonly ttl: number;
  /** The base URL at which the newcomer reaches the node, where it is another than the one that this command asks. */
  readonly address?: string;
}

/** Multiaddrs that no other machine can dial. */
const UNDIALLED = /^\/(ip4\/0\.0\.0\.0|ip6\/::)\//;

/** Prints the line with which one newcomer asks to join. Every node whose token is here approves that. */
export async function invite(context: CliContext, options: InviteOptions): Promise<number> {
  const { name, role, ttl: ttlMs } = options;
  if (name === undefined) throw usageError('what is the new node called?', 'Give it with --name.');
  const { nodes, roster } = await operatedNodes(context, options);
  const secret = randomBytes(32);
  const secretHash = createHash('sha256').update(secret).digest('hex');
  const made: { readonly node: OperatedNode; readonly invitation: Invitation }[] = [];
  const refused: LatticeError[] = [];
  for (const node of nodes) {
    try {
      made.push({ node, invitation: await node.client.members.invite({ secretHash, name, role, ttlMs }) });
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      refused.push(error);
    }
  }
  const [first] = made;
  if (first === undefined) throw refused[0] ?? new LatticeError('unreachable', 'no node answers');
  const known = await p2pOfFleet(context, options.fleet ?? (await contextOf(context, options))?.fleet);
  const to = (
    await Promise.all(made.map(({ node }, i) => addressesOf(node, i === 0 ? options.address : undefined, known)))
  ).flat();
  const { network } = await first.node.client.getStatus();
  const { expires } = first.invitation;
  const { epoch, hash } = roster;
  const line = writeInvitation({
    network,
    epoch,
    hash,
    secret: secret.toString('hex'),
    expires,
    name,
    role,
    nodes: to,
  });
  const { remark } = context.output;
  const local = localOnly(to);
  if (local.length > 0)
    remark(
      `The line names ${printable(joined(local))}, where only a newcomer on the same machine reaches the node. For another machine give --address, or set DIOTEC360_ANNOUNCE on the node.`,
    );
  const writers = roster.members.filter((member) => member.role === 'writer');
  const needed = Math.floor(writers.length / 2) + 1;
  if (options.json) {
    context.output.data({
      line,
      id: secretHash,
      name,
      role,
      expires,
      approvedBy: made.map(({ node }) => node.name),
      needed,
    });
    return EXIT.ok;
  }
  context.output.line(line);
  remark(
    `One node may join with it as ${printable(name)}, until ${timesOf(options).at(expires)}. Whoever has the line can ask: send it by a safe way.`,
  );
  remark('On the new machine: lattice join LINE --dir DIRECTORY');
  if (made.length < needed)
    remark(
      `${printable(joined(made.map(({ node }) => node.name)))} approves it; ${needed} of ${writers.length} writers are needed. Make it with --fleet for all of your nodes, or have others approve the change.`,
    );
  return EXIT.ok;
}

/** The multiaddrs of a fleet.json by public key. */
async function p2pOfFleet(context: CliContext, file: string | undefined): Promise<ReadonlyMap<string, string>> {
  if (file === undefined) return new Map();
  const { nodes } = await readFleetFile(context, file);
  return new Map(nodes.flatMap(({ publicKey, p2p }) => (p2p === '' ? [] : [[publicKey, p2p]])));
}

async function addressesOf(
  { client, roster, author }: OperatedNode,
  address: string | undefined,
  known: ReadonlyMap<string, string>,
): Promise<readonly InvitedTo[]> {
  const { p2p, peerId } = await client.getStatus();
  const named = known.get(author);
  const self = roster.members.find((member) => member.author === author);
  const announced = self?.multiaddrs ?? [];
  const listens = p2p.listen.filter((multiaddr) => !UNDIALLED.test(multiaddr));
  const chosen = named !== undefined ? [named] : announced.length > 0 ? announced : listens;
  const multiaddrs = chosen.map((multiaddr) =>
    multiaddr.includes('/p2p/') ? multiaddr : `${multiaddr}/p2p/${peerId}`,
  );
  return invitedTo({ peerId, named: address, announced: self?.urls ?? [], atHand: client.url, multiaddrs });
}

/** Lists the invitations of every node of the operator. */
export async function inviteList(context: CliContext, options: OperatorOptions): Promise<number> {
  const { nodes } = await operatedNodes(context, options);
  const all = new Map<string, { readonly invitation: Invitation; readonly at: string[] }>();
  for (const { name, client } of nodes)
    for (const invitation of await client.members.invitations()) {
      const known = all.get(invitation.id);
      if (known === undefined) all.set(invitation.id, { invitation, at: [name] });
      else known.at.push(name);
    }
  if (options.json)
    context.output.data({ invitations: [...all.values()].map(({ invitation, at }) => ({ ...invitation, at })) });
  else if (all.size === 0) context.output.line('Nobody is invited.');
  else {
    const times = timesOf(options);
    const rows = [...all.values()].map(({ invitation: { id, name, role, stage, expires, author }, at }) => [
      id.slice(0, 8),
      printable(name),
      role,
      stage,
      times.at(expires),
      author?.slice(0, 16) ?? '-',
      printable(at.join(', ')),
    ]);
    const titles = ['ID', 'NAME', 'ROLE', 'STAGE', 'UNTIL', 'USED BY', 'APPROVED BY'];
    for (const line of alignColumns([titles, ...rows])) context.output.line(line);
  }
  return EXIT.ok;
}

/** Takes an invitation back from every node of the operator that has it. */
export async function inviteRemove(context: CliContext, given: string, options: OperatorOptions): Promise<number> {
  if (!/^[0-9a-f]{4,64}$/i.test(given))
    throw usageError(
      `${JSON.stringify(given)} is not the id of an invitation`,
      'Give 4 or more of its hex digits: lattice invite ls.',
    );
  const id = given.toLowerCase();
  const { nodes } = await operatedNodes(context, options);
  let missing: LatticeError | undefined;
  let removed = 0;
  for (const { client } of nodes) {
    try {
      await client.members.uninvite(id);
      removed++;
    } catch (error) {
      if (!(error instanceof LatticeError) || error.code !== 'not-found') throw error;
      missing = error;
    }
  }
  if (removed === 0 && missing !== undefined) throw missing;
  if (options.json) context.output.data({ id, removed });
  else context.output.say('Taken back. Who has joined with it stays a member: lattice members shows them.');
  return EXIT.ok;
}
