import type { Operation } from '../client/index.ts';
import { measureValue } from '../core/cbor/value.ts';
import { type JsonValue, LatticeError, MAX_OPERATIONS } from '../core/types/index.ts';
import type { ApiClient } from './client.ts';

/** A commit has at most 64 KiB of operations. The rest is for their contexts, which only the node knows. */
const BATCH_BYTES = 48 * 1024;
/** A request body has at most 256 KiB of JSON, in which a control character takes six times its bytes. */
const BATCH_JSON_BYTES = 192 * 1024;
/** Bytes of an operation beside its key and value. */
const OPERATION_OVERHEAD = 16;
/** Lookups at one time: enough to hide the round trip to the node, and few enough for its connection limit. */
const LOOKUPS = 8;
/** How often a batch is tried while others write the same keys. */
const MAX_ROUNDS = 5;

export interface ImportResult {
  readonly imported: number;
  /** Keys that exist already and were left alone. */
  readonly skipped: readonly string[];
}

export interface ImportMode {
  readonly overwrite: boolean;
  /** Only counts, and writes nothing. */
  readonly dryRun: boolean;
}

/**
 * Writes entries in commits. Without `overwrite` a key that exists is never touched: the node itself refuses the
 * commit, which is then sent again without those keys. Rejects with a LatticeError of the client or with
 * `import-contended`.
 */
export async function importEntries(
  client: ApiClient,
  entries: readonly (readonly [string, JsonValue])[],
  mode: ImportMode,
): Promise<ImportResult> {
  let imported = 0;
  const skipped: string[] = [];
  for (const batch of batches(entries)) {
    const result = mode.dryRun ? await look(client, batch, mode) : await write(client, batch, mode.overwrite);
    imported += result.imported;
    skipped.push(...result.skipped);
  }
  return { imported, skipped };
}

type Batch = readonly Operation[];

function* batches(entries: readonly (readonly [string, JsonValue])[]): Generator<Batch> {
  let batch: Operation[] = [];
  let bytes = 0;
  let json = 0;
  for (const [key, value] of entries) {
    const size = measureValue(value).size + Buffer.byteLength(key) + OPERATION_OVERHEAD;
    const jsonSize = Buffer.byteLength(JSON.stringify({ key, value })) + 64;
    if (
      batch.length > 0 &&
      (batch.length >= MAX_OPERATIONS || bytes + size > BATCH_BYTES || json + jsonSize > BATCH_JSON_BYTES)
    ) {
      yield batch;
      batch = [];
      bytes = 0;
      json = 0;
    }
    batch.push({ op: 'put', key, value });
    bytes += size;
    json += jsonSize;
  }
  if (batch.length > 0) yield batch;
}

async function look(client: ApiClient, batch: Batch, mode: ImportMode): Promise<ImportResult> {
  const existing = mode.overwrite ? new Set<string>() : await existingKeys(client, batch);
  return { imported: batch.length - existing.size, skipped: [...existing] };
}

async function write(client: ApiClient, batch: Batch, overwrite: boolean): Promise<ImportResult> {
  const skipped: string[] = [];
  let left = batch;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (left.length === 0) return { imported: 0, skipped };
    try {
      await client.commit(overwrite ? left : left.map((operation) => ({ ...operation, ifNoneMatch: '*' })));
      return { imported: left.length, skipped };
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      if (error.code === 'commit-too-large' && left.length > 1) {
        // Contexts can make a commit too long. Halving ends with commits that fit, because one operation always does.
        const middle = left.length >> 1;
        const first = await write(client, left.slice(0, middle), overwrite);
        const second = await write(client, left.slice(middle), overwrite);
        return {
          imported: first.imported + second.imported,
          skipped: [...skipped, ...first.skipped, ...second.skipped],
        };
      }
      if (error.code !== 'precondition-failed' || overwrite) throw error;
      const existing = await existingKeys(client, left);
      skipped.push(...existing);
      left = left.filter((operation) => !existing.has(operation.key));
    }
  }
  throw new LatticeError('import-contended', `others keep writing the same keys, ${left.length} are not imported`, {
    next: 'Run the import again when the writers are quiet.',
  });
}

async function existingKeys(client: ApiClient, batch: Batch): Promise<Set<string>> {
  const existing = new Set<string>();
  const queue = batch.values();
  const worker = async (): Promise<void> => {
    for (const { key } of queue) if ((await client.getEntry(key)) !== undefined) existing.add(key);
  };
  await Promise.all(Array.from({ length: LOOKUPS }, worker));
  return existing;
}
