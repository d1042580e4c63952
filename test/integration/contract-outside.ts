import { multiaddr } from '@multiformats/multiaddr';
import { expect, it } from 'vitest';
import type { Fleet, Node } from '../support/fleet.ts';
import { connectivity, hybridSync, launch, quickSync, triangle } from '../support/original-clients.ts';
import { startOutsidePeer } from '../support/outside-peer.ts';
import { eventually } from '../support/wait.ts';

/** The original takes HTTP after this time without peers, and a peer for dead after that time of silence. */
const PEERLESS_MS = 60_000;
const SILENT_MS = 30_000;

/**
 * Of the original's P2P and timing (section 3) what others see of it, asked of the nodes of the other rows. The versions
 * of GossipSub are asked of a node that anybody may join, in p2p/foreign-peer.test.ts.
 */
export function rowsOfTransport(rig: () => { readonly fleet: Fleet; readonly nodes: readonly [Node, Node, Node] }) {
  it('3.1: it speaks TCP, Noise and yamux with any libp2p peer, and hears none that is no member', async () => {
    const [node] = rig().nodes;
    const peer = await startOutsidePeer();
    try {
      const connection = await peer.dial(multiaddr(`/ip4/127.0.0.1/tcp/${node.p2pPort}/p2p/${node.peerId}`));
      expect([connection.encryption, connection.multiplexer]).toEqual(['/noise', '/yamux/1.0.0']);
      await eventually('it is let go of', () => peer.getConnections().length === 0);
    } finally {
      await peer.stop();
    }
    expect((await node.api.status()).p2p.peers).toBe(2);
  });

  it('3.2: a peer that is silent is known as that within 30 s, and what it missed is there once it answers', async () => {
    const { fleet, nodes } = rig();
    const [first, , silent] = nodes;
    const lungOf = async (node: Node): Promise<string> => (await node.api.peer(silent.author)).lung;
    const began = (await first.api.status()).now;
    silent.freeze();
    for (const node of [first, nodes[1]])
      await eventually('no lung reaches it', async () => (await lungOf(node)) === 'none');
    expect((await first.api.status()).now - began).toBeLessThan(SILENT_MS);
    await first.api.put('row/3.2', 'missed');
    silent.thaw();
    await fleet.settled();
    expect((await silent.api.get('row/3.2'))?.value).toBe('missed');
    await first.api.del('row/3.2');
    await fleet.settled();
  });

  it('3.3: without P2P, HTTP carries within 60 s', async () => {
    const { fleet, nodes } = rig();
    const began = (await nodes[0].api.status()).now;
    fleet.block('cut', { lung: 'p2p' });
    for (const i of nodes.keys()) await fleet.status(i, 'HTTP carries it', ({ syncMode }) => syncMode === 'HTTP');
    expect((await nodes[0].api.status()).now - began).toBeLessThan(PEERLESS_MS);
    fleet.restore();
  });
}

/** The original's scripts (section 5) as outside clients: they have no token. */
export function rowsOfScripts(rig: () => { readonly nodes: readonly [Node, Node, Node] }) {
  const urls = (): readonly string[] => rig().nodes.map(({ api }) => api.url);

  it('5.1, 5.2: the connectivity script and the check of the triangle exit 0 [Q7]', async () => {
    expect(await connectivity(urls())).toMatchObject({ exit: 0, told: { healthy: 3, connected: 3, switchable: 3 } });
    expect(await triangle(urls())).toBe(0);
  });

  it('5.3: the tests of hybrid and of HTTP sync get to their end, with what they print', async () => {
    const [url = ''] = urls();
    /** After a switch, or a cut that is over, P2P takes its time to carry both peers again. */
    const carriedByP2p = () =>
      eventually('P2P carries both peers', async () => {
        const { syncMode, p2p } = await rig().nodes[0].api.status();
        return syncMode === 'P2P' && p2p.peers === 2;
      });
    await carriedByP2p();
    const { statuses, told } = await hybridSync(url);
    expect(statuses).toEqual(statuses.map(() => 200));
    const root = (await rig().nodes[0].api.status()).root;
    const text = expect.any(String) as unknown;
    expect(told).toEqual({
      enabled: true,
      started: true,
      peer_count: 2,
      has_peers: true,
      sync_mode: 'P2P',
      heartbeat_active: true,
      messages: [text, text],
      integrity: 'VALID',
      root: root.slice(0, 16),
      count: 2,
    });
    await carriedByP2p();
    // Nothing here proves code, and the script prints what the answer has.
    expect(await quickSync(url)).toMatchObject({ mode: 'P2P', root, verified: { detail: 'Not Found' } });
  });

  it('5.4: a launcher gets an address of the first node, which leads to it', async () => {
    const [node] = rig().nodes;
    const address = await launch(node.api.url, node.p2pPort);
    expect(address).toBe(`/ip4/127.0.0.1/tcp/${node.p2pPort}/p2p/${node.peerId}`);
    const peer = await startOutsidePeer();
    try {
      expect((await peer.dial(multiaddr(address ?? ''))).remotePeer.toString()).toBe(node.peerId);
    } finally {
      await peer.stop();
    }
  });
}

/** The lines that operators look for (section 6), each with what it must tell. */
export function rowsOfLog(rig: () => { readonly nodes: readonly [Node, Node, Node] }) {
  type Line = Readonly<Record<string, unknown>>;
  const rows: readonly (readonly [row: string, line: RegExp, tells: (node: Node) => Line])[] = [
    ['6.1', /^LATTICE v\d+\.\d+\.\d+ - HYBRID SYNC PROTOCOL$/, () => ({})],
    ['6.2', /^environment loaded$/, () => ({})],
    ['6.3', /^state store ready$/, () => ({ root: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown })],
    ['6.4', /^vault ready$/, () => ({ bundles: 0 })],
    ['6.5', /^persistence ready$/, () => ({})],
    ['6.6', /^P2P starting$/, () => ({})],
    ['6.7', /^P2P started$/, ({ peerId }) => ({ peer: peerId })],
    ['6.8', /^HTTP sync activated$/, () => ({})],
    ['6.9', /^LATTICE READY/, () => ({})],
    ['6.10', /^HTTP peers monitored$/, () => ({ count: 2 })],
  ];

  it.each(rows)('%s: every node has said %s, with what it tells, after the lines before it', (row, line, tells) => {
    for (const node of rig().nodes) {
      const log = node.process.log();
      const place = (pattern: RegExp): number => log.findIndex(({ msg }) => pattern.test(msg));
      const places = rows.slice(0, rows.findIndex(([one]) => one === row) + 1).map(([, pattern]) => place(pattern));
      expect(places).not.toContain(-1);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      expect(log[place(line)]).toMatchObject({ component: expect.stringMatching(/\w/) as unknown, ...tells(node) });
    }
  });
}
