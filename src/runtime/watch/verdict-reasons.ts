import { counted, joined } from '../../core/types/index.ts';
import type { VerdictReason } from '../facade/index.ts';
import { timeOf } from '../facade/times.ts';
import type { Judged, RefusedKeys, VerdictFacts } from './verdict-facts.ts';
import { failings, failureOf, healsByItself, isOfOtherLineage, ownNext, toldReasons } from './verdict-words.ts';

/** Failures of a repair that go on until somebody changes a configuration. */
const FOR_OPERATORS: ReadonlySet<string> = new Set([
  'not-a-member',
  'sync-forbidden',
  'other-lineage',
  'unknown-version',
  'identity-mismatch',
]);
/** Refusals that end with time: the refused commits are taken later. */
const PASSING: ReadonlySet<string> = new Set(['overloaded']);
/** Refusals upon which the nodes agree among themselves, once enough writers have told theirs (SPEC FL9). */
const SETTLED_BY_NODES: ReadonlySet<string> = new Set(['below-floor']);

type Told = Omit<VerdictReason, 'author' | 'name'>;

/** Everything that keeps a node from CONVERGED, worst first. */
export function reasonsOf(facts: VerdictFacts, judged: readonly Judged[]): VerdictReason[] {
  const about = (trouble: Judged['trouble'], tell: (member: Judged) => Told): VerdictReason[] =>
    judged
      .filter((member) => member.trouble === trouble)
      .map((member) => {
        const { author, label } = member.view;
        return { ...tell(member), ...(author === undefined ? {} : { author }), name: label };
      });
  // What differs while the state is being taken over is what is not here yet, and no repair comes meanwhile.
  const isTakingOver = facts.bootstrap !== undefined;
  const diverged = isTakingOver ? [] : about('diverged', (member) => divergence(member, facts.epoch));
  return [
    ...facts.readOnly.map(({ code, text, since }) => ({
      code,
      text: `This node refuses writes: ${text}.`,
      next: ownNext(code, facts.epoch),
      since,
      heals: healsByItself([code]) ? ('by-itself' as const) : ('operator' as const),
    })),
    ...diverged.filter(({ heals }) => heals === 'operator'),
    ...diverged.filter(({ heals }) => heals === 'by-itself'),
    ...about('down', (member) => silence(member, facts.now, facts.epoch)),
    ...about('read-only', refusal),
    ...bootstrap(facts),
    ...about('starting', ({ view }) => ({
      code: 'member-starting',
      text: `${view.label} takes over the state of the fleet and serves nothing until it has it.`,
      heals: 'by-itself',
    })),
    ...about('unsettled', ({ view }) => ({
      code: 'not-compared',
      text: `This node has not compared its state with that of ${view.label} since it started.`,
      since: facts.startedAt,
      heals: 'by-itself',
    })),
  ];
}

function bootstrap({ bootstrap: at }: VerdictFacts): VerdictReason[] {
  if (at === undefined) return [];
  const text = `This node takes over the state of the fleet: ${at.done} of ${counted(at.total, 'chunk')} are here.`;
  return [{ code: 'bootstrap', text, heals: 'by-itself' }];
}

const joinsAnew = (label: string): string =>
  `See lattice members of ${label}. Stop this node, move its state aside, and let it join anew under a new key.`;

function silence({ view, facts }: Judged, now: number, epoch: number | undefined): Told {
  const { label, lastHeardAt, url } = view;
  const cause = facts.error === undefined ? '' : ` (${failureOf(facts.error, facts.errorCode)})`;
  const where = url === undefined ? '' : ` at ${url}`;
  const next = isOfOtherLineage(facts)
    ? joinsAnew(label)
    : facts.errorCode === 'sync-forbidden'
      ? epoch === undefined
        ? `Put this node's key on the trust list (DIOTEC360_TRUSTED_STATE_PUBKEYS) of ${label}; this node goes on trying.`
        : `Compare the rosters of both (lattice members); ${label} may be behind epoch ${epoch}. This node goes on trying.`
      : facts.addressed === false
        ? `This node knows no address of ${label}: name it in DIOTEC360_LATTICE_NODES or DIOTEC360_P2P_BOOTSTRAP, or see why ${label} does not dial this node.`
        : `See whether ${label} runs${where} and whether the network lets the two nodes reach each other; this node goes on trying.`;
  return lastHeardAt === undefined
    ? { code: 'never-heard', text: `${label} was never heard${cause}.`, next, heals: 'operator' }
    : {
        code: 'not-heard',
        text: `${label} has not been heard since ${timeOf(lastHeardAt, now)}${cause}.`,
        next,
        since: lastHeardAt,
        heals: 'operator',
      };
}

function refusal({ facts, view: { label, readOnly: told = [], readOnlySince } }: Judged): Told {
  const readOnly = failings(told, facts.isMirror === true);
  return {
    code: 'member-read-only',
    text: `${label} refuses writes: ${toldReasons(readOnly)}.`,
    next: readOnly.includes('disk')
      ? `Make room on the disk of ${label}; it takes writes again by itself.`
      : `Read the status of ${label}, which says what to do.`,
    ...(readOnlySince === undefined ? {} : { since: readOnlySince }),
    heals: healsByItself(readOnly) ? 'by-itself' : 'operator',
  };
}

