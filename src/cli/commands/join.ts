import { existsSync, readFileSync } from 'node:fs';
import { join as joinPath, relative, resolve } from 'node:path';
import { createVerifier } from '../../adapters/system/ed25519.ts';
import { nodeHasher } from '../../adapters/system/hasher.ts';
import { LatticeProblem } from '../../client/errors.ts';

import type { Invited } from '../../client/invitation-line.ts';
import { loadConfig } from '../../config/index.ts';
import { joiningKey, writeJoined } from '../../config/join.ts';
import { type CheckedChain, checkChain, memberOf } from '../../core/roster/index.ts';
import { type Author, bytesToHex, LatticeError } from '../../core/types/index.ts';
import { localUrl } from '../../core/wire/host.ts';
import { authorToPeerId } from '../../core/wire/peer-id.ts';
import { sleep } from '../../timing/index.ts';
import { type ApiClient, createApiClient } from '../client.ts';
import { clock } from '../clock.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readFleet, withNodes } from '../fleet-file.ts';
import { readInvitation } from '../invite-line.ts';
import { printable, shellWord } from '../output.ts';
import { replaceFile } from '../replace-file.ts';
import { timesOf } from '../times.ts';

export interface JoinOptions extends GlobalOptions {
  readonly dir: string;
  readonly name?: string;
  readonly host: string;
  readonly port: number;
  readonly p2pPort: number;
  /** Seconds. */
  readonly wait: number;
  /** Runs the node afterwards. */
  readonly start?: boolean;
}

/** Between two questions whether the fleet has decided. */
const ASK_MS = 500;
/** Certificates of an answer are some dozens; a chain has one for each change that there ever was. */
const MAX_EPOCHS = 4096;

/**
 * Joins a fleet by the line of an invitation: makes a key and an env file, asks the inviting nodes, and waits until the
 * fleet has decided. What was made stays, so that the same command goes on after an interruption. `start` runs the node
 * of an env file, and `approve` lets its store take rosters that were forced.
 */
export async function join(
  context: CliContext,
  line: string,
  options: JoinOptions,
  start: (envFile: string) => Promise<number>,
  approve: (stateDir: string, forced: CheckedChain['forced']) => Promise<void>,
): Promise<number> {
  const { output } = context;
  const invited = readInvitation(line);
  const name = options.name ?? invited.name;
  const dir = resolve(context.cwd, options.dir);
  const clients = invited.nodes.flatMap(({ url }) =>
    url === undefined ? [] : [createApiClient({ url, token: undefined, timeoutMs: options.timeout * 1000 })],
  );
  const { chain, client: first } = await trustedChain(clients, invited);
  const author = joiningKey(dir, name);
  const deadline = performance.now() + options.wait * 1000;
  await askAll(clients, invited, author, deadline, output.progress);
  const joined = await untilMember(first, invited, author, deadline);
  const founders = chain.spans[0].state.roster.members.map((member) => member.author);
  const envFile = writeJoined({
    dir,
    name,
    network: invited.network,
    founders,
    urls: invited.nodes.flatMap(({ url }) => url ?? []),
    multiaddrs: invited.nodes.flatMap(({ multiaddrs }) => multiaddrs),
    host: options.host,
    port: options.port,
    p2pPort: options.p2pPort,
  });
  if (chain.forced.length > 0) {
    await approve(loadConfig({ env: {}, envFile, cwd: context.cwd }).stateDir, chain.forced);
  }
  await joinFleetFile(dir, {
    ...invited,
    name,
    port: options.port,
    p2pPort: options.p2pPort,
    host: options.host,
    author,
  });
  const shown = shellWord(relative(context.cwd, envFile) || envFile);
  if (options.json)
    output.data({ name, author, peerId: authorToPeerId(author), role: joined.role, epoch: joined.epoch, envFile });
  else {
    output.line(
      `${printable(name)} is a ${joined.role} of ${printable(invited.network)} since epoch ${joined.epoch}: ${authorToPeerId(author)}`,
    );
    if (invited.role === 'writer' && joined.role === 'mirror')
      output.line('It becomes a writer by itself once it runs and has the whole state.');
    if (options.start !== true) output.line(`Start it: ${context.programName} start --env-file ${shown}`);
  }
  return options.start === true ? await start(envFile) : EXIT.ok;
}

/** The chain of rosters of the first node whose chain holds and leads to the roster of the invitation. */
async function trustedChain(
  clients: readonly ApiClient[],
  invited: Invited,
): Promise<{ readonly chain: CheckedChain; readonly client: ApiClient }> {
  let failure: LatticeError | undefined;
  for (const client of clients) {
    try {
      return { chain: await chainOf(client, invited), client };
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      failure = error;
    }
  }
  throw failure ?? new LatticeError('unreachable', 'the invitation names no node to ask');
}

