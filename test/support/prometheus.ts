import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { DEADLINE_MS, eventually } from './wait.ts';

/** Often enough that a test need not wait, and seldom enough for two cores with dozens of nodes. */
const INTERVAL = '2s';
/** What is kept of its output, for a failure. */
const MAX_OUTPUT = 16 * 1024;

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

/** An alert whose expression holds at present. */
export interface FiringAlert {
  readonly name: string;
  readonly instance: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly summary: string;
}

/** A real Prometheus server on loopback. */
export interface Prometheus {
  /** Scrapes these from now on: API URLs by the value of their label `instance`. */
  scrape(targets: Readonly<Record<string, string>>): void;
  /** The alerts that fire, of one instance or of all. */
  firing(instance?: string): Promise<readonly FiringAlert[]>;
  /** Names of the alerts that have fired at some time since the start. */
  everFired(): Promise<ReadonlySet<string>>;
  /** Rules whose expression could not be evaluated, with the error. */
  broken(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** The alert rules of a rule file. */
export const rulesOf = (text: string): readonly Rule[] =>
  (parse(text) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules);

/** The same rules, but that each fires as soon as its expression holds. */
function impatient(text: string): string {
  const file = parse(text) as { groups: { rules: Rule[] }[] };
  const groups = file.groups.map((group) => ({
    ...group,
    rules: group.rules.map(({ alert, expr, labels, annotations }) => ({ alert, expr, labels, annotations })),
  }));
  return stringify({ groups });
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts Prometheus with the rules of a rule file, each without its `for`. */
export async function startPrometheus(rules: string): Promise<Prometheus> {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-prometheus-'));
  const targets = join(dir, 'targets.json');
  const write = (content: unknown): void => {
    // Prometheus reads the file whenever it changes: it must never see half of it.
    writeFileSync(`${targets}.new`, JSON.stringify(content));
    renameSync(`${targets}.new`, targets);
  };
  write([]);
  writeFileSync(join(dir, 'rules.yml'), impatient(rules));
  writeFileSync(
    join(dir, 'prometheus.yml'),
    stringify({
      global: { scrape_interval: INTERVAL, scrape_timeout: INTERVAL, evaluation_interval: INTERVAL },
      rule_files: ['rules.yml'],
      scrape_configs: [{ job_name: 'lattice', file_sd_configs: [{ files: [targets], refresh_interval: INTERVAL }] }],
    }),
  );
  const port = await freePort();
  const args = [
    `--config.file=${join(dir, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(dir, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
  ];
  const { PATH = '' } = process.env;
  const child: ChildProcess = spawn('prometheus', args, { cwd: dir, env: { PATH }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-MAX_OUTPUT)));
  let failed: Error | undefined;
  child.once('error', (error) => (failed = error));

  async function ask<T>(path: string): Promise<T> {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`, {
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const body = (await response.json()) as { readonly status: string; readonly data: T; readonly error?: string };
    if (body.status !== 'success') throw new Error(`Prometheus answered ${path}: ${body.error}`);
    return body.data;
  }

  await eventually('Prometheus is ready', async () => {
    if (failed !== undefined || child.exitCode !== null) return true;
    return (await fetch(`http://127.0.0.1:${port}/-/ready`)).status === 200;
  });
  if (failed !== undefined || child.exitCode !== null)
    throw new Error(`Prometheus did not start: ${failed?.message ?? output}`);

  interface Evaluated {
    readonly groups: readonly {
      readonly rules: readonly {
        readonly name: string;
        readonly lastError?: string;
        readonly alerts: readonly {
          readonly labels: Readonly<Record<string, string>>;
          readonly annotations: Readonly<Record<string, string>>;
          readonly state: string;
        }[];
      }[];
    }[];
  }
  const evaluated = async (): Promise<Evaluated['groups'][number]['rules']> =>
    (await ask<Evaluated>('rules?type=alert')).groups.flatMap((group) => group.rules);

  return {
    scrape: (given) =>
      write(Object.entries(given).map(([instance, url]) => ({ targets: [new URL(url).host], labels: { instance } }))),
    async firing(instance) {
      const found = (await evaluated()).flatMap(({ name, alerts }) =>
        alerts
          .filter(({ state }) => state === 'firing')
          .map(({ labels, annotations }) => ({
            name,
            instance: labels['instance'] ?? '',
            labels,
            summary: annotations['summary'] ?? '',
          })),
      );
      return instance === undefined ? found : found.filter((alert) => alert.instance === instance);
    },
    async everFired() {
      const query = encodeURIComponent('count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[1h]))');
      const { result } = await ask<{ readonly result: readonly { readonly metric: { readonly alertname: string } }[] }>(
        `query?query=${query}`,
      );
      return new Set(result.map(({ metric }) => metric.alertname));
    },
    broken: async () =>
      (await evaluated()).flatMap(({ name, lastError = '' }) => (lastError === '' ? [] : `${name}: ${lastError}`)),
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
