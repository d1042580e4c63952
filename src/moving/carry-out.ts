import { counted, type ErrorCode, LatticeError } from '../core/types/index.ts';
import { addRecords, countRecords } from './add-records.ts';
import type {
  ImportTarget,
  ItemReport,
  KeyedEntry,
  ObjectItem,
  Plan,
  PlanItem,
  Refusal,
  Report,
  Source,
  SourceKind,
} from './plan.ts';
import { refusalOf } from './snapshot.ts';
import { type Mirror, type RefusedKey, type WriteMode, writeEntries } from './write-entries.ts';

export interface CarryOutMode extends Omit<WriteMode, 'progress'> {
  progress?(step: string, done: number, total: number): void;
}

/** Objects that are put at one time. */
const OBJECTS = 4;
/**
 * A source that lacks more than this part of what it once had has probably gone back to an older state: the original
 * begins from its last snapshot.json whenever it is started.
 */
const MOST_DELETED = 0.5;

/**
 * Writes a plan to a target, and tells what became of each item. An item is verified before its first write; carrying
 * out the same plan again writes what is missing and nothing else, so that an import that was cut is simply run again.
 * What the target does not take of a key, an object or a record is refused by its name, and the rest goes on. Rejects
 * with what the target rejects with otherwise, and with the reason of the signal.
 */
export async function carryOut(plan: Plan, target: ImportTarget, mode: CarryOutMode): Promise<Report> {
  const items: ItemReport[] = [];
  const refused: Refusal[] = [...plan.refused];
  const remarks = [...plan.remarks];
  // What is gone at the source is known only where one item is the whole of its state.
  const whole =
    plan.items.filter(({ kind }) => kind === 'entries').length === 1 &&
    plan.refused.every(({ source, what }) => what !== undefined || NO_STATES.has(source.kind));
  /** The keys of earlier states. Of several the newest comes first, and an older one never writes over it. */
  const covered = new Set<string>();
  for (const item of [...plan.items].sort((a, b) => rank(a) - rank(b))) {
    mode.signal?.throwIfAborted();
    if (item.kind === 'entries') {
      const entries = covered.size === 0 ? item.entries : item.entries.filter(([key]) => !covered.has(key));
      if (entries.length < item.entries.length)
        remarks.push(
          `${counted(item.entries.length - entries.length, 'key')} of ${item.source.at} were taken from a newer state.`,
        );
      for (const [key] of entries) covered.add(key);
      const absent = whole && mayDelete(entries, mode.mirror, remarks);
      const progress = (done: number): void => mode.progress?.('keys written', done, entries.length);
      const { refused: keys, ...written } = await writeEntries(target, entries, { ...mode, progress }, absent);
      items.push({ ...about(item), ...written });
      refused.push(...refusedKeys(item.source, keys));
    } else if (item.kind === 'records') {
      if (target.addRecords === undefined) {
        refused.push(noPlace(item, 'audit record'));
        continue;
      }
      const progress = (done: number): void => mode.progress?.('records added', done, item.records.length);
      const { refused: records, ...added } = mode.dryRun
        ? await countRecords(item, target)
        : await addRecords(item, target.addRecords, { signal: mode.signal, progress });
      items.push({ ...about(item), ...counts(added.taken, added.known) });
      refused.push(...records);
    }
  }
  const objects = plan.items.filter((item) => item.kind === 'object');
  const outcomes = await putObjects(objects, target, mode);
  objects.forEach((item, i) => items.push(...tell(item, outcomes[i], refused)));
  return { from: plan.from, dryRun: mode.dryRun, items, refused, remarks };
}

/** Sources whose refusal says nothing of the keys of a state. */
const NO_STATES: ReadonlySet<SourceKind> = new Set([
  'vault',
  'vault-index',
  'function',
  'bundle',
  'certificate',
  'telemetry',
]);

/** States of the older form come after the others, whose keys are newer. */
const rank = ({ kind, source }: PlanItem): number => (kind === 'entries' && source.kind === 'older-snapshot' ? 1 : 0);

const about = ({ kind, source, checked }: PlanItem): Pick<ItemReport, 'kind' | 'source' | 'checked'> => ({
  kind,
  source,
  checked,
});

/** Whether what an earlier round wrote and the entries lack is deleted. */
function mayDelete(entries: readonly KeyedEntry[], mirror: Mirror | undefined, remarks: string[]) {
  if (mirror === undefined || mirror.size === 0) return false;
  const keys = new Set(entries.map(([key]) => key));
  let gone = 0;
  for (const key of mirror.keys()) if (!keys.has(key)) gone++;
  if (gone <= mirror.size * MOST_DELETED) return true;
  remarks.push(
    `${gone} of ${counted(mirror.size, 'imported key')} are gone at the source, and were left here: it may have been started from an older state. If they are meant to go, delete them here.`,
  );
  return false;
}

