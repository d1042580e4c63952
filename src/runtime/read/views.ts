import { hlcToHex } from '../../core/clock/index.ts';
import { isGone, isLive, versionOf, winner } from '../../core/state/index.ts';
import { bytesToHex, type Entry, type JsonValue, type Sibling } from '../../core/types/index.ts';
import type { ConflictView, EntryView, SiblingView } from '../facade/index.ts';

/** An entry as its winner at `nowMs` (Unix ms); undefined when the winner is a tombstone or has ended. */
export function entryToView(entry: Entry, nowMs: number): EntryView | undefined {
  if (!isLive(entry, nowMs)) return undefined;
  const shown = winner(entry);
  const others = entry.siblings.length - 1;
  const { expires } = shown.operation;
  return {
    key: entry.key,
    value: shown.operation.value as JsonValue,
    version: versionOf(shown),
    author: shown.author,
    hlc: hlcToHex(shown.hlc),
    commit: bytesToHex(shown.commit),
    index: shown.index,
    ...(expires === undefined ? {} : { expires }),
    ...(others > 0 ? { conflicts: others } : {}),
  };
}

/** The siblings of an entry at `nowMs` (Unix ms). One that has ended is shown as deleted. */
export function entryToConflict(entry: Entry, nowMs: number): ConflictView {
  return { key: entry.key, siblings: entry.siblings.map((sibling) => siblingToView(sibling, nowMs)) };
}

function siblingToView(sibling: Sibling, nowMs: number): SiblingView {
  const { operation } = sibling;
  const deleted = isGone(operation, nowMs);
  return {
    version: versionOf(sibling),
    author: sibling.author,
    hlc: hlcToHex(sibling.hlc),
    deleted,
    ...(deleted ? {} : { value: operation.value as JsonValue }),
    ...(operation.expires === undefined ? {} : { expires: operation.expires }),
  };
}
