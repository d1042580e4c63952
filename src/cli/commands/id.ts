import { resolve } from 'node:path';
import { loadKey, seedToAuthor } from '../../adapters/system/keys.ts';
import { loadConfig } from '../../config/index.ts';
import { authorToPeerId } from '../../core/codec/peer-id.ts';
import { type Bytes, hexToBytes, LatticeError } from '../../core/types/index.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../errors.ts';

export interface IdOptions extends GlobalOptions {
  readonly keyFile?: string;
}

export async function id(context: CliContext, options: IdOptions): Promise<number> {
  const publicKey = seedToAuthor(readSeed(context, options));
  const peerId = authorToPeerId(publicKey);
  if (options.json) context.output.json({ peerId, publicKey });
  else {
    context.output.line(`peer id     ${peerId}`);
    context.output.line(`public key  ${publicKey}`);
  }
  return EXIT.ok;
}

/** The key's seed, never made here: an identity that no node uses helps nobody. */
function readSeed(context: CliContext, options: IdOptions): Bytes {
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
