/**
 * How many attestations of one root certify it, of `trusted` authors (SPEC Z5). Any two such quorums have an author in
 * common.
 */
export function quorumOf(trusted: number): number {
  return Math.floor(trusted / 2) + 1;
}
