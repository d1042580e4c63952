import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { DEADLINE_MS } from '../../support/wait.ts';
import { bytes, settled, startedLung, testLung, until } from './support.ts';

const portOf = (address: string): number => Number(/\/tcp\/(\d+)/.exec(address)?.[1]);

describe('starting and stopping the P2P lung', () => {
  it('starts again after a stop, on the same port and with the same peer id', async () => {
    const a = await startedLung();
    const first = a.address();
    const listen = [`/ip4/127.0.0.1/tcp/${portOf(first)}`];
    const b = testLung({ listen });
    await expect(b.start()).rejects.toMatchObject({ code: 'address-in-use' });
    await a.lung.stop();
    await b.start();
    expect(portOf(b.address())).toBe(portOf(first));
    for (let i = 0; i < 3; i++) {
      await b.lung.stop();
      expect(b.lung.listenAddresses()).toEqual([]);
      await b.start();
      expect(b.address()).toBe(`${listen[0]}/p2p/${b.peerId}`);
    }
    expect(b.failures).toEqual([]);
  });

  it.each(['', '/ws'])('a taken port is an error that names the address and the next step (%s)', async (suffix) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = `/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}${suffix}`;
    const lung = testLung({ listen: ['/ip4/127.0.0.1/tcp/0', address] });
    const start = lung.start();
    await expect(start).rejects.toMatchObject({
      code: 'address-in-use',
      details: { address },
      next: expect.stringContaining('Stop the program'),
    });
    await expect(start).rejects.toThrow(address);
    expect(lung.lung.listenAddresses()).toEqual([]);
    server.close();
    await once(server, 'close');
    await lung.start();
    expect(lung.lung.listenAddresses()).toHaveLength(2);
  });

  it.each([
    ['nonsense', 'write it as in /ip4/0.0.0.0/tcp/9000'],
    ['/ip4/my-host/tcp/9000', 'write /dns4/my-host/tcp/9000'],
    ['/ip4/127.0.0.1/udp/9000', 'write it as in /ip4/0.0.0.0/tcp/9000'],
  ])('listen address %s is refused with a hint', async (address, next) => {
    const start = testLung({ listen: [address] }).start();
    await expect(start).rejects.toMatchObject({ code: 'invalid-address', next });
    await expect(start).rejects.toThrow(address);
  });

  it.each([
    '/ip4/127.0.0.1/tcp/9000',
    '/ip4/127.0.0.1/tcp/9000/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    '/unix/tmp/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8',
  ])('bootstrap address %s is refused', async (address) => {
    await expect(testLung({ bootstrap: [address] }).start()).rejects.toMatchObject({ code: 'invalid-address' });
  });

  it('an address of another machine is refused by name', async () => {
    await expect(testLung({ listen: ['/ip4/192.0.2.1/tcp/0'] }).start()).rejects.toMatchObject({
      code: 'address-unavailable',
    });
  });

  it('a start that is cut off leaves nothing listening, and a later start works', async () => {
    const reserve = await startedLung();
    const listen = [`/ip4/127.0.0.1/tcp/${portOf(reserve.address())}`];
    await reserve.lung.stop();
    const a = testLung({ listen });
    const controller = new AbortController();
    const start = a.lung.start(a.handlers, controller.signal);
    controller.abort();
    await expect(start).rejects.toMatchObject({ code: 'aborted' });
    await a.lung.stop();
    const b = testLung({ listen });
    await b.start();
    await b.lung.stop();
    await a.start();
    expect(a.lung.listenAddresses()).toHaveLength(1);
    await expect(testLung().lung.start(a.handlers, AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
  });

  it('stop is safe before, during and after a start, and more than once', async () => {
    const a = testLung();
    await a.lung.stop();
    const start = expect(a.start()).rejects.toMatchObject({ code: 'aborted' });
    await a.lung.stop();
    await start;
    await a.start();
    await Promise.all([a.lung.stop(), a.lung.stop()]);
    await a.lung.stop();
    expect(a.lung.connections()).toEqual([]);
  });

  it('tells every peer once when it comes and once when it goes, however many connections it has', async () => {
    const a = await startedLung();
    const b = testLung({ bootstrap: [a.address()] });
    await b.start();
    await settled(a, b);
    await a.lung.stop();
    // Restart A with B as its bootstrap peer: both dial each other.
    const again = testLung({ seed: new Uint8Array(32).fill(7), bootstrap: [b.address()] });
    await again.start();
    await until('B sees it', () => b.events.length === 3);
    expect(b.events).toEqual([`+${a.author}`, `-${a.author}`, `+${again.author}`]);
    expect(a.events).toEqual([`+${b.author}`, `-${b.author}`]);
  });

  it('two peers that dial each other at once keep one entry each in the roster and hear each other', async () => {
    const ports = [await startedLung(), await startedLung()];
    const seeds = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const listen = ports.map((lung) => `/ip4/127.0.0.1/tcp/${portOf(lung.address())}`);
    for (const { lung } of ports) await lung.stop();
    const ids = seeds.map((seed) => testLung({ seed }).peerId);
    const lungs = seeds.map((seed, i) =>
      testLung({
        seed,
        listen: [listen[i] ?? ''],
        bootstrap: listen.map((address, peer) => `${address}/p2p/${ids[peer]}`),
      }),
    );
    const [a, b] = lungs as [(typeof lungs)[0], (typeof lungs)[0]];
    await Promise.all(lungs.map((lung) => lung.start()));
    await settled(a, b);
    await a.lung.publish(bytes('from a'));
    await b.lung.publish(bytes('from b'));
    await until('both heard', () => a.messages.length === 1 && b.messages.length === 1);
    expect(a.events).toEqual([`+${b.author}`]);
    expect(b.events).toEqual([`+${a.author}`]);
  });

  it('over WebSocket: messages and requests pass, a silent socket does not hold up the stop', async () => {
    const a = await startedLung({ listen: ['/ip4/127.0.0.1/tcp/0/ws'] });
    expect(a.address()).toContain('/ws/p2p/');
    const b = await startedLung({ listen: [], bootstrap: [a.address()] });
    await settled(a, b);
    await b.lung.publish(bytes('by websocket'));
    await until('A has it', () => a.messages.length === 1);
    expect(await b.lung.request(a.author, bytes('ping'), { timeoutMs: DEADLINE_MS })).toEqual(bytes('ping'));
    const port = portOf(a.address());
    const silent = connect(port, '127.0.0.1');
    await once(silent, 'connect');
    const gone = once(silent, 'close');
    await a.lung.stop();
    await gone;
    await until('B noticed', () => b.events.length === 2);
    const next = createServer().listen(port, '127.0.0.1');
    await once(next, 'listening');
    next.close();
  });

  it('pings its peers: the round trip time is known soon', async () => {
    const heartbeat = { pingIntervalMs: 50 };
    const a = await startedLung({ heartbeat });
    const b = await startedLung({ heartbeat, bootstrap: [a.address()] });
    await until('both have measured', () => [a, b].every(({ lung }) => lung.connections()[0]?.rttMs !== undefined));
    expect(b.lung.connections()[0]).toMatchObject({ peer: a.author, peerId: a.peerId, direction: 'outbound' });
  });
});
