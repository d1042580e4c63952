import type { Change, ChangeRequest } from '../client/index.ts';
import { counted, type ErrorCode, joined, LatticeError } from '../core/types/index.ts';
import { sleep } from '../timing/index.ts';
import { advised } from './advice.ts';
import { clock } from './clock.ts';
import { confirm } from './confirm.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { memberName, type Operated, type OperatedNode, type OperatorOptions, operatedNodes } from './operators.ts';
import { alignColumns, printable } from './output.ts';

export interface ChangeOptions extends OperatorOptions {
  /** Does it without asking. */
  readonly yes?: boolean;
  /** Seconds until which it must be decided; 0: asks for it and does not wait. */
  readonly wait: number;
}

/** The change that a command asks for. */
export interface Asked {
  readonly action: ChangeRequest;
  /** What it does. */
  readonly text: string;
  /** What may be lost by it, which whoever asks for it by a script is told too. */
  readonly cost?: string | undefined;
}

/** What came of one node of the operator. */
interface Vote {
  readonly name: string;
  readonly url: string;
  readonly approved: boolean;
  /** Why it did not approve. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** What came of a change. */
export interface CarriedOut {
  readonly change: Change;
  readonly cost?: Asked['cost'];
  readonly votes: readonly Vote[];
  /** The node that was asked for the change first. */
  readonly node: OperatedNode;
}

/** A change that was just made reaches the other nodes within a second; each is asked again after this time, ms. */
const AGAIN_MS = 200;
/** Longest wait of one request, s: the node answers within 25 s, and a change is looked at anew in between. */
const POLL_SECONDS = 10;
/** What the last look waits at least, s: by then a node has heard of the approvals that others have just given. */
const LOOK_SECONDS = 1;

/** A node that is an epoch behind does not know the change, or does not see yet that it fits. It catches up in seconds. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['not-found', 'invalid-change', 'not-a-writer']);
const BEHIND_MS = 20_000;
/** How long a node is given to hear of a change where nobody waits for the decision: an approval is asked for once. */
const HEARS_MS = 5_000;

const isSettled = ({ stage }: Change): boolean => stage !== 'waiting' && stage !== 'deciding';

/**
 * Carries out one change with all nodes of the operator: shows what it does and asks, asks each node for its approval
 * with that node's own token, and waits until it is decided. `actionFrom` makes the change of what the nodes know.
 */
export async function carryOut(
  context: CliContext,
  options: ChangeOptions,
  actionFrom: (operated: Operated) => Asked,
): Promise<CarriedOut> {
  const operated = await operatedNodes(context, options);
  const { action, text, cost } = actionFrom(operated);
  if (!options.json) announce(context, operated, cost === undefined ? text : `${text} ${cost}`);
  await confirm(context, 'Do it?', options);
  const deadline = performance.now() + options.wait * 1000;
  const { nodes } = operated;
  const isWriter = ({ author }: OperatedNode): boolean =>
    operated.roster.members.some((member) => member.author === author && member.role === 'writer');
  // Whoever asks for the change should go by the newest roster, or it would be about one that is over.
  const writers = nodes.filter(isWriter).sort((a, b) => b.roster.epoch - a.roster.epoch);
  const node = writers.find(({ client }) => client.hasToken) ?? writers[0] ?? nodes[0];
  if (node === undefined) throw new LatticeError('unreachable', 'no node answers');
  const proposed = await node.client.members.propose(action);
  const votes = await Promise.all(
    nodes
      .filter(isWriter)
      .map(async (one) => (one === node ? voteOf(one) : await approve(one, proposed, deadline, options))),
  );
  const silent = operated.silent.map(({ name, url, error }) => voteOf({ name, client: { url } }, error));
  const change = await untilSettled(context, nodes, node, proposed, deadline);
  return { change, cost, votes: [...votes, ...silent], node };
}

function announce({ output }: CliContext, { roster, silent, nodes }: Operated, text: string): void {
  const writers = roster.members.filter(({ role }) => role === 'writer');
  const needed = Math.floor(writers.length / 2) + 1;
  output.say(output.paint('bold', printable(text)));
  output.line(
    `The roster is that of epoch ${roster.epoch}. ${needed} of ${counted(writers.length, 'writer')} must approve: ${printable(joined(writers.map(memberName)))}.`,
  );
  const tokenless = nodes.filter(({ client }) => !client.hasToken);
  if (tokenless.length > 0)
    output.line(`No token is here for ${printable(joined(tokenless.map(({ name }) => name)))}.`);
  for (const { name, error } of silent)
    output.say(`${output.paint('yellow', '!')} ${printable(`${name} does not answer: ${error.message}`)}`);
}

const voteOf = (
  { name, client }: { readonly name: string; readonly client: { readonly url: string } },
  error?: LatticeError,
): Vote => ({
  name,
  url: client.url,
  approved: error === undefined,
  ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
});

/** Approves a change with one more node, which may hear of it in a moment only. */
async function approve(node: OperatedNode, { id }: Change, deadline: number, options: ChangeOptions): Promise<Vote> {
  const now = performance.now();
  const end = now + Math.min(BEHIND_MS, Math.max(HEARS_MS, deadline - now));
  for (;;) {
    try {
      // It may be decided by the others before this one has been asked. While it is only on its way to that, another
      // change may end an author whose approval was needed.
      if (!isSettled(await node.client.members.change(id))) await node.client.members.approve(id);
      return voteOf(node);
    } catch (cause) {
      if (!(cause instanceof LatticeError)) throw cause;
      if (!PASSING.has(cause.code) || performance.now() >= end) return voteOf(node, advised(cause, options));
    }
    await sleep(clock, AGAIN_MS);
  }
}

/**
 * Waits until the change is settled, or the time is over. Any of the nodes tells how it stands; where there is no time
 * at all, one is asked once, because approvals have come since the change was made.
 */
export async function untilSettled(
  { output }: CliContext,
  nodes: readonly Pick<OperatedNode, 'client'>[],
  first: Pick<OperatedNode, 'client'>,
  known: Change,
  deadline: number,
): Promise<Change> {
  const all = [first, ...nodes.filter((node) => node !== first)];
  let change = known;
  for (let turn = 0; !isSettled(change); turn++) {
    const left = Math.floor((deadline - performance.now()) / 1000);
    output.progress(`waits: ${printable(change.why)}`);
    try {
      const { client } = all[turn % all.length] ?? first;
      const wait = Math.min(Math.max(left, LOOK_SECONDS), POLL_SECONDS);
      change = await client.members.change(known.id, { wait, timeoutMs: (wait + POLL_SECONDS) * 1000 });
    } catch (error) {
      // A node that restarts, or that has not heard of it, is asked again after the others.
      if (!(error instanceof LatticeError)) throw error;
      await sleep(clock, AGAIN_MS);
    }
    if (left <= 0) break;
  }
  output.progress(undefined);
  return change;
}

/** Shows what came of a change, of each node and of all, and answers the exit code. */
export function conclude(context: CliContext, options: ChangeOptions, { change, cost, votes }: CarriedOut): number {
  const { output } = context;
  const code = change.stage === 'decided' || (options.wait === 0 && !isSettled(change)) ? EXIT.ok : EXIT.failed;
  if (options.json) {
    output.data({ change, nodes: votes, ...(cost === undefined ? {} : { cost }) });
    return code;
  }
  const rows = votes.map(({ name, approved, error }) => [
    approved ? output.paint('green', '✓') : output.paint('red', '✗'),
    printable(name),
    approved ? 'approves' : printable(error?.message ?? ''),
  ]);
  for (const line of alignColumns(rows)) output.line(line);
  tellStage(context, change);
  return code;
}

/** Says how it stands with a change, and what its operator can do. */
export function tellStage({ output }: CliContext, change: Change): void {
  const { stage, why, id, missing, approvals, needed } = change;
  const short = id.slice(0, 8);
  const styles = { decided: 'green', void: 'red', withdrawn: 'yellow', waiting: 'yellow', deciding: 'yellow' } as const;
  output.say(`${output.paint(styles[stage], stage.toUpperCase())} ${printable(change.text)}`);
  output.say(`  ${printable(why)}`);
  if (stage === 'waiting' && approvals.length < needed) {
    output.line(
      `  ${approvals.length} of ${needed} approvals; missing: ${printable(joined(missing.map(({ name, author }) => name || author)))}`,
    );
    output.remark(`Their operators approve it within seven days, on their nodes: lattice members approve ${short}`);
  } else if (stage === 'deciding') {
    output.remark(
      `It is decided as soon as ${needed === 1 ? 'its writer has voted' : `${needed} writers reach each other`}: lattice members wait ${short}`,
    );
  }
}
