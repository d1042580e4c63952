import { useEffect, useRef } from 'preact/hooks';
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

function optionsOf(kind: PlotKind, width: number): uPlot.Options {
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
    legend: { live: true },
    scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      {
        ...axis,
        values: (_plot, splits, _index, _space, step) =>
          splits.map((at) => (step < 60 ? clockTime(at * 1000) : clockTime(at * 1000).slice(0, 5))),
      },
      { ...axis, size: 68, values: (_plot, splits) => splits.map((value) => kind.show(value)) },
    ],
    series: [
      { label: 'time', value: (_plot: uPlot, at: number | null) => (at === null ? '–' : clockTime(at * 1000)) },
      ...kind.lines.map((line) => ({
        label: line.label,
        stroke: colour(line.colour),
        width: 1.5,
        ...(line.dash === undefined ? {} : { dash: [...line.dash] }),
        points: { show: false },
        value: (_plot: uPlot, value: number | null) => (value === null ? '–' : kind.show(value)),
      })),
    ],
  };
}

function Plot({ items, kind }: { readonly items: Series['items']; readonly kind: PlotKind }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data = dataOf(items, kind);
  const latest = useRef(data);
  latest.current = data;

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const make = (): void => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(kind, element.clientWidth), latest.current, element);
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
  useEffect(() => plot.current?.setData(latest.current), [items]);

  const last = items.at(-1);
  const said =
    last === undefined ? '' : kind.lines.map((line) => `${line.label} ${valueText(line.value(last), kind)}`).join(', ');
  return (
    <figure class="plot">
      <figcaption>
        {kind.title} <span class="aside">now {said}</span>
      </figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}

const valueText = (value: number | null, kind: PlotKind): string =>
  value === null ? 'not measured' : kind.show(value);

export function SeriesPlots({ series }: { readonly series: Series }) {
  return (
    <div class="plots">
      {kindsOf(series.stepMs).map((kind) => (
        <Plot key={kind.title} kind={kind} items={series.items} />
      ))}
    </div>
  );
}
