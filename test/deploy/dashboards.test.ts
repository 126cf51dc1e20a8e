import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Histogram } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { serviceMetrics } from '../../plugin/service/index.ts';
import { findTool, nothingWrong, root, runTool } from '../support/programs/deploy-tools.ts';

const deployLint = findTool('deploy-lint');
const dashboardPath = 'deploy/dashboards/blockrank-service.json';
const alertsPath = 'deploy/dashboards/alerts.yaml';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  readonly datasource?: { readonly uid: string };
}
const dashboard = JSON.parse(readFileSync(join(root, dashboardPath), 'utf8')) as {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
};
const alerts = parse(readFileSync(join(root, alertsPath), 'utf8')) as {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
};
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const queries = panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })));
const rules = alerts.groups.flatMap((group) => group.rules);

/** What prom-client keeps of a metric; its types leave labels out. */
interface MetricShape {
  readonly name: string;
  readonly labelNames?: readonly string[];
}

/** What the service exposes: metrics with the labels that each has, parts of histograms among them. */
const exposed: ReadonlyMap<string, readonly string[]> = new Map(
  serviceMetrics()
    .registry.getMetricsAsArray()
    .flatMap((metric): (readonly [string, readonly string[]])[] => {
      const { name, labelNames = [] } = metric as unknown as MetricShape;
      const labels = [...labelNames, 'instance'];
      if (!((metric as unknown) instanceof Histogram)) return [[name, labels]];
      return [
        [`${name}_bucket`, [...labels, 'le']],
        [`${name}_sum`, labels],
        [`${name}_count`, labels],
      ];
    }),
);
const ownNames = [...exposed.keys()].filter((name) => name.startsWith('blockrank_service_'));

/** Metrics of an expression and the labels that it asks them for. */
function asked(expression: string): readonly { readonly name: string; readonly labels: readonly string[] }[] {
  const used = /\b((?:blockrank_service|process|nodejs)_\w+)(?:\{([^}]*)\})?/g;
  return [...expression.matchAll(used)].map(([, name, selector = '']) => ({
    name: name!,
    labels: [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!),
  }));
}

describe.each([
  ['the dashboard', queries.map(({ title, expr }) => ({ title, expr }))],
  ['the alerts', rules.map(({ alert, expr }) => ({ title: alert, expr }))],
])('%s', (_name, expressions) => {
  it.each(expressions)('asks for metrics and labels that the service has: $title', ({ expr }) => {
    const metrics = asked(expr);
    expect(metrics.length).toBeGreaterThan(0);
    for (const { name, labels } of metrics) {
      expect(exposed.has(name), name).toBe(true);
      for (const label of labels) expect(exposed.get(name), `${name}{${label}}`).toContain(label);
    }
  });
});

describe('the dashboard', () => {
  it('shows every metric of the service', () => {
    const shown = new Set(queries.flatMap(({ expr }) => asked(expr).map(({ name }) => name)));
    const families = (names: Iterable<string>): string[] =>
      [...new Set([...names].map((name) => name.replace(/_(?:bucket|sum|count)$/, '')))].sort();
    expect(families(shown)).toEqual(expect.arrayContaining(families(ownNames)));
  });

  it('asks the data source that its reader chooses', () => {
    const variables = dashboard.templating.list.map(({ name, type }) => [name, type]);
    expect(variables).toEqual([
      ['datasource', 'datasource'],
      ['model', 'query'],
      ['instance', 'query'],
    ]);
    for (const { datasource, title } of panels) expect(datasource?.uid, title).toBe('${datasource}');
  });

  it('names labels in legends that the query keeps', () => {
    for (const { expr, legendFormat, title } of queries) {
      const kept = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels]) => labels!.split(/,\s*/));
      const isPlain = !/\b(?:sum|avg|max|count)\b/.test(expr);
      const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
      for (const label of named) expect(isPlain ? ['instance'] : kept, title).toContain(label);
    }
  });

  it('lays panels side by side: none over another, none beyond the edge', () => {
    const places = dashboard.panels.map(({ gridPos }) => gridPos);
    for (const [i, a] of places.entries()) {
      expect(a.x + a.w).toBeLessThanOrEqual(24);
      for (const b of places.slice(i + 1)) {
        const isApart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect(isApart, JSON.stringify([a, b])).toBe(true);
      }
    }
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });
});

