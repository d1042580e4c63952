import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { ownerOf, whyNotOwner } from '../adapters/store/owner.ts';
import { createSigner, loadKey } from '../adapters/system/keys.ts';
import type { Config, VariableName } from '../config/index.ts';
import { withLegacyVault } from '../config/legacy.ts';
import { type Author, fileFailure, hexToBytes, LatticeError, listenFailure } from '../core/types/index.ts';
import { localUrl } from '../core/wire/host.ts';
import { authorToPeerId } from '../core/wire/peer-id.ts';
import { lackOfRoom } from './disk-room.ts';
import { legacyCommand, legacyText } from './legacy.ts';
import { lookAtVault } from './look-at-vault.ts';
import { openVaultDisk } from './vault-disk.ts';

/** What keeps a start from becoming a node that takes writes, or what an operator should know before it. */
export interface StartFinding {
  /** `fails`: the start ends with an error. `read-only`: the node starts and refuses writes. */
  readonly effect: 'fails' | 'read-only' | 'note';
  readonly text: string;
  readonly next?: string;
}

export interface ExamineStartOptions {
  readonly config: Config;
  /** Variables whose values mean nothing, because their texts cannot be used. What depends on them is not looked at. */
  readonly flawed?: ReadonlySet<VariableName>;
  /** The node whose API answers at this base URL; undefined where none does. It never rejects. */
  readonly askNode: (url: string) => Promise<{ readonly peerId: string; readonly name?: string } | undefined>;
}

/**
 * Looks at what `startNode` would meet on this machine: the key, the trust list, the ports, the directory and its disk.
 * Nothing is made or changed, and no port stays bound. A port that the very same node holds is no fault, because a
 * running node's configuration is checked, too.
 */
export async function examineStart(options: ExamineStartOptions): Promise<StartFinding[]> {
  const { config, askNode, flawed = new Set() } = options;
  const findings = config.violations.map((text): StartFinding => ({ effect: 'read-only', text }));
  const key = await examineKey(config, flawed);
  findings.push(...key.findings);
  if (!flawed.has('STATE_DIR')) findings.push(...(await examineDirectory(config.stateDir)));
  const other = key.author === undefined ? undefined : await whyNotOwner(config.stateDir, key.author);
  if (other !== undefined) findings.push(failure(other.message, other.next));
  const names = await lookAtVault(config.vaultDir, openVaultDisk())
    .names()
    .catch((error: unknown): string[] => {
      // A start makes it where it is not there.
      if (errorCode(error) !== 'ENOENT')
        findings.push({
          effect: 'note',
          text: `the vault in ${config.vaultDir} cannot be read: ${fileFailure(error)}`,
          next: 'The node works without it. Give it a directory that it may write in: DIOTEC360_VAULT_DIR.',
        });
      return [];
    });
  const legacy = withLegacyVault(config.legacy, config.vaultDir, names);
  if (legacy.length > 0) {
    findings.push({
      effect: 'note',
      text: `files of the original, which a start leaves as they are: ${legacyText(legacy)}`,
      next: `Take them in on one node, once it runs: ${legacyCommand(legacy)}`,
    });
  }
  const taken = (await takenPorts(config)).filter(
    ({ api }) => !api || !(flawed.has('API_HOST') || flawed.has('API_PORT') || flawed.has('API_TOKEN')),
  );
  if (taken.length === 0) return findings;
  const { host, port } = config.api;
  const url = localUrl(host, port);
  const runs = taken.some((one) => one.api) ? await askNode(url) : undefined;
  if (runs !== undefined && runs.peerId === key.peerId) {
    findings.push({ effect: 'note', text: `this node runs already at ${url}: a second start would fail` });
    return findings;
  }
  for (const one of taken) {
    const who = one.api && runs !== undefined ? ` by the node ${runs.name ?? runs.peerId}` : '';
    const isTaken = one.reason === 'EADDRINUSE';
    const { reason, next } = listenFailure(one.reason);
    findings.push(
      failure(
        isTaken ? `${one.what} is taken${who}` : `${one.what} cannot be bound: ${reason}`,
        isTaken
          ? `Stop the program that listens there, or set ${one.variable} to another address.`
          : `Correct ${one.variable}: ${next}.`,
      ),
    );
  }
  return findings;
}

/** The variables that decide which key the node has. */
const OF_KEY: readonly VariableName[] = ['KEY_FILE', 'NODE_PRIVKEY_HEX', 'NODE_PUBKEY_HEX', 'STATE_DIR'];

