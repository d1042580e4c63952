import { createReadStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Figure } from './support/figures.ts';
import { type BenchNode, createFleet, startAll, until } from './support/fleet.ts';
import { copy, makeSource } from './support/plain-copy.ts';

const READY_MS = 60_000;
/** A fetch at a hundredth of the speed of a disk has ended by then. */
const FETCH_MS = 20 * 60_000;

const LUNGS = {
  http: { P2P_ENABLED: 'false' },
  p2p: { HTTP_SYNC_ENABLED: 'false' },
} as const;

const put = (node: BenchNode, path: string): Promise<string> =>
  putBody(node, Readable.toWeb(createReadStream(path)) as ReadableStream);

async function putBody(node: BenchNode, body: ReadableStream | Uint8Array): Promise<string> {
  const response = await fetch(`${node.api}/api/v1/vault`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${node.token}`, 'content-type': 'application/octet-stream' },
    body,
    duplex: 'half',
  });
  const answer = (await response.json()) as { readonly hash: string };
  if (response.status !== 201) throw new Error(`the put was answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer.hash;
}

/** Asks the node to fetch the object until it is there. */
async function fetched(node: BenchNode, hash: string): Promise<void> {
  const deadline = performance.now() + FETCH_MS;
  for (;;) {
    const response = await fetch(`${node.api}/api/v1/vault/${hash}/fetch`, {
      method: 'POST',
      headers: { authorization: `Bearer ${node.token}` },
    });
    const text = await response.text();
    if (response.status === 200) return;
    if (response.status !== 202 || performance.now() > deadline)
      throw new Error(`the fetch was answered ${response.status}: ${text}`);
  }
}

/**
 * Objects that go from node to node one after the other, each between two plain copies. The best of them counts, because
 * what else the machine does meanwhile only slows a round.
 */
const ROUNDS = 3;

interface Round {
  readonly seconds: number;
  /** Processor seconds of the main threads of both nodes. */
  readonly cpu: number;
  /** Of the copies before and after it. */
  readonly copySeconds: number;
}

/** Objects of `size` bytes go from one node to another over one lung. */
async function overLung(lung: keyof typeof LUNGS, directory: string, size: number): Promise<readonly Round[]> {
  const [source, target] = [join(directory, 'replicated'), join(directory, 'copied')];
  const settings = { VAULT_POLICY: 'none', VAULT_MAX_BYTES: String(size), ...LUNGS[lung] };
  const fleet = await createFleet({ nodes: 2, settings });
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const from = performance.now();
    await work();
    return (performance.now() - from) / 1000;
  };
  const plain = async (): Promise<number> => {
    const seconds = await timed(() => copy(source, target));
    rmSync(target);
    return seconds;
  };
  try {
    const [first, second] = fleet.nodes as [BenchNode, BenchNode];
    await first.start();
    await second.start();
    const cpu = (): number => first.cpu() + second.cpu();
    const rounds: Round[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      await makeSource(source, size);
      const hash = await put(first, source);
      const isKnown = async (): Promise<boolean> => (await second.status()).vault?.objects === round;
      await until('the second node knows of the object', READY_MS, isKnown);
      const before = await plain();
      const cpuFrom = cpu();
      const seconds = await timed(() => fetched(second, hash));
      const used = cpu() - cpuFrom;
      rounds.push({ seconds, cpu: used, copySeconds: (before + (await plain())) / 2 });
    }
    return rounds;
  } finally {
    await fleet.close();
  }
}

/** Puts at once, as from a few clients that upload a directory. */
const PUTS_AT_ONCE = 16;

/** The seconds until `count` small objects that are put at one node are on the other one too, by its policy. */
async function manySmall(
  lung: keyof typeof LUNGS,
  count: number,
  bytes: number,
): Promise<{ put: number; all: number }> {
  const fleet = await createFleet({ nodes: 2, settings: LUNGS[lung] });
  try {
    const [first, second] = fleet.nodes as [BenchNode, BenchNode];
    await startAll([first, second], lung);
    const from = performance.now();
    const seconds = (): number => (performance.now() - from) / 1000;
    let next = 0;
    const client = async (): Promise<void> => {
      for (let n = next++; n < count; n = next++) {
        const content = new Uint8Array(bytes).fill(n & 0xff);
        new DataView(content.buffer).setUint32(0, n);
        await putBody(first, content);
      }
    };
    await Promise.all(Array.from({ length: PUTS_AT_ONCE }, client));
    const put = seconds();
    const isThere = async (): Promise<boolean> => (await second.status()).vault?.here.objects === count;
    await until('the second node has every object', FETCH_MS, isThere, 100);
    return { put, all: seconds() };
  } finally {
    await fleet.close();
  }
}

/** Measures how many small objects go through two nodes. */
export async function smallReplication(count: number, bytes: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const lung of ['http', 'p2p'] as const) {
    const { put, all } = await manySmall(lung, count, bytes);
    figures.push(
      {
        metric: `vault_small_${lung}_s`,
        label: `${count} objects of ${bytes} bytes put at one node and fetched by another over ${lung}`,
        value: all,
        unit: 's',
        goal: { atMost: 60 },
      },
      { metric: `vault_small_${lung}_put_s`, label: '… until the last put was answered', value: put, unit: 's' },
    );
  }
  return figures;
}

/** Measures how an object of `size` bytes goes from node to node, beside plain copies in the same run. */
export async function replication(directory: string, size: number): Promise<Figure[]> {
  const mib = size / 2 ** 20;
  const figures: Figure[] = [];
  for (const lung of ['http', 'p2p'] as const) {
    const rounds = await overLung(lung, directory, size);
    const [best] = [...rounds].sort((a, b) => b.copySeconds / b.seconds - a.copySeconds / a.seconds);
    if (best === undefined) throw new Error('no object went over');
    const { seconds, copySeconds } = best;
    figures.push(
      {
        metric: `vault_replicate_${lung}_ratio`,
        label: `${mib} MiB from node to node over ${lung}, of a copy beside it`,
        value: copySeconds / seconds,
        unit: '',
        ...(lung === 'http' ? { goal: { atLeast: 0.4 } } : {}),
      },
      {
        metric: `vault_replicate_${lung}_mib_s`,
        label: '… rate',
        value: mib / seconds,
        unit: 'MiB/s',
        limit: { name: 'the copy', value: mib / copySeconds },
      },
      {
        metric: `vault_replicate_${lung}_cpu_s`,
        label: '… processor time of the main threads of both nodes, least of all rounds',
        value: Math.min(...rounds.map(({ cpu }) => cpu)),
        unit: 's',
      },
    );
  }
  return figures;
}