/** Follows the certificates of a node, and verifies each signature. Rejects with LatticeError `not-certified`. */
async function chainOf(client: ApiClient, { network, hash }: Invited): Promise<CheckedChain> {
  const certificates: Uint8Array<ArrayBuffer>[] = [];
  let founders: readonly string[] = [];
  let epoch = 0;
  do {
    const answer = await client.members.chain(certificates.length);
    ({ founders, epoch } = answer);
    if (answer.items.length === 0) break;
    certificates.push(...answer.items.map((item) => new Uint8Array(Buffer.from(item, 'base64url'))));
  } while (certificates.length < epoch && certificates.length <= MAX_EPOCHS);
  const refuse = (why: string): LatticeError =>
    new LatticeError('not-certified', `the node at ${client.url} does not show that it belongs to this fleet: ${why}`, {
      next: 'Do not go on. Ask whoever invited you whether the address is right, and for a new invitation.',
    });
  let chain: CheckedChain;
  try {
    chain = checkChain(
      certificates,
      { authors: founders as Author[] },
      { network, hasher: nodeHasher(), most: MAX_EPOCHS, forced: true },
    );
  } catch (cause) {
    throw refuse(cause instanceof Error ? cause.message : String(cause));
  }
  if (!chain.spans.some(({ state }) => bytesToHex(state.hash) === hash))
    throw refuse('its rosters do not lead to that of the invitation');
  // The hash of a roster vouches for all before it. No votes vouch for one that was forced later.
  const named = chain.spans.findIndex(({ state }) => bytesToHex(state.hash) === hash);
  if (chain.forced.some(({ roster }) => roster.epoch > (chain.spans[named]?.state.roster.epoch ?? 0)))
    throw refuse('a lineage was begun by force since the invitation was made: ask for a new one');
  const verifier = createVerifier();
  for (const { author, message, signature } of chain.signatures)
    if (!(await verifier.verify(author, message, signature))) throw refuse('a signature of its rosters is not valid');
  return chain;
}

/**
 * Asks every inviting node, one after the other, so that the first one asks for the change and the others approve it.
 * Rejects with what the invitation is refused for; a node that does not answer or does not have it is passed over.
 */
async function askAll(
  clients: readonly ApiClient[],
  { secret, expires }: Invited,
  author: Author,
  deadline: number,
  progress: (text: string | undefined) => void,
): Promise<void> {
  let failure: LatticeError | undefined;
  let change: string | undefined;
  let asked = 0;
  for (const client of clients) {
    progress(`asks ${printable(client.url)}`);
    try {
      await untilHeard(client, change, deadline);
      const answer = await client.members.join({ secret, author });
      asked++;
      if (answer.role !== undefined) return;
      change ??= answer.change?.id;
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      failure = error;
      if (error.code === 'invitation-used' || error.code === 'invitation-expired') break;
    }
  }
  progress(undefined);
  if (asked > 0) return;
  if (failure instanceof LatticeProblem && failure.code === 'invitation-expired')
    throw new LatticeError('invitation-expired', `this invitation ended at ${timesOf({}).at(expires)}`, {
      next: 'Ask for a new one: lattice invite --name NAME',
    });
  throw failure ?? new LatticeError('unreachable', 'no inviting node answers');
}

/** Waits until a node has heard of the change that another one was asked for, so that it approves that one. */
async function untilHeard(client: ApiClient, change: string | undefined, deadline: number): Promise<void> {
  if (change === undefined) return;
  for (let i = 0; i < 20 && performance.now() < deadline; i++) {
    if ((await client.members.changes()).some(({ id }) => id === change)) return;
    await sleep(clock, ASK_MS / 2);
  }
}

/** Waits until the certificates show the key as a member. Rejects with LatticeError `not-a-member` when it is too long. */
async function untilMember(
  client: ApiClient,
  invited: Invited,
  author: Author,
  deadline: number,
): Promise<{ readonly role: string; readonly epoch: number }> {
  for (;;) {
    const present = (await chainOf(client, invited)).spans.at(-1)?.state;
    const member = present === undefined ? undefined : memberOf(present.roster, author);
    if (present !== undefined && member !== undefined) return { role: member.role, epoch: present.roster.epoch };
    if (performance.now() >= deadline) break;
    await sleep(clock, ASK_MS);
  }
  const [open] = (await client.members.changes()).filter(({ action }) => action.author === author);
  throw new LatticeError(
    'not-a-member',
    `the fleet has not taken this node in yet: ${open?.why ?? 'nobody knows of it'}`,
    {
      next:
        open === undefined
          ? 'Ask whoever invited you.'
          : `Have the operators of ${open.missing.map(({ name, author: key }) => name || key).join(', ')} approve ${open.id.slice(0, 8)}, then run this again.`,
    },
  );
}

/** Adds the node to a fleet.json in its directory, where there is one of its network, so that commands ask it too. */
async function joinFleetFile(
  dir: string,
  node: Pick<Invited, 'network' | 'name'> &
    Pick<JoinOptions, 'host' | 'port' | 'p2pPort'> & { readonly author: Author },
): Promise<void> {
  const path = joinPath(dir, 'fleet.json');
  if (!existsSync(path)) return;
  const fleet = readFleet(readFileSync(path, 'utf8'), path);
  const { name, host, author } = node;
  if (fleet.network !== node.network || fleet.nodes.some(({ publicKey }) => publicKey === author)) return;
  const peerId = authorToPeerId(author);
  const p2p = `/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/tcp/${node.p2pPort}/p2p/${peerId}`;
  const api = localUrl(host, node.port);
  const nodes = [...fleet.nodes, { name, role: '', peerId, publicKey: author, api, p2p, envFile: `${name}.env` }];
  await replaceFile(path, `${JSON.stringify(withNodes(fleet, nodes), undefined, 2)}\n`, 0o644);
}
