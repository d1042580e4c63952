import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Makes a parser of spans of time such as `90s`, `15m`, `1h` or `7d`, which answers ms within the bounds. */
export function durationIn(minMs: number, maxMs: number): (text: string) => number {
  return (text) => {
    const [, number = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
    const ms = Number(number) * (UNITS[unit] ?? Number.NaN);
    if (!(ms >= minMs && ms <= maxMs))
      throw new InvalidArgumentError('It must be a number with s, m, h or d behind it, such as 90s or 24h.');
    return ms;
  };
}
