import {
  type Acceptance,
  type Approval,
  accept,
  advance,
  applyChange,
  type Ballot,
  type Change,
  type ChangeAction,
  certifiersOf,
  certify,
  changeHash,
  checkRosterCertificate,
  choose,
  compareBallots,
  counts,
  decidersOf,
  encodeRosterCertificate,
  endOf,
  endsWriting,
  initialRoster,
  isWriter,
  mayAttest,
  memberOf,
  NO_VOTES,
  openBallot,
  type Promise1b,
  type Proposal,
  type Proposed,
  promise,
  type RosterState,
  rosterHash,
  type Signed,
  signStatement,
  statementBytes,
  stateOf,
  type VoteState,
  writersOf,
} from '../../src/core/roster/index.ts';
import { type Author, type Bytes, bytesToHex, equalBytes } from '../../src/core/types/index.ts';
import { createRng, type Rng } from '../sim/rng.ts';
import { hasher } from './node.ts';

/** Mistakes that are planted to see that the checker finds them. */
export type Mistake =
  | 'none'
  | 'unchecked-proposals' // a proposer proposes what it likes, and nobody looks at its promises
  | 'votes-after-loss' // a store that lost its votes goes on voting
  | 'forgets-votes' // votes are told before they are durable
  | 'attests-after-loss' // a store that lost its votes abstains from votes, and attests
  | 'attests-after-vote' // whoever voted for the next roster goes on attesting under the present one
  | 'start-of-proposer' // the proposer's own newest attested T in place of the greatest of the votes
  | 'attests-before-start'; // the next roster certifies cuts at or before its start

type Message =
  | { readonly type: 'prepare'; readonly ballot: Ballot; readonly epoch: number; readonly previous: Bytes }
  | { readonly type: 'promised'; readonly signed: Signed<Promise1b>; readonly proposed: Proposed | undefined }
  | { readonly type: 'propose'; readonly proposal: Proposal }
  | { readonly type: 'accepted'; readonly signed: Signed<Acceptance>; readonly proposed: Proposed }
  | { readonly type: 'certificate'; readonly bytes: Bytes };

interface Envelope {
  readonly to: number;
  readonly message: Message;
}

const NETWORK = 'model/roster';
const EPOCH_MS = 1_700_000_000_000;
const AUTHORS = 8;

const authorAt = (i: number): Author => bytesToHex(hasher.hash(new TextEncoder().encode(`author ${i}`))) as Author;
const signatureBy = (author: Author, message: Bytes): Bytes => {
  const text = new TextEncoder().encode(author);
  const both = new Uint8Array(text.length + message.length);
  both.set(text);
  both.set(message, text.length);
  const once = hasher.hash(both);
  const out = new Uint8Array(64);
  out.set(once);
  out.set(hasher.hash(once), 32);
  return out;
};
const isGood = (author: Author, message: Bytes, signature: Bytes): boolean =>
  equalBytes(signature, signatureBy(author, message));

/** One node: what it has durably, and what a restart loses. */
interface Node {
  readonly index: number;
  readonly author: Author;
  state: RosterState;
  votes: VoteState;
  /** The newest T that it attested, and where its present roster begins. */
  attested: number;
  start: number;
  clockMs: number;
  // From here on lost at a restart.
  ballot: Ballot | undefined;
  promises: Signed<Promise1b>[];
  acceptances: Signed<Acceptance>[];
  proposed: Proposed | undefined;
  known: Map<string, Proposed>;
}

export interface RosterCase {
  readonly seed: string;
  readonly writers: number;
  readonly steps: number;
  readonly mistake: Mistake;
}

function rosterCaseOf(seed: string, mistake: Mistake = 'none'): RosterCase {
  const rng = createRng(`${seed}/case`);
  return { seed, writers: 1 + rng.int(5), steps: 60 + rng.int(240), mistake };
}

/** The fault that a case ends with; undefined when every invariant held. */
function faultOfRosterCase({ seed, writers, steps, mistake }: RosterCase): string | undefined {
  const rng = createRng(seed);
  const fleet = createFleet(rng, writers, mistake);
  for (let i = 0; i < steps; i++) {
    const fault = fleet.step();
    if (fault !== undefined) return `step ${i}: ${fault}`;
  }
  return fleet.heal();
}

