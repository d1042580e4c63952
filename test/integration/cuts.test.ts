import { beforeAll, describe, expect, it } from 'vitest';
import { createVerifier, nodeHasher } from '../../src/adapters/system/index.ts';
import { verifyProofDocument } from '../../src/audit/index.ts';
import type { Author } from '../../src/core/types/index.ts';
import type { CutView, FloorView, NodeStatus, ReceiptView } from '../../src/runtime/facade/index.ts';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';

/** Two periods of cuts, the settling time, and room for two busy cores. */
const DEADLINE_MS = 150_000;

describe('three nodes under steady writes', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet();
    for (const i of [0, 1, 2])
      await fleet.status(i, 'P2P carries both peers', ({ syncMode, p2p }) => syncMode === 'P2P' && p2p.peers === 2);
  });

  const converged = (status: NodeStatus): number => status.cuts?.convergedAsOf ?? 0;

  /** Writes on every node, a few a second, until `done` holds. */
  async function writing(done: () => Promise<void>): Promise<void> {
    const stop = new AbortController();
    const writers = fleet.nodes.map(async (node, i) => {
      for (let n = 0; !stop.signal.aborted; n++) {
        await node.api.put(`steady/${i}/${n % 50}`, n);
        await node.api.put('steady/all', `${i} ${n}`);
      }
    });
    try {
      await done();
    } finally {
      stop.abort();
      await Promise.all(writers);
    }
  }

  async function advances(): Promise<void> {
    const from = Math.max(...(await Promise.all(fleet.nodes.map(async (node) => (await node.api.status()).now))));
    for (const i of [0, 1, 2]) {
      const { cuts } = await fleet.status(
        i,
        'agrees on a cut of a time since then',
        (status) => converged(status) > from,
        DEADLINE_MS,
      );
      expect(cuts?.certified?.quorum).toBe(2);
    }
  }

  it('know as of when they have converged, though no two roots are ever seen equal [Z3, Z5, Z6, Z7]', async () => {
    await writing(advances);
  });

  it('know it also while only HTTP carries them [Z6]', async () => {
    fleet.block('cut', { lung: 'p2p' });
    for (const i of [0, 1, 2]) await fleet.status(i, 'HTTP took over', ({ syncMode }) => syncMode === 'HTTP');
    await writing(advances);
    fleet.restore();
  });

  it('have a floor while they write, and receipts of each other over either lung [FL1, RC1, RC2]', async () => {
    const [a] = fleet.nodes as [Node, Node, Node];
    const receipt = async (query: string): Promise<ReceiptView> => {
      const answer = await a.api.send('PUT', `/api/v1/state/waited?timeout=60s&${query}`, { body: '1' });
      return (answer.json() as { receipt: ReceiptView }).receipt;
    };
    const overP2p = await receipt('replicas=2');
    expect([overP2p.met, overP2p.replicas?.signed.length]).toEqual([true, 2]);
    fleet.block('cut', { lung: 'p2p' });
    await fleet.status(0, 'HTTP took over', ({ syncMode }) => syncMode === 'HTTP');
    const overHttp = await receipt('replicas=2');
    expect([overHttp.met, overHttp.replicas?.signed.length]).toEqual([true, 2]);
    fleet.restore();
    const complete = await eventually(
      'a complete cut holds it',
      async () => {
        const seen = await receipt('complete=true');
        return seen.met ? seen : undefined;
      },
      DEADLINE_MS,
    );
    const floor = (await a.api.send('GET', '/api/v1/floor')).json() as FloorView;
    expect(floor.at).toBeGreaterThanOrEqual(complete.complete?.at ?? Number.POSITIVE_INFINITY);
  });

  it('show an auditor what a quorum says, whichever node serves it [Z4, Z8]', async () => {
    const [a, b] = fleet.nodes as [Node, Node];
    await a.api.put('audited', { sum: 42 });
    const trusted = fleet.nodes.map((node) => node.author as Author);
    const proven = await eventually(
      'a proof at a cut that holds the key',
      async () => {
        const answer = await b.api.send('GET', '/api/v1/proof/audited?at=cut');
        if (answer.status !== 200) return undefined;
        const result = await verifyProofDocument(answer.json(), {
          hasher: nodeHasher(),
          verifier: createVerifier(),
          trusted,
        });
        return result.kind === 'present' ? result : undefined;
      },
      DEADLINE_MS,
    );
    expect(proven).toMatchObject({ value: { sum: 42 }, certificate: { quorum: 2 } });
    const { items } = (await b.api.send('GET', '/api/v1/cuts')).json() as { items: CutView[] };
    const ours = items.find((cut) => cut.at === proven.certificate?.at && cut.ours);
    expect(ours).toMatchObject({ root: proven.root, certified: true });
    const certificate = await b.api.send('GET', `/api/v1/cuts/certificate?at=${ours?.at}`);
    expect(certificate.json()).toMatchObject({ at: ours?.at });
    expect((await b.api.send('GET', '/api/v1/cuts/certificate?at=5')).status).toBe(404);
  });
});
