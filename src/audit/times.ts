/** A time of a document, Unix ms, for people. A signed head may have one that no calendar has. */
export function timeOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms after 1970` : date.toISOString();
}