export function firstRosterFailure(seed: string, cases: number, mistake: Mistake = 'none'): string | undefined {
  for (let i = 0; i < cases; i++) {
    const one = rosterCaseOf(`${seed}/${i}`, mistake);
    const fault = faultOfRosterCase(one);
    if (fault !== undefined) return `${one.seed} (${one.writers} writers, ${one.steps} steps): ${fault}`;
  }
  return undefined;
}

function createFleet(rng: Rng, writers: number, mistake: Mistake) {
  const authors = Array.from({ length: AUTHORS }, (_, i) => authorAt(i));
  const first = stateOf(initialRoster(authors.slice(0, writers)), new Set(), hasher);
  const nodes = authors.map(
    (author, index): Node => ({
      index,
      author,
      state: first,
      votes: NO_VOTES,
      attested: EPOCH_MS,
      start: 0,
      clockMs: EPOCH_MS,
      ballot: undefined,
      promises: [],
      acceptances: [],
      proposed: undefined,
      known: new Map(),
    }),
  );
  let mail: Envelope[] = [];
  const lossOfNews = rng.pick([0.1, 0.5, 0.9]);
  const changes: { readonly change: Change; readonly approvals: readonly Signed<Approval>[] }[] = [];
  /** Every acceptance that was ever signed, by decision, ballot and roster; and what was decided for each epoch. */
  const cast = new Map<string, Map<Author, Acceptance>>();
  const decided = new Map<string, string>();
  /** Every state that exists, by the hash of its roster. */
  const states = new Map<string, RosterState>([[bytesToHex(first.hash), first]]);
  /** Who attested which T under which roster, and which roster certified it. */
  const attestations = new Map<number, Map<string, Set<Author>>>();
  const certified = new Map<number, string>();
  /** The starts that quorums of acceptances can name, the least of them for each roster. */
  const leastStart = new Map<string, number>();

  const tell = (message: Message, except = -1): void => {
    for (const { index } of nodes) if (index !== except) mail.push({ to: index, message });
  };
  const sign = <S extends Approval | Promise1b | Acceptance>(statement: S): Signed<S> =>
    signStatement(statement, (message) => signatureBy(statement.author, message));
  const voterOf = ({ author }: Node) => ({ network: NETWORK, self: author, hasher });
  const freshVotes = (node: Node): void => {
    node.votes = NO_VOTES;
    node.ballot = undefined;
    node.promises = [];
    node.acceptances = [];
    node.proposed = undefined;
    node.known = new Map();
  };

  function want(): void {
    const { state } = rng.pick(nodes);
    const author = rng.pick(authors);
    const kinds: readonly ChangeAction[] = [
      { kind: 'add', author, name: '', role: rng.chance(0.6) ? 'writer' : 'mirror' },
      { kind: 'promote', author },
      { kind: 'retire', author },
      { kind: 'rotate', author, to: rng.pick(authors) },
      { kind: 'remove', author },
      { kind: 'drop', author },
      { kind: 'name', author, name: rng.pick(['', 'a', 'b']) },
      { kind: 'settings', certify: rng.pick(['majority', 'two-thirds'] as const), retentionMs: rng.int(1000) },
    ];
    const action = rng.pick(kinds);
    if (action.kind === 'rotate' && action.author === action.to) return;
    const change: Change = { network: NETWORK, nonce: rng.bytes(16), action };
    const approvals = writersOf(state.roster)
      .filter(() => rng.chance(0.9))
      .map((by) =>
        sign<Approval>({
          kind: 'approval',
          network: NETWORK,
          author: by,
          change: changeHash(change, hasher),
          expires: EPOCH_MS + 7 * 86_400_000,
        }),
      );
    changes.push({ change, approvals });
  }

  function begin(node: Node): void {
    if (!isWriter(node.state.roster, node.author)) return;
    const opened = openBallot(node.author, node.votes);
    if (opened === undefined) return;
    node.ballot = opened.ballot;
    node.votes = opened.state;
    node.promises = [];
    node.acceptances = [];
    node.proposed = undefined;
    tell({ type: 'prepare', ballot: node.ballot, epoch: node.state.roster.epoch + 1, previous: node.state.hash });
  }

  /** What the node would propose if it is free to: some approved change that fits its roster. */
  function wanted(node: Node): Proposed | undefined {
    const from = rng.int(Math.max(1, changes.length));
    for (let i = 0; i < changes.length; i++) {
      const { change, approvals } = changes[(from + i) % changes.length] as (typeof changes)[number];
      const until = endsWriting(node.state, change.action) ? endOf(change.action, node.clockMs) : 0;
      try {
        return { roster: applyChange(node.state, change.action, until), change, approvals };
      } catch {
        // It does not fit the present roster.
      }
    }
    return undefined;
  }

  function proposeIfAble(node: Node): void {
    const { ballot } = node;
    if (ballot === undefined || node.proposed !== undefined) return;
    const promises = node.promises.map(({ statement }) => statement);
    const proposed =
      mistake === 'unchecked-proposals' && promises.length >= decidersOf(node.state.roster)
        ? wanted(node)
        : choose(
            node.state,
            promises,
            (roster) => node.known.get(bytesToHex(roster)),
            () => wanted(node),
          );
    if (proposed === undefined) return;
    node.proposed = proposed;
    tell({
      type: 'propose',
      proposal: {
        network: NETWORK,
        epoch: node.state.roster.epoch + 1,
        previous: node.state.hash,
        ballot,
        proposed,
        promises: node.promises,
      },
    });
  }

  function noteVote(acceptance: Acceptance): string | undefined {
    const decision = `${acceptance.epoch}/${bytesToHex(acceptance.previous)}`;
    const roster = bytesToHex(acceptance.roster);
    const name = `${decision}/${acceptance.ballot.counter}/${acceptance.ballot.author}/${roster}`;
    const voters = cast.get(name) ?? new Map<Author, Acceptance>();
    cast.set(name, voters);
    voters.set(acceptance.author, acceptance);
    const state = states.get(bytesToHex(acceptance.previous));
    if (state === undefined) return 'a vote after a roster that nobody has';
    if (voters.size < decidersOf(state.roster)) return undefined;
    const before = decided.get(decision);
    if (before !== undefined && before !== roster) return `epoch ${acceptance.epoch} has two rosters`;
    decided.set(decision, roster);
    // The quorum with the lowest votes names the least start.
    const lowest = [...voters.values()].map(({ attested }) => attested).sort((a, b) => a - b);
    const least = lowest[decidersOf(state.roster) - 1] as number;
    leastStart.set(roster, Math.min(leastStart.get(roster) ?? Number.POSITIVE_INFINITY, least));
    return undefined;
  }

  function learn(node: Node, bytes: Bytes): string | undefined {
    let found: ReturnType<typeof checkRosterCertificate>;
    try {
      found = checkRosterCertificate(bytes, node.state, { network: NETWORK, hasher });
    } catch {
      return undefined; // behind, ahead, or of another chain
    }
    if (!found.signatures.every(({ author, message, signature }) => isGood(author, message, signature)))
      return 'a certificate with a bad signature';
    const { state, certificate } = found;
    const proposer = certificate.votes.find(({ author }) => author === certificate.ballot.author);
    node.start = mistake === 'start-of-proposer' ? (proposer?.attested ?? 0) : found.start;
    node.state = state;
    states.set(bytesToHex(state.hash), state);
    freshVotes(node);
    return undefined;
  }

  function deliver({ to, message }: Envelope): string | undefined {
    const node = nodes[to] as Node;
    const voter = voterOf(node);
    switch (message.type) {
      case 'prepare': {
        const { ballot, epoch, previous } = message;
        const vote = promise(voter, node.state, node.votes, { network: NETWORK, epoch, previous, ballot });
        if (!vote.given) return undefined;
        if (mistake !== 'forgets-votes' || rng.chance(0.5)) node.votes = vote.state;
        mail.push({
          to: authors.indexOf(ballot.author),
          message: { type: 'promised', signed: sign(vote.statement), proposed: node.votes.accepted?.proposed },
        });
        return undefined;
      }
      case 'promised': {
        const { statement, signature } = message.signed;
        if (!isGood(statement.author, statementBytes(statement), signature)) return 'a promise with a bad signature';
        if (node.ballot === undefined || compareBallots(statement.ballot, node.ballot) !== 0) return undefined;
        if (!equalBytes(statement.previous, node.state.hash) || !isWriter(node.state.roster, statement.author))
          return undefined;
        if (node.promises.some((one) => one.statement.author === statement.author)) return undefined;
        node.promises.push(message.signed);
        if (message.proposed !== undefined)
          node.known.set(bytesToHex(rosterHash(message.proposed.roster, hasher)), message.proposed);
        proposeIfAble(node);
        return undefined;
      }
      case 'propose': {
        const { proposal } = message;
        const own = { attested: node.attested, floor: EPOCH_MS + 10 ** 9, nowMs: node.clockMs };
        const bare =
          mistake === 'unchecked-proposals' && equalBytes(proposal.previous, node.state.hash)
            ? carelessly(node, proposal)
            : undefined;
        const vote = bare ?? accept(voter, node.state, node.votes, proposal, own);
        if (!vote.given) return undefined;
        if (mistake !== 'forgets-votes' || rng.chance(0.5)) node.votes = vote.state;
        const fault = noteVote(vote.statement);
        tell({ type: 'accepted', signed: sign(vote.statement), proposed: proposal.proposed });
        return fault;
      }
      case 'accepted': {
        const { statement } = message.signed;
        if (!equalBytes(statement.previous, node.state.hash) || !isWriter(node.state.roster, statement.author))
          return undefined;
        node.acceptances.push(message.signed);
        const alike = new Map(
          node.acceptances
            .filter(
              (one) =>
                compareBallots(one.statement.ballot, statement.ballot) === 0 &&
                equalBytes(one.statement.roster, statement.roster) &&
                equalBytes(one.statement.previous, statement.previous),
            )
            .map((one) => [one.statement.author, one]),
        );
        if (alike.size < decidersOf(node.state.roster)) return undefined;
        const bytes = encodeRosterCertificate(certify(message.proposed.roster, [...alike.values()]));
        tell({ type: 'certificate', bytes }, node.index);
        return learn(node, bytes);
      }
      case 'certificate':
        return learn(node, message.bytes);
    }
  }

  /** Votes for whatever is proposed in a ballot that is not too late. */
  function carelessly(node: Node, { ballot, proposed }: Proposal): ReturnType<typeof accept> | undefined {
    const { promised } = node.votes;
    if (promised !== undefined && compareBallots(ballot, promised) < 0) return undefined;
    if (!isWriter(node.state.roster, node.author)) return undefined;
    const roster = rosterHash(proposed.roster, hasher);
    return {
      given: true,
      state: { abstains: false, promised: ballot, accepted: { ballot, roster, proposed, attested: node.attested } },
      statement: {
        kind: 'acceptance',
        network: NETWORK,
        epoch: node.state.roster.epoch + 1,
        previous: node.state.hash,
        author: node.author,
        ballot,
        roster,
        attested: node.attested,
      },
    };
  }

  function attest(node: Node): string | undefined {
    const { author, state, attested, start } = node;
    if (!isWriter(state.roster, author)) return undefined;
    const early = mistake === 'attests-before-start' && rng.chance(0.3);
    const at = early ? start : Math.floor(node.clockMs / 1000) * 1000;
    const votes = {
      ...node.votes,
      ...(mistake === 'attests-after-vote' ? { accepted: undefined } : {}),
      ...(mistake === 'attests-after-loss' ? { abstains: false } : {}),
    };
    if (!early && !mayAttest(author, state, votes, { at, attested, start })) return undefined;
    node.attested = Math.max(node.attested, at);
    const roster = bytesToHex(node.state.hash);
    const byRoster = attestations.get(at) ?? new Map<string, Set<Author>>();
    attestations.set(at, byRoster);
    const signers = byRoster.get(roster) ?? new Set<Author>();
    byRoster.set(roster, signers);
    signers.add(node.author);
    if (signers.size < certifiersOf(node.state.roster)) return undefined;
    const before = certified.get(at);
    if (before !== undefined && before !== roster) return `T ${at} is certified under two rosters`;
    certified.set(at, roster);
    return undefined;
  }

  /** What a roster certified is at or before every start that a quorum can name for the roster after it. */
  function faultOfStarts(): string | undefined {
    for (const [at, roster] of certified) {
      for (const [next, start] of leastStart) {
        const state = states.get(next);
        if (state !== undefined && bytesToHex(state.roster.previous) === roster && at > start)
          return `T ${at} is certified by a roster that ended at ${start}`;
      }
      const start = leastStart.get(roster);
      if (start !== undefined && at <= start) return `T ${at} is certified by a roster that began at ${start}`;
    }
    return undefined;
  }

  function step(): string | undefined {
    const lot = rng.next();
    if (lot < 0.6 && mail.length > 0) {
      const at = rng.int(mail.length);
      const envelope = mail[at] as Envelope;
      // Some are lost and some come twice. In some cases hardly anybody hears of what was decided.
      if (!rng.chance(0.1)) mail.splice(at, 1);
      const { type } = envelope.message;
      if (rng.chance(type === 'accepted' || type === 'certificate' ? lossOfNews : 0.1)) return undefined;
      if (mail.length > 400) mail = mail.filter(() => rng.chance(0.5));
      return deliver(envelope) ?? faultOfStarts();
    }
    const node = rng.pick(nodes);
    if (lot < 0.66) want();
    else if (lot < 0.76) begin(node);
    else if (lot < 0.92) {
      for (const one of nodes) one.clockMs += rng.int(800);
      return attest(node) ?? faultOfStarts();
    } else if (lot < 0.95) node.clockMs += rng.int(20_000) - 5_000;
    else restart(node);
    return undefined;
  }

  /** A restart keeps what is durable. Now and then the store is lost, and then it abstains in the present decision. */
  function restart(node: Node): void {
    const { votes } = node;
    freshVotes(node);
    node.votes = votes;
    if (!rng.chance(0.3)) return;
    node.votes = { ...NO_VOTES, abstains: mistake !== 'votes-after-loss' };
    node.attested = 0;
  }

  /** Everything arrives, and one after the other proposes. Then all have one roster, unless too many stores were lost. */
  function heal(): string | undefined {
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 4000 && mail.length > 0; i++) {
        const fault = deliver(mail.shift() as Envelope) ?? faultOfStarts();
        if (fault !== undefined) return fault;
      }
      mail = [];
      const behind = nodes.map(({ state }) => state.roster.epoch);
      if (Math.min(...behind) === Math.max(...behind) && round > 2) break;
      catchUp();
      const node = nodes[round % nodes.length] as Node;
      begin(node);
    }
    const { state } = nodes[0] as Node;
    for (const node of nodes) {
      if (!equalBytes(node.state.hash, state.hash)) return 'after everything arrived, nodes have different rosters';
      for (const { author, role, until } of state.roster.members)
        if (counts(state.roster, author, until + 1) !== (role === 'writer')) return 'a retired author goes on counting';
      for (const author of state.departed)
        if (memberOf(state.roster, author) !== undefined) return 'a key that left is back';
    }
    return undefined;
  }

  /** Who is behind takes the chain of one who is ahead, as hellos let nodes do. */
  function catchUp(): void {
    const ahead = nodes.reduce((a, b) => (b.state.roster.epoch > a.state.roster.epoch ? b : a));
    for (const node of nodes) {
      if (node.state.roster.epoch >= ahead.state.roster.epoch) continue;
      const chain: RosterState[] = [];
      let next: RosterState | undefined = ahead.state;
      while (next !== undefined && next.roster.epoch > node.state.roster.epoch) {
        chain.unshift(next);
        next = states.get(bytesToHex(next.roster.previous));
      }
      for (const { roster } of chain) node.state = advance(node.state, roster, hasher);
      node.start = ahead.start;
      freshVotes(node);
    }
  }

  return { step, heal };
}
