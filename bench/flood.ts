import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { FloodReport } from '../test/support/stranger.ts';
import type { Figure } from './support/figures.ts';
import { type BenchNode, createFleet, startAll, untilEqual } from './support/fleet.ts';

/** How long each phase takes: the same writes without strangers, and with them. FLOOD_SECONDS says otherwise. */
const SECONDS = Number(process.env['FLOOD_SECONDS'] ?? 60);
/** `open` or `closed`: one of the two fleets alone. */
const ONLY = process.env['FLOOD_ONLY'];
/** Writes of each honest node in a second. */
const WRITES_PER_SECOND = 20;
const OLD_KEYS = 400;
const PROBE_MS = 20;
const STRANGER = fileURLToPath(new URL('../test/support/stranger.js', import.meta.url));

interface Phase {
  /** Answer times of /livez, ms, sorted. */
  readonly livez: readonly number[];
  /** Bytes over each honest link. */
  readonly links: readonly number[];
  readonly unanswered: number;
  /** Processor time of each node's main thread, s. */
  readonly cpu: readonly number[];
}

/** Writes and probes for SECONDS. */
async function phase(name: string, nodes: readonly BenchNode[], bytesOf: () => readonly number[]): Promise<Phase> {
  const before = bytesOf();
  const cpuBefore = nodes.map((node) => node.cpu());
  const end = performance.now() + SECONDS * 1000;
  const livez: number[] = [];
  let unanswered = 0;
  const probe = async (node: BenchNode): Promise<void> => {
    while (performance.now() < end) {
      const from = performance.now();
      const answer = await fetch(`${node.api}/livez`).catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer?.status === 200) livez.push(performance.now() - from);
      else unanswered++;
      await pause(PROBE_MS);
    }
  };
  const write = async (node: BenchNode): Promise<void> => {
    for (let i = 0; performance.now() < end; i++) {
      await node.commit([{ key: `${name}/${node.name}/${i}`, value: 'x'.repeat(100) }]);
      await pause(1000 / WRITES_PER_SECOND);
    }
  };
  await Promise.all([...nodes.map(probe), ...nodes.map(write)]);
  return {
    livez: livez.toSorted((a, b) => a - b),
    links: bytesOf().map((bytes, i) => bytes - (before[i] ?? 0)),
    unanswered,
    cpu: nodes.map((node, i) => node.cpu() - (cpuBefore[i] ?? 0)),
  };
}

/** Starts a flood. Resolves when it begins; `report` resolves when it is over. */
async function flood(args: readonly string[]): Promise<{ readonly report: Promise<FloodReport> }> {
  const child = spawn(process.execPath, [STRANGER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const over = new Promise((resolve) => child.once('close', resolve));
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), over]);
  return { report: over.then(() => JSON.parse(out.slice('ready'.length)) as FloodReport) };
}

/** Floods one node of an open fleet, or of a closed one, and compares with the same time without a flood. */
async function measure(open: boolean): Promise<readonly Figure[]> {
  const fleet = await createFleet({ nodes: 3, proxied: true, settings: { P2P_OPEN: String(open), LOG_LEVEL: 'warn' } });
  try {
    const { nodes, proxies } = fleet;
    await startAll(nodes, 'p2p');
    const [victim] = nodes as [BenchNode];
    for (let i = 0; i < OLD_KEYS; i++) await victim.commit([{ key: `old/${i}`, value: 'x'.repeat(100) }]);
    await untilEqual(nodes, 30_000);
    const bytesOf = (): readonly number[] => proxies.map(({ bytes }) => bytes);
    const quiet = await phase('quiet', nodes, bytesOf);
    const { p2p } = await victim.status();
    // The addresses begin with those that the node listens on; the stranger goes past the proxies.
    const address = p2p.listen.find((text) => text.includes('/ip4/127.0.0.1/')) ?? p2p.listen[0] ?? '';
    const flooding = await flood([address, p2p.topic, victim.api, String(SECONDS)]);
    const flooded = await phase('flooded', nodes, bytesOf);
    const report = await flooding.report;
    await untilEqual(nodes, 30_000);
    const peers = await Promise.all(nodes.map((node) => node.peers()));
    const p99 = ({ livez }: Phase): number => livez[Math.floor(livez.length * 0.99)] ?? Number.NaN;
    const ratio = Math.max(
      ...flooded.links.map((bytes, i) => bytes / (quiet.links[i] ?? Number.NaN)).filter(Number.isFinite),
    );
    const kind = open ? 'open' : 'closed';
    const figure = (metric: string, label: string, value: number, unit: string, goal?: Figure['goal']): Figure => ({
      metric: `${kind}_${metric}`,
      label: `${kind}: ${label}`,
      value,
      unit,
      ...(goal === undefined ? {} : { goal }),
    });
    return [
      figure('livez_p99_quiet_ms', '/livez p99 without strangers', p99(quiet), 'ms'),
      figure('livez_p99_ms', '/livez p99 with strangers', p99(flooded), 'ms', { atMost: 50 }),
      figure('livez_max_ms', '/livez slowest', flooded.livez.at(-1) ?? Number.NaN, 'ms'),
      figure('livez_unanswered', '/livez unanswered', flooded.unanswered, '', { atMost: 0 }),
      figure(
        'cpu_quiet_percent',
        'processor of the node without strangers',
        ((quiet.cpu[0] ?? Number.NaN) / SECONDS) * 100,
        '%',
      ),
      figure(
        'cpu_percent',
        'processor of the node with strangers',
        ((flooded.cpu[0] ?? Number.NaN) / SECONDS) * 100,
        '%',
      ),
      figure('link_ratio', 'honest links, of their own traffic', ratio, '×', { atMost: 2 }),
      figure('link_mib', 'busiest honest link', Math.max(...flooded.links) / 2 ** 20, 'MiB'),
      figure(
        'lost_lungs',
        'peers that P2P does not carry',
        peers.flat().filter((peer) => peer.configured && peer.lung !== 'p2p').length,
        '',
        { atMost: 0 },
      ),
      figure('stranger_connected', 'connections that strangers got', report.connected, ''),
      figure('stranger_refused', 'dials of strangers that failed', report.refused, ''),
      figure('stranger_mib', 'gossip that strangers sent', report.bytes / 2 ** 20, 'MiB'),
    ];
  } finally {
    await fleet.close();
  }
}

/** What strangers on the P2P port cost a fleet of three, with P2P for members only and with P2P open to guests. */
export async function floodBench(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  if (ONLY !== 'open') figures.push(...(await measure(false)));
  if (ONLY !== 'closed') figures.push(...(await measure(true)));
  return figures;
}
