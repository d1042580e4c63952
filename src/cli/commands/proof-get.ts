import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { LatticeError } from '../../core/types/index.ts';
import type { ProofDocument } from '../../runtime/facade.ts';
import { type CliContext, connect, type GlobalOptions } from '../context.ts';
import { EXIT } from '../errors.ts';
import { printable } from '../output.ts';

export interface ProofGetOptions extends GlobalOptions {
  readonly out?: string;
}

export async function proofGet(context: CliContext, key: string, options: ProofGetOptions): Promise<number> {
  const client = await connect(context, options);
  const proof = await client.json<ProofDocument>('GET', '/api/v1/proof', { query: { key } });
  if (options.out === undefined) {
    context.output.json(proof);
    return EXIT.ok;
  }
  const path = resolve(context.cwd, options.out);
  try {
    await writeFile(path, `${JSON.stringify(proof)}\n`, { flag: 'wx' });
  } catch (cause) {
    const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw new LatticeError(
      exists ? 'exists' : 'file-unwritable',
      `cannot write ${path}: ${exists ? 'it exists' : (cause as Error).message}`,
      {
        next: 'Name another file with --out.',
        cause,
      },
    );
  }
  if (options.json) context.output.json({ file: path, key, kind: proof.kind, root: proof.root });
  else {
    context.output.line(`${path}: ${printable(key)} is ${proof.kind} under root ${proof.root}`);
    context.output.remark(`check it anywhere: ${context.programName} proof verify ${options.out}`);
  }
  return EXIT.ok;
}
