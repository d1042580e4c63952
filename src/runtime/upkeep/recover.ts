import { checkKey, encodeCbor } from '../../core/cbor/index.ts';
import { hexToHlc, hlcMs, hlcToHex } from '../../core/clock/index.ts';
import { compareSiblings, isExpired, isGone, isLive, versionOf, winner } from '../../core/state/index.ts';
import {
  bytesToHex,
  compareBytes,
  counted,
  type Entry,
  equalBytes,
  type Hasher,
  hexToBytes,
  LatticeError,
  type Operation,
  type Sibling,
} from '../../core/types/index.ts';
import type { Log } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { Lattice, WriteOperation } from '../facade/index.ts';
import type { AsideChoice, AsideStanding, AsideView, Recovered, SetAsideService } from '../facade/set-aside.ts';
import { timeOf } from '../facade/times.ts';
import type { Names } from '../fleet/names.ts';
import { base64url, fromBase64url } from '../read/base64url.ts';
import { cursorToKey, keyToCursor, pageSize } from '../read/cursor.ts';
import { type Entries, wantedKeys } from '../storage/entries.ts';
import type { KeptAside, SetAsides } from './set-aside.ts';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;
/** How many keys one call writes anew, which takes a second at most. */
const MAX_KEYS = 256;
/** How many keys are looked at for one commit, and how many bytes of operations it gets: the contexts come on top. */
const COMMIT_KEYS = 64;
const COMMIT_BYTES = 32 * 1024;
/** How often a key is looked at again that was written between the look and the write. */
const MAX_TRIES = 5;

/** By key, and of one key the newest first. */
const byKey = (a: KeptAside, b: KeptAside): number => (a.key === b.key ? newestFirst(a, b) : a.key < b.key ? -1 : 1);
function newestFirst(a: KeptAside, b: KeptAside): number {
  if (a.hlc !== b.hlc) return a.hlc > b.hlc ? -1 : 1;
  if (a.author !== b.author) return a.author > b.author ? -1 : 1;
  return compareBytes(b.commit, a.commit) || b.index - a.index;
}

