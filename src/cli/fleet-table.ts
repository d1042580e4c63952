import { dirname, relative, resolve } from 'node:path';
import type { Peer } from '../client/index.ts';
import { LatticeError } from '../core/types/index.ts';
import { advised, type Known } from './advice.ts';
import { type ApiClient, createApiClient } from './client.ts';
import { connect, contextOf } from './connect.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { readToken } from './contexts.ts';
import { EXIT } from './exit-codes.ts';
import { readFleetFile } from './fleet-file.ts';
import { nameOf } from './names.ts';
import { alignColumns, printable } from './output.ts';
import { isOfThisMachine } from './reach.ts';
import { type Left, leftBy, leftText, tidyWith, type Witness } from './standing.ts';
import { timesOf } from './times.ts';
import { understood } from './understood.ts';
import { type WatchOptions, watch } from './watch.ts';

export interface FleetOptions extends GlobalOptions {
  /** A fleet.json; true: that of the context, or the nodes that the asked node knows. */
  readonly fleet?: string | true;
}

/** A node of a fleet, and how to ask it. */
interface FleetNode {
  readonly name: string;
  /** Its public key, where a fleet.json or the asked node tells it. */
  readonly author?: string;
  readonly client?: ApiClient;
  readonly known?: Known;
  /** Why it cannot be asked. */
  readonly missing?: string;
}

/** What a node of a fleet answered, or why it did not. */
export type FleetAnswer<T> = {
  readonly name: string;
  readonly url?: string;
  /** Where the fleet.json names a node that has left: nobody misses it. */
  readonly left?: Left;
} & ({ readonly value: T } | { readonly error: LatticeError });

/** A table for people and data for programs, of the answers of all nodes. */
export interface FleetView<T> {
  /** The titles of the columns after NODE. */
  readonly columns: readonly string[];
  /** The rows of one node, each without its name. */
  rows(value: T): readonly (readonly string[])[];
  /** What the data have of a node beside its name and URL. */
  data(value: T): Readonly<Record<string, unknown>>;
  /** Lines below the table. */
  below?(answers: readonly FleetAnswer<T>[]): readonly string[];
}

/** Nodes that are asked at a time, so that a large fleet opens no hundreds of connections at once. */
const AT_A_TIME = 32;

/**
 * Asks every node of a fleet and shows a table with rows for each. A node that does not answer has a row that says so;
 * then the exit code is 1, and 3 when none answers. One that has left the fleet is named as that, and missed by nobody.
 */
export async function fleetTable<T>(
  context: CliContext,
  options: FleetOptions & Partial<WatchOptions>,
  look: (client: ApiClient) => Promise<T>,
  view: FleetView<T>,
): Promise<number> {
  const { output } = context;
  let answers: FleetAnswer<T>[] = [];
  const file = typeof options.fleet === 'string' ? options.fleet : (await contextOf(context, options))?.fleet;
  const isOfFile = file !== undefined;
  const shown = (seen: FleetAnswer<T>[]): void => {
    answers = seen;
    if (options.json) output.data({ nodes: seen.map((answer) => dataOf(answer, view)) });
    else for (const line of linesOf(context, options, isOfFile, seen, view)) output.line(line);
  };
  const ask = async (): Promise<FleetAnswer<T>[]> => {
    const nodes = await nodesOf(context, options, file);
    const [answers, told] = await Promise.all([askAll(nodes, look), witnessesAmong(nodes)]);
    const witnesses = told.flatMap((witness) => witness ?? []);
    return answers.map((answer, i) => {
      // Under a key that has left another node may answer by now, with a key of its own.
      const author = told[i]?.author ?? nodes[i]?.author;
      const left = author === undefined ? undefined : leftBy(witnesses, author, Date.now());
      return left === undefined ? answer : { ...answer, left };
    });
  };
  const code = await watch(context, { interval: 1, ...options }, ask, shown);
  if (code !== EXIT.ok || options.watch === true) return code;
  const expected = answers.filter(({ left }) => left === undefined);
  const silent = expected.filter((answer) => 'error' in answer).length;
  return silent === 0 ? EXIT.ok : silent === expected.length ? EXIT.unreachable : EXIT.failed;
}

/** The roster that each node goes by, and its key; undefined where it tells none, or is not known by its key. */
async function witnessesAmong(nodes: readonly FleetNode[]): Promise<(Witness | undefined)[]> {
  const told = await askAll(nodes, async (client) => await client.members.roster());
  return told.map((answer, i) => {
    if (!('value' in answer)) return undefined;
    const roster = answer.value;
    const author = roster.members.find(({ self }) => self)?.author ?? nodes[i]?.author;
    return author === undefined ? undefined : { author, roster };
  });
}

function dataOf<T>(answer: FleetAnswer<T>, view: FleetView<T>): Readonly<Record<string, unknown>> {
  const { name, url, left } = answer;
  const node = { name, ...(url === undefined ? {} : { url }), ...(left === undefined ? {} : { left }) };
  if ('value' in answer) return { ...node, ...view.data(answer.value) };
  const { code, message } = answer.error;
  return { ...node, error: { code, message } };
}

