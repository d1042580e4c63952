import type { FastifyRequest } from 'fastify';
import type { Addresses } from './addresses.ts';
import { addressOf } from './requests.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The client that was found at first (`Clients.of`), because its address is gone when it has left; null: exempt. */
    foundClient?: string | null;
  }
}

/** Headers by which proxies tell of the client behind them. */
const FORWARDING: readonly string[] = ['forwarded', 'x-forwarded-for', 'x-real-ip'];

/** Tells whose shares a request counts against. */
export interface Clients {
  /**
   * The name of the request's client (`Addresses.keyOf`); undefined for a request that no limit per client counts. That
   * is one from loopback or from a trusted proxy on its own behalf. A request that came through a proxy that is not
   * trusted counts as the proxy's, even on loopback, because anybody may stand behind it.
   */
  of(request: FastifyRequest): string | undefined;
}

export function createClients(addresses: Addresses): Clients {
  function find(request: FastifyRequest): string | undefined {
    const address = addressOf(request);
    if (!addresses.isExempt(address)) return addresses.keyOf(address);
    const { headers, socket } = request;
    const isForwarded = FORWARDING.some((name) => headers[name] !== undefined);
    if (!isForwarded) return undefined;
    // Of the headers only X-Forwarded-For is read. A trusted proxy that sends it has named an exempt address.
    const isKnown = headers['x-forwarded-for'] !== undefined && addresses.isTrustedProxy(socket.remoteAddress);
    return isKnown ? undefined : addresses.keyOf(address);
  }

  return {
    of(request) {
      if (request.foundClient === undefined) request.foundClient = find(request) ?? null;
      return request.foundClient ?? undefined;
    },
  };
}
