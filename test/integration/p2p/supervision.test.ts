import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Connection } from '@libp2p/interface';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { createBans } from '../../../src/adapters/p2p/bans.ts';
import { createLiveness } from '../../../src/adapters/p2p/liveness.ts';
import { createRedial } from '../../../src/adapters/p2p/redial.ts';
import { systemRandom } from '../../../src/adapters/system/index.ts';
import { createHandClock, type HandClock } from '../../support/clock.ts';
import { memoryLog, meshed, settled, startedLung, testLung, until } from './support.ts';

const MINUTE = 60_000;

describe('supervision of connections', () => {
  it('redials a configured peer that restarts, and gossip passes again', async () => {
    const seed = new Uint8Array(32).fill(9);
    const a = await startedLung({ seed });
    const listen = [a.address().replace(/\/p2p\/.*$/, '')];
    const b = await startedLung({ bootstrap: [a.address()] });
    await settled(a, b);
    await a.lung.stop();
    await until('B lost A', () => b.lung.connections().length === 0);
    const again = testLung({ seed, listen });
    await again.start();
    await until('B is back', () => b.lung.connections().length === 1);
    await meshed(again, b);
    expect(b.events).toEqual([`+${a.author}`, `-${a.author}`, `+${a.author}`]);
  });

  it('a bootstrap address with the wrong peer id fails with its reason and goes on failing quietly', async () => {
    const a = await startedLung();
    const wrong = testLung();
    const b = await startedLung({ bootstrap: [a.address().replace(a.peerId, wrong.peerId)] });
    await until(
      'B tried more than once',
      () => b.log.lines.filter(({ message }) => message.startsWith('dial failed')).length >= 3,
    );
    expect(b.log.lines.filter(({ level }) => level === 'warn')).toMatchObject([
      { fields: { peer: wrong.peerId, reason: expect.stringContaining('identity') } },
    ]);
    expect(b.lung.connections()).toEqual([]);
    expect(b.events).toEqual([]);
    expect(b.failures).toEqual([]);
  });

  it('an unreachable bootstrap peer and our own address in the list do not disturb the others', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    const seed = new Uint8Array(32).fill(11);
    const a = await startedLung();
    const own = testLung({ seed }).peerId;
    const gone = testLung().peerId;
    const b = await startedLung({
      seed,
      bootstrap: [`/ip4/127.0.0.1/tcp/1/p2p/${own}`, `/ip4/127.0.0.1/tcp/${port}/p2p/${gone}`, a.address()],
    });
    await settled(a, b);
    expect(b.log.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields['peer'])).not.toContain(own);
  });
});

describe('redial', () => {
  const target = [{ peerId: 'peer', addresses: [] as Multiaddr[] }];

  /** A redialler of one peer; `wait` advances the clock until it dials and answers how long that took. */
  function redialler(fraction: number, onDial: (world: { connected: boolean }) => Promise<void>) {
    const clock = createHandClock();
    const world = { connected: false, dials: 0 };
    const redial = createRedial(
      {
        clock,
        random: { fraction: () => fraction, bytes: (n) => new Uint8Array(n) },
        log: memoryLog(),
        isConnected: () => world.connected,
        isBanned: () => false,
        dial: () => {
          world.dials++;
          return onDial(world);
        },
      },
      target,
    );
    const tick = async (): Promise<void> => {
      redial.tick();
      await new Promise((resolve) => setImmediate(resolve));
    };
    const wait = async (): Promise<number> => {
      const before = world.dials;
      for (let waited = 0; waited <= 10_000; waited += 10) {
        await tick();
        if (world.dials > before) return waited;
        await clock.advance(10);
      }
      throw new Error('no dial within 10 s');
    };
    return { clock, world, tick, wait };
  }

  it('backs off with full jitter up to 5 s for as long as the peer is missing, and starts afresh after a stable connection', async () => {
    const { clock, world, tick, wait } = redialler(1, () => Promise.reject(new Error('refused')));
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) waits.push(await wait());
    expect(waits).toEqual([0, 250, 500, 1000, 2000, 4000, 5000, 5000]);
    world.connected = true;
    await tick();
    await clock.advance(10_000);
    await tick();
    world.connected = false;
    expect(await wait()).toBe(250);
  });

  it('the jitter reaches down to no wait at all', async () => {
    const { wait } = redialler(0, () => Promise.reject(new Error('refused')));
    expect([await wait(), await wait(), await wait()]).toEqual([0, 0, 0]);
  });

  it('a connection that does not last counts as a failure', async () => {
    const { world, tick, wait } = redialler(1, async (it) => {
      it.connected = true;
    });
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      waits.push(await wait());
      await tick();
      world.connected = false;
    }
    expect(waits).toEqual([0, 250, 500, 1000, 2000, 4000, 5000]);
  });

  it('addresses that a member announced are dialled after the configured ones, and ever more seldom [AD4]', async () => {
    const clock = createHandClock();
    const dials: string[] = [];
    const redial = createRedial(
      {
        clock,
        random: { fraction: () => 1, bytes: (n) => new Uint8Array(n) },
        log: memoryLog(),
        isConnected: () => false,
        isBanned: () => false,
        dial: (addresses) => {
          dials.push(addresses.join());
          return Promise.reject(new Error('refused'));
        },
      },
      [],
    );
    const [first] = target;
    const addresses = [multiaddr('/ip4/192.0.2.9/tcp/1')];
    redial.set([...target, { peerId: first?.peerId ?? '', addresses, announced: true }]);
    redial.tick();
    expect(dials).toEqual([first?.addresses.join()]);
    for (let second = 0; second < 3600; second++) {
      await clock.advance(1_000);
      redial.tick();
    }
    const announced = dials.filter((addresses) => addresses === '/ip4/192.0.2.9/tcp/1').length;
    expect(announced).toBeGreaterThan(5);
    expect(announced).toBeLessThan(15);
  });

  it('addresses that a member announces one after the other are dialled no sooner than one of them [AD4]', async () => {
    const clock = createHandClock();
    let dials = 0;
    const redial = createRedial(
      {
        clock,
        random: { fraction: () => 1, bytes: (n) => new Uint8Array(n) },
        log: memoryLog(),
        isConnected: () => false,
        isBanned: () => false,
        dial: () => {
          dials++;
          return Promise.reject(new Error('refused'));
        },
      },
      [],
    );
    for (let second = 0; second < 3600; second++) {
      const minute = Math.floor(second / 60);
      const peerId = target[0]?.peerId ?? '';
      const addresses = [multiaddr(`/ip4/192.0.2.${minute + 1}/tcp/1`)];
      // Every fifth minute it announces nothing.
      if (second % 60 === 0) redial.set(minute % 5 === 4 ? [] : [{ peerId, addresses, announced: true }]);
      redial.tick();
      await clock.advance(1_000);
    }
    expect(dials).toBeGreaterThan(5);
    expect(dials).toBeLessThan(15);
  });

  it('a banned peer is left alone until the ban ends', async () => {
    const clock = createHandClock();
    const bans = createBans(clock);
    bans.add('peer');
    let dials = 0;
    const redial = createRedial(
      {
        clock,
        random: { fraction: () => 0, bytes: (n) => new Uint8Array(n) },
        log: memoryLog(),
        isConnected: () => false,
        isBanned: (peerId) => bans.has(peerId),
        dial: async () => {
          dials++;
        },
      },
      target,
    );
    redial.tick();
    await clock.advance(29 * MINUTE);
    redial.tick();
    expect(dials).toBe(0);
    await clock.advance(MINUTE);
    redial.tick();
    expect(dials).toBe(1);
  });
});

