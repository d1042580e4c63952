import { nodeHasher } from '../../adapters/system/hasher.ts';
import { type OriginalSnapshot, type RefusedEntry, readOriginalSnapshot } from '../../core/original/snapshot.ts';
import { counted, LatticeError } from '../../core/types/index.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { importEntries } from '../import-entries.ts';
import { readInput } from '../input.ts';
import { printable } from '../output.ts';

export interface ImportOptions extends GlobalOptions {
  readonly overwrite?: boolean;
  readonly dryRun?: boolean;
}

/** The file is read as one string, and V8's longest string is twice as long. */
const MAX_SNAPSHOT_BYTES = 256 * 1024 * 1024;
/** Skipped keys that are shown. With --json all of them are. */
const SHOWN = 10;

export async function importSnapshot(context: CliContext, file: string, options: ImportOptions): Promise<number> {
  const client = await connect(context, options);
  const snapshot = await readSnapshot(context, file, options);
  const dryRun = options.dryRun === true;
  const { imported, skipped } = await importEntries(client, snapshot.state, {
    overwrite: options.overwrite === true,
    dryRun,
  });
  if (options.json) {
    context.output.data({ file, root: snapshot.root, keys: snapshot.state.length, imported, skipped, dryRun });
    return EXIT.ok;
  }
  const { line } = context.output;
  line(`${printable(file)} verifies: ${counted(snapshot.state.length, 'key')} under root ${snapshot.root}`);
  line(
    `${dryRun ? 'Would import' : 'Imported'} ${counted(imported, 'key')}${skipped.length === 0 ? '.' : ` and ${dryRun ? 'leave' : 'left'} alone ${skipped.length} that ${skipped.length === 1 ? 'exists' : 'exist'}:`}`,
  );
  for (const key of skipped.slice(0, SHOWN)) line(`  ${printable(key)}`);
  if (skipped.length > SHOWN) line(`  … and ${skipped.length - SHOWN} more (all of them: --json)`);
  return EXIT.ok;
}

async function readSnapshot(context: CliContext, file: string, options: ImportOptions): Promise<OriginalSnapshot> {
  const text = await readInput(context, file, MAX_SNAPSHOT_BYTES);
  try {
    return readOriginalSnapshot(text, nodeHasher());
  } catch (error) {
    if (error instanceof LatticeError && error.code === 'snapshot-values-refused' && !options.json) {
      const refused = error.details['refused'] as readonly RefusedEntry[];
      for (const { key, reason } of refused) context.output.remark(`${printable(key)}: ${printable(reason)}`);
    }
    throw error;
  }
}
