import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { counted, LatticeError } from '../../core/types/index.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { byteCount, printable, shellWord } from '../output.ts';
import { createProgress, watched } from '../progress.ts';
import { fileBytes, isThere, typeOf, writeWhole } from '../vault-files.ts';
import { findHash } from '../vault-hashes.ts';
import type { OutOptions } from '../write-file.ts';

export interface VaultPutOptions extends GlobalOptions {
  readonly name?: string;
  readonly type?: string;
  readonly pin?: boolean;
  readonly expect?: string;
}

/** Ends a transfer when the user interrupts it, so that nothing of it stays. */
async function interruptible<T>(context: CliContext, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const release = context.onStop(() =>
    stop.abort(new LatticeError('aborted', 'interrupted; nothing of it was kept', { next: 'Run it again.' })),
  );
  try {
    return await work(stop.signal);
  } finally {
    release();
  }
}

/** Puts a file, or standard input for "-", into the vault. */
export async function vaultPut(context: CliContext, file: string, options: VaultPutOptions): Promise<number> {
  const client = await connect(context, options);
  const isStdin = file === '-';
  const path = resolve(context.cwd, file);
  const size = isStdin ? undefined : (await stat(path).catch(() => undefined))?.size;
  const content = isStdin ? context.stdin : fileBytes(context, file);
  const progress = createProgress(context, 'Sent', size, options);
  const { object, created } = await interruptible(context, (signal) =>
    client.vault.put(content, {
      name: options.name ?? (isStdin ? undefined : basename(path)),
      type: options.type ?? (isStdin ? undefined : typeOf(path)),
      pin: options.pin,
      expect: options.expect?.toLowerCase(),
      onProgress: ({ sent }) => progress.at(sent),
      signal,
    }),
  ).finally(() => progress.end());
  if (options.json) context.output.data({ ...object, created });
  else {
    context.output.line(object.hash);
    context.output.remark(
      `${created ? 'Put' : 'The vault has it already:'} ${byteCount(object.size)}${object.name === '' ? '' : `, ${printable(object.name)}`}. Get it on any node: lattice vault get ${object.hash} --out FILE`,
    );
  }
  return EXIT.ok;
}

/** Gets an object, verified before its file gets its name, or before the last bytes go to standard output. */
export async function vaultGet(context: CliContext, text: string, options: OutOptions): Promise<number> {
  const client = await connect(context, options);
  const { out } = options;
  if (out === undefined && context.output.interactive)
    throw usageError(
      'the content would go to this terminal',
      'Name a file with --out, or write --out - to see it here.',
    );
  const hash = await findHash(client, text);
  return await interruptible(context, async (signal) => {
    const content = await client.vault.get(hash, { signal });
    const progress = createProgress(context, 'Received', content.size, options);
    try {
      if (out === undefined || out === '-') {
        for await (const piece of watched(content.stream, progress)) await context.output.bytes(piece);
        return EXIT.ok;
      }
      const named = resolve(context.cwd, out);
      const isDirectory = (await stat(named).catch(() => undefined))?.isDirectory() === true;
      const path = isDirectory ? join(named, safeName(content.name) ?? hash) : named;
      await writeWhole(path, watched(content.stream, progress), options.force === true);
      progress.end();
      if (options.json) context.output.data({ file: path, hash, size: content.size, verified: true });
      else context.output.line(`${printable(path)}: ${byteCount(content.size)}, verified by its SHA-256 ${hash}`);
      return EXIT.ok;
    } finally {
      progress.end();
      await content.stream.return();
    }
  });
}

/** The name of an object where a file of it may be called so: no hidden file, and no option of a command. */
export function safeName(name: string): string | undefined {
  return name === '' || /^[.-]/.test(name) || /[/\\:\p{Cc}]/u.test(name) ? undefined : name;
}

export interface ExportOptions extends GlobalOptions {
  readonly by: 'hash' | 'name';
  readonly force?: boolean;
}

/** Writes all objects of the vault into a directory. What is there already is left alone. */
export async function vaultExport(context: CliContext, directory: string, options: ExportOptions): Promise<number> {
  const client = await connect(context, options);
  const target = resolve(context.cwd, directory);
  const { mkdir } = await import('node:fs/promises');
  await mkdir(target, { recursive: true }).catch((cause: Error) => {
    throw new LatticeError('file-unwritable', `cannot make ${printable(target)}: ${cause.message}`, {
      next: 'Name another directory.',
      cause,
    });
  });
  const taken = new Set<string>();
  const result = { written: 0, bytes: 0, left: [] as string[], failed: [] as { hash: string; error: string }[] };
  await interruptible(context, async (signal) => {
    for await (const { hash, name, size } of client.vault.objects({ signal })) {
      let file = (options.by === 'name' ? safeName(name) : undefined) ?? hash;
      // Names are no keys, and some file systems do not tell upper from lower case.
      if (taken.has(file.toLowerCase())) file = `${hash}-${file}`.slice(0, 255);
      taken.add(file.toLowerCase());
      const path = join(target, file);
      if (options.force !== true && (await isThere(path))) {
        result.left.push(file);
        continue;
      }
      const progress = createProgress(context, printable(file), size, options);
      try {
        const content = await client.vault.get(hash, { signal });
        try {
          await writeWhole(path, watched(content.stream, progress), options.force === true);
        } finally {
          await content.stream.return();
        }
        result.written++;
        result.bytes += size;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof LatticeError)) throw error;
        if (error.code === 'exists') result.left.push(file);
        else if (error.code === 'object-missing' || error.code === 'object-damaged' || error.code === 'hash-mismatch')
          result.failed.push({ hash, error: error.message });
        else throw error;
      } finally {
        progress.end();
      }
    }
  });
  if (options.json) context.output.data({ directory: target, ...result });
  else {
    const { line, remark } = context.output;
    line(
      `${printable(target)}: ${counted(result.written, 'file')} written, ${byteCount(result.bytes)}, each verified by its SHA-256`,
    );
    if (result.left.length > 0)
      remark(
        result.left.length === 1
          ? '1 file was there already and is left as it is; --force replaces it.'
          : `${result.left.length} files were there already and are left as they are; --force replaces them.`,
      );
    for (const { hash, error } of result.failed) remark(`${hash}: ${printable(error)}`);
    if (result.failed.length > 0)
      remark(
        `Have this node fetch what it does not have: lattice vault fetch ${shellWord(result.failed[0]?.hash ?? '')}`,
      );
  }
  return result.failed.length === 0 ? EXIT.ok : EXIT.failed;
}
