import type { WriteIntent } from '../../core/replica/index.ts';
import type { Fragment } from '../../core/types/index.ts';

/** How many bytes a number, a boolean or the frame of an object counts. */
const ITEM_BYTES = 8;
/** How many items of a value are looked at. A value with more is refused anyway. */
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
  for (let items = 0; pending.length > 0 && items < MAX_ITEMS; items++) {
    const item = pending.pop();
    if (typeof item === 'string') bytes += item.length;
    else bytes += ITEM_BYTES;
    if (typeof item !== 'object' || item === null) continue;
    if (Array.isArray(item)) for (const inner of item) pending.push(inner);
    else {
      for (const [name, inner] of Object.entries(item)) {
        bytes += name.length;
        pending.push(inner);
      }
    }
  }
  return bytes;
}
