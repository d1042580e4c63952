import { resolve } from 'node:path';
import { loadKey, seedToAuthor } from '../../adapters/system/keys.ts';
import { loadConfig } from '../../config/index.ts';
import { type Bytes, hexToBytes, LatticeError } from '../../core/types/index.ts';
import { authorToPeerId } from '../../core/wire/peer-id.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

export interface KeyOptions extends GlobalOptions {
  readonly keyFile?: string;
}

/** Shows a node's peer id and public key, from its key file. The node need not run. */
export async function id(context: CliContext, options: KeyOptions): Promise<number> {
  const publicKey = seedToAuthor(readSeed(context, options));
  show(context, options, { peerId: authorToPeerId(publicKey), publicKey });
  return EXIT.ok;
}

/** Shows the same from a key file, or from the running node where no file is named. */
export async function keyShow(context: CliContext, options: KeyOptions): Promise<number> {
  if (options.keyFile !== undefined || options.envFile !== undefined) return await id(context, options);
  const client = await connect(context, options);
  const { peerId, author, trust } = await client.getStatus();
  show(context, options, { peerId, publicKey: author });
  if (!options.json) context.output.remark(`it trusts ${trust.authors.length}: ${trust.authors.join(',')}`);
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
    if (options.envFile === undefined) throw usageError('which node? give --env-file or --key-file');
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
