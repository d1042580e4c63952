const WIDTH = 120;
const HEIGHT = 28;
/** Points that are drawn. More would be narrower than a pixel. */
const POINTS = 60;

/** The greatest of each of POINTS equal parts, so that no short peak is lost. Absent values count as the one before. */
function thinned(values: readonly number[]): readonly number[] {
  if (values.length <= POINTS) return values;
  return Array.from({ length: POINTS }, (_, i) =>
    Math.max(...values.slice(Math.floor((i * values.length) / POINTS), Math.floor(((i + 1) * values.length) / POINTS))),
  );
}

/**
 * A small line of how a figure went, without axes: the text beside it tells the figure. `most` is the value at the upper
 * edge; without it, that is the greatest value. `label` says to screen readers what it shows.
 */
export function Sparkline({
  values,
  most,
  label,
}: {
  readonly values: readonly number[];
  readonly most?: number;
  readonly label: string;
}) {
  const shown = thinned(values);
  if (shown.length < 2) return null;
  const top = Math.max(most ?? 0, ...shown, 1);
  const x = (i: number): string => ((i * WIDTH) / (shown.length - 1)).toFixed(1);
  const y = (value: number): string => (HEIGHT - 2 - (value / top) * (HEIGHT - 4)).toFixed(1);
  const line = shown.map((value, i) => `${x(i)},${y(value)}`).join(' ');
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <polygon points={`0,${HEIGHT} ${line} ${WIDTH},${HEIGHT}`} />
      <polyline points={line} />
    </svg>
  );
}
