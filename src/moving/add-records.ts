import type { AuditKind } from '../core/original/audit.ts';
import { counted, type ErrorCode, LatticeError } from '../core/types/index.ts';
import type { AuditRecord, ImportTarget, RecordsItem, Refusal } from './plan.ts';

/** Records that are handed over at one time: a request's worth. */
const RECORDS_AT_ONCE = 200;
/** Their bytes as JSON: one request, which a node takes as a whole or refuses as a whole. */
const BYTES_AT_ONCE = 192 * 1024;
/** Refused records that are named one by one. */
const MAX_NAMED = 100;
/**
 * Records of one kind that a full node refuses before the rest of them is not tried any more. Some may still fit where a
 * larger one does not, or bring no new word, and each try costs some requests.
 */
const MAX_FULL = 256;

/** What is wrong with one record alone, or with it at a node that has no room for it. */
const OF_ONE_RECORD: ReadonlySet<ErrorCode> = new Set(['audit-full', 'record-differs', 'invalid-record']);

/** What became of the records of an item. */
export interface AddedRecords {
  readonly taken: number;
  readonly known: number;
  readonly refused: readonly Refusal[];
}

type AddRecords = NonNullable<ImportTarget['addRecords']>;

/**
 * Adds the records of an item, and tells by name which the target refuses; the others are added all the same. Rejects
 * with what else the target rejects with, and with the reason of the signal.
 */
export async function addRecords(
  item: RecordsItem,
  add: AddRecords,
  { signal, progress }: { readonly signal?: AbortSignal | undefined; progress?(done: number): void },
): Promise<AddedRecords> {
  const { records } = item;
  const refusals = createRefusals(item);
  let taken = 0;
  let known = 0;
  async function addBatch(batch: readonly AuditRecord[]): Promise<void> {
    signal?.throwIfAborted();
    const left = batch.filter((record) => !refusals.isGivenUp(record));
    if (left.length === 0) return;
    try {
      const result = await add(left);
      taken += result.added;
      known += result.known;
    } catch (error) {
      if (!(error instanceof LatticeError) || !OF_ONE_RECORD.has(error.code)) throw error;
      const [first] = left;
      if (left.length === 1 && first !== undefined) return refusals.add(first, error);
      // The node takes all of a request or nothing, and halving finds what it does not take.
      const middle = left.length >> 1;
      await addBatch(left.slice(0, middle));
      await addBatch(left.slice(middle));
    }
  }
  let done = 0;
  for (const batch of batches(records)) {
    progress?.(done);
    await addBatch(batch);
    done += batch.length;
  }
  return { taken, known, refused: refusals.list() };
}

/** How many of the records `addRecords` would add, and how many the target has already. Writes nothing. */
export async function countRecords(
  { records }: RecordsItem,
  { recordIds }: Pick<ImportTarget, 'recordIds'>,
): Promise<AddedRecords> {
  const there = new Map<AuditKind, ReadonlySet<string>>();
  let known = 0;
  for (const { kind, id } of records) {
    const ids = there.get(kind) ?? (await idsOf(kind, recordIds));
    there.set(kind, ids);
    if (ids.has(id)) known++;
  }
  return { taken: records.length - known, known, refused: [] };
}

async function idsOf(kind: AuditKind, recordIds: ImportTarget['recordIds']): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  if (recordIds !== undefined) for await (const id of recordIds(kind)) ids.add(id);
  return ids;
}

function* batches(records: readonly AuditRecord[]): Generator<readonly AuditRecord[]> {
  let batch: AuditRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = Buffer.byteLength(JSON.stringify(record)) + 1;
    if (batch.length >= RECORDS_AT_ONCE || (batch.length > 0 && bytes + size > BYTES_AT_ONCE)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(record);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

interface RefusedGroup {
  readonly kind: AuditKind;
  readonly error: LatticeError;
  readonly each: { readonly what: string; readonly reason: string }[];
  refused: number;
  /** Records that were not tried any more, because so many before them had no room. */
  untried: number;
}

/** The records that were refused, by kind and code. */
function createRefusals({ source, records }: RecordsItem) {
  const groups = new Map<string, RefusedGroup>();
  const keyOf = (kind: AuditKind, code: ErrorCode): string => `${kind} ${code}`;
  return {
    /** Whether a record is not to be tried, which counts it. */
    isGivenUp({ kind }: AuditRecord): boolean {
      const full = groups.get(keyOf(kind, 'audit-full'));
      if (full === undefined || full.refused < MAX_FULL) return false;
      full.untried++;
      return true;
    },
    add({ kind, id, row }: AuditRecord, error: LatticeError): void {
      const key = keyOf(kind, error.code);
      const group = groups.get(key) ?? { kind, error, each: [], refused: 0, untried: 0 };
      groups.set(key, group);
      group.refused++;
      const number = row['id'];
      const what = `${kind} ${typeof number === 'number' ? number : id}`;
      if (group.each.length < MAX_NAMED) group.each.push({ what, reason: error.message });
    },
    list: (): Refusal[] =>
      Array.from(groups.values(), ({ kind, error, each, refused, untried }) => {
        const all = records.filter((record) => record.kind === kind).length;
        const rest = untried === 0 ? '' : `; ${untried} of them were not tried after ${refused} that had no room`;
        return {
          source,
          what: refused + untried === 1 ? each[0]?.what : `${refused + untried} of ${counted(all, kind)}`,
          code: error.code,
          reason: `${error.message}${rest}`,
          each: refused + untried === 1 ? undefined : each,
          next: error.next,
          takenUnverified: false,
        };
      }),
  };
}
