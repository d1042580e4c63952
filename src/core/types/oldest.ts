/**
 * Takes the oldest keys out of a map or set that has reached `limit`: an eighth of the limit at once, and at least one.
 * Taking them out one by one would cost some 2 µs each, because a map keeps the places of deleted keys until it is made
 * anew, and a search for its first key passes over all of these places.
 */
export function dropOldest<K>(held: Map<K, unknown> | Set<K>, limit: number): void {
  if (held.size < limit) return;
  const left = limit - Math.max(1, limit >> 3);
  for (const key of held.keys()) {
    if (held.size <= left) return;
    held.delete(key);
  }
}
