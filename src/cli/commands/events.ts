import type { LatticeEvent } from '../../client/index.ts';
import { counted, duration } from '../../core/types/index.ts';
import type { ApiClient } from '../client.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { followed } from '../followed.ts';
import { type Names, namesIn, readNames } from '../names.ts';
import { byteCount, printable, SHORT_ROOT } from '../output.ts';
import { type Times, timeOfHlc, timesOf } from '../times.ts';

export interface EventsOptions extends GlobalOptions {
  readonly after?: string;
  readonly type?: string;
  readonly count?: number;
}

type Type = LatticeEvent['type'];
type Of<T extends Type> = Extract<LatticeEvent, { readonly type: T }>;

/** How people read each type of event: when it was, where the event tells, and what. */
const SAID: {
  readonly [T in Type]: (event: Of<T>, names: Names, times: Times) => readonly [number | undefined, string];
} = {
  change: ({ key, deleted, author, hlc }, names) => [
    timeOfHlc(hlc),
    `${key} ${deleted ? 'deleted' : 'written'} by ${names.ofAuthor(author)}`,
  ],
  batch: ({ root, changes }) => [undefined, `${counted(changes, 'change')}, the root is ${root.slice(0, SHORT_ROOT)}`],
  reset: ({ reason }) => [undefined, `events are missing here: ${reason}`],
  transition: ({ transition: { at, peer, from, to, cause } }, names) => [
    at,
    `${peer === undefined ? 'this node' : names.ofPeer(peer)}: ${from} → ${to}, ${names.inText(cause)}`,
  ],
  progress: (event, names) => [undefined, progressOf(event, names)],
  repair: ({ peer, report }, names) => [
    report.at,
    `with ${names.ofPeer(peer)} over ${report.lung}: ${names.inText(repairOf(report))}`,
  ],
  cut: ({ at, root, certified }, _names, times) => [
    undefined,
    `the state of ${times.at(at)} has root ${root.slice(0, SHORT_ROOT)}${certified ? ', certified by a quorum' : ''}`,
  ],
  evidence: ({ kind, author }, names) => [
    undefined,
    `${names.ofAuthor(author)} signed two statements that contradict each other (${kind}): lattice evidence ls`,
  ],
  displaced: ({ author, until, operations, keys }, names, times) => [
    undefined,
    `${counted(operations, 'operation')} of ${names.ofAuthor(author)} after its end at ${times.at(until)} ${operations === 1 ? 'was' : 'were'} taken out, of ${keys.map((key) => JSON.stringify(key)).join(', ')}: lattice members displaced`,
  ],
  'set-aside': ({ code, operations, keys }) => [
    undefined,
    `${counted(operations, 'operation')} set aside (${code}), of ${keys.join(', ')}${operations > keys.length ? ' and others' : ''}: lattice recover`,
  ],
  'roster-changed': ({ epoch, hash, start }, _names, times) => [
    undefined,
    `the roster of epoch ${epoch} (${hash.slice(0, SHORT_ROOT)}) counts${start === 0 ? '' : `, for cuts after ${times.at(start)}`}`,
  ],
  'change-proposed': (event) => [undefined, saidOf(event, 'asks for')],
  'change-approved': (event) => [undefined, saidOf(event, 'approves')],
  'change-withdrawn': (event) => [undefined, saidOf(event, 'no longer wants')],
};

function saidOf(
  { change, name, action }: Of<'change-proposed' | 'change-approved' | 'change-withdrawn'>,
  does: string,
): string {
  return `${name} ${does} the change ${change.slice(0, SHORT_ROOT)} of the members: ${action}`;
}

export const EVENT_TYPES = Object.keys(SAID);

/** The longest time for which names are used that lack a node which an event names. */
const NAMES_MS = 10_000;

/** Events wait no longer than this for the names of the nodes that they name. */
const NAMES_WAIT_MS = 2000;

/** Prints events as they come, until a signal comes or --count events are printed. */
export async function events(context: CliContext, options: EventsOptions): Promise<number> {
  const types = options.type?.split(',').map((type) => type.trim());
  const unknown = types?.find((type) => !EVENT_TYPES.includes(type));
  if (unknown !== undefined)
    throw usageError(`${JSON.stringify(unknown)} is not a type of events`, `The types: ${EVENT_TYPES.join(', ')}.`);
  const client = await connect(context, options);
  const times = timesOf(options);
  const names = createLateNames(client);
  const stopped = new AbortController();
  const release = context.onStop(() => stopped.abort());
  let left = options.count ?? Number.POSITIVE_INFINITY;
  let last = options.after;
  try {
    const stream = followed(context, stopped.signal, options.after);
    for await (const { id, event, data } of client.follow('/api/v1/events', stream)) {
      last = id ?? last;
      if (types !== undefined && !types.includes(event)) continue;
      const parsed = parse(data);
      if (options.json) context.output.data(parsed);
      else context.output.line(describe(event, parsed, await names(), times));
      if (--left === 0) break;
    }
  } finally {
    release();
  }
  if (last !== undefined && !options.json) context.output.remark(`Go on from here: lattice events --after ${last}`);
  return EXIT.ok;
}

/** Reads the names with the first event, and again after a while, because nodes come and tell theirs. */
function createLateNames(client: ApiClient): () => Promise<Names> {
  let known: Names | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (known !== undefined && performance.now() - readAt < NAMES_MS) return known;
    readAt = performance.now();
    // Events are shown all the same when the names cannot be read, with ids in their place.
    known = await readNames(client, { timeoutMs: NAMES_WAIT_MS }).catch(
      () => known ?? namesIn({ name: '', author: '', peerId: '' }, []),
    );
    return known;
  };
}

function describe(type: string, event: unknown, names: Names, times: Times): string {
  const { id: _id, type: _type, ...fields } = event as Record<string, unknown>;
  let [at, text]: readonly [number | undefined, string] = [undefined, JSON.stringify(fields)];
  const say = (
    SAID as Readonly<Record<string, (e: never, n: Names, t: Times) => readonly [number | undefined, string]>>
  )[type];
  try {
    if (say !== undefined) [at, text] = say(event as never, names, times);
  } catch (error) {
    // A node of another version may tell an event in another form, which is shown as it is.
    if (!(error instanceof TypeError)) throw error;
  }
  return printable(`${times.exact(at ?? Date.now())}  ${type.padEnd(10)}  ${text}`);
}

function progressOf(event: Of<'progress'>, names: Names): string {
  const { what, peer, found, remaining, phase, entries } = event;
  if (what === 'repair')
    return `repair with ${names.ofPeer(peer ?? '')}: ${String(remaining)} of ${counted(Number(found), 'key')} ${remaining === 1 ? 'remains' : 'remain'}`;
  return `taking over the state (${String(phase)}): ${counted(Number(entries), 'entry', 'entries')} so far`;
}

function repairOf({
  outcome,
  error,
  fetched,
  pushed,
  bytesSent,
  bytesReceived,
  durationMs,
}: Of<'repair'>['report']): string {
  const said = error === undefined ? outcome : `${outcome}: ${error}`;
  return `${said}, ${fetched} fetched, ${pushed} pushed, ${byteCount(bytesSent + bytesReceived)} in ${duration(durationMs)}`;
}

function parse(data: string): unknown {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null ? value : { data: value };
  } catch {
    return { data };
  }
}
