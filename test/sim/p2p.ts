import type { Author, Bytes } from '../../src/core/types/index.ts';
import type { P2pHandlers, P2pLung, Verdict } from '../../src/ports/index.ts';
import type { Life } from './clock.ts';
import { type Wires, withTimeout } from './network.ts';
import { shortHash } from './trace.ts';

/** How often connections are looked at: dialled where missing, ended where dead. */
const LOOK_EVERY_MS = 500;
/** A connection whose other side has gone silent is noticed by pings within 2 to 4 s. */
const NOTICE_MIN_MS = 2_000;
const NOTICE_MAX_MS = 4_000;

interface Endpoint {
  readonly index: number;
  readonly author: Author;
  readonly life: Life;
  readonly handlers: P2pHandlers;
  readonly connected: Map<number, Endpoint>;
  /** Messages gossiped or received: each is handled and relayed once. */
  readonly seen: Set<string>;
}

interface Connection {
  readonly a: Endpoint;
  readonly b: Endpoint;
  brokenAt: number | undefined;
}

/** A gossip network over connections between all nodes that reach each other: flooded with duplicate suppression. */
export interface P2pNetwork {
  lung(index: number, author: Author, life: Life): P2pLung;
  /** Hands bytes to a node's gossip handler as a stranger would. */
  inject(to: number, data: Bytes): void;
  /** Starts looking after connections. */
  start(): void;
}

export function createP2pNetwork(
  wires: Wires,
  nodes: number,
  onVerdict: (verdict: Verdict, at: number, data: Bytes, from: number | undefined) => void,
  onPublish: (by: Author, data: Bytes) => void,
): P2pNetwork {
  const { scheduler, rng } = wires;
  const endpoints = Array.from<Endpoint | undefined>({ length: nodes });
  const connections = new Map<string, Connection>();

  const isUp = (e: Endpoint): boolean => e.life.alive && endpoints[e.index] === e;
  const reach = (a: number, b: number): boolean => !wires.isCut('p2p', a, b) && !wires.isCut('p2p', b, a);

  function tell(endpoint: Endpoint, kind: string, other: Endpoint, run: () => void): void {
    scheduler.after(
      rng.between(0, 20),
      endpoint.life.name,
      kind,
      () => {
        if (isUp(endpoint)) run();
      },
      `n${other.index}`,
    );
  }

  function disconnect(name: string, { a, b }: Connection): void {
    connections.delete(name);
    for (const [mine, other] of [
      [a, b],
      [b, a],
    ] as const) {
      if (mine.connected.get(other.index) !== other) continue;
      mine.connected.delete(other.index);
      tell(mine, 'p2p-disconnected', other, () => {
        if (!mine.connected.has(other.index)) mine.handlers.onDisconnected(other.author);
      });
    }
  }

  function connect(name: string, a: Endpoint, b: Endpoint): void {
    connections.set(name, { a, b, brokenAt: undefined });
    for (const [mine, other] of [
      [a, b],
      [b, a],
    ] as const) {
      tell(mine, 'p2p-connected', other, () => {
        if (connections.get(name)?.a !== a || connections.get(name)?.b !== b) return;
        mine.connected.set(other.index, other);
        mine.handlers.onConnected(other.author);
      });
    }
  }

  function look(): void {
    for (let i = 0; i < nodes; i++) {
      for (let j = i + 1; j < nodes; j++) {
        const name = `${i}-${j}`;
        const connection = connections.get(name);
        if (connection === undefined) {
          const [a, b] = [endpoints[i], endpoints[j]];
          if (a !== undefined && b !== undefined && isUp(a) && isUp(b) && reach(i, j) && rng.chance(0.4))
            connect(name, a, b);
        } else if (!isUp(connection.a) || !isUp(connection.b)) disconnect(name, connection);
        else if (reach(i, j)) connection.brokenAt = undefined;
        else {
          connection.brokenAt ??= scheduler.now();
          if (scheduler.now() - connection.brokenAt > rng.between(NOTICE_MIN_MS, NOTICE_MAX_MS))
            disconnect(name, connection);
        }
      }
    }
    scheduler.after(LOOK_EVERY_MS, 'net', 'p2p-look', look);
  }

  function flood(from: Endpoint, data: Bytes, except: number | undefined): number {
    let sent = 0;
    for (const [index, to] of from.connected) {
      if (index === except) continue;
      sent++;
      wires.carry('p2p', from.index, index, 'gossip', data, 1, () => receive(to, data, from));
    }
    return sent;
  }

  function receive(to: Endpoint, data: Bytes, from: Endpoint | undefined): void {
    if (!isUp(to)) return;
    const id = shortHash(data);
    const known = to.seen.has(id);
    // Caches of seen messages expire: now and then a node gets to see a duplicate.
    if (known && !rng.chance(0.05)) return;
    to.seen.add(id);
    // A rejection is a bug of the node and shows as an unhandled one.
    void to.handlers.onGossip(data, from?.author).then((verdict) => {
      if (!isUp(to)) return;
      onVerdict(verdict, to.index, data, from?.index);
      if (verdict === 'accept' && !known) flood(to, data, from?.index);
    });
  }

  return {
    start: look,
    inject(to, data) {
      const endpoint = endpoints[to];
      if (endpoint !== undefined) receive(endpoint, data, undefined);
    },
    lung(index, author, life) {
      let own: Endpoint | undefined;
      return {
        start: (handlers) =>
          new Promise((resolve) => {
            scheduler.after(rng.between(10, 500), life.name, 'p2p-started', () => {
              if (!life.alive) return;
              own = { index, author, life, handlers, connected: new Map(), seen: new Set() };
              endpoints[index] = own;
              resolve();
            });
          }),
        stop() {
          if (own !== undefined && endpoints[index] === own) endpoints[index] = undefined;
          own = undefined;
          return Promise.resolve();
        },
        publish(data) {
          if (own === undefined || !life.alive) return Promise.reject(new Error('not started'));
          onPublish(author, data);
          own.seen.add(shortHash(data));
          return Promise.resolve(flood(own, data, undefined));
        },
        request(peer, message, options) {
          const from = own;
          const to = from === undefined ? undefined : [...from.connected.values()].find((e) => e.author === peer);
          if (from === undefined || to === undefined) return Promise.reject(new Error('not connected'));
          return withTimeout(scheduler, life, options, (resolve) => {
            wires.carry('p2p', index, to.index, 'request', message, 0.5, () => {
              if (!isUp(to)) return;
              to.handlers.onRequest(author, message).then(
                (answer) => {
                  if (isUp(to)) wires.carry('p2p', to.index, index, 'answer', answer, 0.5, () => resolve(answer));
                },
                () => undefined, // the stream is closed: the asker's timeout tells
              );
            });
          });
        },
        connections: () =>
          Array.from(own?.connected.values() ?? [], (e) => ({
            peer: e.author,
            peerId: e.author,
            address: `/sim/${e.index}`,
            direction: 'outbound' as const,
            rttMs: undefined,
          })),
        topicPeers: () => own?.connected.size ?? 0,
        listenAddresses: () => [],
      };
    },
  };
}
