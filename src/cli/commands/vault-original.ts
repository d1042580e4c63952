import { basename, resolve } from 'node:path';
import { nodeHasher } from '../../adapters/system/hasher.ts';
import { createVerifier } from '../../adapters/system/keys.ts';
import { checkBundle } from '../../audit/check-bundle.ts';
import type { VaultObject } from '../../client/index.ts';
import { brokenDigest, isVaultType, MAX_VAULT_FILE_BYTES } from '../../core/original/vault/index.ts';
import { counted, LatticeError } from '../../core/types/index.ts';
import { planVaultExport, writeVaultExport } from '../../moving/export-vault.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readInputBytes, readTextFile } from '../input.ts';
import { printable } from '../output.ts';
import { readTrust } from '../trust.ts';

/** A bundle is asked for in a body of 256 KiB, of which its code has most. */
const MAX_CODE_BYTES = 128 * 1024;

/** Writes the original's files among the objects of the vault into a new directory, in its layout and its bytes. */
export async function vaultExportOriginal(
  context: CliContext,
  directory: string,
  options: GlobalOptions,
): Promise<number> {
  const client = await connect(context, options);
  const objects: VaultObject[] = [];
  for await (const object of client.vault.objects()) if (isVaultType(object.type)) objects.push(object);
  const read = async (hash: string) => Uint8Array.from(await (await client.vault.get(hash)).bytes());
  const target = resolve(context.cwd, directory);
  const { files, left } = await planVaultExport(objects, read, directory, nodeHasher());
  await writeVaultExport(target, files);
  if (options.json) context.output.data({ directory: target, files: Array.from(files.keys()), left });
  else {
    context.output.line(
      `${printable(target)}: ${counted(files.size, 'file')} in the layout of the original, byte for byte`,
    );
    for (const { hash, name, because } of left)
      context.output.remark(`left out: ${hash} (${printable(name)}): ${printable(because)}`);
  }
  return EXIT.ok;
}

/** Shows root and counts of the original's files in the vault, as the original's own command does. */
export async function vaultOriginal(context: CliContext, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const found = await client.vault.original();
  if (options.json) {
    context.output.data(found);
    return EXIT.ok;
  }
  const { line, remark } = context.output;
  line(`vault root    ${found.root ?? 'none: the vault has no function and no bundle'}`);
  line(`rows          ${found.rows}`);
  line(`bundles       ${found.bundles}`);
  line(`certificates  ${found.certificates}`);
  if (found.notHere > 0)
    remark(
      `${counted(found.notHere, 'more file')} ${found.notHere === 1 ? 'is in the vault, and its' : 'are in the vault, and their'} bytes are not on this node.`,
    );
  return EXIT.ok;
}

export interface BundleOptions extends GlobalOptions {
  readonly intent?: string;
  readonly function?: string;
}

/** Has the node make and sign a bundle: of the code in a file, or of a function whose entry is in the vault. */
export async function vaultBundle(
  context: CliContext,
  file: string | undefined,
  options: BundleOptions,
): Promise<number> {
  if ((file === undefined) === (options.function === undefined))
    throw usageError('a bundle is made of a file with code, or of --function', 'Give one of the two.');
  const client = await connect(context, options);
  const asked =
    file === undefined
      ? { function: options.function ?? '' }
      : {
          code: await readTextFile(context, file, MAX_CODE_BYTES),
          metadata: { intent_name: options.intent ?? basename(file).replace(/\.[^.]*$/, '') },
        };
  const made = await client.vault.bundle(asked);
  if (options.json) context.output.data(made);
  else {
    context.output.line(`${made.created ? 'made' : 'was there'}: ${made.name}`);
    context.output.line(`  bundle ${made.bundle}`);
    context.output.line(`  object ${made.hash}`);
  }
  return EXIT.ok;
}

export interface CheckOptions extends GlobalOptions {
  readonly trust?: string;
}

/**
 * Checks a function, certificate or bundle offline. The exit code is 0 when every digest and signature in it holds, and,
 * where a trust list is given, one of its nodes has signed the file: whoever names signers asks for their word.
 */
export async function vaultCheck(context: CliContext, file: string, options: CheckOptions): Promise<number> {
  const trust = options.trust === undefined ? 'anyone' : (await readTrust(context, options.trust)).authors;
  const bytes = await readInputBytes(context, file, MAX_VAULT_FILE_BYTES);
  const checked = await checkBundle(bytes, { hasher: nodeHasher(), verifier: createVerifier(), trusted: trust });
  if (options.json) context.output.data(checked);
  else {
    for (const { claim, checked: was, holds, reason, stored, computed } of checked.claims) {
      const word = was ? (holds ? 'ok         ' : 'failed     ') : 'not checked';
      const digests = stored === undefined ? '' : ` (it says ${printable(stored)}, its content has ${computed})`;
      context.output.line(`${word}  ${printable(claim)}: ${printable(reason)}${digests}`);
    }
    context.output.line(
      checked.intact
        ? `This ${checked.kind} is intact: every digest holds, and one is over its code.`
        : checked.verifies
          ? `Every digest of this ${checked.kind} holds. Nothing that was checked is over its code.`
          : `This ${checked.kind} does not verify.`,
    );
  }
  const { signedBy } = checked;
  const vouched = trust === 'anyone' || (signedBy !== undefined && trust.includes(signedBy));
  if (!options.json && !vouched) context.output.line('No node of the trust list has signed it.');
  const broken = brokenDigest(checked.claims);
  if (broken !== undefined)
    throw new LatticeError('vault-file-mismatch', `${broken.claim}: ${broken.reason}`, { next: 'Take another copy.' });
  return vouched ? EXIT.ok : EXIT.failed;
}
