import { hlcToHex } from '../../core/clock/index.ts';
import { isLive, versionOf, winner } from '../../core/state/index.ts';
import { bytesToHex, type Entry, type JsonValue, type Sibling } from '../../core/types/index.ts';
import type { ConflictView, EntryView, SiblingView } from '../facade/index.ts';

/** An entry as its winner; undefined when the winner is a tombstone. */
export function entryToView(entry: Entry): EntryView | undefined {
  if (!isLive(entry)) return undefined;
  const shown = winner(entry);
  const others = entry.siblings.length - 1;
  return {
    key: entry.key,
    value: shown.operation.value as JsonValue,
    version: versionOf(shown),
    author: shown.author,
    hlc: hlcToHex(shown.hlc),
    commit: bytesToHex(shown.commit),
    index: shown.index,
    ...(others > 0 ? { conflicts: others } : {}),
  };
}

export function entryToConflict(entry: Entry): ConflictView {
  return { key: entry.key, siblings: entry.siblings.map(siblingToView) };
}

function siblingToView(sibling: Sibling): SiblingView {
  const { operation } = sibling;
  return {
    version: versionOf(sibling),
    author: sibling.author,
    hlc: hlcToHex(sibling.hlc),
    deleted: operation.kind === 'delete',
    ...(operation.kind === 'put' ? { value: operation.value as JsonValue } : {}),
  };
}
