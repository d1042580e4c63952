/** A number with its noun: `1 key`, `2 keys`, `0 keys`. `many` is given where the plural has no plain s. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** `a`, `a and b`, or `a, b and c`. */
export function joined(texts: readonly string[]): string {
  if (texts.length < 2) return texts[0] ?? '';
  return `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}`;
}

/** A span of time, rounded, in a unit that leaves few digits: `600 ms`, `90 s`, `5 min`, `25 h`, `3 days`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** A span that was asked for, in hours where it has some: `24 h`, `1.5 h`, `20 s`. */
export function inHours(ms: number): string {
  return ms < 3_600_000 ? duration(ms) : `${Number((ms / 3_600_000).toFixed(2))} h`;
}

/** A bound in seconds, as code names it: `4 s`, `1.5 s`. */
export function inSeconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(1))} s`;
}
