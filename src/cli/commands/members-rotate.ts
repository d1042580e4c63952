import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, linkSync, renameSync } from 'node:fs';
import { loadKey, loadOrCreateKey, seedToAuthor } from '../../adapters/system/keys.ts';
import { handOverStore, ownerOf } from '../../app/store-owner.ts';
import type { LatticeClient } from '../../client/index.ts';
import { loadConfig } from '../../config/index.ts';
import { type Author, type ErrorCode, LatticeError } from '../../core/types/index.ts';
import { authorToPeerId } from '../../core/wire/peer-id.ts';
import { sleep } from '../../timing/index.ts';
import { type ChangeOptions, carryOut, conclude } from '../carry-out.ts';
import { clock } from '../clock.ts';
import { connect } from '../connect.ts';
import { type CliContext, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readFleetFile, withKey, writeFleetFile } from '../fleet-file.ts';
import { findMember, keyOf, memberName, operatedNodes } from '../operators.ts';
import { printable, shellWord } from '../output.ts';

export interface RotateOptions extends ChangeOptions {
  /** The new public key or peer id, where the operator has made the key. */
  readonly key?: string;
  /** A shell command that restarts the node. */
  readonly restart?: string;
}

/** The key of a node in its file, and the one that takes its place. */
interface Keys {
  readonly path: string;
  readonly stateDir: string;
  readonly old: Author;
  readonly fresh: Author;
}

const LOOK_MS = 250;
/** What a node answers that has to be restarted to read its key. */
const RESTARTS: ReadonlySet<ErrorCode> = new Set([
  'reload-impossible',
  'unreachable',
  'timeout',
  'key-turning',
] as const);

/**
 * Gives a member a new key. With the env file of its node, on the machine of that node, it does all of it: it makes the
 * key, has the change decided, puts the key in its place, and has the running node go on under it.
 */
export async function membersRotate(
  context: CliContext,
  given: string | undefined,
  options: RotateOptions,
): Promise<number> {
  const keys =
    options.key === undefined ? await keysOf(context, options, await runningKey(context, options)) : undefined;
  const to = keys?.fresh ?? keyOf(options.key ?? '');
  const { nodes, roster } = await operatedNodes(context, options);
  const member = findMember(roster, given ?? keys?.old ?? '');
  if (keys !== undefined && member.author !== keys.old && member.author !== keys.fresh)
    throw usageError(
      `${printable(memberName(member))} is not the node of this env file`,
      'Run this with the env file of the node whose key turns.',
    );
  // A command that was interrupted after the decision goes on behind it.
  const decided = roster.members.some(({ author, role }) => author === to && role === 'writer');
  if (!decided) {
    const done = await carryOut(context, options, () => ({
      action: { kind: 'rotate', author: member.author, to },
      text: `${memberName(member)} goes on under the key of ${authorToPeerId(to)}. The old key stops a minute after the decision.`,
    }));
    const code = conclude(context, options, done);
    if (code !== EXIT.ok || done.change.stage !== 'decided' || keys === undefined) {
      if (code === EXIT.ok && keys === undefined && !options.json)
        context.output.remark(
          `On its machine put the new key in the place of its key file, and have the node go on under it: ${context.programName} config reload.`,
        );
      return code;
    }
    if (options.wait === 0) {
      if (!options.json)
        context.output.remark('It goes on under the former key until you run this once more, and wait: --wait 60.');
      return code;
    }
  }
  if (keys === undefined) {
    context.output.remark('That key is a writer already: nothing has to be decided.');
    return EXIT.ok;
  }
  await install(keys);
  await tellFleetFile(context, options, keys);
  return await goOn(context, options, keys, nodes.length);
}

/** The connection to the node of the env file, whatever fleet the command is about. */
const ownNode = (context: CliContext, { fleet: _fleet, context: _name, ...own }: RotateOptions) =>
  connect(context, own);

/** The key under which that node runs; undefined where it does not answer. */
async function runningKey(context: CliContext, options: RotateOptions): Promise<Author | undefined> {
  if (options.envFile === undefined) return undefined;
  try {
    return (await (await ownNode(context, options)).getStatus()).author as Author;
  } catch (error) {
    if (error instanceof LatticeError) return undefined;
    throw error;
  }
}

/** Where the key that another one takes the place of stays. */
const keptOf = (path: string, old: Author): string => `${path}.${authorToPeerId(old).slice(-8)}.old`;

