/** A number with its noun: `1 key`, `2 keys`, `0 keys`. `many` is given where the plural has no plain s. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
