import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { METRICS } from '../../../src/adapters/system/metric-table.ts';
import { parsePage, startPair } from '../api/routes/metrics-support.ts';
import { ask } from '../api/support.ts';
import { read } from './support.ts';

/** Labels that Prometheus adds to every series, and that histograms have on their buckets. */
const ADDED = ['job', 'instance', 'le', '__name__'];

interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
}

/** Every selector of a PromQL expression that names a metric of a node, and the labels it groups by. */
function selectorsOf(expression: string): {
  readonly selectors: readonly Selector[];
  readonly grouping: readonly string[];
} {
  const selectors = Array.from(
    expression.matchAll(/\b((?:lattice|nodejs|process)_\w+|up)\b(?:\{([^}]*)\})?/g),
    ([, metric, inside = '']): Selector => ({
      metric: metric as string,
      matchers: Array.from(inside.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g), ([, label, operator, value]) => ({
        label: label as string,
        operator: operator as string,
        value: value as string,
      })),
    }),
  );
  const grouping = Array.from(expression.matchAll(/\b(?:by|on|without|ignoring) ?\(([^)]*)\)/g), ([, labels]) =>
    (labels as string).split(',').map((label) => label.trim()),
  ).flat();
  return { selectors, grouping };
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}
const rules = (parse(read('deploy/prometheus/lattice.rules.yml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly {
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly uid: string };
  }[];
}
const dashboard = JSON.parse(read('deploy/grafana/lattice.json')) as {
  readonly __inputs: readonly { readonly name: string; readonly type: string; readonly pluginId: string }[];
  readonly id: null;
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: { readonly query: string } }[];
  };
};
const plots = dashboard.panels.flatMap((panel) =>
  (panel.targets ?? []).map(({ expr, legendFormat }) => ({
    where: `${panel.title} (${legendFormat})`,
    expr,
    shown: legendFormat,
  })),
);

const expressions: readonly { readonly where: string; readonly expr: string; readonly shown: string }[] = [
  ...rules.map(({ alert, expr, annotations }) => ({
    where: alert,
    expr,
    shown: annotations.summary
      .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, '{{$1}}')
      .replaceAll(/\{\{ \$value[^}]*\}\}/g, ''),
  })),
  ...plots,
  ...dashboard.annotations.list.map(({ expr }) => ({ where: 'annotations', expr, shown: '' })),
  ...dashboard.templating.list.map(({ name, query }) => ({ where: `variable ${name}`, expr: query.query, shown: '' })),
];

describe('alert rules and dashboard, against a live node', () => {
  let pair: Awaited<ReturnType<typeof startPair>>;
  let page: ReturnType<typeof parsePage>;
  beforeAll(async () => {
    pair = await startPair();
    page = parsePage((await ask(pair.nodes[1].url, '/metrics')).text);
  });
  afterAll(async () => {
    await pair?.stop();
  });

  /** The exposed metric that a name belongs to: histograms have series under names of their own. */
  function exposed(name: string): string | undefined {
    if (page.types.has(name)) return name;
    const base = name.replace(/_(?:bucket|sum|count)$/, '');
    return page.types.get(base) === 'histogram' ? base : undefined;
  }
  function labelsOf(metric: string): readonly string[] {
    const ours = METRICS.find(({ name }) => name === metric);
    if (ours !== undefined) return ours.labels ?? [];
    return page.series.filter(({ name }) => name === metric).flatMap(({ labels }) => Object.keys(labels));
  }

  it.each(expressions)('$where: every metric is exposed, every label exists', ({ expr, shown }) => {
    const { selectors, grouping } = selectorsOf(expr);
    expect(selectors.length).toBeGreaterThan(0);
    const known = new Set(ADDED);
    for (const { metric, matchers } of selectors) {
      if (metric === 'up') continue;
      const name = exposed(metric);
      expect(name, `${metric} is exposed`).toBeDefined();
      for (const label of labelsOf(name as string)) known.add(label);
      const live = page.series.filter((series) => series.name === metric);
      for (const { label, operator, value } of matchers) {
        expect([...ADDED, ...labelsOf(name as string)], `label of ${metric}`).toContain(label);
        if (ADDED.includes(label) || label === 'peer' || live.length === 0 || operator.startsWith('!')) continue;
        const values = live.map(({ labels }) => labels[label]);
        for (const alternative of value.split('|')) expect(values, `${label} of ${metric}`).toContain(alternative);
      }
    }
    for (const label of grouping) expect([...known], 'grouping').toContain(label);
    for (const [, label] of shown.matchAll(/\{\{(\w+)\}\}/g)) expect([...known], 'shown').toContain(label);
  });

  it('the dashboard shows every metric that the table has, but for what only labels or rules need', () => {
    const used = new Set(
      expressions.flatMap(({ expr }) => selectorsOf(expr).selectors.map(({ metric }) => exposed(metric))),
    );
    const unused = METRICS.map(({ name }) => name).filter((name) => !used.has(name));
    expect(unused).toEqual([
      'lattice_gossip_dropped_operations_total',
      'lattice_mode',
      'lattice_lung_running',
      'lattice_sequence',
      'lattice_peers',
      'lattice_peer_differing_keys',
      'lattice_cut_disagreeing',
      'lattice_bootstrap_running',
    ]);
  });
});