/** Shows operators what was set aside, and writes it anew or forgets it as they wish (SPEC FL8). */
export function createRecovery({
  asides,
  entries,
  writer,
  write,
  hasher,
  names,
  now,
  log,
}: {
  readonly asides: Pick<SetAsides, 'all' | 'read' | 'forget'>;
  readonly entries: Pick<Entries, 'many'>;
  readonly writer: Pick<Writer, 'read'>;
  /** Writes of any keys, those of the vault too. */
  readonly write: Lattice['write'];
  readonly hasher: Hasher;
  readonly names: Pick<Names, 'label'>;
  /** Unix ms, by which what has ended is judged. */
  readonly now: () => number;
  readonly log: Log;
}): SetAsideService {
  let busy = false;

  const present = (keys: readonly string[]): Promise<(Entry | undefined)[]> =>
    entries.many(wantedKeys(keys, hasher), (read) => writer.read(read));

  function grouped(): Map<string, KeptAside[]> {
    const groups = new Map<string, KeptAside[]>();
    for (const one of asides.all) {
      const group = groups.get(one.key);
      if (group === undefined) groups.set(one.key, [one]);
      else group.push(one);
    }
    for (const group of groups.values()) group.sort(newestFirst);
    return groups;
  }

  /** What is chosen, by key. Throws LatticeError `invalid-body` or `not-found`. */
  function chosen({ keys, all }: AsideChoice): Map<string, KeptAside[]> {
    if ((keys === undefined) === (all === undefined))
      throw new LatticeError('invalid-body', 'give either keys or all', { next: 'see what there is: lattice recover' });
    const groups = grouped();
    if (keys === undefined) return groups;
    if (keys.length === 0 || keys.length > MAX_KEYS)
      throw new LatticeError('invalid-body', `keys are 1 to ${MAX_KEYS} at a time, and not ${keys.length}`, {
        next: 'give so many of them in each call',
      });
    return new Map(
      keys.map((key) => {
        const group = groups.get(checkKey(key));
        if (group !== undefined) return [key, group];
        throw new LatticeError('not-found', `nothing is set aside under ${JSON.stringify(key)}`, {
          next: 'see what there is: lattice recover',
          details: { key },
        });
      }),
    );
  }

  const reasonOf = ({ why, fixed }: KeptAside): string =>
    why === 'late'
      ? `it came here after the cut of ${timeOf(fixed, now())} was fixed, too late for a cut that all writers attested without it`
      : 'other writers refuse it: their state is closed for its time and does not have it';

  function toView(one: KeptAside, { operation }: Sibling, standing: AsideStanding): AsideView {
    const { key, author, hlc, why } = one;
    const deleted = operation.kind === 'delete';
    return {
      key,
      version: versionOf(one),
      deleted,
      ...(operation.value === undefined ? {} : { value: operation.value }),
      ...(operation.expires === undefined ? {} : { expires: operation.expires }),
      author,
      label: names.label(author),
      hlc: hlcToHex(hlc),
      at: hlcMs(hlc),
      code: why,
      text: reasonOf(one),
      standing,
    };
  }

  /** Writes what is of use of these keys anew. Nothing was done before an error is thrown, but for what `done` has. */
  async function settle(
    groups: ReadonlyMap<string, readonly KeptAside[]>,
    overwrite: boolean,
    done: Done,
    tries = 0,
  ): Promise<void> {
    const keys = [...groups.keys()];
    const found = await present(keys);
    const newest = await Promise.all(keys.map((key) => asides.read((groups.get(key) as KeptAside[])[0] as KeptAside)));
    const operations: WriteOperation[] = [];
    const passed: { key: string; standing: AsideStanding }[] = [];
    let bytes = 0;
    keys.forEach((key, i) => {
      const one = newest[i];
      // It has come back into the state meanwhile.
      if (one === undefined) return;
      const standing = standingOf(one, found[i], now());
      if (standing !== 'missing' && standing !== 'older' && !(standing === 'newer' && overwrite))
        return void passed.push({ key, standing });
      operations.push(anew(one.operation, found[i], now()));
      bytes += one.operationBytes.length;
    });
    const halves = async (): Promise<void> => {
      const all = [...groups];
      const half = all.length >> 1;
      await settle(new Map(all.slice(0, half)), overwrite, done);
      await settle(new Map(all.slice(half)), overwrite, done);
    };
    if (bytes > COMMIT_BYTES && keys.length > 1) return halves();
    if (operations.length > 0) {
      try {
        const { results } = await write(operations);
        results.forEach(({ key, version }, i) =>
          done.written.push({ key, version, deleted: operations[i]?.op === 'delete' }),
        );
      } catch (error) {
        const code = error instanceof LatticeError ? error.code : undefined;
        if (code !== 'precondition-failed' && code !== 'commit-too-large') throw error;
        if (keys.length > 1) return halves();
        if (code === 'precondition-failed' && tries < MAX_TRIES) return settle(groups, overwrite, done, tries + 1);
        throw error;
      }
    }
    const stays = new Set(passed.filter(({ standing }) => standing === 'newer').map(({ key }) => key));
    const gone = [...groups].flatMap(([key, group]) => (stays.has(key) ? [] : group));
    await asides.forget(gone);
    done.passedOver.push(...passed);
    done.forgotten += gone.length;
  }

  return {
    async list({ limit, cursor, fits } = {}) {
      const size = pageSize(limit, DEFAULT_PAGE, MAX_PAGE);
      const after = cursor === undefined ? undefined : placeIn(cursor);
      const sorted = asides.all.filter((one) => after === undefined || byKey(one, after) > 0).sort(byKey);
      const newest = new Map([...grouped()].map(([key, [one]]) => [key, one]));
      const items: AsideView[] = [];
      let last: KeptAside | undefined;
      for (let at = 0; at < sorted.length; at += COMMIT_KEYS) {
        const part = sorted.slice(at, at + COMMIT_KEYS);
        const [found, operations] = await Promise.all([
          present(part.map(({ key }) => key)),
          Promise.all(part.map(asides.read)),
        ]);
        for (const [i, one] of part.entries()) {
          const operation = operations[i];
          if (operation === undefined) continue;
          const standing = newest.get(one.key) === one ? standingOf(operation, found[i], now()) : 'replaced';
          const item = toView(one, operation, standing);
          const isFull = items.length === size || fits?.(item) === false;
          if (last !== undefined && isFull) return { items, cursor: cursorAfter(last) };
          items.push(item);
          last = one;
        }
      }
      return { items };
    },

    async recover({ cursor, overwrite = false, ...choice }) {
      const groups = chosen(choice);
      if (cursor !== undefined && choice.all === undefined)
        throw new LatticeError('invalid-body', 'a cursor goes with all, not with keys', {
          next: 'leave the cursor out',
        });
      const after = cursor === undefined ? undefined : cursorToKey(cursor);
      const left = [...groups.keys()].filter((key) => after === undefined || key > after).sort(inOrder);
      const keys = left.slice(0, MAX_KEYS);
      const done: Done = { written: [], passedOver: [], forgotten: 0 };
      if (busy)
        throw new LatticeError('overloaded', 'what was set aside is being written anew already', {
          next: 'try again when that has ended',
        });
      busy = true;
      try {
        for (let at = 0; at < keys.length; at += COMMIT_KEYS) {
          const part = keys.slice(at, at + COMMIT_KEYS);
          await settle(new Map(part.map((key) => [key, groups.get(key) ?? []])), overwrite, done);
        }
      } catch (error) {
        if (!(error instanceof LatticeError) || done.written.length === 0) throw error;
        const before = `; ${counted(done.written.length, 'key')} had been written before that`;
        throw new LatticeError(error.code, `${error.message}${before}`, {
          next: 'see what is left with lattice recover, and do it again',
          details: { ...error.details, written: done.written },
          cause: error,
        });
      } finally {
        busy = false;
        if (done.forgotten > 0)
          log.info(
            { written: done.written.length, passedOver: done.passedOver.length, forgotten: done.forgotten },
            'what was set aside is written anew',
          );
      }
      const last = keys.at(-1);
      return { ...done, ...(left.length > keys.length && last !== undefined ? { cursor: keyToCursor(last) } : {}) };
    },

    async forget(choice) {
      const gone = [...chosen(choice).values()].flat();
      await asides.forget(gone);
      if (gone.length > 0) log.info({ operations: gone.length }, 'what was set aside is forgotten');
      return { forgotten: gone.length };
    },
  };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
/** What a call has done so far. */
type Done = Mutable<Pick<Recovered, 'forgotten'>> & {
  readonly written: Mutable<Recovered['written']>;
  readonly passedOver: Mutable<Recovered['passedOver']>;
};

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function isSame(a: Operation, b: Operation): boolean {
  if (a.kind !== b.kind || a.expires !== b.expires) return false;
  if (a.value === undefined || b.value === undefined) return a.value === b.value;
  return equalBytes(encodeCbor(a.value), encodeCbor(b.value));
}

/** What an operation is to the entry of its key at `nowMs`, Unix ms. */
function standingOf(one: Sibling, entry: Entry | undefined, nowMs: number): AsideStanding {
  const { operation } = one;
  if (isExpired(operation, nowMs)) return 'ended';
  const shown = entry === undefined ? undefined : winner(entry);
  const isShown = shown !== undefined && !isGone(shown.operation, nowMs);
  if (operation.kind === 'delete' && !isShown) return 'same';
  if (shown !== undefined && isShown && isSame(shown.operation, operation)) return 'same';
  if (shown !== undefined && compareSiblings(shown, one) < 0) return 'newer';
  return isShown ? 'older' : 'missing';
}

/** The write that does anew what the operation did, where the key still shows what the entry does at `nowMs` (Unix ms). */
function anew({ kind, key, value, expires }: Operation, entry: Entry | undefined, nowMs: number): WriteOperation {
  const shown = entry !== undefined && isLive(entry, nowMs) ? winner(entry) : undefined;
  return {
    op: kind,
    key,
    ...(value === undefined ? {} : { value }),
    ...(expires === undefined ? {} : { expires }),
    ...(shown === undefined ? { ifNoneMatch: '*' } : { ifMatch: versionOf(shown) }),
  };
}

/** The cursor after an operation: everything that the order of the list goes by, in base64url. */
function cursorAfter({ key, hlc, author, commit, index }: KeptAside): string {
  return base64url(new TextEncoder().encode(`${hlcToHex(hlc)}.${author}.${bytesToHex(commit)}.${index}.${key}`));
}

/** LatticeError `invalid-cursor`. */
function placeIn(cursor: string): KeptAside {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(fromBase64url(cursor));
    const [, hlc = '', author = '', commit = '', index = '', key] =
      /^([0-9a-f]{16})\.([0-9a-f]{64})\.([0-9a-f]{64})\.(\d{1,3})\.(.*)$/su.exec(text) ?? [];
    return {
      key: checkKey(key),
      hlc: hexToHlc(hlc),
      author: author as KeptAside['author'],
      commit: hexToBytes(commit) ?? new Uint8Array(0),
      index: Number(index),
      fixed: 0,
      until: 0,
      why: 'late',
    };
  } catch (cause) {
    throw new LatticeError('invalid-cursor', 'the cursor is not one of this list', {
      next: 'start again without a cursor',
      cause,
    });
  }
}
