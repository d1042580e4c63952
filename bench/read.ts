import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { keyOf, valueOf } from './support/commits.ts';
import { type Figure, median } from './support/figures.ts';
import { createFleet } from './support/fleet.ts';

const ENTRIES = 10_000;
const COMMIT = 100;
const CONNECTIONS = 64;
const WARM_MS = 1_500;
const RUN_MS = 2_000;
/** Rounds in which both servers are measured in turn, so that other load of the machine affects both alike. */
const ROUNDS = 5;

interface Load {
  /** Answers per second of wall time. */
  readonly perSecond: number;
  /** Answers per second of processor time of all the server's threads, which is what one core gives. */
  readonly perCoreSecond: number;
}

/**
 * Processor seconds of all threads of a process. Linux counts them in hundredths. NaN where the system does not tell.
 */
function processSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may contain blanks. User and system time are the 12th and the 13th field after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return Number.NaN;
  }
}

/**
 * Sends GETs over keep-alive connections, one at a time on each. The load generator must leave the server its
 * processor, so it only counts status lines.
 */
async function getLoad(port: number, pid: number, ms: number): Promise<Load> {
  const STATUS_LINE = 'HTTP/1.1 200 OK';
  let answers = 0;
  let n = 0;
  let stopping = false;
  const from = performance.now();
  const cpuFrom = processSeconds(pid);
  const sockets = Array.from({ length: CONNECTIONS }, () => connect(port, '127.0.0.1'));
  const request = (): string => {
    n = (n + 7919) % ENTRIES;
    return `GET /api/v1/state/${encodeURIComponent(keyOf(n))} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`;
  };
  const done = sockets.map(
    (socket) =>
      new Promise<void>((resolve, reject) => {
        socket.setNoDelay(true);
        socket.setEncoding('latin1');
        let tail = '';
        socket.once('connect', () => socket.write(request()));
        socket.on('data', (chunk: string) => {
          const text = tail + chunk;
          let seen = 0;
          let at = -1;
          let end = 0;
          while ((at = text.indexOf(STATUS_LINE, at + 1)) >= 0) {
            seen++;
            end = at + STATUS_LINE.length;
          }
          // A status line may come in two pieces, so the end of the text is kept. What was counted is cut off.
          tail = text.slice(Math.max(end, text.length - STATUS_LINE.length + 1));
          answers += seen;
          if (stopping) socket.destroy();
          else if (seen > 0) socket.write(request());
        });
        socket.once('error', reject);
        socket.once('close', () => resolve());
      }),
  );
  await new Promise((resolve) => setTimeout(resolve, ms));
  const counted = answers;
  const seconds = (performance.now() - from) / 1000;
  const cpuUsed = processSeconds(pid) - cpuFrom;
  stopping = true;
  await Promise.all(done);
  if (counted === 0) throw new Error('nothing was answered with 200');
  return { perSecond: counted / seconds, perCoreSecond: counted / cpuUsed };
}

/** Measures `GET /api/v1/state/{key}` of a node in another process, beside bare Fastify in the same run. */
export async function read(): Promise<readonly Figure[]> {
  const fleet = await createFleet({
    nodes: 1,
    settings: { P2P_LISTEN: '', P2P_BOOTSTRAP: '', P2P_ENABLED: 'false', LATTICE_NODES: '' },
  });
  const bare = fork(fileURLToPath(new URL('./support/bare-server.js', import.meta.url)), { execArgv: [] });
  process.once('exit', () => bare.kill('SIGKILL'));
  try {
    const [node] = fleet.nodes;
    const barePid = bare.pid;
    if (node === undefined || barePid === undefined) throw new Error('both servers run in processes of their own');
    const barePort = await new Promise<number>((resolve) => bare.once('message', (port) => resolve(Number(port))));
    await node.start();
    const nodePid = node.pid();
    for (let first = 0; first < ENTRIES; first += COMMIT) {
      await node.commit(
        Array.from({ length: COMMIT }, (_, i) => ({ key: keyOf(first + i), value: valueOf(first + i, 0) })),
      );
    }
    await getLoad(node.port, nodePid, WARM_MS);
    await getLoad(barePort, barePid, WARM_MS);
    const ours: Load[] = [];
    const theirs: Load[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await getLoad(node.port, nodePid, RUN_MS));
      theirs.push(await getLoad(barePort, barePid, RUN_MS));
    }
    const of = (loads: readonly Load[], what: keyof Load): number => median(loads.map((load) => load[what]));
    return [
      {
        metric: 'get_per_core_s',
        label: 'GETs of one entry, per second of one core',
        value: of(ours, 'perCoreSecond'),
        unit: '/s',
        goal: { atLeast: 15_000 },
        limit: { name: 'bare Fastify', value: of(theirs, 'perCoreSecond') },
      },
      {
        metric: 'get_per_s',
        label: 'the same, per second of the clock',
        value: of(ours, 'perSecond'),
        unit: '/s',
        limit: { name: 'bare Fastify', value: of(theirs, 'perSecond') },
      },
      {
        metric: 'bare_get_per_core_s',
        label: 'bare Fastify, per second of one core',
        value: of(theirs, 'perCoreSecond'),
        unit: '/s',
      },
      {
        metric: 'bare_get_per_s',
        label: 'bare Fastify, per second of the clock',
        value: of(theirs, 'perSecond'),
        unit: '/s',
      },
    ];
  } finally {
    bare.kill('SIGTERM');
    await fleet.close();
  }
}