describe('alert rules', () => {
  it('have the three of the original, with its times', () => {
    const of = (name: string) => rules.find(({ alert }) => alert === name);
    expect(of('LatticeNoPeers')?.for).toBe('60s');
    // Part of the time stands in the expression, so that writes which are on their way do not count.
    expect([of('LatticeNoSync')?.expr, of('LatticeNoSync')?.for]).toEqual([expect.stringMatching(/> 30$/), '90s']);
    expect([of('LatticeRootDivergence')?.expr, of('LatticeRootDivergence')?.for]).toEqual([
      expect.stringContaining('lattice_peer_lag_seconds > 30'),
      '30s',
    ]);
  });

  it('each have a name of their own, a severity, a summary and an entry in the guide', () => {
    const guide = read('docs/deployment.md');
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, labels, annotations } of rules) {
      expect(['warning', 'critical']).toContain(labels.severity);
      expect(annotations.summary).toContain('{{ $labels.instance }}');
      expect(guide, alert).toContain(`| ${alert} |`);
    }
  });

  it('the scrape example loads them under the job that they name', () => {
    const config = parse(read('deploy/prometheus/prometheus.yml')) as {
      rule_files: string[];
      scrape_configs: { job_name: string }[];
    };
    expect(config.rule_files).toEqual(['lattice.rules.yml']);
    expect(config.scrape_configs.map(({ job_name }) => job_name)).toEqual(['lattice']);
  });
});

describe('the Grafana dashboard', () => {
  it('can be imported: its data source is an input, it has no id, panels have their own and do not overlap', () => {
    expect(dashboard.__inputs).toMatchObject([{ name: 'DS_PROMETHEUS', type: 'datasource', pluginId: 'prometheus' }]);
    expect(dashboard.id).toBeNull();
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(24);
      return Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`);
    });
    expect(new Set(cells).size).toBe(cells.length);
    for (const { datasource } of dashboard.panels.flatMap((panel) => panel.targets ?? []))
      expect(datasource.uid).toBe('${DS_PROMETHEUS}');
  });

  it('has panels for the changes of the roster that wait, for its epoch, and for the floor and who holds it', () => {
    const shown = (title: string) =>
      plots.filter(({ where }) => where.startsWith(`${title} (`)).map(({ expr }) => expr);
    expect(shown('Changes of the roster that wait').join()).toContain('lattice_roster_changes');
    expect(shown('Epoch of the roster').join()).toContain('lattice_roster_epoch');
    expect(shown('Floor').join()).toMatch(/lattice_floor_age_seconds.*lattice_floor_holders/);
    expect(shown('Collection and what was set aside').join()).toMatch(
      /lattice_floor_collected_timestamp_seconds.*lattice_collected_keys_total.*lattice_set_aside/,
    );
  });

  it('every plot is of the chosen nodes', () => {
    for (const { where, expr } of plots) expect(expr, where).toContain('job=~"$job",instance=~"$instance"');
  });
});