function divergence({ view, facts }: Judged, epoch: number | undefined): Told {
  const { label, since } = view;
  const began = since === undefined ? {} : { since };
  const keys = view.differing === undefined ? 'its state' : counted(view.differing, 'key');
  const { repair, refused, failed } = facts;
  if (isOfOtherLineage(facts))
    return {
      code: 'differs',
      text: `${label} ${view.agreement === 'differs' ? `differs in ${keys}` : 'takes nothing from this node any more'}: ${failureOf(facts.error ?? '', facts.errorCode)}.`,
      next: joinsAnew(label),
      ...began,
      heals: 'operator',
    };
  if (repair !== undefined && repair.remaining > 0)
    return {
      code: 'repairing',
      text: `${label} differs and is under repair: ${counted(repair.remaining, 'key')} ${repair.remaining === 1 ? 'remains' : 'remain'}.`,
      ...began,
      heals: 'by-itself',
    };
  const lasting = refused.filter(({ reason }) => !PASSING.has(reason));
  if (lasting.length > 0) {
    const total = lasting.reduce((sum, { keys: n }) => sum + n, 0);
    return {
      code: 'refused',
      text: `${label} is equal except ${counted(total, 'key')} that ${total === 1 ? 'was' : 'were'} refused: ${joined(lasting.map((one) => refusedBecause(one, label)))}.`,
      next: sentence([...new Set(lasting.map((one) => nextFor(one, label, epoch)))].join('; ')),
      ...began,
      heals: lasting.every(({ reason }) => SETTLED_BY_NODES.has(reason)) ? 'by-itself' : 'operator',
    };
  }
  if (failed !== undefined && FOR_OPERATORS.has(failed.code ?? ''))
    return {
      code: 'differs',
      text: `${label} differs in ${keys}, and its repair is refused: ${failed.text}.`,
      next: `Compare the ${epoch === undefined ? 'trust list' : 'roster'}, the peers and the version of ${label} with those of this node.`,
      ...began,
      heals: 'operator',
    };
  if (view.lung === 'none')
    return {
      code: 'differs',
      text: `${label} differs in ${keys}, and no lung carries it, so nothing can be repaired.`,
      next: `Give this node or ${label} the other's URL or P2P address, or see why neither lung reaches it.`,
      ...began,
      heals: 'operator',
    };
  const why =
    failed === undefined ? 'a repair comes next' : `the last repair failed (${failed.text}) and is tried again`;
  return { code: 'repairing', text: `${label} differs in ${keys}; ${why}.`, ...began, heals: 'by-itself' };
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** Why one kind of keys was refused, for people. */
function refusedBecause({ reason, keys, by, author }: RefusedKeys, label: string): string {
  const where = by === undefined ? 'on one of the two' : by === 'us' ? 'here' : `by ${label}`;
  const whose = author === undefined ? 'their author' : `author ${author}`;
  switch (reason) {
    case 'untrusted-author':
      return `${keys} because ${whose} is not trusted ${where}`;
    case 'read-only':
      return `${keys} because ${by === 'us' ? 'this node' : label} has no room for them`;
    case 'future':
      return `${keys} from a clock that is ahead (${whose})`;
    case 'unknown-version':
      return `${keys} of a version that is not known ${where}`;
    case 'other-network':
      return `${keys} of another network`;
    case 'not-delivered':
      return `${keys} that ${label} lists and does not send`;
    case 'below-floor':
      return `${keys} ${where}, because the state is closed for their time (below-floor)`;
    default:
      return `${keys} ${where} as ${reason}`;
  }
}

function nextFor({ reason, by, author, publicKey }: RefusedKeys, label: string, epoch: number | undefined): string {
  const whose = author === undefined ? 'that author' : publicKey === undefined ? author : `${author} (${publicKey})`;
  const node = by === 'us' ? 'this node' : by === 'member' ? label : 'both nodes';
  switch (reason) {
    case 'untrusted-author':
      return epoch === undefined
        ? `put ${whose} on the trust list (DIOTEC360_TRUSTED_STATE_PUBKEYS) of ${node}, or take it off everywhere`
        : `see whether ${node} has the roster of epoch ${epoch} (lattice members); what ${whose} wrote counts where that has it`;
    case 'read-only':
      return `make room on the disk of ${node}`;
    case 'future':
      return 'set the clock of that node right';
    case 'unknown-version':
      return `bring ${node} to the version of the others`;
    case 'below-floor':
      return belowFloorNext(by, label);
    case 'not-delivered':
      return `have ${label} check its store: lattice verify on that node`;
    default:
      return `read the log of ${node}, which names the commits`;
  }
}

/** One that was away for longer than deletions stay, or that has an old backup, has what the others have let go of. */
function belowFloorNext(by: RefusedKeys['by'], label: string): string {
  const whose = by === 'member' ? 'this node' : by === 'us' ? label : 'the node that has them';
  const listed =
    by === 'member'
      ? 'lattice recover lists them'
      : `lattice recover on ${by === 'us' ? label : 'that node'} lists them`;
  return (
    `wait: once enough writers have refused them, ${whose} sets them aside by itself, and ${listed}; where that does ` +
    `not come and ${whose} comes from an old backup, empty its state, so that it takes over that of the fleet`
  );
}