/** The present key of the node of the env file, and the one beside it that takes its place, which is made here. */
async function keysOf(context: CliContext, options: RotateOptions, running: Author | undefined): Promise<Keys> {
  const { envFile } = options;
  if (envFile === undefined)
    throw usageError(
      'which node? its key file is on its own machine',
      'Run this there with --env-file FILE, or make the key yourself and give its public key with --key.',
    );
  const { key, stateDir } = loadConfig({ env: context.env, envFile, cwd: context.cwd });
  if (key.source === 'environment')
    throw usageError(
      'the key of this node stands in NODE_PRIVKEY_HEX, where this command cannot put another one',
      'Move it to a key file first (KEY_FILE); or make a new key, and give its public key with --key.',
    );
  const seed = loadKey(key.path);
  if (seed === undefined)
    throw new LatticeError('no-key', `${key.path} does not exist`, { next: 'Name the env file of a node that runs.' });
  const present = seedToAuthor(seed);
  const owner = await ownerOf(stateDir);
  const next = `${key.path}.next`;
  // After an interruption the new key may be in its place already, while the store still is that of the old one.
  if (!existsSync(next) && owner !== undefined && owner !== present)
    return { path: key.path, stateDir, old: owner, fresh: present };
  // The store may be that of the new key too, while the node still runs under the old one.
  if (running !== undefined && running !== present) {
    if (!existsSync(next) && existsSync(keptOf(key.path, running)))
      return { path: key.path, stateDir, old: running, fresh: present };
    throw usageError(
      `the node that answers runs under another key (${authorToPeerId(running)}) than that of ${envFile}`,
      'Name the URL of the node of that env file: --url, DIOTEC360_URL and the context go before what stands in it.',
    );
  }
  // One that is restarted at this moment does not answer, and its former key has not come to its end yet.
  if (running === undefined && !existsSync(next)) {
    const { members } = (await operatedNodes(context, options)).roster;
    const former = members
      .filter(({ role, until = 0 }) => role === 'retired' && until > Date.now())
      .map(({ author }) => author as Author)
      .find((author) => existsSync(keptOf(key.path, author)));
    if (former !== undefined) return { path: key.path, stateDir, old: former, fresh: present };
  }
  return { path: key.path, stateDir, old: present, fresh: seedToAuthor(loadOrCreateKey(next).seed) };
}

/** Puts the new key in the place of the old one, which stays beside it, and gives the store to the new key. */
async function install({ path, stateDir, old, fresh }: Keys): Promise<void> {
  const kept = keptOf(path, old);
  if (existsSync(`${path}.next`)) {
    // At every moment there is a whole key under the path: a start without one would make a third.
    if (!existsSync(kept)) linkSync(path, kept);
    renameSync(`${path}.next`, path);
  }
  await handOverStore(stateDir, old, fresh);
}

/** Writes the new key into the fleet.json that was named, so that doctor expects the right one. */
async function tellFleetFile(context: CliContext, { fleet }: RotateOptions, { old, fresh }: Keys): Promise<void> {
  if (fleet === undefined) return;
  await writeFleetFile(context, fleet, withKey(await readFleetFile(context, fleet), old, fresh));
}

/** Has the node go on under the new key, or be restarted with it, and waits until it answers under that. */
async function goOn(
  context: CliContext,
  options: RotateOptions,
  { fresh, path }: Keys,
  operated: number,
): Promise<number> {
  const { output } = context;
  const client = await ownNode(context, options);
  const isFresh = async (): Promise<boolean> => {
    try {
      return (await client.getStatus()).author === fresh;
    } catch (error) {
      if (error instanceof LatticeError) return false;
      throw error;
    }
  };
  const deadline = performance.now() + options.wait * 1000;
  if (options.restart !== undefined) {
    const child = spawn(options.restart, { shell: true, stdio: ['ignore', 'inherit', 'inherit'], cwd: context.cwd });
    const [status] = (await once(child, 'close')) as [number | null];
    if (status !== 0)
      throw new LatticeError(
        'node-not-ready',
        `the command that restarts the node ended with ${status ?? 'a signal'}`,
        {
          next: 'The new key is in its place: restart the node by hand.',
        },
      );
  } else if (!((await reloaded(client, deadline)) && (await isFresh())) && !options.json) {
    output.line(`The new key is in ${printable(path)}. Restart the node; this waits for it:`);
    output.line(`  under systemd   systemctl restart diotec360-lattice@NAME`);
    output.line(`  in a container  docker compose restart NAME`);
    output.line(
      `  by hand         Ctrl-C, then ${context.programName} start --env-file ${shellWord(options.envFile ?? '')}`,
    );
  }
  while (!(await isFresh())) {
    if (performance.now() >= deadline)
      throw new LatticeError('node-not-ready', 'the node has not answered under its new key yet', {
        next: `Restart it. ${operated > 1 ? 'The other nodes know the new key already.' : ''} The old key stops within a minute of the decision.`,
      });
    await sleep(clock, LOOK_MS);
  }
  if (options.json) output.data({ author: fresh, peerId: authorToPeerId(fresh) });
  else output.line(`The node answers under its new key: ${authorToPeerId(fresh)}`);
  return EXIT.ok;
}

/**
 * Whether the node has read its key again. One that does not run, or cannot read its env file again, is restarted. Another
 * node may have told that the change is decided; this one hears of it in a moment, and takes no key of a stranger before.
 */
async function reloaded(client: Pick<LatticeClient, 'reloadConfig'>, deadline: number): Promise<boolean> {
  for (;;) {
    try {
      await client.reloadConfig();
      return true;
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      if (RESTARTS.has(error.code)) return false;
      if (error.code !== 'other-author' || performance.now() >= deadline) throw error;
    }
    await sleep(clock, LOOK_MS);
  }
}