describe.skipIf(!deployLint)("Grafana's and Prometheus' own readers", () => {
  it('take the dashboard, every field of every panel', () => {
    expect(runTool(deployLint!, ['dashboard', dashboardPath])).toMatchObject(nothingWrong);
  });

  it("take the dashboard's queries", () => {
    const expressions = queries.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m'));
    const input = JSON.stringify(expressions);
    expect(runTool(deployLint!, ['promql'], { input })).toMatchObject(nothingWrong);
  });

  it('take the rules', () => {
    expect(runTool(deployLint!, ['rules', alertsPath])).toMatchObject(nothingWrong);
  });
});

/** How many alerts an expression raises on series, one sample a minute. */
function raised(alert: string, series: readonly string[]): number {
  const rule = rules.find((each) => each.alert === alert)!;
  const input = JSON.stringify({ expressions: [rule.expr], series });
  const { status, stdout, stderr } = runTool(deployLint!, ['evaluate'], { input });
  if (status !== 0) throw new Error(stderr);
  return (JSON.parse(stdout) as number[])[0]!;
}

const requests = (status: string, samples: string): string =>
  `blockrank_service_requests_total{form="union",model="m",status="${status}",instance="a"} ${samples}`;
const busy = requests('200', '0+600x60');
const histogram = (slowShare: number): string[] =>
  [
    ['1', 600 * (1 - slowShare)],
    ['2.5', 600 * (1 - slowShare)],
    ['5', 600],
    ['+Inf', 600],
  ].map(
    ([le, perMinute]) =>
      `blockrank_service_request_duration_seconds_bucket{form="union",model="m",le="${le}",instance="a"} 0+${perMinute}x60`,
  );
const reloads = 'blockrank_service_config_reloads_total{result="refused",instance="a"}';
const generation = 'blockrank_service_config_generation{instance="a"}';

/** An alert, series that raise it, and series much like them that do not. */
const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  [
    'BlockrankShedding',
    [busy, 'blockrank_service_shed_total{reason="queue-full",instance="a"} 0+60x60'],
    // A tenant over its own limit is no reason to add replicas.
    [busy, 'blockrank_service_shed_total{reason="tenant-limit",instance="a"} 0+60x60'],
  ],
  [
    'BlockrankQueueWait',
    ['blockrank_service_queue_wait_seconds{instance="a"} 1x10'],
    // One replica that waits while another is idle averages out.
    [
      'blockrank_service_queue_wait_seconds{instance="a"} 0.9x10',
      'blockrank_service_queue_wait_seconds{instance="b"} 0x10',
    ],
  ],
  [
    'BlockrankBreakerOpen',
    ['blockrank_service_breaker_state{model="m",reranker="r",instance="a"} 0x5 2x5'],
    ['blockrank_service_breaker_state{model="m",reranker="r",instance="a"} 2x5 1x5'],
  ],
  [
    'BlockrankNotReranking',
    [busy, requests('500', '0+60x60')],
    // Shed load and callers' mistakes are not failures to rank.
    [busy, requests('503', '0+60x60'), requests('400', '0+60x60')],
  ],
  ['BlockrankNotAsked', [requests('200', '0+10x60 600x30')], [busy]],
  ['BlockrankLatencyHigh', histogram(0.05), histogram(0.001)],
  [
    'BlockrankConfigurationRefused',
    // The counter comes into being with the first refusal.
    [`${reloads} _x55 1x5`, `${generation} 1x60`],
    [`${reloads} _x55 1x5`, `${generation} 1x58 2x2`],
  ],
  [
    'BlockrankNotReady',
    ['blockrank_service_ready{instance="a"} 0x10'],
    ['blockrank_service_ready{instance="a"} 0x5 1x5'],
  ],
];

describe.skipIf(!deployLint)('the alerts', () => {
  it('are all tried here', () => {
    expect(cases.map(([alert]) => alert).sort()).toEqual(rules.map(({ alert }) => alert).sort());
  });

  it.each(cases)('raise %s when they should, and not when they should not', (alert, bad, good) => {
    expect(raised(alert, bad), 'raised').toBe(1);
    expect(raised(alert, good), 'not raised').toBe(0);
  });
});
