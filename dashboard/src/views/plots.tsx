import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { bytes, clockTime, duration } from '../lib/format.ts';
import type { Series } from '../lib/types.ts';
import { theme } from '../ui/shell.tsx';

const HEIGHT = 170;

interface Line {
  readonly label: string;
  /** Name of the CSS custom property with the line's colour. */
  readonly colour: string;
  /** Dashes of the line. Lines differ in their dashes too, because some people cannot tell the colours apart. */
  readonly dash?: readonly number[];
  readonly value: (item: Series['items'][number]) => number | null;
}

interface PlotKind {
  readonly title: string;
  readonly show: (value: number) => string;
  readonly lines: readonly Line[];
}

const perSecond = (value: number): string => `${value >= 100 ? Math.round(value) : Number(value.toFixed(1))}/s`;

const kindsOf = (stepMs: number): readonly PlotKind[] => {
  const rate = (n: number): number => (n * 1000) / stepMs;
  return [
    {
      title: 'Changes applied',
      show: perSecond,
      lines: [
        { label: 'all', colour: '--plot-1', value: (i) => rate(i.changes) },
        { label: 'written here', colour: '--plot-2', dash: [6, 3], value: (i) => rate(i.writes) },
      ],
    },
    {
      title: 'Latency from the author, p99',
      show: duration,
      lines: [{ label: 'p99', colour: '--plot-1', value: (i) => i.latencyP99Ms ?? null }],
    },
    {
      title: 'Bytes over P2P gossip',
      show: (v) => `${bytes(Math.round(v))}/s`,
      lines: [
        { label: 'in', colour: '--plot-1', value: (i) => rate(i.gossipBytesIn) },
        { label: 'out', colour: '--plot-2', dash: [6, 3], value: (i) => rate(i.gossipBytesOut) },
      ],
    },
    {
      title: 'Bytes over HTTP sync',
      show: (v) => `${bytes(Math.round(v))}/s`,
      lines: [
        { label: 'in', colour: '--plot-1', value: (i) => rate(i.httpBytesIn) },
        { label: 'out', colour: '--plot-2', dash: [6, 3], value: (i) => rate(i.httpBytesOut) },
      ],
    },
  ];
};

const dataOf = (items: Series['items'], kind: PlotKind): uPlot.AlignedData => [
  items.map((item) => item.at / 1000),
  ...kind.lines.map((line) => items.map(line.value)),
];

/** A moment at which something happened, which the plots mark with a vertical line. */
export interface Mark {
  /** Unix ms. */
  readonly at: number;
}

interface Drawing {
  readonly kind: PlotKind;
  readonly width: number;
  readonly marks: () => readonly Mark[];
  /** Called with the index of the point under the pointer, or with undefined when it has left. */
  readonly onPoint: (index: number | undefined) => void;
}

/** Draws a dashed line at each mark within the plot. */
function drawMarks(plot: uPlot, marks: readonly Mark[], colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const { at } of marks) {
    const x = plot.valToPos(at / 1000, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function optionsOf({ kind, width, marks, onPoint }: Drawing): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--plot-text'),
    grid: { stroke: colour('--plot-grid'), width: 1 },
    ticks: { stroke: colour('--plot-grid'), width: 1 },
    font: '11px system-ui',
  };
  return {
    width,
    height: HEIGHT,
    cursor: { y: false, points: { size: 5 } },
    legend: { show: false },
    scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      {
        ...axis,
        size: 34,
        // Room for a time with its seconds, so that neighbours stay apart on a narrow screen.
        space: 72,
        values: (_plot, splits, _index, _space, step) =>
          splits.map((at) => (step < 60 ? clockTime(at * 1000) : clockTime(at * 1000).slice(0, 5))),
      },
      { ...axis, size: 68, values: (_plot, splits) => splits.map((value) => kind.show(value)) },
    ],
    series: [
      {},
      ...kind.lines.map((line) => ({
        label: line.label,
        stroke: colour(line.colour),
        width: 1.5,
        ...(line.dash === undefined ? {} : { dash: [...line.dash] }),
        points: { show: false },
      })),
    ],
    hooks: {
      draw: [(plot) => drawMarks(plot, marks(), colour('--plot-mark'))],
      setCursor: [(plot) => onPoint(plot.cursor.idx ?? undefined)],
    },
  };
}

const valueText = (value: number | null, kind: PlotKind): string =>
  value === null ? 'not measured' : kind.show(value);

function Plot({
  items,
  kind,
  marks,
}: {
  readonly items: Series['items'];
  readonly kind: PlotKind;
  readonly marks: readonly Mark[];
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [point, setPoint] = useState<number | undefined>();
  const data = dataOf(items, kind);
  const latest = useRef({ data, marks });
  latest.current = { data, marks };

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const make = (): void => {
      plot.current?.destroy();
      const drawing = { kind, width: element.clientWidth, marks: () => latest.current.marks, onPoint: setPoint };
      plot.current = new uPlot(optionsOf(drawing), latest.current.data, element);
    };
    make();
    scheme.addEventListener('change', make);
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    watch.observe(element);
    return () => {
      scheme.removeEventListener('change', make);
      watch.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
    // The plot reads its colours when it is made, so a change of the theme makes a new one.
  }, [kind.title, theme.value]);
  useEffect(() => plot.current?.setData(latest.current.data), [items, marks]);

  const said = (item: Series['items'][number]): string =>
    kind.lines
      .map((line) => `${kind.lines.length > 1 ? `${line.label} ` : ''}${valueText(line.value(item), kind)}`)
      .join(', ');
  const newest = items.at(-1);
  const pointed = point === undefined ? undefined : items[point];
  return (
    <figure class="plot">
      <figcaption>
        {kind.title}
        {kind.lines.length > 1 &&
          kind.lines.map((line, i) => (
            <span key={line.label} class="legend-item">
              <svg class={`key line-${i + 1}`} viewBox="0 0 22 2" aria-hidden="true">
                <line x1="0" y1="1" x2="22" y2="1" />
              </svg>{' '}
              {line.label}
            </span>
          ))}
        {newest !== undefined && <span class="unseen">; newest: {said(newest)}</span>}
      </figcaption>
      <div ref={place} aria-hidden="true" />
      <p class="pointed" aria-hidden="true">
        {pointed !== undefined && `${clockTime(pointed.at)} UTC: ${said(pointed)}`}
      </p>
    </figure>
  );
}

interface SeriesPlotsProps {
  readonly series: Series;
  readonly marks: readonly Mark[];
}

export function SeriesPlots({ series, marks }: SeriesPlotsProps) {
  return (
    <div class="plots">
      {kindsOf(series.stepMs).map((kind) => (
        <Plot key={kind.title} kind={kind} items={series.items} marks={marks} />
      ))}
    </div>
  );
}
