import type { MultiaddrConnection, PeerId } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { beforeEach, describe, expect, it } from 'vitest';
import { addressGroup } from '../../../../src/adapters/p2p/addresses.ts';
import { type Admission, createAdmission } from '../../../../src/adapters/p2p/admission.ts';
import { createBans } from '../../../../src/adapters/p2p/bans.ts';
import type { Log, Standing } from '../../../../src/ports/index.ts';
import { createHandClock, type HandClock } from '../../../support/clock.ts';

const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

let clock: HandClock;
let admission: Admission;
let standing: (peerId: string) => Standing;

beforeEach(() => {
  clock = createHandClock();
  standing = (peerId) => (peerId.startsWith('member') ? 'member' : 'barred');
  admission = createAdmission({ clock, log, bans: createBans(clock), standingOf: (peerId) => standing(peerId) });
});

/** An inbound connection as libp2p's transports make them, as far as the gater looks at it. */
class Inbound extends EventTarget {
  readonly status = 'open';
  readonly remoteAddr;
  constructor(host: string) {
    super();
    this.remoteAddr = multiaddr(`/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/tcp/4001`);
  }
  close(): void {
    this.dispatchEvent(new Event('close'));
  }
}

/** A connection from `host` whose handshake has begun; undefined when it was refused before. */
function knock(host: string): Inbound | undefined {
  const connection = new Inbound(host);
  const denied = admission.gater.denyInboundConnection?.(connection as unknown as MultiaddrConnection);
  return denied === true ? undefined : connection;
}

/** Whether the connection is let in once it has proven to be this peer's. */
function proves(connection: Inbound | undefined, peerId: string): boolean {
  if (connection === undefined) return false;
  const peer = { toString: () => peerId } as PeerId;
  return !admission.gater.denyInboundEncryptedConnection?.(peer, connection as unknown as MultiaddrConnection);
}

/** Handshakes that a stranger with a new key each time gets from `host`. */
function rotate(host: string, times: number): number {
  let handshakes = 0;
  for (let i = 0; i < times; i++) {
    const connection = knock(host);
    if (connection === undefined) continue;
    handshakes++;
    expect(proves(connection, `stranger ${host} ${i}`)).toBe(false);
    connection.close();
  }
  return handshakes;
}

describe('handshakes', () => {
  it('with ever new keys are bounded by address: 64 at once, then 4 a second [L2]', async () => {
    expect(rotate('198.51.100.9', 500)).toBe(64);
    await clock.advance(10_000);
    expect(rotate('198.51.100.9', 500)).toBe(40);
    expect(rotate('198.51.100.10', 10)).toBe(10);
  });

  it('are bounded for all strangers together, and an address that a member came from needs no room among them [L2]', () => {
    const member = knock('192.0.2.1');
    expect(proves(member, 'member 1')).toBe(true);
    let handshakes = 0;
    for (let host = 0; host < 100; host++) handshakes += rotate(`198.51.100.${host}`, 64);
    expect(handshakes).toBe(128);
    expect(knock('203.0.113.5')).toBeUndefined();
    member?.close();
    expect(proves(knock('192.0.2.1'), 'member 1')).toBe(true);
  });

  it('that prove members cost nothing: a fleet behind one address comes and goes as often as it likes [L2]', () => {
    for (let i = 0; i < 1000; i++) {
      const connection = knock('192.0.2.1');
      expect(proves(connection, `member ${i % 50}`)).toBe(true);
      connection?.close();
    }
  });

  it('that do not end are bounded in all and by address [L2]', () => {
    const begun = (host: string, times: number): number =>
      Array.from({ length: times }, () => knock(host)).filter((connection) => connection !== undefined).length;
    expect(begun('198.51.100.1', 60)).toBe(32);
    expect(begun('198.51.100.2', 60) + begun('198.51.100.3', 60) + begun('198.51.100.4', 60)).toBe(68);
  });

  it('of one peer are let in four times at most, and again when one has closed [L2]', () => {
    const connections = Array.from({ length: 5 }, () => knock('192.0.2.1'));
    expect(connections.map((connection) => proves(connection, 'member 1'))).toEqual([true, true, true, true, false]);
    connections[0]?.close();
    expect(proves(knock('192.0.2.1'), 'member 1')).toBe(true);
  });
});

describe('guests', () => {
  it('are eight at most, four of one address; members are not among them [S9, L2]', () => {
    standing = (peerId) => (peerId.startsWith('member') ? 'member' : 'guest');
    const guests = (host: string): number =>
      Array.from({ length: 6 }, (_, i) => proves(knock(host), `guest ${host} ${i}`)).filter(Boolean).length;
    expect(proves(knock('198.51.100.1'), 'member 1')).toBe(true);
    expect(['198.51.100.1', '198.51.100.2', '198.51.100.3'].map(guests)).toEqual([4, 4, 0]);
  });

  it('of an address are barred with one of them that misbehaved, and its members are not', async () => {
    standing = (peerId) => (peerId.startsWith('member') ? 'member' : 'guest');
    expect(proves(knock('198.51.100.1'), 'guest')).toBe(true);
    admission.barGuest('guest');
    expect(proves(knock('198.51.100.1'), 'the same with a new key')).toBe(false);
    expect(proves(knock('198.51.100.1'), 'member 1')).toBe(true);
    expect(proves(knock('198.51.100.2'), 'another guest')).toBe(true);
    await clock.advance(30 * 60_000);
    expect(proves(knock('198.51.100.1'), 'much later')).toBe(true);
  });
});

describe('the address that limits count', () => {
  it.each([
    ['/ip4/198.51.100.9/tcp/1', '198.51.100.9'],
    ['/ip6/2001:db8:1:2:3:4:5:6/tcp/1', '2001:db8:1:2::/64'],
    ['/ip6/2001:db8:1:2::9/tcp/1', '2001:db8:1:2::/64'],
    ['/ip6/2001:db8::/tcp/1', '2001:db8:0:0::/64'],
    ['/ip6/::ffff:198.51.100.9/tcp/1', '198.51.100.9'],
    ['/ip6/::1/tcp/1', '0:0:0:0::/64'],
  ])('of %s is %s [L2]', (address, group) => {
    expect(addressGroup(multiaddr(address))).toBe(group);
  });
});
