import type { WriteIntent } from '../../core/replica/index.ts';
import type { Fragment } from '../../core/types/index.ts';

/** How many bytes a number, a boolean or the frame of an object counts. */
const ITEM_BYTES = 8;
/** How many items of a value are looked at, and wait to be: with so many it counts more than a commit may have. */
const MAX_ITEMS = 16_384;

/** The bytes of a fragment's operations. */
export function fragmentBytes(fragment: Fragment): number {
  let bytes = 0;
  for (const operation of fragment.operations) bytes += operation.bytes.length;
  return bytes;
}

/** About how many bytes a write keeps in memory while it waits. Nothing of it has been checked at this point. */
export function intentBytes(intent: WriteIntent): number {
  let bytes = 0;
  for (const { key, value } of intent.operations) bytes += key.length + valueBytes(value);
  return bytes;
}

function valueBytes(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return ITEM_BYTES;
  let bytes = 0;
  const pending: unknown[] = [value];
  /** How many more items may be noted. */
  let room = MAX_ITEMS;
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    if (typeof item === 'string') bytes += item.length;
    else bytes += ITEM_BYTES;
    if (typeof item !== 'object' || item === null) continue;
    if (Array.isArray(item)) {
      for (let i = 0; i < item.length && room > 0; i++, room--) pending.push(item[i] ?? null);
    } else {
      // One field at a time: a list of all of them would be as long as the object.
      for (const name in item) {
        if (room-- <= 0) break;
        if (!Object.hasOwn(item, name)) continue;
        bytes += name.length;
        pending.push((item as Readonly<Record<string, unknown>>)[name] ?? null);
      }
    }
  }
  return bytes;
}
