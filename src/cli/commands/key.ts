import { resolve } from 'node:path';
import { loadKey, seedToAuthor } from '../../adapters/system/keys.ts';
import { loadConfig } from '../../config/index.ts';
import { type Bytes, counted, hexToBytes, LatticeError } from '../../core/types/index.ts';
import { authorToPeerId } from '../../core/wire/peer-id.ts';
import { connect } from '../connect.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { readVariables } from '../env-file.ts';
import { EXIT } from '../exit-codes.ts';
import { namesIn } from '../names.ts';
import { printable } from '../output.ts';

export interface KeyOptions extends GlobalOptions {
  readonly keyFile?: string;
}

/** The variables that name a node's key. Where one of them is set, `key show` reads the key and asks no node. */
const KEY_VARIABLES = ['NODE_PRIVKEY_HEX', 'KEY_FILE', 'STATE_DIR'] as const;

/**
 * Shows a node's peer id and public key, from the key that `start` would take: that of --key-file, else of the
 * environment and the env file. The node need not run.
 */
export async function id(context: CliContext, options: KeyOptions): Promise<number> {
  const publicKey = seedToAuthor(readSeed(context, options));
  show(context, options, { peerId: authorToPeerId(publicKey), publicKey });
  return EXIT.ok;
}

/** Shows the same from a key file or the configuration, or from the running node where neither is named. */
export async function keyShow(context: CliContext, options: KeyOptions): Promise<number> {
  const namesNode = options.url !== undefined || options.context !== undefined;
  const setting = readVariables(context, undefined);
  const namesKey =
    options.keyFile !== undefined ||
    options.envFile !== undefined ||
    KEY_VARIABLES.some((name) => setting(name) !== undefined);
  if (namesKey && !namesNode) return await id(context, options);
  const client = await connect(context, options);
  const status = await client.getStatus();
  const { peerId, author, trust } = status;
  show(context, options, { peerId, publicKey: author });
  if (!options.json) {
    const names = namesIn(status, await client.listPeers());
    context.output.remark(`It trusts ${counted(trust.authors.length, 'author')}:`);
    for (const trusted of trust.authors) {
      const name = names.ofAuthor(trusted);
      context.output.remark(`  ${trusted}${name === trusted ? '' : `  ${printable(name)}`}`);
    }
  }
  return EXIT.ok;
}

function show(
  context: CliContext,
  options: KeyOptions,
  key: { readonly peerId: string; readonly publicKey: string },
): void {
  if (options.json) context.output.data(key);
  else {
    context.output.line(`peer id     ${key.peerId}`);
    context.output.line(`public key  ${key.publicKey}`);
  }
}

/** Reads the seed of the node key. A missing key is not made, because no node would use it. */
function readSeed(context: CliContext, options: KeyOptions): Bytes {
  let path = options.keyFile;
  if (path === undefined) {
    const { key } = loadConfig({ env: context.env, envFile: options.envFile, cwd: context.cwd });
    if (key.source === 'environment') return hexToBytes(key.seedHex) as Bytes;
    path = key.path;
  }
  const seed = loadKey(resolve(context.cwd, path));
  if (seed === undefined) {
    throw new LatticeError('no-key', `${resolve(context.cwd, path)} does not exist`, {
      next: 'The first start of the node makes its key; or run lattice init.',
    });
  }
  return seed;
}
