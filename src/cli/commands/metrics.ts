import { LatticeError } from '../../core/types/index.ts';
import { connect } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type FleetOptions, fleetTable } from '../fleet-table.ts';
import { printable } from '../output.ts';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** NaN and infinities are text, because JSON has no such numbers. */
  readonly value: number | string;
}

/** Prints the node's metrics in Prometheus' text form, or only those whose name contains `filter`. */
export async function metrics(context: CliContext, filter: string | undefined, options: FleetOptions): Promise<number> {
  const wanted = (name: string): boolean => filter === undefined || name.includes(filter);
  if (options.fleet !== undefined) {
    return await fleetTable(
      context,
      options,
      async (client) => samplesOf(await client.getMetrics()).filter(({ name }) => wanted(name)),
      {
        columns: ['METRIC', 'VALUE'],
        rows: (samples) => samples.map((sample) => [printable(seriesOf(sample)), String(sample.value)]),
        data: (samples) => ({ samples }),
      },
    );
  }
  const client = await connect(context, options);
  const text = await client.getMetrics();
  const samples = samplesOf(text);
  if (samples.length === 0) {
    throw new LatticeError('not-a-lattice-node', `${client.url}/metrics holds no metrics`, {
      next: 'Check that the URL is a Lattice node and not a proxy or another service.',
    });
  }
  if (options.json) {
    context.output.data({ samples: samples.filter(({ name }) => wanted(name)) });
    return EXIT.ok;
  }
  if (!samples.some(({ name }) => wanted(name)))
    context.output.remark(`No metric has a name with ${JSON.stringify(filter)} in it: lattice metrics lists them all.`);
  for (const line of text.split('\n')) {
    const name = /^(?:# (?:HELP|TYPE) )?([a-zA-Z_:][\w:]*)/.exec(line)?.[1];
    if (name !== undefined && wanted(name)) context.output.line(line);
  }
  return EXIT.ok;
}

/** The name of a sample with its labels, as Prometheus writes it. */
function seriesOf({ name, labels }: Sample): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`;
}

/** Reads the samples of Prometheus' text exposition format. Lines that are not samples are left out. */
export function samplesOf(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$/.exec(line);
    if (match === null) continue;
    const [, name = '', labelText = '', valueText = ''] = match;
    const labels: Record<string, string> = {};
    for (const [, label = '', quoted = ''] of labelText.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)) {
      labels[label] = quoted.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    }
    const value = Number(valueText);
    samples.push({ name, labels, value: Number.isFinite(value) ? value : valueText });
  }
  return samples;
}
