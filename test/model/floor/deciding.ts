import { hlcMs } from '../../../src/core/clock/index.ts';
import {
  type Acceptance,
  type Approval,
  accept,
  applyChange,
  type Change,
  type ChangeAction,
  certify,
  changeHash,
  checkRosterCertificate,
  choose,
  decidersOf,
  encodeRosterCertificate,
  endOf,
  endsWriting,
  NO_VOTES,
  openBallot,
  type Promise1b,
  type Proposal,
  type Proposed,
  promise,
  rosterHash,
  type Signed,
  signStatement,
  type Voter,
  writersOf,
} from '../../../src/core/roster/index.ts';
import { type Author, bytesToHex } from '../../../src/core/types/index.ts';
import { hasher } from '../node.ts';
import type { FloorNode } from './node.ts';
import { Broken, type World } from './world.ts';

const NETWORK = 'model/floor';
const SIGNATURE = new Uint8Array(64);
/** A message of a ballot is lost as often as this, until everything works again. */
const LOSS = 0.15;
/** Whoever has a proposal accepted ends before it knows, as often as this, until everything works again. */
const ENDS = 0.05;

const sign = <S extends Approval | Promise1b | Acceptance>(statement: S): Signed<S> =>
  signStatement(statement, () => SIGNATURE);

/** The decision of rosters inside the fleet: what operators want, and the ballots of the nodes about it. */
export interface Deciding {
  /** Operators want a change, now and then before all others; it is tried until it does not fit any more. */
  want(action: ChangeAction, first?: boolean): void;
  /** A node opens a ballot, and goes on with it at once: now and then, where the caller does not say. */
  begin(node: FloorNode, atOnce?: boolean): void;
  /** A node goes on with its open ballot. */
  proceed(node: FloorNode): void;
  /** Everything works again: no message is lost from here on, and whoever has a proposal accepted tells it. */
  heal(): void;
  /** Whether a node that lost its store keeps the decisions of its roster from a quorum. */
  isStuck(nodes: readonly FloorNode[]): boolean;
}

