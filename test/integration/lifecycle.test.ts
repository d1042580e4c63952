import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type Node, startFleet } from '../support/fleet.ts';

/** The first change in a stream of events: transitions of lungs may come before it. */
async function firstChange(
  events: AsyncGenerator<{ readonly event: string; readonly data: unknown }>,
): Promise<unknown> {
  for (;;) {
    const { done, value } = await events.next();
    if (done === true || value.event === 'change') return value;
  }
}

describe('the life of a node', () => {
  it('ends with exit code 0 on SIGTERM, with P2P on and connected, and nothing acknowledged is lost', async () => {
    const fleet = await startFleet({ nodes: 2 });
    const [a, b] = fleet.nodes as [Node, Node];
    await fleet.status(0, 'P2P is connected', ({ p2p }) => p2p.peers === 1);
    const events = a.api.events();
    const change = firstChange(events);
    const written = await a.api.put('last', 'words');
    expect(await change).toMatchObject({ event: 'change', data: { key: 'last' } });
    expect(await a.terminate()).toEqual({ code: 0, signal: null });
    expect(a.process.log().at(-1)?.msg).toBe('LATTICE STOPPED');
    // Its open event stream ended with it.
    for await (const event of events) expect(event).toBeDefined();
    await a.start();
    expect(await a.api.get('last')).toEqual(written);
    await fleet.settled();
    expect(await b.terminate()).toEqual({ code: 0, signal: null });
    await fleet.stop();
  });

  it('goes on over HTTP while the P2P port is taken, says so, and takes P2P up when the port is free [N5]', async () => {
    const fleet = await startFleet({ nodes: 2, start: [1] });
    const [a, b] = fleet.nodes as [Node, Node];
    const squatter = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => squatter.listen({ host: '127.0.0.1', port: a.p2pPort }, resolve));
    // Dialling b would work without listening: cut it, so that only HTTP is left.
    fleet.block('cut', { lung: 'p2p' });
    await a.start();
    const failed = await fleet.status(0, 'P2P failed', ({ p2p }) => p2p.state === 'failed');
    expect(failed.p2p.error).toMatch(new RegExp(`${a.p2pPort}|in use|taken`));
    expect(failed.p2p.retryAt).toBeGreaterThan(0);
    expect(failed.writable).toBe(true);
    await a.api.put('without/p2p', 1);
    await b.api.put('to/a', 2);
    await fleet.settled();

    await new Promise((resolve) => squatter.close(resolve));
    fleet.restore();
    const running = await fleet.status(0, 'P2P runs', ({ p2p }) => p2p.state === 'running' && p2p.peers === 1, 90_000);
    expect(running.transitions.map(({ from, to }) => `${from} → ${to}`)).toEqual(
      expect.arrayContaining(['p2p starting → p2p failed', 'p2p starting → p2p running']),
    );
    await a.api.put('with/p2p', 3);
    await fleet.settled();
    await fleet.stop();
  });

  it('starts with dead bootstrap peers and dead URLs: the API is up, and writes open after a bounded wait [N6, N8]', async () => {
    const fleet = await startFleet({ start: [0] });
    const [a] = fleet.nodes as [Node];
    expect(await a.api.put('alone', 1)).toMatchObject({ value: 1 });
    const status = await a.api.status();
    expect(status).toMatchObject({ health: 'ISOLATED', syncMode: 'NONE', writable: true });
    expect(await a.terminate()).toEqual({ code: 0, signal: null });
    await fleet.stop();
  });

  it('goes on after it was stopped by a debugger for longer than its peers wait', async () => {
    const fleet = await startFleet();
    const [a, b, c] = fleet.nodes as [Node, Node, Node];
    await fleet.settled();
    c.freeze();
    await a.api.put('while/frozen', 1);
    await fleet.settled([0, 1]);
    await fleet.status(0, 'its peer is gone', ({ p2p, http }) => p2p.peers === 1 && http.peers === 1, 60_000);
    expect(await b.api.get('while/frozen')).toMatchObject({ value: 1 });
    c.thaw();
    await c.api.put('after/thaw', 2);
    expect((await fleet.settled()).entries.map(({ key }) => key)).toEqual(['after/thaw', 'while/frozen']);
    await fleet.stop();
  });
});