async function examineKey(
  { key, trusted, stateDir }: Config,
  flawed: ReadonlySet<VariableName>,
): Promise<{ findings: StartFinding[]; author?: Author; peerId?: string }> {
  if (OF_KEY.some((name) => flawed.has(name))) return { findings: [] };
  const trustNeeds = trusted.length > 0 && !flawed.has('TRUSTED_STATE_PUBKEYS');
  try {
    const seed = key.source === 'environment' ? hexToBytes(key.seedHex) : loadKey(key.path);
    if (seed === undefined) {
      const path = key.source === 'file' ? key.path : '';
      const text = `there is no key file ${path}: a start makes a new key`;
      if (!trustNeeds) return { findings: [{ effect: 'note', text }] };
      const next = 'Restore the key file, point DIOTEC360_KEY_FILE at it, or make it first with lattice id.';
      return { findings: [{ effect: 'read-only', text: `${text}, which is not on the trust list`, next }] };
    }
    const { author } = createSigner(seed);
    const peerId = authorToPeerId(author);
    if (!trustNeeds || trusted.includes(author)) return { findings: [], author, peerId };
    const text = `this node's key ${author} is not on its own trust list`;
    // A node that has run may be a member of a later roster, which is in its store and beats the list (SPEC RO2).
    if ((await ownerOf(stateDir).catch(() => undefined)) === author)
      return {
        findings: [
          {
            effect: 'note',
            text: `${text}: it writes only where the roster of its fleet has it`,
            next: 'Once it runs, lattice members tells.',
          },
        ],
        author,
        peerId,
      };
    const next =
      'Use the key that is listed. A node that joined by an invitation becomes a member with its first start; any other is invited (lattice invite), or listed on every node before the fleet first changes.';
    return { findings: [{ effect: 'read-only', text, next }], author, peerId };
  } catch (error) {
    if (!(error instanceof LatticeError)) throw error;
    return { findings: [failure(error.message, error.next)] };
  }
}

async function examineDirectory(stateDir: string): Promise<StartFinding[]> {
  // Where the directory is not there yet, a start makes it below the nearest one that is.
  let at = stateDir;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  const next = 'Give the node a directory that it may write in: DIOTEC360_STATE_DIR.';
  if (!statSync(at).isDirectory())
    return [failure(`${at} is not a directory, so the store cannot be in ${stateDir}`, next)];
  try {
    accessSync(at, constants.W_OK | constants.X_OK);
  } catch (error) {
    return [failure(`the store in ${stateDir} cannot be written: ${fileFailure(error)} in ${at}`, next)];
  }
  const lack = await lackOfRoom(at);
  return lack === undefined ? [] : [{ effect: 'read-only', text: lack, next: 'Free some space.' }];
}

const failure = (text: string, next?: string): StartFinding => ({
  effect: 'fails',
  text,
  ...(next === undefined ? {} : { next }),
});

interface TakenPort {
  readonly api: boolean;
  readonly what: string;
  readonly variable: string;
  /** The code of the failure. */
  readonly reason: string;
}

/** The addresses of the configuration that cannot be bound at present. A port of 0 always can. */
async function takenPorts({ api, p2p }: Config): Promise<TakenPort[]> {
  const wanted = [{ api: true, host: api.host, port: api.port, variable: 'DIOTEC360_API_HOST or DIOTEC360_API_PORT' }];
  for (const address of p2p.enabled ? p2p.listen : []) {
    const [, host, port] = /^\/ip[46]\/([^/]+)\/tcp\/(\d{1,5})(?:\/|$)/.exec(address) ?? [];
    if (host !== undefined && port !== undefined)
      wanted.push({ api: false, host, port: Number(port), variable: 'DIOTEC360_P2P_LISTEN' });
  }
  const tried = await Promise.all(
    wanted
      .filter(({ port }) => port !== 0)
      .map(async ({ api: isApi, host, port, variable }) => {
        const reason = await whyNotBound(host, port);
        return { api: isApi, what: `port ${port} on ${host}`, variable, reason };
      }),
  );
  return tried.flatMap((one) => (one.reason === undefined ? [] : [{ ...one, reason: one.reason }]));
}

/** Binds and frees a TCP port. Resolves with the code of the failure; never rejects. */
function whyNotBound(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(errorCode(error)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);