describe('liveness', () => {
  /** One connection whose pings are never answered, looked at every 250 ms. */
  function watched(): {
    clock: HandClock;
    world: { unsent: number; heardAt: number; aborted: boolean };
    look: (ms: number) => Promise<void>;
  } {
    const clock = createHandClock();
    const world = { unsent: 0, heardAt: 0, aborted: false };
    const gossip = {
      direction: 'inbound',
      protocol: '/meshsub/1.2.0',
      status: 'open',
      writeStatus: 'writable',
      remoteWriteStatus: 'writable',
    };
    const connection = {
      id: 'c',
      remotePeer: 'peer',
      get streams() {
        return [{ ...gossip, writeBufferLength: world.unsent }];
      },
      newStream: () => new Promise(() => {}),
      abort: () => {
        world.aborted = true;
      },
    } as unknown as Connection;
    const liveness = createLiveness({
      clock,
      random: systemRandom(),
      pingIntervalMs: 2000,
      silenceMs: 4000,
      connections: () => [connection],
      gossipHeardAt: () => world.heardAt,
    });
    liveness.tick();
    const look = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 250) {
        await clock.advance(250);
        liveness.tick();
      }
    };
    return { clock, world, look };
  }

  it('a connection without a sign of life is closed after ping interval and timeout', async () => {
    const { world, look } = watched();
    await look(3750);
    expect(world.aborted).toBe(false);
    await look(250);
    expect(world.aborted).toBe(true);
  });

  it('gossip from the peer is a sign of life, late pings or not', async () => {
    const { clock, world, look } = watched();
    for (let i = 0; i < 20; i++) {
      world.heardAt = clock.monotonic();
      await look(3000);
    }
    expect(world.aborted).toBe(false);
    await look(4000);
    expect(world.aborted).toBe(true);
  });

  it('so is progress with what we send to it, but not sending alone', async () => {
    const { world, look } = watched();
    for (let i = 0; i < 20; i++) {
      world.unsent = 1000 - i;
      await look(3000);
    }
    expect(world.aborted).toBe(false);
    for (let i = 0; i < 4; i++) {
      world.unsent += 1000;
      await look(1000);
    }
    expect(world.aborted).toBe(true);
  });

  it('time our own process was stopped is not held against the peer', async () => {
    const { clock, world, look } = watched();
    await clock.advance(60_000);
    await look(3750);
    expect(world.aborted).toBe(false);
    await look(1000);
    expect(world.aborted).toBe(true);
  });
});

describe('bans', () => {
  it('last 30 minutes and double up to 24 hours; the count is forgotten a day after the last', async () => {
    const clock = createHandClock();
    const bans = createBans(clock);
    const lengths = Array.from({ length: 8 }, () => bans.add('p') / MINUTE);
    expect(lengths).toEqual([30, 60, 120, 240, 480, 960, 1440, 1440]);
    expect(bans.has('p')).toBe(true);
    await clock.advance(1440 * MINUTE);
    expect(bans.has('p')).toBe(false);
    expect(bans.add('p') / MINUTE).toBe(1440);
    await clock.advance(2 * 1440 * MINUTE);
    expect(bans.add('p') / MINUTE).toBe(30);
  });

  it('the table is bounded: the ban that ends first gives way', async () => {
    const clock = createHandClock();
    const bans = createBans(clock);
    for (let i = 0; i < 1024; i++) {
      bans.add(`p${i}`);
      await clock.advance(1);
    }
    bans.add('one more');
    expect(bans.has('p0')).toBe(false);
    expect(bans.has('p1')).toBe(true);
    expect(bans.has('one more')).toBe(true);
  });
});