function linesOf<T>(
  { output }: CliContext,
  options: FleetOptions,
  isOfFile: boolean,
  answers: readonly FleetAnswer<T>[],
  view: FleetView<T>,
): string[] {
  const times = timesOf(options);
  const rows = answers.flatMap((answer): (readonly string[])[] => {
    const name = printable(answer.name);
    if ('value' in answer) return view.rows(answer.value).map((row, i) => [i === 0 ? name : '', ...row]);
    if (answer.left !== undefined) return [[name, output.paint('dim', leftText(answer.left, times))]];
    return [[name, output.paint('red', output.hint(printable(`no answer: ${answer.error.message}`)))]];
  });
  const gone = answers.filter(({ left }) => left !== undefined);
  const below = view.below?.(answers.filter(({ left }) => left === undefined)) ?? [];
  const advice = gone.map((answer) => {
    const isUp = 'value' in answer ? ' and still runs: stop it, and' : ':';
    const where = isOfFile
      ? `take it out of fleet.json: ${tidyWith(typeof options.fleet === 'string' ? options.fleet : undefined)}`
      : 'take it out of DIOTEC360_LATTICE_NODES and DIOTEC360_P2P_BOOTSTRAP';
    return `${printable(answer.name)} ${answer.left === undefined ? '' : leftText(answer.left, times)}${isUp} ${where}`;
  });
  return [...alignColumns([['NODE', ...view.columns], ...rows]), ...[...below, ...advice].map(output.hint)];
}

async function askAll<T>(
  nodes: readonly FleetNode[],
  look: (client: ApiClient) => Promise<T>,
): Promise<FleetAnswer<T>[]> {
  const answers: FleetAnswer<T>[] = [];
  for (let i = 0; i < nodes.length; i += AT_A_TIME)
    answers.push(...(await Promise.all(nodes.slice(i, i + AT_A_TIME).map((node) => ask(node, look)))));
  return answers;
}

async function ask<T>(
  { name, client, known, missing }: FleetNode,
  look: (client: ApiClient) => Promise<T>,
): Promise<FleetAnswer<T>> {
  if (client === undefined) return { name, error: new LatticeError('unreachable', missing ?? 'its URL is not known') };
  try {
    return { name, url: client.url, value: await look(client) };
  } catch (cause) {
    const error = await understood(cause, client.url);
    if (!(error instanceof LatticeError)) throw error;
    return { name, url: client.url, error: advised(error, known) };
  }
}

/** The nodes of the fleet.json that is named or that the context has, else the asked node and those that it knows. */
async function nodesOf(context: CliContext, options: FleetOptions, file: string | undefined): Promise<FleetNode[]> {
  if (file !== undefined) return await fleetClients(context, options, file);
  const client = await connect(context, options);
  const [status, peers] = await Promise.all([client.getStatus(), client.listPeers()]);
  const others = peers.filter(({ peerId, trusted, configured }) => peerId !== status.peerId && (trusted || configured));
  const asked: FleetNode = { name: status.name || status.peerId, author: status.author, client };
  return [asked, ...others.map((peer) => peerNode(options, peer))];
}

/** No peer gets the token of the node that names it: whoever answers there may be somebody else. */
function peerNode(options: GlobalOptions, peer: Peer): FleetNode {
  const { author } = peer;
  const name = nameOf(peer);
  const known = { name, ...(author === undefined ? {} : { author }) };
  if (peer.url === undefined)
    return { ...known, missing: 'the asked node reaches it over P2P alone and knows no URL of it' };
  return { ...known, client: createApiClient({ url: peer.url, token: undefined, timeoutMs: options.timeout * 1000 }) };
}

/** A node of a fleet.json. */
export interface FleetClient {
  readonly name: string;
  readonly peerId: string;
  /** Its public key, 64 hex digits. */
  readonly author: string;
  readonly client: ApiClient;
  /** What an error of its client is explained with. */
  readonly known: Known;
}

/** A client for each node of a fleet.json, with the token of its env file where this machine has that file. */
export async function fleetClients(context: CliContext, options: GlobalOptions, file: string): Promise<FleetClient[]> {
  // No node gets the token of another one's env file.
  const { context: _name, url: _url, envFile: _file, ...direct } = options;
  const { nodes } = await readFleetFile(context, file);
  return await Promise.all(
    nodes.map(async ({ name, api, envFile, peerId, publicKey }) => {
      const path = envFile === '' ? '' : resolve(dirname(resolve(context.cwd, file)), envFile);
      const read = path === '' ? undefined : await tokenIn(context, path);
      const token = options.token ?? read;
      const client = await connect(context, { ...direct, url: api, ...(token === undefined ? {} : { token }) });
      const isHere = read !== undefined && isOfThisMachine(api);
      const known: Known = {
        ...(options.token === undefined ? {} : { token: options.token }),
        ...(read === undefined ? {} : { envFile: shown(context, path) }),
        ...(path === '' ? {} : { inFleet: { envFile: isHere ? shown(context, path) : envFile, isHere } }),
      };
      return { name, client, peerId, author: publicKey, known };
    }),
  );
}

/** A path as the user would type it: from the directory where the command runs, unless it lies outside of that. */
function shown({ cwd }: CliContext, path: string): string {
  const short = relative(cwd, path);
  return short.startsWith('..') ? path : short;
}

/** The token in a node's env file, where this machine has that file. */
async function tokenIn(context: CliContext, envFile: string): Promise<string | undefined> {
  try {
    return await readToken(context, envFile);
  } catch (error) {
    if (error instanceof LatticeError) return undefined;
    throw error;
  }
}