type Counts = Pick<ItemReport, 'taken' | 'known' | 'deleted' | 'differing'>;
const counts = (taken: number, known: number): Counts => ({ taken, known, deleted: 0, differing: [] });

/** What becomes of each item in a report: a line of it, or a refusal. An item that was not come to has neither. */
function tell(item: PlanItem, outcome: Counts | Refusal | undefined, refused: Refusal[]): readonly ItemReport[] {
  if (outcome === undefined) return [];
  if (!('code' in outcome)) return [{ ...about(item), ...outcome }];
  refused.push(outcome);
  return [];
}

/** The keys that the target did not take, those of one code as one refusal. */
function refusedKeys(source: Source, keys: readonly RefusedKey[]): Refusal[] {
  const groups = new Map<ErrorCode, RefusedKey[]>();
  for (const one of keys) {
    const group = groups.get(one.code) ?? [];
    groups.set(one.code, group);
    group.push(one);
  }
  return Array.from(groups, ([code, group]) => {
    const [first] = group;
    const alike = group.every(({ reason }) => reason === first?.reason);
    return {
      source,
      what: group.length === 1 ? JSON.stringify(first?.key) : `${group.length} keys`,
      code,
      reason: alike ? (first?.reason ?? '') : 'the node does not take them',
      each: group.length === 1 ? undefined : group.map(({ key, reason }) => ({ what: key, reason })),
      next: first?.next,
      takenUnverified: false,
    };
  });
}

/** Puts objects, several at a time: a vault has thousands of small ones, each of which waits for the disk. */
async function putObjects(
  objects: readonly ObjectItem[],
  target: ImportTarget,
  mode: CarryOutMode,
): Promise<readonly (Counts | Refusal | undefined)[]> {
  const outcomes: (Counts | Refusal | undefined)[] = objects.map(() => undefined);
  const failed = new AbortController();
  const queue = objects.entries();
  let done = 0;
  const worker = async (): Promise<void> => {
    for (const [i, item] of queue) {
      mode.signal?.throwIfAborted();
      // The first failure is told, and the other workers begin nothing more.
      if (failed.signal.aborted) return;
      outcomes[i] = await putObject(item, target, mode.dryRun).catch((error: unknown) => {
        failed.abort();
        throw error;
      });
      mode.progress?.('objects put', ++done, objects.length);
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: OBJECTS }, worker));
  for (const one of workers) if (one.status === 'rejected') throw one.reason;
  return outcomes;
}

async function putObject(item: ObjectItem, target: ImportTarget, dryRun: boolean): Promise<Counts | Refusal> {
  if (target.putObject === undefined) return noPlace(item, 'vault');
  const { name, type, hash } = item;
  // What the state names is there, or comes; a real import puts the bytes all the same, as they may be missing.
  if (dryRun) return (await target.get(`vault/${hash}`)) === undefined ? counts(1, 0) : counts(0, 1);
  try {
    const { known } = await target.putObject(item.content(), { name, type, hash });
    return known ? counts(0, 1) : counts(1, 0);
  } catch (error) {
    // A node without a vault does not know the path of one.
    if (error instanceof LatticeError && error.code === 'not-supported') return noPlace(item, 'vault');
    if (!(error instanceof LatticeError) || !OF_ONE_OBJECT.has(error.code)) throw error;
    const refusal = { ...refusalOf(item.source, error), what: name };
    if (error.code !== 'hash-mismatch') return refusal;
    const reason = 'its content changed between the plan and the import';
    return { ...refusal, code: 'source-changed', reason, next: 'Run the import again.' };
  }
}

/** What is wrong with one object alone, so that the others are put all the same. */
const OF_ONE_OBJECT: ReadonlySet<ErrorCode> = new Set([
  'file-unreadable',
  'vault-too-large',
  'object-too-large',
  'hash-mismatch',
  // Its name or type is none that the vault has, or it was removed while it was put.
  'invalid-value',
  'object-not-found',
]);

function noPlace(item: PlanItem, what: string): Refusal {
  return {
    source: item.source,
    what: item.kind === 'object' ? item.name : undefined,
    code: 'not-supported',
    reason: `the node has no ${what} for it`,
    next: 'Import it again when the node has been updated. It is left as it was.',
    takenUnverified: false,
  };
}
