import type { Change, Peer, Roster, Status } from '../client/index.ts';
import { joined, LatticeError } from '../core/types/index.ts';
import type { ApiClient } from './client.ts';
import { type Finding, info, note } from './finding.ts';
import { nameOf } from './names.ts';
import { type Left, leftText, standingIn } from './standing.ts';
import { timesOf } from './times.ts';

/** What a node tells of the members of its fleet. */
export interface ToldMembers {
  readonly roster: Roster;
  readonly changes: readonly Change[];
}

/** Asks a node for it. Undefined where it tells nothing. */
export async function membersOf(client: ApiClient): Promise<ToldMembers | undefined> {
  try {
    const [roster, changes] = await Promise.all([client.members.roster(), client.members.changes()]);
    return { roster, changes };
  } catch (error) {
    // An older node has no such answer, and another finding reports a failing connection.
    if (error instanceof LatticeError) return undefined;
    throw error;
  }
}

/**
 * Reports what waits for operators about the members of the fleet: changes that are not approved, a node that keeps out
 * of decisions, and configured peers whose keys have retired.
 */
export function examineMembers({ roster, changes }: ToldMembers, status: Status, peers: readonly Peer[]): Finding[] {
  return [...changes.flatMap(waiting), ...abstaining(roster, status), ...retired(roster, status, peers)];
}

/** A change that waits. Every node tells of it, and the id makes one cause of that. */
function waiting({ id, stage, text, why, approvals, needed, missing, since }: Change): Finding[] {
  const sign = { topic: `change ${id}` };
  const when = since === undefined ? '' : ` since ${timesOf({}).at(since)}`;
  if (stage === 'deciding')
    return [
      note(`a change is approved and not decided${when}: ${text} (${why})`, 'Make the writers reach each other.', sign),
    ];
  if (stage !== 'waiting') return [];
  const who = joined(missing.map(({ name, author }) => name || author.slice(0, 16)));
  return [
    note(
      `a change waits${when}: ${text} ${approvals.length} of ${needed} approvals are here; ${who} ${missing.length === 1 ? 'has' : 'have'} not approved`,
      `Look at it there (lattice members changes), then: lattice members approve ${id.slice(0, 8)}. Who does not want it takes the approvals back: lattice members withdraw ${id.slice(0, 8)}.`,
      sign,
    ),
  ];
}

function abstaining({ abstains }: Roster, { warnings, peerId }: Status): Finding[] {
  // The warning of the same cause tells it already.
  if (abstains === undefined || warnings.some(({ code }) => code === 'abstains' || code === 'two-rosters')) return [];
  return [
    note(
      `it takes no part in decisions about the members: ${abstains}`,
      'Nothing has to be done while the other writers are a majority.',
      { topic: 'abstains', about: peerId },
    ),
  ];
}

/** Peers that are configured and have left: nobody expects them, so it is enough to say where they still stand. */
function retired(roster: Roster, { now }: Status, peers: readonly Peer[]): Finding[] {
  const told = (some: readonly Peer[], next: string): Finding[] => {
    const texts = some.flatMap((peer) => {
      const left = leftOf(roster, peer, now);
      return left === undefined ? [] : [`${nameOf(peer)} ${leftText(left, timesOf({}))}`];
    });
    if (texts.length === 0) return [];
    return [
      info(
        `${joined(texts)}, and ${texts.length === 1 ? 'is' : 'are'} still configured as ${texts.length === 1 ? 'a peer' : 'peers'}`,
        next,
      ),
    ];
  };
  const configured = peers.filter((peer) => peer.configured && leftOf(roster, peer, now) !== undefined);
  const added = configured.filter((peer) => peer.added === true);
  const removals = added.flatMap(({ addedAs = [] }) => addedAs.map((address) => `lattice peers rm ${address}`));
  return [
    ...told(added, `Remove what was added: ${removals.join(', ')}.`),
    ...told(
      configured.filter((peer) => peer.added !== true),
      'Take such addresses out of DIOTEC360_LATTICE_NODES and DIOTEC360_P2P_BOOTSTRAP, or put the new peer id there where a node goes on under another key; then run lattice config reload.',
    ),
  ];
}

/** How a peer has left, where it has, by the roster of the node that tells of it. */
export function leftOf(roster: Roster | undefined, { author }: Peer, now: number): Left | undefined {
  if (roster === undefined || author === undefined) return undefined;
  const own = [...roster.members, ...(roster.gone ?? [])].find((one) => one.author === author);
  if (own?.to !== undefined && own.until !== undefined && own.until < now)
    return { author, how: own.how ?? 'rotated', until: own.until };
  const standing = standingIn(roster, author, now);
  return standing.kind === 'left' ? standing.left : undefined;
}
