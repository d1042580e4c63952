import type { Peer } from '../client/index.ts';
import { joined } from '../core/types/index.ts';
import { sleep } from '../timing/index.ts';
import type { CarriedOut, ChangeOptions } from './carry-out.ts';
import { clock } from './clock.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { memberName, type RosterMember } from './operators.ts';
import { printable } from './output.ts';
import { timesOf } from './times.ts';

const AGAIN_MS = 500;

/**
 * How much later than what a verdict has to follow it must be confirmed: two states count as equal that were so within
 * 3 s, and a heartbeat may have been on its way.
 */
const CONFIRM_MS = 4_000;
/**
 * From when after its end a retired member has stopped also where it does not tell so, because others relay its heads:
 * no clock is further behind than 20 s, and what it wrote last takes some seconds.
 */
const STOPPED_MS = 25_000;

/** How one peer is seen by the node that is asked. */
export type SeenPeer = Pick<Peer, 'author' | 'agreement' | 'readOnly'> & {
  readonly p2p: Pick<Peer['p2p'], 'lastHeardAt'>;
  readonly http: Pick<Peer['http'], 'lastHeardAt'>;
};

/** Unix ms, by the clock of the node that is asked. */
const heardAt = ({ p2p, http }: SeenPeer): number => Math.max(p2p.lastHeardAt ?? 0, http.lastHeardAt ?? 0);

/**
 * Who may still lack what a retired member wrote. The node that is asked has all of it once it was seen equal with that
 * member after that had stopped, and from then on every writer has it that is seen equal with the node.
 */
export function createHolders(asked: {
  readonly self: string;
  readonly retired: string;
  /** Unix ms: the end of the retired member. */
  readonly until: number;
  readonly writers: readonly string[];
}): {
  /**
   * Takes what the node sees at present, and who writes at present: nobody waits for one that has left meanwhile.
   * Returns whom it still waits for, the retired member alone at first.
   */
  missing(peers: readonly SeenPeer[], writing?: readonly string[]): readonly string[];
} {
  const { self, retired, until, writers } = asked;
  let isHere = self === retired;
  const left = new Set(writers.filter((author) => author !== self && author !== retired));
  /** When each was heard last before its verdict counts. */
  const base = new Map<string, number>();

  /** Whether it is equal by what it told later than when this was first asked. */
  function isConfirmed(author: string, peer: SeenPeer): boolean {
    const at = heardAt(peer);
    const from = base.get(author);
    if (from === undefined) base.set(author, at);
    return peer.agreement === 'equal' && from !== undefined && at >= from + CONFIRM_MS;
  }

  return {
    missing(peers, writing = writers) {
      for (const author of left) if (!writing.includes(author)) left.delete(author);
      if (!isHere) {
        const seen = peers.find(({ author }) => author === retired);
        const hasStopped =
          seen !== undefined &&
          (seen.readOnly?.codes.includes('retired') === true || heardAt(seen) > until + STOPPED_MS);
        isHere = hasStopped && isConfirmed(retired, seen);
        if (!isHere) return [retired];
      }
      for (const author of left) {
        const seen = peers.find((peer) => peer.author === author);
        if (seen !== undefined && isConfirmed(author, seen)) left.delete(author);
      }
      return [...left];
    },
  };
}

/**
 * Waits until the last commit that counts of a retiring member has been made and is with every writer. The exit code is
 * 1 when that is not so in time: then its data is not to be removed yet.
 */
export async function untilRetired(
  { output }: CliContext,
  options: ChangeOptions,
  { node }: Pick<CarriedOut, 'node'>,
  { author, ...member }: RosterMember,
): Promise<number> {
  const { members } = await node.client.members.roster();
  const { until = 0 } = members.find((one) => one.author === author) ?? {};
  const { now } = await node.client.getStatus();
  const name = printable(memberName(member));
  const tell = (text: string): void => {
    if (!options.json) output.say(text);
  };
  if (options.wait === 0 && until > now) {
    tell(`${name} still commits until ${timesOf(options).at(until)}. Leave its node running.`);
    return EXIT.failed;
  }
  if (!options.json)
    output.remark(`What ${name} commits until ${timesOf(options).at(until)} counts. This waits for it.`);
  output.progress(`waits until ${timesOf(options).at(until)}`);
  await sleep(clock, Math.max(0, until - now));
  output.progress(`waits until every writer has what ${name} wrote`);
  const nameOf = (asked: string): string => {
    const found = members.find((one) => one.author === asked);
    return found === undefined ? asked.slice(0, 8) : printable(memberName(found));
  };
  const writers = members.filter(({ role }) => role === 'writer').map((one) => one.author);
  const holders = createHolders({ self: node.author, retired: author, until, writers });
  const deadline = performance.now() + options.wait * 1000;
  for (;;) {
    const [peers, roster] = await Promise.all([node.client.listPeers(), node.client.members.roster()]);
    const missing = holders.missing(
      peers,
      roster.members.filter(({ role }) => role === 'writer').map((one) => one.author),
    );
    if (missing.length === 0) break;
    const seen = peers.find((peer) => peer.author === author)?.agreement ?? 'unknown';
    const isSilent = missing[0] === author && seen === 'unknown';
    if (performance.now() >= deadline) {
      output.progress(undefined);
      if (isSilent) {
        tell(`${name} has retired and is not heard. What it wrote and nobody else has is lost with its data.`);
        return EXIT.ok;
      }
      const who = joined(missing.map(nameOf));
      tell(
        missing[0] === author
          ? `${name} has retired. Leave its node running: the others do not have all that it wrote yet.`
          : `${name} has retired. Leave its node running until ${who} agrees with ${node.name}: see lattice status.`,
      );
      return EXIT.failed;
    }
    await sleep(clock, AGAIN_MS);
  }
  output.progress(undefined);
  tell(`${name} has retired, and every writer has what it wrote. Its node can be stopped and its data removed.`);
  return EXIT.ok;
}
