import type { RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Timers } from '../../timing/index.ts';
import { every } from '../../timing/index.ts';
import type { Addresses } from './addresses.ts';
import type { ApiLog } from './deps.ts';
import { oneAtATime } from './pipelining.ts';

/** Open connections in all: each of them takes memory and a file descriptor. */
const MAX_CONNECTIONS = 512;
/** Open connections of one address, so that one client cannot lock everyone out. */
const MAX_CONNECTIONS_PER_ADDRESS = 16;
/** How often it is looked at how far readers have come. */
const LOOK_MS = 5000;
/** Looks for which a reader may leave bytes waiting before it counts how many of them it has taken. */
const PATIENCE = 4;
/**
 * Bytes that such a reader takes within that time at least. Any link of this century is faster; who reads more slowly
 * only keeps the answer in memory.
 */
const MIN_BYTES_TAKEN = (PATIENCE * LOOK_MS * 8 * 1024) / 1000;

/** The connections of the API's servers: which ones may stay, and what each of them is doing. */
export interface Connections {
  /** Lets `answer` answer the requests of each connection one at a time. */
  listener(answer: RequestListener): RequestListener;
  /** Watches over the connections of a server. */
  watch(server: Server): void;
  /** Whether a request of the connection is being answered. */
  isBusy(socket: Socket): boolean;
  /** Keeps the connection of a proven member, which is not given up for others. */
  keep(socket: Socket): void;
  /** Lets the requests that have come be answered, and cuts every connection that answers none, silent ones too. */
  stop(): void;
}

interface Connection {
  readonly socket: Socket;
  readonly client: string;
  /** Limits per address leave it out. */
  readonly exempt: boolean;
  kept: boolean;
  /** Whether it speaks another protocol by now, as WebSocket. */
  upgraded: boolean;
  /** Looks in a row at which bytes waited, and how many had been taken at the first of them. */
  looks: number;
  takenBefore: number;
}

/** Bytes that the other side's operating system has taken, except for at most one piece of an answer. */
const bytesTaken = (socket: Socket): number => socket.bytesWritten - socket.writableLength;

/**
 * Bounds connections in all and, where an address is not exempt, per address. When all are taken, a new one displaces
 * an idle one: of the address that has most, the one that was opened first. So strangers cannot keep members out by
 * merely holding connections. A reader that does not get on is cut, whatever it reads.
 */
export function createConnections(deps: {
  readonly addresses: Addresses;
  readonly clock: Timers;
  readonly log: Pick<ApiLog, 'debug' | 'error'>;
}): Connections {
  const { addresses, log } = deps;
  const open = new Map<Socket, Connection>();
  // Each entry has at least one open connection.
  const perClient = new Map<string, number>();
  let stopping = false;
  const line = oneAtATime((socket) => {
    if (stopping) socket.destroySoon();
  });

  function leave(connection: Connection): void {
    open.delete(connection.socket);
    const left = (perClient.get(connection.client) ?? 1) - 1;
    if (left === 0) perClient.delete(connection.client);
    else perClient.set(connection.client, left);
  }

  /** The connection to give up for another one, if there is one. Exempt ones come last. */
  function displaceable(): Connection | undefined {
    let found: Connection | undefined;
    const weight = ({ exempt, client }: Connection): number => (exempt ? 0 : (perClient.get(client) ?? 0));
    // The map is in the order of opening, so that of equals the first one is found.
    for (const connection of open.values()) {
      if (connection.kept || connection.upgraded || line.isBusy(connection.socket)) continue;
      if (found === undefined || weight(connection) > weight(found)) found = connection;
    }
    return found;
  }

  function enter(socket: Socket): void {
    if (stopping) return void socket.destroy();
    const address = socket.remoteAddress;
    const known = open.get(socket);
    // A connection whose wish to upgrade was passed over enters once more.
    if (known !== undefined) known.upgraded = false;
    if (address === undefined || known !== undefined) return;
    const exempt = addresses.isExempt(address);
    const client = addresses.keyOf(address);
    if (!exempt && (perClient.get(client) ?? 0) >= MAX_CONNECTIONS_PER_ADDRESS) return void socket.destroy();
    if (open.size >= MAX_CONNECTIONS) {
      const given = displaceable();
      if (given === undefined) return void socket.destroy();
      log.debug({ address: given.client }, 'an idle connection was given up for a new one');
      leave(given);
      given.socket.destroy();
    }
    const connection: Connection = {
      socket,
      client,
      exempt,
      kept: false,
      upgraded: false,
      looks: 0,
      takenBefore: 0,
    };
    open.set(socket, connection);
    // The one that was given up may have been of the same address.
    perClient.set(client, (perClient.get(client) ?? 0) + 1);
    socket.once('close', () => {
      if (open.get(socket) === connection) leave(connection);
    });
  }

  function look(): void {
    for (const connection of open.values()) {
      const { socket } = connection;
      if (socket.writableLength === 0) {
        connection.looks = 0;
        continue;
      }
      if (connection.looks++ === 0) connection.takenBefore = bytesTaken(socket);
      if (connection.looks <= PATIENCE) continue;
      if (bytesTaken(socket) - connection.takenBefore < MIN_BYTES_TAKEN) {
        log.debug({ address: connection.client }, 'a reader that made no progress was cut off');
        socket.destroy();
      }
      connection.looks = 0;
    }
  }
  const looks = every(deps.clock, LOOK_MS, look, {
    onError: (err) => log.error({ err }, 'the look at slow readers failed'),
  });

  return {
    listener: line.listener,
    watch(server) {
      server.on('connection', enter);
      server.on('upgrade', (_request, socket: Socket) => {
        const connection = open.get(socket);
        if (connection !== undefined) connection.upgraded = true;
      });
    },
    isBusy: (socket) => line.isBusy(socket),
    keep(socket) {
      const connection = open.get(socket);
      if (connection !== undefined) connection.kept = true;
    },
    stop() {
      stopping = true;
      looks.stop();
      // The server itself closes those that have had an answer, and waits for those that never sent a request.
      for (const { socket, upgraded } of open.values()) if (!upgraded && !line.isBusy(socket)) socket.destroy();
    },
  };
}