export function createDeciding(world: World): Deciding {
  const { rng, mistake } = world;
  const wanted: Change[] = [];
  const cast = new Map<string, Map<Author, Acceptance>>();
  let healed = false;
  const fails = (often: number): boolean => rng.chance(often) && !healed;

  const voterOf = (node: FloorNode): Voter | undefined => {
    const self = node.writerOf(node.state);
    return self === undefined ? undefined : { network: NETWORK, self, hasher };
  };
  const nextOf = (node: FloorNode) => ({
    network: NETWORK,
    epoch: node.state.roster.epoch + 1,
    previous: node.state.hash,
  });

  function mistakenEnd(node: FloorNode, { kind }: ChangeAction): number | undefined {
    if (kind === 'remove') return mistake === 'removal from the decision on' ? 0 : undefined;
    return mistake === 'until = floor' ? node.floorAt : undefined;
  }

  function proposalOf(node: FloorNode): Proposed | undefined {
    for (const change of wanted) {
      const { action } = change;
      const ends = endsWriting(node.state, action);
      const end = endOf(action, node.clock);
      const until = mistakenEnd(node, action) ?? end;
      if (action.kind === 'promote') {
        // A mirror becomes a writer once it has a floor: then it has the state.
        const mirror = world.nodes.find(({ authors }) => authors.includes(action.author));
        if (mirror === undefined || mirror.floorAt === 0) continue;
      }
      try {
        const roster = applyChange(node.state, action, ends ? until : 0);
        if (ends && 'author' in action) world.noteEnd(action.author, until, end);
        return { roster, change, approvals: approvalsOf(node, change) };
      } catch {
        // It does not fit the present roster, or it is done.
      }
    }
    return undefined;
  }

  const approvalsOf = (node: FloorNode, change: Change): Signed<Approval>[] =>
    writersOf(node.state.roster).map((author) =>
      sign<Approval>({
        kind: 'approval',
        network: NETWORK,
        author,
        change: changeHash(change, hasher),
        expires: world.now + 7 * 86_400_000,
      }),
    );

  function noteVote(acceptance: Acceptance): void {
    const roster = bytesToHex(acceptance.roster);
    const { counter, author } = acceptance.ballot;
    const previous = bytesToHex(acceptance.previous);
    const name = `${previous}/${counter}/${author}/${roster}`;
    const voters = cast.get(name) ?? new Map<Author, Acceptance>();
    cast.set(name, voters);
    voters.set(acceptance.author, acceptance);
    const state = world.rosters.get(previous);
    if (state === undefined || voters.size < decidersOf(state.roster)) return;
    const before = world.decided.get(previous);
    if (before !== undefined && before !== roster) throw new Broken(`epoch ${acceptance.epoch} has two rosters`);
    world.decided.set(previous, roster);
    const lowest = [...voters.values()].map(({ attested }) => attested).sort((a, b) => a - b);
    const least = lowest[decidersOf(state.roster) - 1] as number;
    world.leastStart.set(roster, Math.min(world.leastStart.get(roster) ?? Number.POSITIVE_INFINITY, least));
  }

  function begin(node: FloorNode, atOnce = rng.chance(0.6)): void {
    const self = node.writerOf(node.state);
    if (self === undefined || node.down || wanted.length === 0) return;
    const opened = openBallot(self, node.disk.votes);
    if (opened === undefined) return;
    node.disk.votes = opened.state;
    const promises: Signed<Promise1b>[] = [];
    const proposals = new Map<string, Proposed>();
    for (const other of world.nodes) {
      const voter = voterOf(other);
      if (voter === undefined || (other !== node && (!node.reaches(other) || fails(LOSS)))) continue;
      const vote = promise(voter, other.state, other.disk.votes, { ...nextOf(node), ballot: opened.ballot });
      if (!vote.given) continue;
      other.disk.votes = vote.state;
      if (other !== node && fails(LOSS)) continue;
      promises.push(sign(vote.statement));
      const accepted = vote.state.accepted;
      if (accepted !== undefined) proposals.set(bytesToHex(accepted.roster), accepted.proposed);
    }
    node.open = { ballot: opened.ballot, hlcMs: hlcMs(node.disk.hlc), promises, proposals };
    if (atOnce) proceed(node);
  }

  function proceed(node: FloorNode): void {
    const { open } = node;
    if (open === undefined || node.down) return;
    node.open = undefined;
    const statements = open.promises.map(({ statement }) => statement);
    const careless = mistake === 'unchecked proposals' && statements.length >= decidersOf(node.state.roster);
    const proposed = careless
      ? proposalOf(node)
      : choose(
          node.state,
          statements,
          (roster) => open.proposals.get(bytesToHex(roster)),
          () => proposalOf(node),
        );
    if (proposed === undefined) return;
    const proposal: Proposal = { ...nextOf(node), ballot: open.ballot, proposed, promises: open.promises };
    const acceptances: Signed<Acceptance>[] = [];
    for (const other of world.nodes) {
      const voter = voterOf(other);
      if (voter === undefined || (other !== node && (!node.reaches(other) || fails(LOSS)))) continue;
      const vote = voteOf(other, voter, proposal, careless);
      if (vote === undefined) continue;
      noteVote(vote);
      if (other === node || !fails(LOSS)) acceptances.push(sign(vote));
    }
    if (acceptances.length < decidersOf(node.state.roster) || fails(ENDS)) return;
    const bytes = encodeRosterCertificate(certify(proposed.roster, acceptances));
    const found = checkRosterCertificate(bytes, node.state, { network: NETWORK, hasher });
    world.addRoster(found.state);
    const start = mistake === "proposer's HLC in place of start" ? open.hlcMs : found.start;
    adoptKeys(proposed.change.action);
    node.learn(found.state, start);
  }

  function voteOf(other: FloorNode, voter: Voter, proposal: Proposal, careless: boolean): Acceptance | undefined {
    const { votes, own } = other.disk;
    const { proposed } = proposal;
    const mine = { attested: own.newest, floor: other.floorAt, nowMs: other.clock };
    const promises = careless ? [] : proposal.promises;
    const vote = accept(voter, other.state, votes, careless ? proposal : { ...proposal, promises }, mine);
    if (vote.given) {
      other.disk.votes = vote.state;
      return vote.statement;
    }
    const isMistaken = mistake === 'until = floor' || mistake === 'removal from the decision on';
    if (vote.because !== (careless ? 'not-the-accepted' : isMistaken ? 'wrong-end' : undefined)) return undefined;
    const roster = rosterHash(proposed.roster, hasher);
    other.disk.votes = {
      ...NO_VOTES,
      promised: proposal.ballot,
      accepted: { ballot: proposal.ballot, roster, proposed, attested: own.newest },
    };
    return {
      kind: 'acceptance',
      ...nextOf(other),
      author: voter.self,
      ballot: proposal.ballot,
      roster,
      attested: own.newest,
    };
  }

  /** The node whose key is rotated has the new key too. */
  function adoptKeys(action: ChangeAction): void {
    if (action.kind !== 'rotate') return;
    const node = world.nodes.find(({ authors }) => authors.includes(action.author));
    if (node !== undefined && !node.authors.includes(action.to)) node.authors = [...node.authors, action.to];
  }

  return {
    want(action, first = false) {
      const change: Change = { network: NETWORK, nonce: rng.bytes(16), action };
      if (first) wanted.unshift(change);
      else wanted.push(change);
      if (wanted.length > 8) wanted.splice(first ? -1 : 0, 1);
    },
    begin,
    proceed,
    heal: () => void (healed = true),
    isStuck(nodes) {
      const [first] = nodes;
      if (first === undefined) return false;
      const able = writersOf(first.state.roster).filter((author) =>
        nodes.some((node) => node.authors.includes(author) && !node.disk.votes.abstains),
      );
      return able.length < decidersOf(first.state.roster);
    },
  };
}
